package sqlite

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	sweepChallenges = `DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE expires <= ? LIMIT ?)`
	// Codes all live as long, and so die in the order of their ids: they need no index by expiry.
	sweepCodes    = `DELETE FROM codes WHERE id IN (SELECT id FROM codes WHERE id < ? AND expires <= ? LIMIT ?)`
	sweepGrants   = `DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE expires <= ? LIMIT ?)`
	sweepSessions = `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= ? LIMIT ?)`
	sweepDevices  = `DELETE FROM device_logins WHERE id IN (SELECT id FROM device_logins WHERE expires <= ? LIMIT ?)`
	sweepOnce     = `DELETE FROM once WHERE hash IN (SELECT hash FROM once WHERE expires <= ? LIMIT ?)`
	sweepMessages = `DELETE FROM outbox WHERE (challenge, resend) IN (SELECT challenge, resend FROM outbox WHERE dies <= ? LIMIT ?)`
	sweepGuesses  = `DELETE FROM guesses WHERE (project, channel, address) IN
		(SELECT project, channel, address FROM guesses WHERE total = 0 AND whole <= ? LIMIT ?)`

	// Events are indexed by project and time: the projects that have any are found by skipping along that index.
	nextEventProject = `SELECT min(project) FROM events WHERE project > ?`
	sweepEvents      = `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE project = ? AND at < ? ORDER BY at LIMIT ?)`
)

// Sweep implements latchkey.Store.
func (s *Store) Sweep(ctx context.Context, keepEvents time.Duration, limit int, now time.Time) (int, error) {
	limit = max(limit, 0) // a negative LIMIT is none
	return write(ctx, s, func(c *conn) (int, error) {
		swept, deadCodes := 0, now.Add(-latchkey.CodeMemory)
		for _, kind := range [...]struct {
			text string
			dead time.Time       // what expired then or earlier goes
			made latchkey.Handle // and was made before; zero: whenever
		}{
			{text: sweepChallenges, dead: now.Add(-latchkey.ChallengeMemory)},
			// A second more, since an id is made a little before or after its code.
			{sweepCodes, deadCodes, latchkey.NewHandle(deadCodes.Add(time.Second-latchkey.CodeLife), latchkey.SecretID{}, [16]byte{})},
			{text: sweepGrants, dead: now},
			{text: sweepSessions, dead: now},
			{text: sweepDevices, dead: now.Add(-latchkey.ChallengeMemory)},
			{text: sweepOnce, dead: now},
			{text: sweepMessages, dead: now},
			{text: sweepSMSCounts, dead: now.Add(-2 * latchkey.SMSDay)},
			{text: sweepSMSDays, dead: now.Add(-latchkey.SMSBestDays)},
			{text: sweepSMSTrips, dead: now.Add(-latchkey.SMSDay)},
			{text: sweepPendingSMS, dead: now.Add(-latchkey.SMSDay)},
			{text: sweepGuesses, dead: now},
		} {
			q := c.stmt(kind.text)
			if !kind.made.IsZero() {
				q.putHandle(kind.made)
			}
			q.putTime(kind.dead)
			q.putInt(int64(limit))
			if err := q.exec(); err != nil {
				return swept, err
			}
			swept += c.Changes()
		}
		n, err := c.sweepEvents(now.Add(-keepEvents), limit)
		return swept + n, err
	})
}

// sweepEvents removes at most limit events from before old.
func (c *conn) sweepEvents(old time.Time, limit int) (swept int, err error) {
	project := []byte{} // less than any
	for swept < limit {
		q := c.stmt(nextEventProject)
		q.putSmallest(project)
		if _, err := q.row(); err != nil {
			return swept, err
		}
		project = q.getBlob()
		q.reset()
		if project == nil {
			break
		}
		q = c.stmt(sweepEvents)
		q.putBlob(project)
		q.putTime(old)
		q.putInt(int64(limit - swept))
		if err := q.exec(); err != nil {
			return swept, err
		}
		swept += c.Changes()
	}
	return swept, nil
}

// putSmallest binds a blob that may be empty, which is not NULL here.
func (q *stmt) putSmallest(b []byte) {
	if q.err == nil {
		q.s.BindBytes(q.next(), b)
	}
}
