package sqlite

import (
	"context"

	"github.com/latchkey-dev/latchkey"
)

const (
	eventColumns = `at, kind, project, client, user, challenge, grant_id, address, ip, user_agent, detail`
	insertEvent  = `INSERT INTO events (` + eventColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	lastEvents   = `SELECT ` + eventColumns + ` FROM events ORDER BY id DESC LIMIT ?`
	lastEventsOf = `SELECT ` + eventColumns + ` FROM events WHERE project = ? ORDER BY at DESC, id DESC LIMIT ?`
)

// Events implements latchkey.UserStore.
func (s *Store) Events(ctx context.Context, p latchkey.ProjectID, limit int) ([]latchkey.Event, error) {
	return find(ctx, s, func(c *conn) (es []latchkey.Event, err error) {
		var q stmt
		if p.IsZero() {
			q = c.stmt(lastEvents)
		} else {
			q = c.stmt(lastEventsOf)
			q.putUUID(p.UUID)
		}
		defer q.reset()
		q.putInt(int64(max(limit, 0)))
		for {
			found, err := q.row()
			if !found {
				return es, err
			}
			es = append(es, q.getEventRow())
		}
	})
}

// AddEvent implements latchkey.UserStore.
func (s *Store) AddEvent(ctx context.Context, e latchkey.Event) error {
	_, err := write(ctx, s, func(c *conn) (struct{}, error) { return struct{}{}, c.insertEvent(e) })
	return err
}

func (c *conn) insertEvent(e latchkey.Event) error {
	q := c.stmt(insertEvent)
	q.putTime(e.At)
	q.putText(string(e.Kind))
	q.putBlob(e.Project.UUID[:]) // the zero id too: the column is never NULL
	q.putInt(int64(e.Client))
	q.putUUID(e.User.UUID)
	q.putHandle(e.Challenge.Handle)
	q.putHandle(e.Grant.Handle)
	q.putText(e.Address)
	q.putOrigin(e.From)
	q.putText(e.Detail)
	return q.exec()
}

func (q *stmt) getEventRow() (e latchkey.Event) {
	e.At = q.getTime()
	e.Kind = latchkey.Kind(q.getText())
	e.Project = q.getProject()
	e.Client = q.getClient()
	e.User = q.getUser()
	e.Challenge.Handle = q.getHandle()
	e.Grant.Handle = q.getHandle()
	e.Address = q.getText()
	e.From = q.getOrigin()
	e.Detail = q.getText()
	return e
}
