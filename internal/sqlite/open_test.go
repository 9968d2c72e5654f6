package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// script runs SQL on the file at path with a connection that is none of ours.
func script(t *testing.T, path, text string) {
	t.Helper()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sqlitex.ExecuteScript(c, text, nil), c.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestOpenSaysWhatIsWrong: an operator at night gets one sentence that names the file and what to do.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file    string
		prepare func(t *testing.T, path string)
		want    string
	}{
		"folder missing": {file: "missing/latchkey.db", want: "does not exist"},
		"folder is a file": {file: "file/latchkey.db", want: "is not a folder", prepare: func(t *testing.T, path string) {
			must(t, os.WriteFile(filepath.Dir(path), nil, 0o600))
		}},
		"not a database": {want: "is not a database", prepare: func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("not a database at all. ", 1000)), 0o600))
		}},
		"damaged": {want: "damaged", prepare: func(t *testing.T, path string) {
			must(t, openAt(t, path).Close())
			b, err := os.ReadFile(path)
			must(t, err)
			for i := 100; i < 4096; i++ { // the page that lists the tables, its header aside
				b[i] = 0xff
			}
			must(t, os.WriteFile(path, b, 0o600))
		}},
		"a folder": {want: "cannot be opened", prepare: func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }},
		"another program's": {want: "another program", prepare: func(t *testing.T, path string) {
			script(t, path, "CREATE TABLE songs (title TEXT)")
		}},
		"another program's, marked": {want: "another program", prepare: func(t *testing.T, path string) {
			script(t, path, "PRAGMA application_id = 7; PRAGMA user_version = 1")
		}},
		"newer": {want: "database schema 9999 is newer than this program knows (", prepare: func(t *testing.T, path string) {
			must(t, openAt(t, path).Close())
			script(t, path, "PRAGMA user_version = 9999")
		}},
		"locked": {want: "locked by another program", prepare: func(t *testing.T, path string) {
			c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
			must(t, err)
			t.Cleanup(func() { must(t, c.Close()) })
			must(t, sqlitex.ExecuteScript(c, "CREATE TABLE t (x)", nil))
			must(t, sqlitex.ExecuteTransient(c, "BEGIN EXCLUSIVE", nil))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := c.file
			if file == "" {
				file = "latchkey.db"
			}
			path := filepath.Join(t.TempDir(), file)
			if c.prepare != nil {
				c.prepare(t, path)
			}
			s, err := Open(t.Context(), path)
			if err == nil {
				t.Fatalf("Open succeeded (%v), want an error with %q", s.Close(), c.want)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %v\nwant words like %q", err, c.want)
			}
			if _, err := OpenServer(t.Context(), path); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("OpenServer: %v\nwant words like %q", err, c.want)
			}
		})
	}
}

// TestReadOnlyIsExplained: the rights of files do not bind root, so the error itself is made by hand.
func TestReadOnlyIsExplained(t *testing.T) {
	t.Parallel()
	err := explain("x.db", sqlite.ResultReadOnly.ToError())
	if !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("read-only: %v", err)
	}
}

func TestTwoServersRefuseEachOther(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	server, err := OpenServer(t.Context(), path)
	must(t, err)
	if _, err := OpenServer(t.Context(), path); err == nil || !strings.Contains(err.Error(), "another latchkey server is using "+path) {
		t.Errorf("a second server: %v", err)
	}
	command := openAt(t, path)
	p := newProject(t, command)
	if _, err := server.Project(t.Context(), p.ID); err != nil {
		t.Errorf("the server does not see what a command wrote: %v", err)
	}
	must(t, command.Close())
	newProject(t, server) // the command took no lock with it
	must(t, server.Close())
	server, err = OpenServer(t.Context(), path)
	must(t, err)
	must(t, server.Close())
}

func TestOnlyTheOwnerReads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := OpenServer(t.Context(), filepath.Join(dir, "latchkey.db"))
	must(t, err)
	newProject(t, s)
	files, err := os.ReadDir(dir)
	must(t, err)
	if len(files) != 4 { // the database, its log, the log's index, the lock
		t.Errorf("%d files, want 4", len(files))
	}
	for _, f := range files {
		info, err := f.Info()
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 600", f.Name(), info.Mode().Perm())
		}
	}
	must(t, s.Close())
}

// TestCommitsReachTheDisk: with any other setting a power cut loses what was answered.
func TestCommitsReachTheDisk(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for name, c := range map[string]*conn{"writer": s.writer.conn, "checkpointer": s.checkpoint.conn} {
		if got := pragma(t, c, "synchronous"); got != "2" {
			t.Errorf("the %s has synchronous=%s, want 2 (FULL)", name, got)
		}
		if got := pragma(t, c, "journal_mode"); got != "wal" {
			t.Errorf("the %s has journal_mode=%s, want wal", name, got)
		}
	}
}

func pragma(t *testing.T, c *conn, name string) string {
	t.Helper()
	q := c.stmt("PRAGMA " + name)
	defer q.reset()
	_, err := q.row()
	must(t, err)
	return q.getText()
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	all, err := migrationNames()
	must(t, err)
	if len(all) == 0 || !slices.IsSorted(all) {
		t.Fatalf("embedded migrations: %v", all)
	}
	pending := func() []string {
		t.Helper()
		names, err := Pending(t.Context(), path)
		must(t, err)
		return names
	}
	if got := pending(); !slices.Equal(got, all) {
		t.Errorf("pending without a database: %v, want %v", got, all)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("Pending made a database")
	}
	for n, want := range [][]string{all, nil} {
		applied, err := Migrate(t.Context(), path)
		must(t, err)
		if !slices.Equal(applied, want) {
			t.Errorf("Migrate, time %d: applied %v, want %v", n+1, applied, want)
		}
	}
	if got := pending(); len(got) != 0 {
		t.Errorf("pending after Migrate: %v", got)
	}
	script(t, path, "PRAGMA user_version = 9999")
	if _, err := Pending(t.Context(), path); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("Pending of a newer database: %v", err)
	}
}

func TestManyOpenANewDatabaseAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := Open(t.Context(), path)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			if err := errors.Join(s.Ping(t.Context()), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
