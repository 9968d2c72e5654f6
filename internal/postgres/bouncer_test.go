package postgres

import (
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/pgtest"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// TestStoreThroughPgBouncer: the contract in transaction mode, where no session is kept from one transaction to the next. The
// store finds out by itself.
func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	b := pgtest.Shared(t).Bounce(t)
	t.Run("promises", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) latchkey.Store {
			direct := newDatabase(t)
			s, err := Open(t.Context(), Options{URL: b.Through(direct), BellURL: direct})
			must(t, err)
			return s
		})
	})
}

// TestPoolerIsFound: nothing is left in the sessions of a pooler, which others get next.
func TestPoolerIsFound(t *testing.T) {
	t.Parallel()
	direct := newDatabase(t)
	through := pgtest.Shared(t).Bounce(t).Through(direct)
	for name, c := range map[string]struct {
		url    string
		pooled bool
	}{
		"a server":                {direct, false},
		"a pooler":                {through, true},
		"a server, said to be so": {direct + "&pooler=no", false},
		"a server, said not to":   {direct + "&pooler=yes", true},
		"a pooler, said to be so": {through + "&pooler=yes", true},
	} {
		s, err := Open(t.Context(), Options{URL: c.url, BellURL: direct})
		must(t, err)
		held, err := s.pool.Acquire(t.Context())
		must(t, err)
		if got := memoOf(held.Conn().PgConn()).pooled; got != c.pooled {
			t.Errorf("%s is taken for a pooler: %v", name, got)
		}
		held.Release()
		must(t, s.Close())
	}
	_, err := Open(t.Context(), Options{URL: direct + "&pooler=maybe"})
	if err == nil || !strings.Contains(err.Error(), "pooler is yes or no") {
		t.Errorf("pooler=maybe: %v", err)
	}
}

// TestMigrateThroughPgBouncer: everything that Migrate does is done inside of transactions.
func TestMigrateThroughPgBouncer(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Bounce(t).Through(emptyDatabase(t))
	all, err := migrationNames()
	must(t, err)
	pending, err := Pending(t.Context(), url)
	must(t, err)
	applied, err := Migrate(t.Context(), url)
	must(t, err)
	if len(pending) != len(all) || len(applied) != len(all) {
		t.Errorf("%d migrations are pending and %d were applied, want %d", len(pending), len(applied), len(all))
	}
	s, err := Open(t.Context(), Options{URL: url})
	must(t, err)
	must(t, s.Close())
}
