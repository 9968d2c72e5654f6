package sqlite

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	// smsOf gives a Conversion: parameters are project, scope, and the beginnings of the last hour, day and fortnight.
	smsOf = `SELECT
		(SELECT total(lost) FROM sms_counts WHERE project = ?1 AND scope = ?2 AND at > ?3),
		(SELECT total(lost) FROM sms_counts WHERE project = ?1 AND scope = ?2 AND at > ?4),
		(SELECT total(back) FROM sms_counts WHERE project = ?1 AND scope = ?2 AND at > ?4),
		(SELECT max(back) FROM sms_days WHERE project = ?1 AND scope = ?2 AND day > ?5),
		(SELECT until FROM sms_trips WHERE project = ?1 AND scope = ?2),
		(SELECT trips FROM sms_trips WHERE project = ?1 AND scope = ?2)`
	countSMS = `INSERT INTO sms_counts (project, scope, at, lost, back) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET lost = max(lost + excluded.lost, 0), back = back + excluded.back`
	countSMSDay = `INSERT INTO sms_days (project, scope, day, back) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET back = back + excluded.back`
	tripSMS = `INSERT INTO sms_trips (project, scope, until, trips) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET until = excluded.until, trips = excluded.trips`
	addPendingSMS = `INSERT INTO sms_pending (project, address, at, network, country, codes) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET codes = codes + excluded.codes`
	pendingSMS       = `SELECT at, network, country, codes FROM sms_pending WHERE project = ? AND address = ?`
	deletePendingSMS = `DELETE FROM sms_pending WHERE project = ? AND address = ?`
	// scopesOfSMS lists what was counted or is tripped.
	scopesOfSMS = `SELECT scope FROM (
			SELECT scope, lost FROM sms_counts WHERE project = ?1 AND at > ?2
			UNION ALL SELECT scope, 0 FROM sms_trips WHERE project = ?1 AND until > ?3)
		GROUP BY scope ORDER BY sum(lost) DESC, scope LIMIT ?4`
	forgetSMS      = `UPDATE sms_counts SET lost = 0 WHERE project = ? AND scope = ?`
	forgetAllSMS   = `UPDATE sms_counts SET lost = 0 WHERE project = ?`
	untripSMS      = `DELETE FROM sms_trips WHERE project = ? AND scope = ?`
	untripAllSMS   = `DELETE FROM sms_trips WHERE project = ?`
	sweepSMSCounts = `DELETE FROM sms_counts WHERE (project, scope, at) IN
		(SELECT project, scope, at FROM sms_counts WHERE at <= ? LIMIT ?)`
	sweepSMSDays = `DELETE FROM sms_days WHERE (project, scope, day) IN
		(SELECT project, scope, day FROM sms_days WHERE day <= ? LIMIT ?)`
	sweepSMSTrips = `DELETE FROM sms_trips WHERE (project, scope) IN
		(SELECT project, scope FROM sms_trips WHERE until <= ? LIMIT ?)`
	sweepPendingSMS = `DELETE FROM sms_pending WHERE (project, address, at, network) IN
		(SELECT project, address, at, network FROM sms_pending WHERE at <= ? LIMIT ?)`
)

// Conversions implements latchkey.SMSStore.
func (s *Store) Conversions(ctx context.Context, p latchkey.ProjectID, limit int, now time.Time) (out []latchkey.Conversion, err error) {
	err = s.read(ctx, func(c *conn) error {
		out = nil
		scopes, err := c.smsScopes(p, limit, now)
		for _, scope := range scopes {
			one, err := c.conversion(p, scope, now)
			if err != nil {
				return err
			}
			out = append(out, one)
		}
		return err
	})
	return out, err
}

func (c *conn) smsScopes(p latchkey.ProjectID, limit int, now time.Time) (scopes []latchkey.Scope, err error) {
	q := c.stmt(scopesOfSMS)
	defer q.reset()
	q.putUUID(p.UUID)
	q.putTime(now.Add(-latchkey.SMSDay))
	q.putTime(now)
	q.putInt(int64(max(limit, 0)))
	for {
		found, err := q.row()
		if !found {
			return scopes, err
		}
		scopes = append(scopes, latchkey.Scope(q.getText()))
	}
}

// ResetSMS implements latchkey.SMSStore.
func (s *Store) ResetSMS(ctx context.Context, p latchkey.ProjectID, scope latchkey.Scope, e latchkey.Event) error {
	return s.writer.do(ctx, func(c *conn) error {
		texts := [...]string{forgetSMS, untripSMS}
		if scope == "" {
			texts = [...]string{forgetAllSMS, untripAllSMS}
		}
		for _, text := range texts {
			q := c.stmt(text)
			q.putUUID(p.UUID)
			if scope != "" {
				q.putText(string(scope))
			}
			if err := q.exec(); err != nil {
				return err
			}
		}
		return c.insertEvent(e)
	})
}

