package sqlite

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	messageColumns = `challenge, resend, project, attempts, next_try, dies, said` // said is packed
	insertMessage  = `INSERT INTO outbox (` + messageColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?)`
	dueMessages    = `SELECT ` + messageColumns + ` FROM outbox
		WHERE next_try <= ? AND dies > ? ORDER BY next_try, challenge, resend LIMIT ?`
	leaseMessage  = `UPDATE outbox SET next_try = ? WHERE challenge = ? AND resend = ?`
	retryMessage  = `UPDATE outbox SET attempts = ?, next_try = ? WHERE challenge = ? AND resend = ?`
	deleteMessage = `DELETE FROM outbox WHERE challenge = ? AND resend = ?`
)

// ClaimMessages implements latchkey.OutboxStore.
func (s *Store) ClaimMessages(ctx context.Context, limit int, until, now time.Time) ([]latchkey.Message, error) {
	return write(ctx, s, func(c *conn) ([]latchkey.Message, error) {
		ms, err := c.dueMessages(limit, now)
		if err != nil {
			return nil, err
		}
		for i := range ms {
			ms[i].NextTry = until
			q := c.stmt(leaseMessage)
			q.putTime(until)
			q.putHandle(ms[i].Challenge.Handle)
			q.putInt(int64(ms[i].Resend))
			if err := q.exec(); err != nil {
				return nil, err
			}
		}
		return ms, nil
	})
}

// SettleMessages implements latchkey.OutboxStore.
func (s *Store) SettleMessages(ctx context.Context, ds []latchkey.Delivery) error {
	return s.writer.do(ctx, func(c *conn) error {
		for i := range ds {
			if err := c.settleMessage(&ds[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// settleMessage stores one delivery and its event; neither if the message is gone, or a second worker that took it
// late would report it twice.
func (c *conn) settleMessage(d *latchkey.Delivery) error {
	var q stmt
	if d.Again {
		q = c.stmt(retryMessage)
		q.putInt(int64(d.Message.Attempts))
		q.putTime(d.Message.NextTry)
	} else {
		q = c.stmt(deleteMessage)
	}
	q.putHandle(d.Message.Challenge.Handle)
	q.putInt(int64(d.Message.Resend))
	if err := q.exec(); err != nil || c.Changes() == 0 || d.Event.Kind == "" {
		return err
	}
	return c.insertEvent(d.Event)
}

func (c *conn) dueMessages(limit int, now time.Time) (ms []latchkey.Message, err error) {
	q := c.stmt(dueMessages)
	defer q.reset()
	q.putTime(now)
	q.putTime(now)
	q.putInt(int64(max(limit, 0)))
	for {
		found, err := q.row()
		if !found {
			return ms, err
		}
		var m latchkey.Message
		m.Challenge.Handle = q.getHandle()
		m.Resend = int(q.getInt())
		m.Project = q.getProject()
		m.Attempts = int(q.getInt())
		m.NextTry, m.Dies = q.getTime(), q.getTime()
		if err := unpackMessage(&m, q.getText()); err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
}

func (c *conn) insertMessage(m latchkey.Message) error {
	q := c.stmt(insertMessage)
	q.putHandle(m.Challenge.Handle)
	q.putInt(int64(m.Resend))
	q.putUUID(m.Project.UUID)
	q.putInt(int64(m.Attempts))
	q.putTime(m.NextTry)
	q.putTime(m.Dies)
	p := c.packer()
	packMessage(p, m)
	q.putBlob(p.b)
	return q.exec()
}

func packMessage(p *packer, m latchkey.Message) {
	p.text(string(m.Kind))
	p.text(string(m.To.Channel()))
	p.text(m.To.Value())
	p.text(m.Locale)
	p.int(int64(m.Digits))
	p.bool(m.Link)
	p.bool(m.LinkFirst)
}

func unpackMessage(m *latchkey.Message, said string) error {
	u := unpacker{s: said}
	m.Kind = latchkey.MessageKind(u.text())
	channel := latchkey.Channel(u.text())
	m.To = latchkey.CanonicalAddress(channel, u.text())
	m.Locale = u.text()
	m.Digits = int(u.int())
	m.Link, m.LinkFirst = u.bool(), u.bool()
	return u.end()
}
