package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// people gives n records of users with an email each and every third with a phone.
func people(ns *storetest.Nouns, p latchkey.ProjectID, n int) (rs []latchkey.Record) {
	for i := range n {
		u := latchkey.NewUser(ns.UserID(storetest.Noon()), p, ns.Email(), storetest.Noon())
		if i%3 == 0 {
			u.Phone = ns.Phone()
		}
		rs = append(rs, latchkey.Record{Kind: latchkey.UserRecord, Cursor: u.ID.String(), Noun: u})
	}
	return rs
}

// indexes gives what makes each index of users.
func indexes(t *testing.T, s *Store) []string {
	t.Helper()
	all, err := find(t.Context(), s, func(c *conn) ([]string, error) {
		return c.texts(`SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'users' AND sql NOT NULL ORDER BY name`)
	})
	must(t, err)
	return all
}

// sound fails unless s has the indexes of a fresh store, nothing else that is broken, and finds rs by their addresses.
func sound(t *testing.T, s *Store, rs []latchkey.Record) {
	t.Helper()
	if fresh, has := indexes(t, newStore(t)), indexes(t, s); len(fresh) != 3 || !slices.Equal(fresh, has) {
		t.Errorf("users have the indexes %q, those of a fresh store are %q", has, fresh)
	}
	for query, want := range map[string]string{`PRAGMA integrity_check`: "ok", `SELECT count(*) FROM put_off`: "0"} {
		got, err := find(t.Context(), s, func(c *conn) ([]string, error) { return c.texts(query) })
		must(t, err)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	for _, r := range rs {
		u := r.Noun.(latchkey.User)
		for _, at := range addresses(u) {
			found, err := s.Users(t.Context(), u.Project, at.address, latchkey.UserID{}, 1)
			if err != nil || len(found) != 1 || found[0] != u {
				t.Fatalf("by %v: %+v, %v; want %+v", at.address, found, err, u)
			}
		}
	}
}

// inBulk gives a store that took in some users and has not finished.
func inBulk(t *testing.T, path string, ns *storetest.Nouns) (*Store, []latchkey.Record) {
	t.Helper()
	s := openAt(t, path)
	rs := people(ns, newProject(t, s).ID, 50)
	must(t, s.AddRecords(t.Context(), "a", rs[:30]))
	must(t, s.AddRecords(t.Context(), "a", rs[30:]))
	if left := indexes(t, s); len(left) != 0 {
		t.Fatalf("while users are taken in there are indexes: %v", left)
	}
	return s, rs
}

func TestBulkEndsWithItsIndexes(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(ctx context.Context, s *Store, p latchkey.ProjectID) error{
		"finished": func(ctx context.Context, s *Store, _ latchkey.ProjectID) error { return s.FinishRecords(ctx) },
		"another kind": func(ctx context.Context, s *Store, p latchkey.ProjectID) error {
			return s.AddRecords(ctx, "a", []latchkey.Record{{Kind: latchkey.EventRecord, Noun: latchkey.Event{At: storetest.Noon(), Project: p}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ns storetest.Nouns
			s, rs := inBulk(t, filepath.Join(t.TempDir(), "latchkey.db"), &ns)
			defer func() { must(t, s.Close()) }()
			must(t, end(t.Context(), s, rs[0].Noun.(latchkey.User).Project))
			sound(t, s, rs)
			must(t, s.FinishRecords(t.Context()))
			more := people(&ns, rs[0].Noun.(latchkey.User).Project, 10)
			must(t, s.AddRecords(t.Context(), "a", more))
			sound(t, s, append(rs, more...))
		})
	}
}

// TestBulkThatWasCutOff: whoever opens the store next makes the indexes, unless who holds its lock may be about to.
func TestBulkThatWasCutOff(t *testing.T) {
	t.Parallel()
	for name, reopen := range map[string]func(t *testing.T, path string){
		"opened": func(t *testing.T, path string) {},
		"migrated": func(t *testing.T, path string) {
			_, err := Migrate(t.Context(), path)
			must(t, err)
			lock, err := lockFile(path) // so that opening it again makes nothing
			must(t, err)
			s := openAt(t, path)
			sound(t, s, nil)
			must(t, s.Close())
			must(t, lock.release())
		},
		"opened as a server": func(t *testing.T, path string) {
			s, err := OpenServer(t.Context(), path)
			must(t, err)
			must(t, s.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "latchkey.db")
			var ns storetest.Nouns
			s, rs := inBulk(t, path, &ns)
			crashed := filepath.Join(t.TempDir(), "it's", "latchkey.db") // the files as a power cut would leave them
			must(t, os.Mkdir(filepath.Dir(crashed), 0o700))
			for _, suffix := range []string{"", "-wal"} {
				b, err := os.ReadFile(path + suffix)
				must(t, err)
				must(t, os.WriteFile(crashed+suffix, b, 0o600))
			}
			must(t, s.Close())
			for _, path := range []string{path, crashed} {
				reopen(t, path)
				s := openAt(t, path)
				sound(t, s, rs)
				cursor, err := s.Added(t.Context(), "a", latchkey.UserRecord)
				if last := rs[len(rs)-1].Cursor; err != nil || cursor != last {
					t.Errorf("the cursor is %q, %v; want %q", cursor, err, last)
				}
				must(t, s.Close())
			}
		})
	}
}

func TestBulkIsLeftToWhoHoldsTheLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	var ns storetest.Nouns
	before, rs := inBulk(t, path, &ns)
	must(t, before.Close())
	lock, err := lockFile(path)
	must(t, err)
	other := openAt(t, path)
	if made := indexes(t, other); len(made) > 0 {
		t.Errorf("an import is at work, and another program made %v", made)
	}
	must(t, other.Close())
	must(t, lock.release())
	s := openAt(t, path)
	sound(t, s, rs)
	must(t, s.Close())
}

// TestBulkKeepsAddressesApart: while there is no index to say so, as with one.
func TestBulkKeepsAddressesApart(t *testing.T) {
	t.Parallel()
	type fixture struct {
		*testing.T
		s    *Store
		path string
		ns   *storetest.Nouns
		rs   []latchkey.Record
	}
	user := func(f fixture, i int) latchkey.User { return f.rs[i].Noun.(latchkey.User) }
	record := func(u latchkey.User) latchkey.Record {
		return latchkey.Record{Kind: latchkey.UserRecord, Cursor: u.ID.String(), Noun: u}
	}
	create := func(f fixture, s *Store) latchkey.User {
		u := latchkey.NewUser(f.ns.UserID(storetest.Noon()), user(f, 0).Project, f.ns.Email(), storetest.Noon())
		must(f.T, s.CreateUser(f.Context(), u, f.ns.Event(latchkey.UserCreated, u.Project, storetest.Noon())))
		return u
	}
	for name, c := range map[string]struct {
		double func(fixture) latchkey.User // somebody whose address, or id, is there
		want   latchkey.Code
		words  string
	}{
		"an email of this archive": {func(f fixture) latchkey.User {
			return latchkey.NewUser(f.ns.UserID(storetest.Noon()), user(f, 7).Project, user(f, 7).Email, storetest.Noon())
		}, latchkey.Conflict, "belongs to user"},
		"a phone of this archive": {func(f fixture) latchkey.User {
			return latchkey.NewUser(f.ns.UserID(storetest.Noon()), user(f, 3).Project, user(f, 3).Phone, storetest.Noon())
		}, latchkey.Conflict, "belongs to user"},
		"of somebody made by another program": {func(f fixture) latchkey.User {
			lock, err := lockFile(f.path)
			must(f.T, err)
			other := openAt(f.T, f.path)
			made := create(f, other)
			must(f.T, other.Close())
			must(f.T, lock.release())
			made.ID = f.ns.UserID(storetest.Noon())
			return made
		}, latchkey.Conflict, "belongs to user"},
		"of somebody made by this program": {func(f fixture) latchkey.User {
			made := create(f, f.s)
			made.ID = f.ns.UserID(storetest.Noon())
			return made
		}, latchkey.Conflict, "belongs to user"},
		"the same user again": {func(f fixture) latchkey.User { return user(f, 5) }, "", ""},
		"the same id with another address": {func(f fixture) latchkey.User {
			u := user(f, 5)
			u.Email = f.ns.Email()
			return u
		}, "", ""},
		"the same id with somebody's address": {func(f fixture) latchkey.User {
			u := user(f, 5)
			u.Email = user(f, 6).Email
			return u
		}, latchkey.Conflict, "belongs to user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fixture{T: t, path: filepath.Join(t.TempDir(), "latchkey.db"), ns: &storetest.Nouns{}}
			f.s, f.rs = inBulk(t, f.path, f.ns)
			defer func() { must(t, f.s.Close()) }()
			double := c.double(f)
			stranger := people(f.ns, double.Project, 1)
			err := f.s.AddRecords(t.Context(), "a", append(stranger, record(double)))
			want := f.rs
			if c.want == "" {
				must(t, err)
				want = append(want, stranger...)
			} else if latchkey.CodeOf(err) != c.want || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %v with words like %q", err, c.want, c.words)
			} else if us, err := f.s.Users(t.Context(), double.Project, stranger[0].Noun.(latchkey.User).Email, latchkey.UserID{}, 1); err != nil ||
				len(us) != 0 {
				t.Errorf("who came with it was stored: %v, %v", us, err)
			}
			must(t, f.s.FinishRecords(t.Context()))
			sound(t, f.s, want)
		})
	}
}