// conversion gives how the codes of a scope came back.
func (c *conn) conversion(p latchkey.ProjectID, scope latchkey.Scope, now time.Time) (latchkey.Conversion, error) {
	out := latchkey.Conversion{Scope: scope}
	q := c.stmt(smsOf)
	defer q.reset()
	q.putUUID(p.UUID)
	q.putText(string(scope))
	q.putTime(now.Add(-latchkey.SMSHour))
	q.putTime(now.Add(-latchkey.SMSDay))
	q.putTime(now.Add(-latchkey.SMSBestDays))
	if found, err := q.row(); !found {
		return out, err
	}
	out.LostHour, out.LostDay, out.BackDay, out.BackBest = int(q.getInt()), int(q.getInt()), int(q.getInt()), int(q.getInt())
	out.Until, out.Trips = q.getTime(), int(q.getInt())
	return out, nil
}

// meter applies Start.Meter where it applies.
func (c *conn) meter(start latchkey.Start, out latchkey.Started, u latchkey.User, now time.Time) (latchkey.Started, error) {
	scopes := start.Scopes()
	if len(scopes) == 0 {
		return out, nil
	}
	var seen [2]latchkey.Conversion
	for i, scope := range scopes {
		var err error
		if seen[i], err = c.conversion(start.Fresh.Project, scope, now); err != nil {
			return out, err
		}
	}
	return start.Meter(out, seen, u, now), nil
}

// storeSMS stores what a start by phone counts.
func (c *conn) storeSMS(p latchkey.ProjectID, to latchkey.Address, e latchkey.SMSEntry) error {
	if e == (latchkey.SMSEntry{}) {
		return nil
	}
	if err := c.countSMS(p, e.Tallies()); err != nil {
		return err
	}
	q := c.stmt(addPendingSMS)
	q.putUUID(p.UUID)
	q.putText(to.Value())
	q.putTime(e.Pending.At)
	q.putText(string(e.Pending.Network))
	q.putText(string(e.Pending.Country))
	q.putInt(int64(e.Pending.Codes))
	if err := q.exec(); err != nil {
		return err
	}
	for _, t := range e.Trips {
		if t.Scope == "" {
			continue
		}
		q := c.stmt(tripSMS)
		q.putUUID(p.UUID)
		q.putText(string(t.Scope))
		q.putTime(t.Until)
		q.putInt(int64(t.Trips))
		if err := q.exec(); err != nil {
			return err
		}
	}
	if e.Event == (latchkey.Event{}) {
		return nil
	}
	return c.insertEvent(e.Event)
}

// takeBack stores what a login by phone brings back.
func (c *conn) takeBack(a latchkey.Attempt, now time.Time) error {
	if a.Country == "" {
		return nil
	}
	pending, err := c.pendingSMS(a.Project, a.To)
	if err != nil {
		return err
	}
	if err := c.countSMS(a.Project, a.TakeBack(pending, now)); err != nil {
		return err
	}
	return c.forgetPendingSMS(a.Project, a.To)
}

func (c *conn) forgetPendingSMS(p latchkey.ProjectID, to latchkey.Address) error {
	q := c.stmt(deletePendingSMS)
	q.putUUID(p.UUID)
	q.putText(to.Value())
	return q.exec()
}

func (c *conn) pendingSMS(p latchkey.ProjectID, to latchkey.Address) (out []latchkey.SMSPending, err error) {
	q := c.stmt(pendingSMS)
	defer q.reset()
	q.putUUID(p.UUID)
	q.putText(to.Value())
	for {
		found, err := q.row()
		if !found {
			return out, err
		}
		out = append(out, latchkey.SMSPending{
			At: q.getTime(), Network: latchkey.Scope(q.getText()), Country: latchkey.Scope(q.getText()), Codes: int(q.getInt()),
		})
	}
}

func (c *conn) countSMS(p latchkey.ProjectID, tallies []latchkey.SMSTally) error {
	for _, t := range tallies {
		q := c.stmt(countSMS)
		q.putUUID(p.UUID)
		q.putText(string(t.Scope))
		q.putTime(t.At)
		q.putInt(int64(t.Lost))
		q.putInt(int64(t.Back))
		if err := q.exec(); err != nil {
			return err
		}
	}
	for _, t := range latchkey.SMSDays(tallies) {
		q := c.stmt(countSMSDay)
		q.putUUID(p.UUID)
		q.putText(string(t.Scope))
		q.putTime(t.Day())
		q.putInt(int64(t.Back))
		if err := q.exec(); err != nil {
			return err
		}
	}
	return nil
}
