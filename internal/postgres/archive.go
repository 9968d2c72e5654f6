package postgres

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// The records of each kind in the order of their primary keys.
const (
	archiveProjects = `SELECT ` + projectColumns + ` FROM projects WHERE id > $1 ORDER BY id LIMIT $2`
	archiveKeys     = `SELECT ` + keyColumns + ` FROM keys WHERE id > $1 ORDER BY id LIMIT $2`
	archiveClients  = `SELECT ` + clientColumns + ` FROM clients WHERE id > $1 ORDER BY id LIMIT $2`
	archiveUsers    = `SELECT ` + userColumns + ` FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2`
	archiveGuesses  = `SELECT g.project, g.channel, g.address, g.total, g.whole, n.network, n.tries, n.next_try
		FROM (SELECT * FROM guesses WHERE (project, channel, address) > ($1, $2, $3)
			ORDER BY project, channel, address LIMIT $4) AS g
		LEFT JOIN guess_networks n ON n.project = g.project AND n.channel = g.channel AND n.address = g.address
		ORDER BY g.project, g.channel, g.address, n.network`
	archiveGrants   = `SELECT ` + grantColumns + ` FROM grants g WHERE g.id > $1 ORDER BY g.id LIMIT $2`
	archiveSessions = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.id > $1 ORDER BY s.id LIMIT $2`
	archiveEvents   = `SELECT ` + eventColumns + `, id FROM events WHERE id > $1 ORDER BY id LIMIT $2`

	archiveCursor  = `SELECT cursor FROM archives WHERE name = $1 AND kind = $2`
	archiveAdvance = `INSERT INTO archives (name, kind, cursor) VALUES ($1, $2, $3)
		ON CONFLICT (name, kind) DO UPDATE SET cursor = excluded.cursor`

	// A record that is there already stays as it is.
	orKeep         = ` ON CONFLICT (id) DO NOTHING`
	archiveGrant   = insertGrant + orKeep
	archiveSession = insertSession + orKeep
	archiveUser    = insertUserRow + orKeep
	archiveNetwork = insertNetwork + ` ON CONFLICT (project, channel, address, network) DO NOTHING`
)

// Records implements latchkey.Archive.
func (s *Store) Records(ctx context.Context, kind latchkey.RecordKind, after string, limit int) ([]latchkey.Record, error) {
	q, read, err := records(kind, after)
	if err != nil {
		return nil, err
	}
	q.putInt(int64(max(limit, 0)))
	rs, err := find(ctx, s, q, read)
	for i := range *rs {
		(*rs)[i].Kind = kind
	}
	return *rs, err
}

// A recordReader adds one row to the records, without their kind.
type recordReader func(*[]latchkey.Record, *row)

// records gives the query of a kind, up to its limit, and how one row of it is read.
func records(kind latchkey.RecordKind, after string) (q *stmt, read recordReader, err error) {
	switch kind {
	case latchkey.ProjectRecord:
		q, read = query(archiveProjects), readRecord(func(r *row) (string, any) { p := r.getProjectRow(); return hexOf(p.ID.UUID[:]), p })
		err = q.putUUIDCursor(after)
	case latchkey.KeyRecord:
		q, read = query(archiveKeys), readRecord(func(r *row) (string, any) { k := r.getKeyRow(); return string(k.ID), k })
		q.putText(after)
	case latchkey.ClientRecord:
		q, read = query(archiveClients), readRecord(func(r *row) (string, any) { c := r.getClientRow(); return strconv.FormatInt(int64(c.ID), 10), c })
		err = q.putNumberCursor(after)
	case latchkey.UserRecord:
		q, read = query(archiveUsers), readRecord(func(r *row) (string, any) {
			var u latchkey.User
			r.getUserRow(&u)
			return hexOf(u.ID.UUID[:]), u
		})
		err = q.putUUIDCursor(after)
	case latchkey.GuessRecord:
		q, read = query(archiveGuesses), readGuessRecord
		err = q.putGuessCursor(after)
	case latchkey.GrantRecord:
		q, read = query(archiveGrants), readRecord(func(r *row) (string, any) { g := r.getGrantRow(); return hexOf(g.ID.Handle[:]), g })
		err = q.putHandleCursor(after)
	case latchkey.SessionRecord:
		q, read = query(archiveSessions), readRecord(func(r *row) (string, any) {
			var held latchkey.Session
			r.getSessionRow(&held)
			return hexOf(held.ID.Handle[:]), held
		})
		err = q.putHandleCursor(after)
	case latchkey.EventRecord:
		q, read = query(archiveEvents), readRecord(func(r *row) (string, any) {
			e := r.getEventRow()
			return strconv.FormatInt(r.getInt(), 10), e
		})
		err = q.putNumberCursor(after)
	default:
		return nil, nil, latchkey.BadField("kind", "there is no such kind of record")
	}
	if err != nil {
		return nil, nil, latchkey.BadField("after", "not a cursor of this store")
	}
	return q, read, nil
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func readRecord(read func(*row) (cursor string, noun any)) recordReader {
	return func(rs *[]latchkey.Record, r *row) {
		cursor, noun := read(r)
		*rs = append(*rs, latchkey.Record{Cursor: cursor, Noun: noun})
	}
}

// readGuessRecord reads the row of one network, which belongs to the record before it or begins one.
func readGuessRecord(rs *[]latchkey.Record, r *row) {
	g := latchkey.AddressGuesses{Project: r.getProject(), To: r.getAddress(), Total: int(r.getInt()), Whole: r.getTime()}
	n := latchkey.NetworkGuesses{Network: latchkey.Network(r.getText()), Tries: int(r.getInt()), NextTry: r.getTime()}
	cursor := strings.Join([]string{g.Project.String(), string(g.To.Channel()), g.To.Value()}, " ")
	if last := len(*rs) - 1; last < 0 || (*rs)[last].Cursor != cursor {
		*rs = append(*rs, latchkey.Record{Cursor: cursor, Noun: g})
	}
	if n.Network == "" {
		return // an address without networks
	}
	last := &(*rs)[len(*rs)-1]
	if held, ok := last.Noun.(latchkey.AddressGuesses); ok {
		held.Networks = append(held.Networks, n)
		last.Noun = held
	}
}

func (q *stmt) putUUIDCursor(after string) error {
	key, err := hex.DecodeString(after)
	var id latchkey.UUID
	copy(id[:], key)
	put(q, oidUUID, id[:])
	return err
}

func (q *stmt) putHandleCursor(after string) error {
	key, err := hex.DecodeString(after)
	put(q, oidBytea, key)
	return err
}

func (q *stmt) putNumberCursor(after string) error {
	n, err := strconv.ParseInt("0"+after, 10, 64)
	q.putInt(n)
	return err
}

// putGuessCursor puts what readGuessRecord gave.
func (q *stmt) putGuessCursor(after string) error {
	if after == "" {
		put(q, oidUUID, make([]byte, len(latchkey.UUID{})))
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

// Added implements latchkey.Archive.
func (s *Store) Added(ctx context.Context, archive string, kind latchkey.RecordKind) (string, error) {
	q := query(archiveCursor)
	q.putText(archive)
	q.putText(string(kind))
	cursor, err := find(ctx, s, q, func(cursor *string, r *row) { *cursor = r.getText() })
	return *cursor, err
}

// adding is how long AddRecords may take: nobody waits in a login for it.
const adding = time.Minute

// AddRecords implements latchkey.Archive.
func (s *Store) AddRecords(ctx context.Context, archive string, rs []latchkey.Record) error {
	if len(rs) == 0 {
		return nil
	}
	added, err := addRecords(rs)
	if err != nil {
		return err
	}
	last := rs[len(rs)-1]
	q := query(archiveAdvance)
	q.putText(archive)
	q.putText(string(last.Kind))
	q.putText(last.Cursor)
	_, err = s.alone(ctx, adding, nil, append(append([]*stmt{query(unlimited)}, added...), q)...)
	if latchkey.CodeOf(err) == latchkey.Conflict {
		return s.whoseAddress(ctx, rs, err)
	}
	return err
}

// FinishRecords implements latchkey.Archive: nothing was put off.
func (s *Store) FinishRecords(context.Context) error { return nil }

// addRecords gives the statements that store records of one kind, those excepted that are there.
func addRecords(rs []latchkey.Record) ([]*stmt, error) {
	bad := latchkey.BadField("kind", "there is no such kind of record")
	var stmts []*stmt
	if step, fill := bulkOf(rs[0].Kind); step != "" {
		for _, r := range rs {
			q := &stmt{}
			if !fill(q, r.Noun) {
				return nil, bad
			}
			stmts = append(stmts, q)
		}
		return []*stmt{bulk(step, stmts)}, nil
	}
	for _, r := range rs {
		c := newChange(0)
		switch n := r.Noun.(type) {
		case latchkey.Project:
			texts, err := textsOf(n)
			if err != nil {
				return nil, err
			}
			c.step(insertProject)
			c.putProject(n, texts)
		case latchkey.Key:
			c.step(insertKey)
			c.putKey(n)
		case latchkey.Client:
			texts, err := clientTextsOf(n)
			if err != nil {
				return nil, err
			}
			taken := query(takeClientID)
			taken.putInt(int64(n.ID))
			stmts = append(stmts, taken)
			c.step(insertClient)
			c.putInt(int64(n.ID))
			c.putUUID(n.Project.UUID)
			c.putClient(n, texts)
		case latchkey.AddressGuesses:
			c.guard(firstGuess)
			c.putProjectAddress(n.Project, n.To)
			c.putCounts(latchkey.Guesses{Total: n.Total, Whole: n.Whole})
			for _, from := range n.Networks {
				c.step(archiveNetwork)
				c.putNetwork(n.Project, n.To, from.Network, from.Tries, from.NextTry)
			}
		default:
			return nil, bad
		}
		stmts = append(stmts, c.end())
	}
	return stmts, nil
}

// whoseAddress says which user of rs has an address that belongs to another one here. err is what it is otherwise.
func (s *Store) whoseAddress(ctx context.Context, rs []latchkey.Record, err error) error {
	for _, r := range rs {
		u, _ := r.Noun.(latchkey.User)
		for _, a := range [...]latchkey.Address{u.Email, u.Phone} {
			if a.IsZero() {
				continue
			}
			owners, failed := s.Users(ctx, u.Project, a, latchkey.UserID{}, 1)
			if failed == nil && len(owners) == 1 && owners[0].ID != u.ID {
				return &latchkey.Error{Code: latchkey.Conflict, Message: a.String() + " belongs to user " + owners[0].ID.String() +
					" here, not to " + u.ID.String()}
			}
		}
	}
	return err
}
