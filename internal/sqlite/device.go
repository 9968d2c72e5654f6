package sqlite

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	deviceColumns = `id, project, client, scope, user_code, ip, user_agent, state, user, epoch, channel, auth_time, interval,
		polled, started, expires`
	deviceByID       = `SELECT ` + deviceColumns + ` FROM device_logins WHERE id = ?`
	deviceByUserCode = `SELECT ` + deviceColumns + ` FROM device_logins WHERE user_code = ?`
	insertDevice     = `INSERT INTO device_logins (` + deviceColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	judgeDevice      = `UPDATE device_logins SET state = ?, user = ?, epoch = ?, channel = ?, auth_time = ?, interval = ?,
		polled = ? WHERE id = ?`
)

// StartDeviceLogin implements latchkey.SessionStore.
func (s *Store) StartDeviceLogin(ctx context.Context, d latchkey.DeviceLogin, e latchkey.Event) error {
	return s.writer.do(ctx, func(c *conn) error {
		if other, err := c.device(deviceByUserCode, d.UserCode[:]); err != nil || !other.ID.IsZero() {
			return conflict(err)
		}
		if err := c.insertDevice(d); err != nil {
			return err
		}
		return c.insertEvent(e)
	})
}

// DeviceLogin implements latchkey.SessionStore.
func (s *Store) DeviceLogin(ctx context.Context, userCode latchkey.Hash) (latchkey.DeviceLogin, error) {
	return find(ctx, s, func(c *conn) (latchkey.DeviceLogin, error) {
		d, err := c.device(deviceByUserCode, userCode[:])
		if err == nil && d.ID.IsZero() {
			err = latchkey.NotFound
		}
		return d, err
	})
}

// PressDeviceLogin implements latchkey.SessionStore.
func (s *Store) PressDeviceLogin(ctx context.Context, x latchkey.DevicePress, now time.Time) (latchkey.DevicePressed, error) {
	return write(ctx, s, func(c *conn) (latchkey.DevicePressed, error) {
		var none latchkey.DevicePressed
		d, err := c.device(deviceByUserCode, x.UserCode[:])
		if err != nil {
			return none, err
		}
		session, u, err := c.sessionAndUser(x.Session)
		if err != nil {
			return none, err
		}
		out := x.Judge(d, session, u, now)
		if out.Event.Kind == "" { // a refusal
			return out, nil
		}
		if err := c.judgeDevice(out.Device); err != nil {
			return out, err
		}
		return out, c.insertEvent(out.Event)
	})
}

// PollDeviceLogin implements latchkey.SessionStore.
func (s *Store) PollDeviceLogin(ctx context.Context, x latchkey.DevicePoll, now time.Time) (latchkey.DevicePolled, error) {
	return write(ctx, s, func(c *conn) (latchkey.DevicePolled, error) {
		var none latchkey.DevicePolled
		d, err := c.device(deviceByID, x.ID.Handle[:])
		if err != nil {
			return none, err
		}
		u, err := c.user(d.User)
		if err != nil {
			return none, err
		}
		out := x.Judge(d, u, now)
		if out.Device != d {
			if err := c.judgeDevice(out.Device); err != nil {
				return out, err
			}
		}
		if !out.Grant.ID.IsZero() {
			if err := c.insertGrant(out.Grant); err != nil {
				return out, err
			}
		}
		if out.Event.Kind == "" {
			return out, nil
		}
		return out, c.insertEvent(out.Event)
	})
}

// device gives what query finds by key, or zero.
func (c *conn) device(query string, key []byte) (d latchkey.DeviceLogin, err error) {
	q := c.stmt(query)
	defer q.reset()
	q.putBlob(key)
	if found, err := q.row(); !found {
		return d, err
	}
	d.ID.Handle = q.getHandle()
	d.Project = q.getProject()
	d.Client = q.getClient()
	d.Scope = q.getText()
	d.UserCode = q.getHash()
	d.From = q.getOrigin()
	d.State = q.getState()
	d.User = q.getUser()
	d.Epoch = int(q.getInt())
	d.Channel = q.getChannel()
	d.AuthTime = q.getTime()
	d.Interval = q.getDuration()
	d.Polled, d.Started, d.Expires = q.getTime(), q.getTime(), q.getTime()
	return d, nil
}

func (c *conn) insertDevice(d latchkey.DeviceLogin) error {
	q := c.stmt(insertDevice)
	q.putHandle(d.ID.Handle)
	q.putUUID(d.Project.UUID)
	q.putInt(int64(d.Client))
	q.putText(d.Scope)
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
	return q.exec()
}

// judgeDevice stores what a press and a poll change.
func (c *conn) judgeDevice(d latchkey.DeviceLogin) error {
	q := c.stmt(judgeDevice)
	q.putText(string(d.State))
	q.putUUID(d.User.UUID)
	q.putInt(int64(d.Epoch))
	q.putText(string(d.Channel))
	q.putTime(d.AuthTime)
	q.putInt(int64(d.Interval))
	q.putTime(d.Polled)
	q.putHandle(d.ID.Handle)
	return q.exec()
}
