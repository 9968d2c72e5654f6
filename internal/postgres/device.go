package postgres

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	deviceColumns = `v.id, v.project, v.client, v.scope, v.user_code, v.ip, v.user_agent, v.state, v.user_id, v.epoch, v.channel,
		v.auth_time, v.poll_interval, v.polled, v.started, v.expires`
	deviceByUserCode = `SELECT ` + deviceColumns + ` FROM device_logins v WHERE v.user_code = $1`
	deviceAndUser    = `SELECT ` + deviceColumns + `, ` + userColumns + ` FROM device_logins v LEFT JOIN users u ON u.id = v.user_id
		WHERE v.id = $1`
	insertDevice = `INSERT INTO device_logins (id, project, client, scope, user_code, ip, user_agent, state, user_id, epoch,
		channel, auth_time, poll_interval, polled, started, expires)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @ ON CONFLICT DO NOTHING RETURNING 1`
	pressDevice = `UPDATE device_logins SET state = ?, user_id = ?, epoch = ?, channel = ?, auth_time = ?
		WHERE id = ? AND state = ? AND @ RETURNING 1`
	pollDevice = `UPDATE device_logins SET state = ?, poll_interval = ?, polled = ?
		WHERE id = ? AND state = ? AND poll_interval = ? AND polled = ? AND @ RETURNING 1`
)

// StartDeviceLogin implements latchkey.SessionStore.
func (s *Store) StartDeviceLogin(ctx context.Context, d latchkey.DeviceLogin, e latchkey.Event) error {
	c := newChange(orderOfHandle(byDevice, d.ID.Handle)).guard(insertDevice)
	c.putDevice(&d)
	held, err := s.storeAtOnce(ctx, c.event(e))
	if err == nil && held == 0 {
		err = latchkey.Conflict
	}
	return err
}

// DeviceLogin implements latchkey.SessionStore.
func (s *Store) DeviceLogin(ctx context.Context, userCode latchkey.Hash) (latchkey.DeviceLogin, error) {
	q := query(deviceByUserCode)
	q.putHash(userCode)
	d, err := find(ctx, s, q, func(d *latchkey.DeviceLogin, r *row) { r.getDeviceRow(d) })
	if err == nil && d.ID.IsZero() {
		err = latchkey.NotFound
	}
	return *d, err
}

// PressDeviceLogin implements latchkey.SessionStore.
func (s *Store) PressDeviceLogin(ctx context.Context, x latchkey.DevicePress, now time.Time) (latchkey.DevicePressed, error) {
	type loaded struct {
		device latchkey.DeviceLogin
		sessionLoaded
	}
	out := new(latchkey.DevicePressed)
	err := s.settle(ctx, func(ctx context.Context) (*change, error) {
		device, session := query(deviceByUserCode), query(sessionAndUser)
		device.putHash(x.UserCode)
		session.putHandle(x.Session.Handle)
		old, err := findAll(ctx, s, func(got *loaded, i int, r *row) {
			if i == 0 {
				r.getDeviceRow(&got.device)
				return
			}
			r.getSessionRow(&got.session)
			r.getUserRow(&got.user)
		}, device, session)
		if err != nil {
			return nil, err
		}
		*out = x.Judge(old.device, old.session, old.user, now)
		if out.Event.Kind == "" { // a refusal
			return nil, nil
		}
		d := &out.Device
		c := newChange(orderOfHandle(byDevice, d.ID.Handle)).guard(pressDevice)
		c.putText(string(d.State))
		c.putUUID(d.User.UUID)
		c.putInt(int64(d.Epoch))
		c.putText(string(d.Channel))
		c.putTime(d.AuthTime)
		c.putHandle(d.ID.Handle)
		c.putText(string(old.device.State))
		return c.event(out.Event), nil
	})
	if err != nil {
		return latchkey.DevicePressed{}, err
	}
	return *out, nil
}

// PollDeviceLogin implements latchkey.SessionStore.
func (s *Store) PollDeviceLogin(ctx context.Context, x latchkey.DevicePoll, now time.Time) (latchkey.DevicePolled, error) {
	type loaded struct {
		device latchkey.DeviceLogin
		user   latchkey.User
	}
	out := new(latchkey.DevicePolled)
	err := s.settle(ctx, func(ctx context.Context) (*change, error) {
		q := query(deviceAndUser)
		q.putHandle(x.ID.Handle)
		old, err := find(ctx, s, q, func(got *loaded, r *row) {
			r.getDeviceRow(&got.device)
			r.getUserRow(&got.user)
		})
		if err != nil {
			return nil, err
		}
		*out = x.Judge(old.device, old.user, now)
		if out.Device == old.device {
			return nil, nil
		}
		d := &out.Device
		c := newChange(orderOfHandle(byDevice, d.ID.Handle)).guard(pollDevice)
		c.putText(string(d.State))
		c.putInt(int64(d.Interval))
		c.putTime(d.Polled)
		c.putHandle(d.ID.Handle)
		c.putText(string(old.device.State))
		c.putInt(int64(old.device.Interval))
		c.putTime(old.device.Polled)
		if !out.Grant.ID.IsZero() {
			c.step(insertGrant)
			c.putGrant(out.Grant)
		}
		if out.Event.Kind != "" {
			c.event(out.Event)
		}
		return c, nil
	})
	if err != nil {
		return latchkey.DevicePolled{}, err
	}
	return *out, nil
}

func (q *stmt) putDevice(d *latchkey.DeviceLogin) {
	q.putHandle(d.ID.Handle)
	q.putUUID(d.Project.UUID)
	q.putInt(int64(d.Client))
	q.putForeign(d.Scope)
	q.putHash(d.UserCode)
	q.putOrigin(d.From)
	q.putText(string(d.State))
	q.putUUID(d.User.UUID)
	q.putInt(int64(d.Epoch))
	q.putText(string(d.Channel))
	q.putTime(d.AuthTime)
	q.putInt(int64(d.Interval))
	q.putTime(d.Polled)
	q.putTime(d.Started)
	q.putTime(d.Expires)
}

// getDeviceRow reads deviceColumns; all NULL is zero.
func (r *row) getDeviceRow(d *latchkey.DeviceLogin) {
	d.ID.Handle = r.getHandle()
	d.Project = r.getProject()
	d.Client = r.getClient()
	d.Scope = r.getText()
	d.UserCode = r.getHash()
	d.From = r.getOrigin()
	d.State = r.getState()
	d.User = r.getUser()
	d.Epoch = int(r.getInt())
	d.Channel = r.getChannel()
	d.AuthTime = r.getTime()
	d.Interval = r.getDuration()
	d.Polled, d.Started, d.Expires = r.getTime(), r.getTime(), r.getTime()
}
