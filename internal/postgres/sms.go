package postgres

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	// smsOf gives a Conversion: parameters are project, scope, and the beginnings of the last hour, day and fortnight.
	smsOf = `SELECT $2::text,
		(SELECT coalesce(sum(lost), 0)::bigint FROM sms_counts WHERE project = $1 AND scope = $2 AND at > $3),
		(SELECT coalesce(sum(lost), 0)::bigint FROM sms_counts WHERE project = $1 AND scope = $2 AND at > $4),
		(SELECT coalesce(sum(back), 0)::bigint FROM sms_counts WHERE project = $1 AND scope = $2 AND at > $4),
		(SELECT max(back) FROM sms_days WHERE project = $1 AND scope = $2 AND day > $5),
		(SELECT until FROM sms_trips WHERE project = $1 AND scope = $2),
		(SELECT trips FROM sms_trips WHERE project = $1 AND scope = $2)`
	// Counts are added to and never compared: everybody's codes to a country are in one row.
	countSMS = `INSERT INTO sms_counts (project, scope, at, lost, back) SELECT ?, ?, ?, ?, ? WHERE @ ON CONFLICT (project, scope, at)
		DO UPDATE SET lost = greatest(sms_counts.lost + excluded.lost, 0), back = sms_counts.back + excluded.back`
	countSMSDay = `INSERT INTO sms_days (project, scope, day, back) SELECT ?, ?, ?, ? WHERE @ ON CONFLICT (project, scope, day)
		DO UPDATE SET back = sms_days.back + excluded.back`
	// A breaker trips where it has not tripped since it was looked at: whoever meets that looks again, and finds it tripped.
	insertTrip = `INSERT INTO sms_trips (project, scope, until, trips) SELECT ?, ?, ?, ? WHERE @ ON CONFLICT (project, scope)
		DO UPDATE SET until = excluded.until, trips = excluded.trips WHERE sms_trips.until < excluded.until`
	tripSMS       = insertTrip + ` AND sms_trips.until <= ? RETURNING 1`
	addPendingSMS = `INSERT INTO sms_pending (project, address, at, network, country, codes) SELECT ?, ?, ?, ?, ?, ? WHERE @
		ON CONFLICT (project, address, at, network) DO UPDATE SET codes = sms_pending.codes + excluded.codes`
	pendingSMS       = `SELECT at, network, country, codes FROM sms_pending WHERE project = $1 AND address = $2`
	deletePendingSMS = `DELETE FROM sms_pending WHERE project = ? AND address = ? AND @`
	// scopesOfSMS lists what was counted or is tripped.
	scopesOfSMS = `SELECT scope FROM (
			SELECT scope, lost FROM sms_counts WHERE project = $1 AND at > $2
			UNION ALL SELECT scope, 0 FROM sms_trips WHERE project = $1 AND until > $3) AS known
		GROUP BY scope ORDER BY sum(lost) DESC, scope LIMIT $4`
	forgetSMS    = `UPDATE sms_counts SET lost = 0 WHERE project = ? AND scope = ? AND @`
	forgetAllSMS = `UPDATE sms_counts SET lost = 0 WHERE project = ? AND @`
	untripSMS    = `DELETE FROM sms_trips WHERE project = ? AND scope = ? AND @`
	untripAllSMS = `DELETE FROM sms_trips WHERE project = ? AND @`
)

// Conversions implements latchkey.SMSStore.
func (s *Store) Conversions(ctx context.Context, p latchkey.ProjectID, limit int, now time.Time) ([]latchkey.Conversion, error) {
	q := query(scopesOfSMS)
	q.putUUID(p.UUID)
	q.putTime(now.Add(-latchkey.SMSDay))
	q.putTime(now)
	q.putInt(int64(max(limit, 0)))
	scopes, err := find(ctx, s, q, func(got *[]latchkey.Scope, r *row) { *got = append(*got, latchkey.Scope(r.getText())) })
	if err != nil || len(*scopes) == 0 {
		return nil, err
	}
	return s.conversions(ctx, p, *scopes, now)
}

// conversions gives how the codes of scopes came back, in one round trip.
func (s *Store) conversions(
	ctx context.Context, p latchkey.ProjectID, scopes []latchkey.Scope, now time.Time,
) ([]latchkey.Conversion, error) {
	stmts := make([]*stmt, 0, len(scopes))
	for _, scope := range scopes {
		q := query(smsOf)
		q.putUUID(p.UUID)
		q.putText(string(scope))
		q.putTime(now.Add(-latchkey.SMSHour))
		q.putTime(now.Add(-latchkey.SMSDay))
		q.putTime(now.Add(-latchkey.SMSBestDays))
		stmts = append(stmts, q)
	}
	out, err := findAll(ctx, s, func(got *[]latchkey.Conversion, _ int, r *row) {
		*got = append(*got, latchkey.Conversion{
			Scope: latchkey.Scope(r.getText()), LostHour: int(r.getInt()), LostDay: int(r.getInt()), BackDay: int(r.getInt()),
			BackBest: int(r.getInt()), Until: r.getTime(), Trips: int(r.getInt()),
		})
	}, stmts...)
	return *out, err
}

