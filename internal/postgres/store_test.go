package postgres

import (
	"os"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/pgtest"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) latchkey.Store { return openAt(t, newDatabase(t)) })
}

func TestArchive(t *testing.T) {
	t.Parallel()
	storetest.RunArchive(t, func(t *testing.T) storetest.ArchivedStore { return openAt(t, newDatabase(t)) })
}

// newDatabase gives the URL of a fresh database with every migration.
func newDatabase(t testing.TB) string {
	t.Helper()
	return pgtest.Shared(t).Database(t, pgtest.Template{
		Name: "latchkey",
		Prepare: func(url string) error {
			_, err := Migrate(t.Context(), url)
			return err
		},
		Reset: `DO $$ DECLARE all_tables text; BEGIN
			SELECT string_agg(tablename, ', ') INTO all_tables FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'latchkey';
			EXECUTE 'TRUNCATE ' || all_tables || ' RESTART IDENTITY';
			UPDATE latchkey SET last_client = 0;
		END $$`,
	})
}

func openAt(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: url, Lost: func(err error) { t.Logf("bell: %v", err) }})
	must(t, err)
	return s
}

// newStore gives a fresh store that the test closes.
func newStore(t testing.TB) *Store {
	t.Helper()
	s := openAt(t, newDatabase(t))
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
