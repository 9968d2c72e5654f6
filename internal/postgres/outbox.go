package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	insertMessage = `INSERT INTO outbox (challenge, resend, kind, project, channel, address, locale, digits, link, link_first,
		attempts, next_try, dies) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @`
	// Several nodes may claim at once: what one is about to take the others pass over, and take what comes after it.
	claimMessages = `WITH due AS (
			SELECT challenge, resend, next_try AS was FROM outbox WHERE next_try <= $1 AND dies > $1
			ORDER BY next_try, challenge, resend LIMIT $2 FOR UPDATE SKIP LOCKED)
		UPDATE outbox o SET next_try = $3 FROM due WHERE o.challenge = due.challenge AND o.resend = due.resend
		RETURNING due.was, o.challenge, o.resend, o.kind, o.project, o.channel, o.address, o.locale, o.digits, o.link, o.link_first,
			o.attempts, o.dies`
	retryMessage = `UPDATE outbox SET attempts = ?, next_try = ? WHERE challenge = ? AND resend = ? AND @ RETURNING 1`
	// Messages that are done, all of one commit in one statement: beginning and ending one costs the server several times what it
	// does in it for a message. The first condition finds the rows by their index however few the server thinks there are.
	settleDone = `WITH done AS (
			SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::text[], $5::uuid[], $6::bigint[], $7::uuid[], $8::bytea[],
				$9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[]) WITH ORDINALITY
			AS of (message, again, ` + eventColumns + `, n)),
		gone AS (DELETE FROM outbox o USING done d WHERE o.challenge = ANY ($1) AND o.challenge = d.message AND o.resend = d.again
			RETURNING d.*)
		INSERT INTO events (` + eventColumns + `) SELECT ` + eventColumns + ` FROM gone WHERE kind <> '' ORDER BY n`
)

// settleWidth is how many columns a message has in settleDone.
const settleWidth = 13

// ClaimMessages implements latchkey.OutboxStore.
func (s *Store) ClaimMessages(ctx context.Context, limit int, until, now time.Time) ([]latchkey.Message, error) {
	q := query(claimMessages)
	q.putTime(now)
	q.putInt(int64(max(limit, 0)))
	q.putTime(until)
	type claimed struct {
		was time.Time
		m   latchkey.Message
	}
	taken := new([]claimed)
	_, err := s.alone(ctx, patience, &job{begin: func() { *taken = nil }, row: func(_ int, r *row) {
		*taken = append(*taken, claimed{was: r.getTime(), m: r.getMessageRow(until)})
	}}, q)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(*taken, func(a, b claimed) int {
		return cmp.Or(a.was.Compare(b.was), slices.Compare(a.m.Challenge.Handle[:], b.m.Challenge.Handle[:]), cmp.Compare(a.m.Resend, b.m.Resend))
	})
	var ms []latchkey.Message
	for _, c := range *taken {
		ms = append(ms, c.m)
	}
	return ms, nil
}

// SettleMessages implements latchkey.OutboxStore. A delivery whose message is gone stores nothing, or a second worker that took
// it late would report it twice.
func (s *Store) SettleMessages(ctx context.Context, ds []latchkey.Delivery) error {
	if len(ds) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var stmts []*stmt
	done := newTable(settleWidth, len(ds))
	for i := range ds {
		d := &ds[i]
		if !d.Again {
			done.putHandle(d.Message.Challenge.Handle)
			done.putInt(int64(d.Message.Resend))
			done.putEvent(d.Event)
			continue
		}
		c := newChange(0).guard(retryMessage)
		c.putInt(int64(d.Message.Attempts))
		c.putTime(d.Message.NextTry)
		c.putHandle(d.Message.Challenge.Handle)
		c.putInt(int64(d.Message.Resend))
		if d.Event.Kind != "" {
			c.event(d.Event)
		}
		stmts = append(stmts, c.end())
	}
	if len(done.values) > 0 {
		q := query(settleDone)
		q.putTable(done, settleWidth)
		stmts = append(stmts, q)
	}
	return s.writes.carry(&job{ctx: ctx, order: byMessage << 60, stmts: stmts})
}

func (q *stmt) putMessage(m latchkey.Message) {
	q.putHandle(m.Challenge.Handle)
	q.putInt(int64(m.Resend))
	q.putText(string(m.Kind))
	q.putUUID(m.Project.UUID)
	q.putAddress(m.To)
	q.putForeign(m.Locale)
	q.putInt(int64(m.Digits))
	q.putBool(m.Link)
	q.putBool(m.LinkFirst)
	q.putInt(int64(m.Attempts))
	q.putTime(m.NextTry)
	q.putTime(m.Dies)
}

// getMessageRow reads what claimMessages gives of a message whose NextTry is now until.
func (r *row) getMessageRow(until time.Time) (m latchkey.Message) {
	m.Challenge.Handle = r.getHandle()
	m.Resend = int(r.getInt())
	m.Kind = latchkey.MessageKind(r.getText())
	m.Project = r.getProject()
	m.To = r.getAddress()
	m.Locale = r.getText()
	m.Digits = int(r.getInt())
	m.Link, m.LinkFirst = r.getBool(), r.getBool()
	m.Attempts = int(r.getInt())
	m.Dies = r.getTime()
	m.NextTry = until
	return m
}
