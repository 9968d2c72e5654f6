package sqlite

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-dev/latchkey"
)

// The records of each kind in the order of their primary keys.
const (
	archiveProjects = `SELECT ` + projectColumns + ` FROM projects WHERE id > ? ORDER BY id LIMIT ?`
	archiveKeys     = `SELECT ` + keyColumns + ` FROM keys WHERE id > ? ORDER BY id LIMIT ?`
	archiveClients  = `SELECT ` + clientColumns + ` FROM clients WHERE id > ? ORDER BY id LIMIT ?`
	archiveUsers    = `SELECT ` + userColumns + ` FROM users u WHERE u.id > ? ORDER BY u.id LIMIT ?`
	archiveGuesses  = `SELECT project, channel, address, total, whole FROM guesses WHERE (project, channel, address) > (?, ?, ?)
		ORDER BY project, channel, address LIMIT ?`
	archiveNetworks = `SELECT network, tries, next_try FROM guess_networks WHERE project = ? AND channel = ? AND address = ?
		ORDER BY network`
	archiveGrants   = `SELECT ` + grantColumns + ` FROM grants g WHERE g.id > ? ORDER BY g.id LIMIT ?`
	archiveSessions = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.id > ? ORDER BY s.id LIMIT ?`
	archiveEvents   = `SELECT ` + eventColumns + `, id FROM events WHERE id >= ? ORDER BY id LIMIT ?`

	archiveCursor  = `SELECT cursor FROM archives WHERE name = ? AND kind = ?`
	archiveAdvance = `INSERT INTO archives (name, kind, cursor) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET cursor = excluded.cursor`
)

// Records implements latchkey.Archive.
func (s *Store) Records(ctx context.Context, kind latchkey.RecordKind, after string, limit int) ([]latchkey.Record, error) {
	limit = max(limit, 0) // a negative LIMIT is none
	return find(ctx, s, func(c *conn) (rs []latchkey.Record, err error) {
		if kind == latchkey.EventRecord {
			return c.eventRecords(after, limit)
		}
		q, read, err := c.records(kind, after)
		if err != nil {
			return nil, err
		}
		defer q.reset()
		q.putInt(int64(limit))
		for {
			found, err := q.row()
			if !found {
				return rs, err
			}
			r, err := read(q)
			if err != nil {
				return nil, err
			}
			r.Kind = kind
			rs = append(rs, r)
		}
	})
}

// A reader reads one row as a record without its kind.
type reader func(*stmt) (latchkey.Record, error)

// records gives the query of a kind, bound up to its limit, and how one row of it is read.
func (c *conn) records(kind latchkey.RecordKind, after string) (*stmt, reader, error) {
	key, bad := hex.DecodeString(after)
	number, badNumber := strconv.ParseInt("0"+after, 10, 64)
	byBlob := func(text string) *stmt {
		q := c.stmt(text)
		q.putSmallest(key)
		return &q
	}
	byNumber := func(text string) *stmt {
		q := c.stmt(text)
		q.putInt(number)
		bad = badNumber
		return &q
	}
	var q *stmt
	var read reader
	switch kind {
	case latchkey.ProjectRecord:
		q, read = byBlob(archiveProjects), readProjectRecord
	case latchkey.KeyRecord:
		k := c.stmt(archiveKeys)
		k.putText(after)
		q, read, bad = &k, readKeyRecord, nil
	case latchkey.ClientRecord:
		q, read = byNumber(archiveClients), readClientRecord
	case latchkey.UserRecord:
		q, read = byBlob(archiveUsers), readUserRecord
	case latchkey.GuessRecord:
		g := c.stmt(archiveGuesses)
		bad = g.putGuessCursor(after)
		q, read = &g, c.readGuessRecord
	case latchkey.GrantRecord:
		q, read = byBlob(archiveGrants), readGrantRecord
	case latchkey.SessionRecord:
		q, read = byBlob(archiveSessions), readSessionRecord
	default:
		return nil, nil, latchkey.BadField("kind", "there is no such kind of record")
	}
	if bad != nil {
		q.reset()
		return nil, nil, latchkey.BadField("after", "not a cursor of this store")
	}
	return q, read, nil
}

func readProjectRecord(q *stmt) (latchkey.Record, error) {
	p, err := q.getProjectRow()
	return latchkey.Record{Cursor: hex.EncodeToString(p.ID.UUID[:]), Noun: p}, err
}

func readKeyRecord(q *stmt) (latchkey.Record, error) {
	k := q.getKeyRow()
	return latchkey.Record{Cursor: string(k.ID), Noun: k}, nil
}

func readClientRecord(q *stmt) (latchkey.Record, error) {
	c, err := q.getClientRow()
	return latchkey.Record{Cursor: strconv.FormatInt(int64(c.ID), 10), Noun: c}, err
}

func readUserRecord(q *stmt) (latchkey.Record, error) {
	u, err := q.getUserRow()
	return latchkey.Record{Cursor: hex.EncodeToString(u.ID.UUID[:]), Noun: u}, err
}

func (c *conn) readGuessRecord(q *stmt) (latchkey.Record, error) {
	g := latchkey.AddressGuesses{Project: q.getProject(), To: q.getAddress(), Total: int(q.getInt()), Whole: q.getTime()}
	n := c.stmt(archiveNetworks)
	defer n.reset()
	n.putUUID(g.Project.UUID)
	n.putAddress(g.To)
	for {
		found, err := n.row()
		if !found {
			cursor := strings.Join([]string{g.Project.String(), string(g.To.Channel()), g.To.Value()}, " ")
			return latchkey.Record{Cursor: cursor, Noun: g}, err
		}
		g.Networks = append(g.Networks, latchkey.NetworkGuesses{
			Network: latchkey.Network(n.getText()), Tries: int(n.getInt()), NextTry: n.getTime(),
		})
	}
}

// putGuessCursor binds what readGuessRecord gave.
func (q *stmt) putGuessCursor(after string) error {
	if after == "" {
		q.putSmallest(nil)
		q.putText("")
		q.putText("")
		return nil
	}
	parts := strings.SplitN(after, " ", 3)
	if len(parts) != 3 {
		return latchkey.Invalid
	}
	p, err := latchkey.ParseProjectID(parts[0])
	q.putUUID(p.UUID)
	q.putText(parts[1])
	q.putText(parts[2])
	return err
}

func readGrantRecord(q *stmt) (latchkey.Record, error) {
	g, err := q.getGrantRow()
	return latchkey.Record{Cursor: hex.EncodeToString(g.ID.Handle[:]), Noun: g}, err
}

func readSessionRecord(q *stmt) (latchkey.Record, error) {
	held := q.getSessionRow()
	return latchkey.Record{Cursor: hex.EncodeToString(held.ID.Handle[:]), Noun: held}, nil
}

// Added implements latchkey.Archive.
func (s *Store) Added(ctx context.Context, archive string, kind latchkey.RecordKind) (string, error) {
	return find(ctx, s, func(c *conn) (cursor string, err error) {
		q := c.stmt(archiveCursor)
		defer q.reset()
		q.putText(archive)
		q.putText(string(kind))
		if found, err := q.row(); !found {
			return "", err
		}
		return q.getText(), nil
	})
}

// AddRecords implements latchkey.Archive.
func (s *Store) AddRecords(ctx context.Context, archive string, rs []latchkey.Record) error {
	if len(rs) == 0 {
		return nil
	}
	return s.writer.do(ctx, func(c *conn) error {
		for _, r := range rs { // before anything is stored: a refusal is no failure, which would roll back
			if err := c.conflicts(r); err != nil {
				return err
			}
		}
		for _, r := range rs {
			if err := c.addRecord(r); err != nil {
				return err
			}
		}
		last := rs[len(rs)-1]
		q := c.stmt(archiveAdvance)
		q.putText(archive)
		q.putText(string(last.Kind))
		q.putText(last.Cursor)
		return q.exec()
	})
}

// addRecord stores one record, unless it is there.
func (c *conn) addRecord(r latchkey.Record) error {
	switch n := r.Noun.(type) {
	case latchkey.Project:
		return c.unlessThere(`SELECT 1 FROM projects WHERE id = ?`, n.ID.UUID[:], func() error { return c.insertProject(n) })
	case latchkey.Key:
		if there, err := c.hasKey(n.ID); there || err != nil {
			return err
		}
		return c.insertKey(n)
	case latchkey.Client:
		if there, err := c.hasClient(n.ID); there || err != nil {
			return err
		}
		return c.insertClient(n)
	case latchkey.User:
		return c.unlessThere(`SELECT 1 FROM users WHERE id = ?`, n.ID.UUID[:], func() error { return c.insertUser(n) })
	case latchkey.AddressGuesses:
		return c.addGuesses(n)
	case latchkey.Grant:
		return c.unlessThere(`SELECT 1 FROM grants WHERE id = ?`, n.ID.Handle[:], func() error { return c.insertGrant(n) })
	case latchkey.Session:
		return c.unlessThere(`SELECT 1 FROM sessions WHERE id = ?`, n.ID.Handle[:], func() error { return c.insertSession(n) })
	case latchkey.Event:
		return c.storeEventRow([]latchkey.Event{n}) // a row of its own: those of an import are of many days
	}
	return latchkey.BadField("noun", "there is no such record")
}

func (c *conn) unlessThere(query string, key []byte, insert func() error) error {
	if there, err := c.has(query, key); there || err != nil {
		return err
	}
	return insert()
}

// conflicts finds a user of another id who has an address of r. Errors: Conflict; Invalid for an unknown kind.
func (c *conn) conflicts(r latchkey.Record) error {
	if !slices.Contains(latchkey.RecordKinds(), r.Kind) {
		return latchkey.BadField("kind", "there is no such kind of record")
	}
	u, ok := r.Noun.(latchkey.User)
	if !ok {
		return nil
	}
	for _, a := range [...]latchkey.Address{u.Email, u.Phone} {
		if a.IsZero() {
			continue
		}
		if other, err := c.owner(u.Project, a); err != nil {
			return err
		} else if !other.ID.IsZero() && other.ID != u.ID {
			return &latchkey.Error{Code: latchkey.Conflict, Message: a.String() + " belongs to user " + other.ID.String() + " here, not to " + u.ID.String()}
		}
	}
	return nil
}

// addGuesses stores the guesses at an address that has none here.
func (c *conn) addGuesses(g latchkey.AddressGuesses) error {
	old, err := c.guesses(g.Project, g.To, "")
	if err != nil || !old.IsZero() {
		return err
	}
	if err := c.putGuesses(g.Project, g.To, latchkey.Guesses{Total: g.Total, Whole: g.Whole}); err != nil {
		return err
	}
	for _, n := range g.Networks {
		next := latchkey.Guesses{Total: g.Total, Whole: g.Whole, FromNetwork: n.Tries, NextTry: n.NextTry}
		if err := c.storeGuesses(g.Project, g.To, n.Network, old, next); err != nil {
			return err
		}
	}
	return nil
}
