package sqlite

import (
	"context"
	"encoding/hex"
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

	archiveCursor = `SELECT cursor FROM archives WHERE name = ? AND kind = ?`
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
