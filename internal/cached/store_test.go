package cached_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/cached"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// TestStoreKeepsThePromises runs the whole contract under a clock that stands still: what was changed through the cache
// must be seen through it at once.
func TestStoreKeepsThePromises(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) latchkey.Store {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "latchkey.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return cached.New(s, storetest.Noon)
	})
}

// A counter counts the reads that reach the store behind the cache.
type counter struct {
	latchkey.Store
	reads int
	fail  error
}

func (c *counter) Project(context.Context, latchkey.ProjectID) (latchkey.Project, error) {
	c.reads++
	return latchkey.Project{Name: "Demo"}, c.fail
}

func (c *counter) Keys(context.Context, latchkey.ProjectID) (latchkey.Keys, error) {
	c.reads++
	return nil, c.fail
}

func (c *counter) AddKey(context.Context, latchkey.Key, bool, latchkey.Event) error { return nil }

func (c *counter) User(context.Context, latchkey.UserID) (latchkey.User, error) {
	c.reads++
	return latchkey.User{}, c.fail
}

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func (c *counter) after(t *testing.T, what string, want int) {
	t.Helper()
	if c.reads != want {
		t.Errorf("%s: %d reads of the store, want %d", what, c.reads, want)
	}
}

func TestSettingsAreASecondOldAtTheMost(t *testing.T) {
	t.Parallel()
	behind, time0 := &counter{}, &clock{storetest.Noon()}
	s := cached.New(behind, time0.Now)
	read := func() {
		if _, err := s.Project(t.Context(), latchkey.ProjectID{}); err != nil {
			t.Fatal(err)
		}
	}
	read()
	time0.now = time0.now.Add(cached.Life - 1)
	read()
	behind.after(t, "two looks within a second", 1)
	time0.now = time0.now.Add(1)
	read()
	behind.after(t, "a look after a second", 2)
	time0.now = time0.now.Add(-time.Hour)
	read()
	behind.after(t, "a look after the clock was set back", 3)
}

func TestChangesThroughItAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	behind := &counter{}
	s := cached.New(behind, storetest.Noon)
	for range 2 {
		if _, err := s.Keys(t.Context(), latchkey.ProjectID{}); err != nil {
			t.Fatal(err)
		}
	}
	behind.after(t, "two looks at the keys", 1)
	if err := s.AddKey(t.Context(), latchkey.Key{}, true, latchkey.Event{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Keys(t.Context(), latchkey.ProjectID{}); err != nil {
		t.Fatal(err)
	}
	behind.after(t, "a look at the keys after one was replaced", 2)
}

func TestFailuresAndPeopleAreNotRemembered(t *testing.T) {
	t.Parallel()
	behind := &counter{fail: latchkey.Unavailable}
	s := cached.New(behind, storetest.Noon)
	for range 2 {
		if _, err := s.Project(t.Context(), latchkey.ProjectID{}); !errors.Is(err, latchkey.Unavailable) {
			t.Fatalf("the store's failure came out as %v", err)
		}
	}
	behind.after(t, "two looks at a store that is down", 2)
	behind.fail = nil
	for range 2 {
		if _, err := s.User(t.Context(), latchkey.UserID{}); err != nil {
			t.Fatal(err)
		}
	}
	behind.after(t, "two looks at a user: a ban must hold from its commit on", 4)
}
