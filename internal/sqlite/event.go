package sqlite

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	// A row is the events of one project in one commit: the newest in columns, and in more the others, packed, in the
	// order of storing.
	eventColumns = `at, kind, project, client, user, challenge, grant_id, address, ip, user_agent, detail, more`
	insertEvent  = `INSERT INTO events (` + eventColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	lastEvents   = `SELECT ` + eventColumns + ` FROM events ORDER BY id DESC LIMIT ?`
	lastEventsOf = `SELECT ` + eventColumns + ` FROM events WHERE project = ? ORDER BY at DESC, id DESC LIMIT ?`

	// maxEventRow bounds a row, so that nobody who asks for one event reads thousands.
	maxEventRow = 64
)

// Events implements latchkey.UserStore.
func (s *Store) Events(ctx context.Context, p latchkey.ProjectID, limit int) ([]latchkey.Event, error) {
	limit = max(limit, 0)
	return find(ctx, s, func(c *conn) (es []latchkey.Event, err error) {
		var q stmt
		if p.IsZero() {
			q = c.stmt(lastEvents)
		} else {
			q = c.stmt(lastEventsOf)
			q.putUUID(p.UUID)
		}
		defer q.reset()
		q.putInt(int64(limit))
		var oldest time.Time // of es
		for {
			found, err := q.row()
			if err != nil {
				return nil, err
			}
			var row []latchkey.Event
			if found {
				if row, err = q.getEventRow(); err != nil {
					return nil, err
				}
			}
			// No row after this one has an event that is newer than this one's newest.
			if !found || len(es) >= limit && (p.IsZero() || !row[len(row)-1].At.After(oldest)) {
				break
			}
			slices.Reverse(row)
			for _, e := range row {
				if len(es) == 0 || e.At.Before(oldest) {
					oldest = e.At
				}
			}
			es = append(es, row...)
		}
		if !p.IsZero() {
			slices.SortStableFunc(es, func(a, b latchkey.Event) int { return b.At.Compare(a.At) })
		}
		return es[:min(len(es), limit)], nil
	})
}

// AddEvent implements latchkey.UserStore.
func (s *Store) AddEvent(ctx context.Context, e latchkey.Event) error {
	_, err := write(ctx, s, func(c *conn) (struct{}, error) { return struct{}{}, c.insertEvent(e) })
	return err
}

// insertEvent has e stored with the transaction that the writer runs (storeEvents).
func (c *conn) insertEvent(e latchkey.Event) error {
	c.events = append(c.events, e)
	return nil
}

// storeEvents stores what insertEvent was given since the transaction began. Everybody's events together are a row
// and an index entry for each project, where each alone would have both.
func (c *conn) storeEvents() error {
	es := c.events
	slices.SortStableFunc(es, func(a, b latchkey.Event) int {
		return cmp.Compare(string(a.Project.UUID[:]), string(b.Project.UUID[:]))
	})
	for len(es) > 0 {
		n := 1
		for n < len(es) && n < maxEventRow && es[n].Project == es[0].Project {
			n++
		}
		if err := c.storeEventRow(es[:n]); err != nil {
			return err
		}
		es = es[n:]
	}
	c.forgetEvents()
	return nil
}

// forgetEvents lets go of the events of a transaction that is over.
func (c *conn) forgetEvents() {
	clear(c.events)
	c.events = c.events[:0]
}

// storeEventRow stores events of one project as one row.
func (c *conn) storeEventRow(es []latchkey.Event) error {
	newest := 0
	for i := range es {
		if !es[i].At.Before(es[newest].At) {
			newest = i
		}
	}
	more := c.packer()
	for i := range es {
		if i != newest {
			packEvent(more, &es[i])
		}
	}
	e := &es[newest]
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
	q.putBlob(more.b)
	return q.exec()
}

// getEventRow gives the events of a row in the order of storing, the newest at the end.
func (q *stmt) getEventRow() ([]latchkey.Event, error) {
	var e latchkey.Event
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
	more := unpacker{s: q.getText()}
	var es []latchkey.Event
	for more.more() {
		es = append(es, more.event(e.Project))
	}
	return append(es, e), more.end()
}

// packEvent packs all of e but its project.
func packEvent(p *packer, e *latchkey.Event) {
	p.time(e.At)
	p.text(string(e.Kind))
	p.int(int64(e.Client))
	p.id(e.User.UUID[:], e.User.IsZero())
	p.id(e.Challenge.Handle[:], e.Challenge.IsZero())
	p.id(e.Grant.Handle[:], e.Grant.IsZero())
	p.text(e.Address)
	p.origin(e.From)
	p.text(e.Detail)
}

func (u *unpacker) event(p latchkey.ProjectID) (e latchkey.Event) {
	e.Project = p
	e.At = u.time()
	e.Kind = latchkey.Kind(u.text())
	e.Client = latchkey.ClientID(u.int())
	u.into(e.User.UUID[:])
	u.into(e.Challenge.Handle[:])
	u.into(e.Grant.Handle[:])
	e.Address = u.text()
	e.From = u.origin()
	e.Detail = u.text()
	return e
}

// eventRecords gives at most limit events after a cursor, in the order of storing. A cursor is the number of a row, all
// of which was taken, or that number, a dot and how many events of it were.
func (c *conn) eventRecords(after string, limit int) (rs []latchkey.Record, err error) {
	row, part, inside := strings.Cut(after, ".")
	id, err := strconv.ParseInt("0"+row, 10, 64)
	taken, err2 := strconv.ParseUint("0"+part, 10, 31)
	if err != nil || err2 != nil {
		return nil, latchkey.BadField("after", "not a cursor of this store")
	}
	if !inside {
		id++
	}
	q := c.stmt(archiveEvents)
	defer q.reset()
	q.putInt(id)
	q.putInt(int64(limit))
	for len(rs) < limit {
		found, err := q.row()
		if !found {
			return rs, err
		}
		es, err := q.getEventRow()
		if err != nil {
			return nil, err
		}
		cursor := strconv.FormatInt(q.getInt(), 10)
		for i := min(int(taken), len(es)); i < len(es) && len(rs) < limit; i++ {
			r := latchkey.Record{Kind: latchkey.EventRecord, Cursor: cursor, Noun: es[i]}
			if i < len(es)-1 {
				r.Cursor += "." + strconv.Itoa(i+1)
			}
			rs = append(rs, r)
		}
		taken = 0
	}
	return rs, nil
}