// TestBulkOfOneCommit: two of one address in the first commit of all.
func TestBulkOfOneCommit(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	rs := people(&ns, newProject(t, s).ID, 4)
	double := rs[3].Noun.(latchkey.User)
	double.Email = rs[1].Noun.(latchkey.User).Email
	rs[3].Noun = double
	err := s.AddRecords(t.Context(), "a", rs)
	if latchkey.CodeOf(err) != latchkey.Conflict || !strings.Contains(err.Error(), "belongs to two users of the archive") {
		t.Errorf("two users of one address: %v", err)
	}
	if us, err := s.Users(t.Context(), double.Project, latchkey.Address{}, latchkey.UserID{}, 10); err != nil || len(us) != 0 {
		t.Errorf("stored all the same: %v, %v", us, err)
	}
	sound(t, s, nil)
}

// TestBulkStopsWithItsContext: sorting many addresses takes a minute, which a keypress must end.
func TestBulkStopsWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	var ns storetest.Nouns
	s, rs := inBulk(t, path, &ns)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := translate(makeIndexes(ctx, path)); latchkey.CodeOf(err) != latchkey.Unavailable {
		t.Errorf("stopped: %v, want unavailable", err)
	}
	if made := indexes(t, s); len(made) > 0 {
		t.Errorf("stopped, and there are %v", made)
	}
	must(t, s.FinishRecords(t.Context()))
	sound(t, s, rs)
	must(t, s.Close())
}

// TestRecordsMakeACheckpointDue: by their number, or the log of an import would grow as long as two hundred of its commits.
func TestRecordsMakeACheckpointDue(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	must(t, s.AddRecords(t.Context(), "a", people(&ns, newProject(t, s).ID, checkpointAfter/2)))
	written := 0
	must(t, s.writer.do(t.Context(), func(*conn) error { written = s.checkpoint.since; return nil }))
	if written < checkpointAfter/2 {
		t.Errorf("%d records were stored, and %d counted", checkpointAfter/2, written)
	}
}
