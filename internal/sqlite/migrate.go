package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a file as ours in its header: "LTCK".
const applicationID = 0x4c54434b

var (
	errForeign = errors.New("belongs to another program")
	errNewer   = errors.New("newer than this program")
)

// Pending gives the names of the migrations that the database at path lacks, all of them if there is no database yet.
// It changes nothing.
func Pending(ctx context.Context, path string) ([]string, error) {
	all, err := migrationNames()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return all, checkFolder(path)
	}
	raw, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, explain(path, err)
	}
	raw.SetBusyTimeout(lockWait)
	c := &conn{Conn: raw}
	version, err := c.version()
	if err = errors.Join(err, c.Close()); err != nil {
		return nil, explain(path, err)
	}
	return all[version:], ctx.Err()
}

// Migrate applies what Pending gives and gives what it applied. Open does the same.
func Migrate(ctx context.Context, path string) (_ []string, err error) {
	if err := createFile(path); err != nil {
		return nil, err
	}
	c, err := connect(path)
	if err != nil {
		return nil, explain(path, err)
	}
	applied, err := []string(nil), c.mend(ctx, path, nil)
	if err == nil {
		applied, err = migrate(ctx, c)
	}
	if err = errors.Join(err, c.Close()); err != nil {
		return nil, explain(path, err)
	}
	return applied, nil
}

// migrate applies each missing migration in a transaction of its own that also counts it, so that two programs that
// open one new file at once do not both apply it.
func migrate(ctx context.Context, c *conn) (applied []string, err error) {
	all, err := migrationNames()
	if err != nil {
		return nil, err
	}
	for {
		version, err := c.version()
		if err != nil || version == len(all) {
			return applied, err
		}
		if err := ctx.Err(); err != nil {
			return applied, err
		}
		done, err := c.apply(all, version)
		if err != nil {
			return applied, fmt.Errorf("migration %s: %w", all[version], err)
		}
		if done {
			applied = append(applied, all[version])
		}
	}
}

// apply runs migration number version, unless somebody else just has.
func (c *conn) apply(all []string, version int) (done bool, err error) {
	script, err := migrations.ReadFile("migrations/" + all[version])
	if err != nil {
		return false, err
	}
	end, err := sqlitex.ImmediateTransaction(c.Conn)
	if err != nil {
		return false, err
	}
	defer end(&err)
	if now, err := c.version(); err != nil || now != version {
		return false, err
	}
	counted := fmt.Sprintf("%s\nPRAGMA application_id = %d; PRAGMA user_version = %d;", script, applicationID, version+1)
	return true, sqlitex.ExecuteScript(c.Conn, counted, nil)
}

// version gives how many migrations the database has.
func (c *conn) version() (int, error) {
	q := c.stmt(`SELECT v.user_version, a.application_id, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_user_version v, pragma_application_id a`)
	defer q.reset()
	if _, err := q.row(); err != nil {
		return 0, err
	}
	version, id, tables := q.getInt(), q.getInt(), q.getInt()
	all, err := migrationNames()
	switch {
	case err != nil:
		return 0, err
	case id != applicationID && (id != 0 || version != 0 || tables != 0):
		return 0, errForeign
	case version > int64(len(all)):
		return 0, fmt.Errorf("database schema %d is %w knows (%d): use a newer latchkey", version, errNewer, len(all))
	}
	return int(version), nil
}

// migrationNames gives the embedded migrations in order.
func migrationNames() ([]string, error) {
	entries, err := migrations.ReadDir("migrations")
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// createFile makes an empty database that only its owner can read; SQLite gives its log the same mode. A file that
// exists is not opened here: closing it again would drop the locks that SQLite holds on it in this process.
func createFile(path string) error {
	if err := checkFolder(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return fmt.Errorf("cannot create the database: %w", err)
	}
	return f.Close()
}

func checkFolder(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder %s of the database does not exist: make it, or name another", dir)
	case err != nil:
		return fmt.Errorf("the folder of the database: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder, so the database cannot be in it", dir)
	}
	return nil
}

// explain says what is wrong with the database at path in a sentence an operator can act on.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, errForeign):
		return fmt.Errorf("%s is a database of another program", path)
	case errors.Is(err, errNewer):
		return fmt.Errorf("%s: %w", path, err)
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultLocked:
		return fmt.Errorf("the database %s is locked by another program: %w", path, err)
	case sqlite.ResultNotADB:
		return fmt.Errorf("%s is not a database: %w", path, err)
	case sqlite.ResultCorrupt:
		return fmt.Errorf("the database %s is damaged, restore a backup: %w", path, err)
	case sqlite.ResultReadOnly, sqlite.ResultPerm:
		return fmt.Errorf("the database %s cannot be written, look at the rights of the file and its folder: %w", path, err)
	case sqlite.ResultCantOpen:
		return fmt.Errorf("the database %s cannot be opened, look at the rights of the file and its folder: %w", path, err)
	}
	return fmt.Errorf("the database %s: %w", path, err)
}