// ResetSMS implements latchkey.SMSStore.
func (s *Store) ResetSMS(ctx context.Context, p latchkey.ProjectID, scope latchkey.Scope, e latchkey.Event) error {
	c := aloneChange()
	texts := [...]string{forgetSMS, untripSMS}
	if scope == "" {
		texts = [...]string{forgetAllSMS, untripAllSMS}
	}
	for _, text := range texts {
		c.step(text)
		c.putUUID(p.UUID)
		if scope != "" {
			c.putText(string(scope))
		}
	}
	_, err := s.storeAtOnce(ctx, c.event(e))
	return err
}

// meter applies Start.Meter where it applies.
func (s *Store) meter(
	ctx context.Context, start latchkey.Start, out latchkey.Started, u latchkey.User, now time.Time,
) (latchkey.Started, error) {
	scopes := start.Scopes()
	if len(scopes) == 0 {
		return out, nil
	}
	seen, err := s.conversions(ctx, start.Fresh.Project, scopes, now)
	if err != nil || len(seen) != len(scopes) {
		return out, err
	}
	return start.Meter(out, [2]latchkey.Conversion(seen), u, now), nil
}

// guardTrip adds the guard for the first of the breakers that a code trips, of which old are the Conversions before it.
func (c *change) guardTrip(p latchkey.ProjectID, e *latchkey.SMSEntry, now time.Time) {
	for i, t := range e.Trips {
		if t.Scope == "" {
			continue
		}
		c.guard(tripSMS)
		c.putTrip(p, t)
		c.putTime(now)
		for _, other := range e.Trips[i+1:] {
			if other.Scope != "" {
				c.step(insertTrip)
				c.putTrip(p, other)
			}
		}
		return
	}
}

func (q *stmt) putTrip(p latchkey.ProjectID, t latchkey.Conversion) {
	q.putUUID(p.UUID)
	q.putText(string(t.Scope))
	q.putTime(t.Until)
	q.putInt(int64(t.Trips))
}

// storeSMS adds the steps that store what a start by phone counts, its event excepted.
func (c *change) storeSMS(p latchkey.ProjectID, to latchkey.Address, e *latchkey.SMSEntry) {
	c.alone = true
	c.step(addPendingSMS)
	c.putUUID(p.UUID)
	c.putText(to.Value())
	c.putTime(e.Pending.At)
	c.putText(string(e.Pending.Network))
	c.putText(string(e.Pending.Country))
	c.putInt(int64(e.Pending.Codes))
	c.countSMS(p, e.Tallies())
}

// countSMS adds the steps that count. The rows are everybody's: whoever counts goes alone, or a batch that waits for one of them
// could hold what its holder waits for.
func (c *change) countSMS(p latchkey.ProjectID, tallies []latchkey.SMSTally) {
	for _, t := range tallies {
		c.alone = true
		c.step(countSMS)
		c.putUUID(p.UUID)
		c.putText(string(t.Scope))
		c.putTime(t.At)
		c.putInt(int64(t.Lost))
		c.putInt(int64(t.Back))
	}
	for _, t := range latchkey.SMSDays(tallies) {
		c.step(countSMSDay)
		c.putUUID(p.UUID)
		c.putText(string(t.Scope))
		c.putTime(t.Day())
		c.putInt(int64(t.Back))
	}
}

func (c *change) forgetPendingSMS(p latchkey.ProjectID, to latchkey.Address) {
	c.step(deletePendingSMS)
	c.putUUID(p.UUID)
	c.putText(to.Value())
}

// takenBack gives what a login by phone brings back; nothing for any other outcome.
func (s *Store) takenBack(
	ctx context.Context, a latchkey.Attempt, out *latchkey.Outcome, now time.Time,
) ([]latchkey.SMSTally, error) {
	var pending []latchkey.SMSPending
	if a.Country != "" && out.Verdict == nil {
		q := query(pendingSMS)
		q.putUUID(a.Project.UUID)
		q.putText(a.To.Value())
		found, err := find(ctx, s, q, func(got *[]latchkey.SMSPending, r *row) {
			*got = append(*got, latchkey.SMSPending{
				At: r.getTime(), Network: latchkey.Scope(r.getText()), Country: latchkey.Scope(r.getText()), Codes: int(r.getInt()),
			})
		})
		if err != nil {
			return nil, err
		}
		pending = *found
	} else {
		a.Country = ""
	}
	return a.TakeBack(pending, now), nil
}
