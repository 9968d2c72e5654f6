package postgres

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// Several nodes may sweep at once: each passes over what another one is about to remove, and what a verb holds. The rows to go
// are made an array, which the server looks up one by one however many it thinks there are.
const (
	sweepChallenges = `DELETE FROM challenges WHERE id = ANY (ARRAY(SELECT id FROM challenges WHERE expires <= $1
		ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED))`
	sweepCodes = `DELETE FROM codes WHERE id = ANY (ARRAY(SELECT id FROM codes WHERE expires <= $1
		ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED))`
	sweepGrants = `DELETE FROM grants WHERE id = ANY (ARRAY(SELECT id FROM grants WHERE expires <= $1
		ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED))`
	sweepSessions = `DELETE FROM sessions WHERE id = ANY (ARRAY(SELECT id FROM sessions WHERE expires <= $1
		ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED))`
	sweepDevices = `DELETE FROM device_logins WHERE id = ANY (ARRAY(SELECT id FROM device_logins WHERE expires <= $1
		ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED))`
	sweepOnce = `DELETE FROM once WHERE hash = ANY (ARRAY(SELECT hash FROM once WHERE expires <= $1
		ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED))`
	// A message is taken up until it dies, and moved on by a lease then: what is dead is found by its next try.
	sweepMessages = `WITH dead AS (SELECT challenge, resend FROM outbox WHERE next_try <= $3 AND dies <= $1
			ORDER BY next_try, challenge, resend LIMIT $2 FOR UPDATE SKIP LOCKED)
		DELETE FROM outbox o USING dead WHERE o.challenge = dead.challenge AND o.resend = dead.resend`
	sweepGuesses = `WITH whole AS (SELECT project, channel, address FROM guesses WHERE total = 0 AND whole <= $1
			ORDER BY whole LIMIT $2 FOR UPDATE SKIP LOCKED)
		DELETE FROM guesses g USING whole w WHERE g.project = w.project AND g.channel = w.channel AND g.address = w.address`
	sweepSMSCounts = `WITH dead AS (SELECT project, scope, at FROM sms_counts WHERE at <= $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
		DELETE FROM sms_counts o USING dead WHERE o.project = dead.project AND o.scope = dead.scope AND o.at = dead.at`
	sweepSMSDays = `WITH dead AS (SELECT project, scope, day FROM sms_days WHERE day <= $1 ORDER BY day LIMIT $2 FOR UPDATE SKIP LOCKED)
		DELETE FROM sms_days o USING dead WHERE o.project = dead.project AND o.scope = dead.scope AND o.day = dead.day`
	sweepSMSTrips = `WITH dead AS (SELECT project, scope FROM sms_trips WHERE until <= $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED)
		DELETE FROM sms_trips o USING dead WHERE o.project = dead.project AND o.scope = dead.scope`
	sweepPendingSMS = `WITH dead AS (SELECT project, address, at, network FROM sms_pending WHERE at <= $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
		DELETE FROM sms_pending o USING dead WHERE o.project = dead.project AND o.address = dead.address AND o.at = dead.at AND o.network = dead.network`
	// Events are indexed by project and time: the projects that have any are found by skipping along that index.
	sweepEvents = `WITH RECURSIVE found AS (
			(SELECT project FROM events ORDER BY project LIMIT 1)
			UNION ALL
			SELECT (SELECT e.project FROM events e WHERE e.project > found.project ORDER BY e.project LIMIT 1)
			FROM found WHERE found.project IS NOT NULL)
		DELETE FROM events WHERE id = ANY (ARRAY(
			SELECT old.id FROM found CROSS JOIN LATERAL (
				SELECT e.id FROM events e WHERE e.project = found.project AND e.at < $1 ORDER BY e.at LIMIT $2
				FOR UPDATE SKIP LOCKED) AS old
			LIMIT $2))`
)

// Sweep implements latchkey.Store. Each kind is a transaction of its own: what is removed is nobody's any more.
func (s *Store) Sweep(ctx context.Context, keepEvents time.Duration, limit int, now time.Time) (int, error) {
	swept := 0
	for _, kind := range [...]struct {
		text string
		dead time.Time // what expired then or earlier goes
	}{
		{sweepChallenges, now.Add(-latchkey.ChallengeMemory)},
		{sweepCodes, now.Add(-latchkey.CodeMemory)},
		{sweepGrants, now},
		{sweepSessions, now},
		{sweepDevices, now.Add(-latchkey.ChallengeMemory)},
		{sweepOnce, now},
		{sweepMessages, now},
		{sweepSMSCounts, now.Add(-2 * latchkey.SMSDay)},
		{sweepSMSDays, now.Add(-latchkey.SMSBestDays)},
		{sweepSMSTrips, now.Add(-latchkey.SMSDay)},
		{sweepPendingSMS, now.Add(-latchkey.SMSDay)},
		{sweepGuesses, now},
		{sweepEvents, now.Add(-keepEvents)},
	} {
		q := query(kind.text)
		q.putTime(kind.dead)
		q.putInt(int64(max(limit, 0)))
		if kind.text == sweepMessages {
			q.putTime(now.Add(latchkey.MessageLease))
		}
		gone, err := s.alone(ctx, patience, nil, q)
		if err != nil {
			return swept, err
		}
		swept += int(gone)
	}
	return swept, nil
}
