package sqlite

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"path/filepath"
	"strings"

	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/latchkey-dev/latchkey"
)

const (
	// bulkCache is what may be kept of the database while an archive is taken in: 64 MiB, which is also what is sorted at a time.
	bulkCache = "cache_size=-65536"
	// bulkMost is how many addresses a bulk remembers, at 14 bytes each.
	bulkMost = 30_000_000
)

// A bulk is the taking in of users by a store that has none. Their indexes are dropped by the commit that stores the first
// of them, and made again by sorting when the last one is there: addresses are in no order, and ten million of them put into
// an index one by one write each of its pages again and again (docs/adr/023-indexes-put-off.md).
//
// An index also keeps two users from having one address. Until it is there, seen does: what it does not hold is new. At the
// least doubt (an address that was seen, something written by somebody else) the indexes are made at once, and say.
// The zero value is no bulk.
type bulk struct {
	seen  map[uint64]struct{} // hashes of the addresses stored; nil: no bulk
	seed  maphash.Seed
	stamp stamp // after the last commit
}

// A stamp is a state of the database, as far as one connection can tell: what others committed, and what it changed itself.
type stamp struct{ others, own int64 }

// A place is where an address may stand once.
type place struct {
	project latchkey.ProjectID
	address latchkey.Address
}

// addresses are those that u has proved.
func addresses(u latchkey.User) (ps []place) {
	for _, a := range [...]latchkey.Address{u.Email, u.Phone} {
		if !a.IsZero() {
			ps = append(ps, place{u.Project, a})
		}
	}
	return ps
}

// takes reports whether all addresses of rs are new, and remembers them.
func (b *bulk) takes(rs []latchkey.Record) bool {
	for _, r := range rs {
		u, _ := r.Noun.(latchkey.User)
		for _, p := range addresses(u) {
			hash := maphash.Comparable(b.seed, p)
			if _, there := b.seen[hash]; there {
				return false
			}
			b.seen[hash] = struct{}{}
		}
	}
	return len(b.seen) < bulkMost
}

func (b *bulk) on() bool { return b.seen != nil }

// errPutOff takes back what needs indexes that were put off.
var errPutOff = errors.New("the indexes of users are put off")

// readyFor goes on with a bulk or begins one, in the transaction that is about to store rs. It gives errPutOff for what no bulk
// takes, while there is one.
func (c *conn) readyFor(rs []latchkey.Record) error {
	users := rs[0].Kind == latchkey.UserRecord
	if users && c.bulk.on() {
		now, err := c.stamp()
		if err != nil || now == c.bulk.stamp && c.bulk.takes(rs) {
			return err
		}
	}
	c.bulk = bulk{}
	if putOff, err := c.any("put_off"); err != nil || putOff {
		return cmp.Or(err, errPutOff)
	}
	if there, err := c.any("users"); err != nil || there || !users {
		return cmp.Or(err, c.pragmas(bulkCache)) // until Close: a program that takes in an archive does nothing else
	}
	c.bulk = bulk{seen: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
	if !c.bulk.takes(rs) {
		c.bulk = bulk{}
		return nil
	}
	return c.putOffIndexes()
}

// noteStamp follows readyFor once rs are stored.
func (c *conn) noteStamp() (err error) {
	if c.bulk.on() {
		c.bulk.stamp, err = c.stamp()
	}
	return err
}

func (c *conn) stamp() (now stamp, err error) {
	q := c.stmt(`SELECT data_version, total_changes() FROM pragma_data_version`)
	defer q.reset()
	if _, err := q.row(); err != nil {
		return now, err
	}
	return stamp{q.getInt(), q.getInt()}, nil
}

// any reports whether a table has a row.
func (c *conn) any(table string) (bool, error) {
	q := c.stmt(`SELECT 1 FROM ` + table + ` LIMIT 1`)
	defer q.reset()
	return q.row()
}

// putOffIndexes drops the indexes of users and keeps what makes them.
func (c *conn) putOffIndexes() error {
	statements, err := c.texts(`INSERT INTO put_off SELECT sql FROM sqlite_schema
		WHERE type = 'index' AND tbl_name = 'users' AND sql NOT NULL RETURNING statement`)
	for _, text := range statements {
		_, after, _ := strings.Cut(text, "INDEX ")
		name, _, _ := strings.Cut(after, " ")
		if err == nil {
			err = sqlitex.ExecuteTransient(c.Conn, "DROP INDEX "+name, nil)
		}
	}
	return err
}

// texts gives the first column of all rows.
func (c *conn) texts(query string) (all []string, err error) {
	q := c.stmt(query)
	defer q.reset()
	for {
		found, err := q.row()
		if !found {
			return all, err
		}
		all = append(all, q.getText())
	}
}

// mend makes the indexes that a bulk put off which did not get to its end. Where somebody holds the lock of path, which is
// nil if not this process, that may be an import at work: it makes them itself.
func (c *conn) mend(ctx context.Context, path string, lock *fileLock) (err error) {
	for _, text := range [...]string{`SELECT 1 FROM sqlite_schema WHERE name = 'put_off'`, `SELECT 1 FROM put_off`} {
		if rows, err := c.texts(text); err != nil || len(rows) == 0 {
			return err
		}
	}
	if lock == nil {
		if lock, err = lockFile(path); err != nil {
			return nil
		}
		defer func() { err = errors.Join(err, lock.release()) }()
	}
	return makeIndexes(ctx, path)
}

// makeIndexes makes what was put off, all in one transaction, on a connection of its own. What does not fit into memory is
// sorted in files beside the database: there is room for it, where /tmp may be small.
func makeIndexes(ctx context.Context, path string) (err error) {
	c, err := connect(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	folder := strings.ReplaceAll(filepath.Dir(path), "'", "''")
	if err := c.pragmas(bulkCache, "temp_store=FILE", "temp_store_directory='"+folder+"'"); err != nil {
		return err
	}
	c.SetInterrupt(ctx.Done())
	end, err := sqlitex.ImmediateTransaction(c.Conn)
	if err != nil {
		return err
	}
	defer end(&err)
	statements, err := c.texts(`SELECT statement FROM put_off`)
	for _, text := range append(statements, "DELETE FROM put_off") {
		if err == nil {
			err = sqlitex.ExecuteTransient(c.Conn, text, nil)
		}
	}
	return err
}
