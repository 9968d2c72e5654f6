package sqlite

import (
	"context"
	"errors"
	"slices"

	"github.com/latchkey-dev/latchkey"
)

const (
	archiveAdvance = `INSERT INTO archives (name, kind, cursor) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET cursor = excluded.cursor`
	addUser        = insertUser + ` ON CONFLICT (id) DO NOTHING`
)

// errOthersAddress takes back what was stored along with a user whose address is another one's.
var errOthersAddress = errors.New("an address belongs to another user")

// AddRecords implements latchkey.Archive.
func (s *Store) AddRecords(ctx context.Context, archive string, rs []latchkey.Record) error {
	if len(rs) == 0 {
		return nil
	}
	for _, r := range rs {
		if !slices.Contains(latchkey.RecordKinds(), r.Kind) {
			return latchkey.BadField("kind", "there is no such kind of record")
		}
	}
	err := s.addRecords(ctx, archive, rs)
	if errors.Is(err, errPutOff) {
		if err = s.FinishRecords(ctx); err == nil {
			err = s.addRecords(ctx, archive, rs)
		}
	}
	if errors.Is(err, errOthersAddress) || latchkey.CodeOf(err) == latchkey.Conflict {
		return s.whoseAddress(ctx, rs, err)
	}
	return err
}

// addRecords is AddRecords but for what was put off: errPutOff then.
func (s *Store) addRecords(ctx context.Context, archive string, rs []latchkey.Record) error {
	return s.writer.do(ctx, func(c *conn) error {
		if err := c.readyFor(rs); err != nil {
			return err
		}
		for _, r := range rs {
			if err := c.addRecord(r); err != nil {
				return err
			}
		}
		c.rows += len(rs)
		last := rs[len(rs)-1]
		q := c.stmt(archiveAdvance)
		q.putText(archive)
		q.putText(string(last.Kind))
		q.putText(last.Cursor)
		return errors.Join(q.exec(), c.noteStamp())
	})
}

// FinishRecords implements latchkey.Archive.
func (s *Store) FinishRecords(ctx context.Context) error {
	var putOff bool
	err := s.writer.do(ctx, func(c *conn) (err error) {
		putOff, err = c.any("put_off")
		return err
	})
	if err != nil || !putOff {
		return err
	}
	return translate(makeIndexes(ctx, s.path))
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
		return c.addUser(n)
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

// addUser stores a user, unless the id is there: then the address still must not be somebody else's.
func (c *conn) addUser(u latchkey.User) error {
	q := c.stmt(addUser)
	q.putUser(u)
	if err := q.exec(); err != nil || c.Changes() > 0 {
		return err
	}
	if c.bulk.on() { // who has an address is told by an index
		return errPutOff
	}
	for _, at := range addresses(u) {
		if other, err := c.owner(u.Project, at.address); err != nil {
			return err
		} else if !other.ID.IsZero() && other.ID != u.ID {
			return errOthersAddress
		}
	}
	return nil
}

// whoseAddress says which user of rs has an address that belongs to another one, here or in rs. err is what it is otherwise.
func (s *Store) whoseAddress(ctx context.Context, rs []latchkey.Record, err error) error {
	seen := map[place]latchkey.UserID{}
	for _, r := range rs {
		u, _ := r.Noun.(latchkey.User)
		for _, at := range addresses(u) {
			owners, failed := s.Users(ctx, u.Project, at.address, latchkey.UserID{}, 1)
			if failed == nil && len(owners) == 1 && owners[0].ID != u.ID {
				return &latchkey.Error{Code: latchkey.Conflict, Message: at.address.String() + " belongs to user " +
					owners[0].ID.String() + " here, not to " + u.ID.String()}
			}
			if other, twice := seen[at]; twice && other != u.ID {
				return &latchkey.Error{Code: latchkey.Conflict, Message: at.address.String() + " belongs to two users of the archive, " +
					other.String() + " and " + u.ID.String()}
			}
			seen[at] = u.ID
		}
	}
	return err
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
