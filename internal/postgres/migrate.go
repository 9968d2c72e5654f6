package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock keeps two programs from migrating one database at once: "LTCK".
const migrationLock = 0x4c54434b

const (
	lockMigrations = `SELECT pg_advisory_xact_lock($1::bigint)`
	isOurs         = `SELECT to_regclass('latchkey') IS NOT NULL`
	schemaVersion  = `SELECT schema FROM latchkey`
	setVersion     = `UPDATE latchkey SET schema = $1`
)

// A migration waits so long for the tables that it changes; logins that come meanwhile wait behind it.
const migrationLockWait = `SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = 0`

// Pending gives the names of the migrations that the database lacks. It changes nothing.
func Pending(ctx context.Context, url string) (_ []string, err error) {
	c, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close(context.WithoutCancel(ctx))) }()
	version, err := versionOf(ctx, c)
	if err != nil {
		return nil, err
	}
	all, err := migrationNames()
	if err != nil {
		return nil, err
	}
	return all[version:], nil
}

// Migrate applies what Pending gives, each migration in a transaction of its own, and gives what it applied. Of several
// programs that do it at once each migration is applied by one. Nodes of the version before may serve meanwhile.
func Migrate(ctx context.Context, url string) (applied []string, err error) {
	all, err := migrationNames()
	if err != nil {
		return nil, err
	}
	c, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close(context.WithoutCancel(ctx))) }()
	for {
		name, err := migrateOnce(ctx, c, all)
		if err != nil || name == "" {
			return applied, err
		}
		applied = append(applied, name)
	}
}

// migrateOnce applies the next migration and gives its name; "" if none is lacking.
func migrateOnce(ctx context.Context, c *pgx.Conn, all []string) (name string, err error) {
	err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockMigrations, migrationLock); err != nil {
			return explain(err)
		}
		version, err := versionOf(ctx, tx)
		if err != nil || version == len(all) {
			return err
		}
		script, err := migrations.ReadFile("migrations/" + all[version])
		if err != nil {
			return err
		}
		for _, text := range []string{migrationLockWait, string(script)} {
			if _, err := tx.Conn().PgConn().Exec(ctx, text).ReadAll(); err != nil {
				return fmt.Errorf("migration %s: %w", all[version], explain(err))
			}
		}
		if _, err := tx.Exec(ctx, setVersion, version+1); err != nil {
			return explain(err)
		}
		name = all[version]
		return nil
	})
	return name, err
}

// A querier is a connection, a transaction or a pool.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// versionOf gives how many migrations the database has.
func versionOf(ctx context.Context, c querier) (int, error) {
	all, err := migrationNames()
	if err != nil {
		return 0, err
	}
	var exists bool
	var version int
	if err := c.QueryRow(ctx, isOurs).Scan(&exists); err != nil || !exists {
		return 0, explain(err)
	}
	if err := c.QueryRow(ctx, schemaVersion).Scan(&version); err != nil {
		return 0, explain(err)
	}
	if version > len(all) {
		return 0, fmt.Errorf("the database schema %d is newer than this program knows (%d): use a newer latchkey", version, len(all))
	}
	return version, nil
}

// checkSchema refuses a database that is not as this program needs it.
func checkSchema(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	version, err := versionOf(ctx, pool)
	if err != nil {
		return err
	}
	all, err := migrationNames()
	switch {
	case err != nil:
		return err
	case version == 0:
		return errors.New("the database is not a Latchkey database yet: run latchkey migrate")
	case version < len(all):
		return fmt.Errorf("the database schema %d is older than this program needs (%d): run latchkey migrate", version, len(all))
	}
	return nil
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

// connect opens a connection of its own. Whatever stands between may give each transaction another session: everything here is
// done inside of transactions.
func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, _, err := configOf(url)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	return c, explain(err)
}

// explain says why the database cannot be used in a sentence an operator can act on. Where it cannot be reached, so that trying
// again may help, it is Unavailable.
func explain(err error) error {
	if err == nil || latchkey.CodeOf(err) != latchkey.Internal {
		return err
	}
	cannot := func(what string) error { return fmt.Errorf("the database %s: %w", what, err) }
	switch state := sqlState(err); {
	case state == "28P01", state == "28000":
		return cannot("refuses this user or password")
	case state == "3D000":
		return cannot("does not exist")
	case state == "42501":
		return cannot("does not let this user do what is needed")
	case state == "42P07":
		return cannot("belongs to another program")
	case state != "" && !passing(state):
		return cannot("fails")
	}
	unreachable := &latchkey.Error{Code: latchkey.Unavailable, Message: "the database cannot be reached", RetryAfter: retryAfter, Err: err}
	var refused *pgconn.ConnectError
	if errors.As(err, &refused) {
		unreachable.Message = "the database at " + refused.Config.Host + " cannot be reached"
	}
	return unreachable
}
