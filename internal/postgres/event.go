package postgres

import (
	"context"

	"github.com/latchkey-dev/latchkey"
)

const (
	eventColumns = `at, kind, project, client, user_id, challenge, grant_id, address, ip, user_agent, detail`
	insertEvent  = `INSERT INTO events (` + eventColumns + `) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @`
	// The union keeps the order of the two.
	insertTwoEvents = insertEvent + ` UNION ALL SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @`
	lastEvents      = `SELECT ` + eventColumns + ` FROM events ORDER BY id DESC LIMIT $1`
	lastEventsOf    = `SELECT ` + eventColumns + ` FROM events WHERE project = $2 ORDER BY at DESC, id DESC LIMIT $1`
)

// Events implements latchkey.UserStore.
func (s *Store) Events(ctx context.Context, p latchkey.ProjectID, limit int) ([]latchkey.Event, error) {
	q := query(lastEvents)
	if !p.IsZero() {
		q = query(lastEventsOf)
	}
	q.putInt(int64(max(limit, 0)))
	if !p.IsZero() {
		q.putUUID(p.UUID)
	}
	es, err := find(ctx, s, q, func(es *[]latchkey.Event, r *row) { *es = append(*es, r.getEventRow()) })
	return *es, err
}

// AddEvent implements latchkey.UserStore.
func (s *Store) AddEvent(ctx context.Context, e latchkey.Event) error {
	_, err := s.storeAtOnce(ctx, newChange(0).event(e))
	return err
}

// event adds a step that stores e.
func (c *change) event(e latchkey.Event) *change {
	c.step(insertEvent)
	c.putEvent(e)
	return c
}

// twoEvents adds a step that stores two events in their order, which two steps would not keep.
func (c *change) twoEvents(first, second latchkey.Event) *change {
	c.step(insertTwoEvents)
	c.putEvent(first)
	c.putEvent(second)
	return c
}

func (q *stmt) putEvent(e latchkey.Event) {
	q.putTime(e.At)
	q.putText(string(e.Kind))
	put(q, oidUUID, e.Project.UUID[:]) // the zero id too: the column is never NULL
	q.putInt(int64(e.Client))
	q.putUUID(e.User.UUID)
	q.putHandle(e.Challenge.Handle)
	q.putHandle(e.Grant.Handle)
	q.putForeign(e.Address)
	q.putOrigin(e.From)
	q.putForeign(e.Detail)
}

func (r *row) getEventRow() (e latchkey.Event) {
	e.At = r.getTime()
	e.Kind = latchkey.Kind(r.getText())
	e.Project = r.getProject()
	e.Client = r.getClient()
	e.User = r.getUser()
	e.Challenge.Handle = r.getHandle()
	e.Grant.Handle = r.getHandle()
	e.Address = r.getText()
	e.From = r.getOrigin()
	e.Detail = r.getText()
	return e
}
