package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/memory"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
)

// A database is a store of either kind: what a server needs of it, and what a move needs.
type database interface {
	latchkey.Store
	latchkey.Archive
}

// shared reports whether the store is a PostgreSQL database, which other nodes may be using too.
func (s databaseSettings) shared() bool { return s.Store != "" }

// name is the store for messages and logs, without a password.
func (s databaseSettings) name() string {
	if !s.shared() {
		return s.path()
	}
	u, err := url.Parse(s.Store)
	if err != nil {
		return "PostgreSQL"
	}
	u.RawQuery = ""
	return u.Redacted()
}

// problems are what is wrong with the settings of the store.
func (s databaseSettings) problems(from *origins) []problem {
	var out []problem
	wrong := func(setting, what, right string) {
		out = append(out, problem{setting, from.from[setting], what, right})
	}
	const right = "it is a URL such as postgres://latchkey:password@db.example.com/latchkey?sslmode=verify-full"
	for setting, v := range map[string]string{"store": s.Store, "store-bell": s.StoreBell} {
		if v != "" && !strings.HasPrefix(v, "postgres://") && !strings.HasPrefix(v, "postgresql://") {
			wrong(setting, "is no PostgreSQL URL", right+"; an SQLite file is named by --data or --database")
		}
	}
	if s.Store != "" && s.Database != "" {
		wrong("store", "and database are both set", "everything is kept in one of them")
	}
	if s.Store == "" && s.StoreBell != "" {
		wrong("store-bell", "is set without store", "it is the same database as store, reached without a pooler")
	}
	return out
}

// open opens the store for a command. It must exist: a mistyped folder shall not become an empty database.
func (s databaseSettings) open(ctx context.Context, a *app) (database, error) {
	if err := mistakes("the configuration is not right", append(a.settings.problems, s.problems(a.settings)...)); err != nil {
		return nil, err
	}
	if s.shared() {
		return postgres.Open(ctx, postgres.Options{URL: s.Store, BellURL: s.StoreBell})
	}
	if err := s.exists(); err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, s.path())
}

// openAlone is open while no server may run. Whether one runs on another machine nobody here can know.
func (s databaseSettings) openAlone(ctx context.Context, a *app) (database, error) {
	if s.shared() {
		return s.open(ctx, a)
	}
	if err := mistakes("the configuration is not right", append(a.settings.problems, s.problems(a.settings)...)); err != nil {
		return nil, err
	}
	if err := s.exists(); err != nil {
		return nil, err
	}
	return sqlite.OpenServer(ctx, s.path())
}

func (s databaseSettings) exists() error {
	if _, err := os.Stat(s.path()); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s: say where it is with --data, --database or --store, or make one with `latchkey migrate`", s.path())
	}
	return nil
}

// openServer opens the store for a server, with the Bell that goes with it. An SQLite file is made, or brought up to date; a
// PostgreSQL database that cannot be reached is waited for: whoever starts everything at once need not care for the order.
func (s databaseSettings) openServer(ctx context.Context, log *slog.Logger) (latchkey.Store, latchkey.Bell, error) {
	if !s.shared() {
		store, err := sqlite.OpenServer(ctx, s.path())
		return store, &memory.Bell{}, err
	}
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		store, err := postgres.Open(ctx, postgres.Options{
			URL: s.Store, BellURL: s.StoreBell,
			Lost: func(err error) {
				log.Warn("the database's bell is out of reach: waiting devices look for themselves", "err", err)
			},
		})
		if err == nil {
			return store, store.Bell(), nil
		}
		if latchkey.CodeOf(err) != latchkey.Unavailable {
			return nil, nil, err
		}
		log.Warn("waiting for the database", "store", s.name(), "err", err, "next_try", wait.String())
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("stopped while waiting for the database: %w", err)
		}
	}
}

// How long to wait between two looks for the database, doubling from the first to the second.
const (
	firstWait   = 500 * time.Millisecond
	longestWait = 10 * time.Second
)

// migrations gives what Migrate applied, or, looking only, what is pending.
func (s databaseSettings) migrations(ctx context.Context, look bool) ([]string, error) {
	switch {
	case s.shared() && look:
		return postgres.Pending(ctx, s.Store)
	case s.shared():
		return postgres.Migrate(ctx, s.Store)
	case look:
		return sqlite.Pending(ctx, s.path())
	}
	if s.Database == "" {
		if err := os.MkdirAll(s.Data, 0o700); err != nil {
			return nil, fmt.Errorf("the data folder cannot be made, choose another with --data: %w", err)
		}
	}
	return sqlite.Migrate(ctx, s.path())
}
