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

// A counter counts the reads that reach the store behind the cache, and takes every change.
type counter struct {
	latchkey.Store
	reads   int
	fail    error
	reading func() // called within a read of a project
}

func (c *counter) Project(context.Context, latchkey.ProjectID) (latchkey.Project, error) {
	c.reads++
	if c.reading != nil {
		c.reading()
	}
	return latchkey.Project{Name: "Demo"}, c.fail
}

func (c *counter) Projects(context.Context) ([]latchkey.Project, error) {
	c.reads++
	return nil, c.fail
}

func (c *counter) Client(context.Context, latchkey.ClientID) (latchkey.Client, error) {
	c.reads++
	return latchkey.Client{}, c.fail
}

func (c *counter) Keys(context.Context, latchkey.ProjectID) (latchkey.Keys, error) {
	c.reads++
	return nil, c.fail
}

func (c *counter) User(context.Context, latchkey.UserID) (latchkey.User, error) {
	c.reads++
	return latchkey.User{}, c.fail
}

func (c *counter) CreateProject(context.Context, latchkey.Project, latchkey.Keys, latchkey.Event) error {
	return nil
}
func (c *counter) UpdateProject(context.Context, latchkey.Project, latchkey.Event) error { return nil }
func (c *counter) DeleteProject(context.Context, latchkey.ProjectID, latchkey.Event) error {
	return nil
}
func (c *counter) CreateClient(_ context.Context, one latchkey.Client, _ latchkey.Event) (latchkey.Client, error) {
	return one, nil
}
func (c *counter) UpdateClient(context.Context, latchkey.Client, latchkey.Event) error   { return nil }
func (c *counter) DeleteClient(context.Context, latchkey.ClientID, latchkey.Event) error { return nil }
func (c *counter) AddKey(context.Context, latchkey.Key, bool, latchkey.Event) error      { return nil }
func (c *counter) AdvanceKeys(context.Context, time.Time) (latchkey.Keys, error)         { return nil, nil }

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

// TestChangesThroughItAreSeenAtOnce: each change may show in each setting. A client goes with its project, and so do its keys.
func TestChangesThroughItAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	behind := &counter{}
	s := cached.New(behind, storetest.Noon)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	look := func() {
		t.Helper()
		_, err := s.Project(t.Context(), latchkey.ProjectID{})
		must(err)
		_, err = s.Projects(t.Context())
		must(err)
		_, err = s.Client(t.Context(), 0)
		must(err)
		_, err = s.Keys(t.Context(), latchkey.ProjectID{})
		must(err)
	}
	ctx, e := t.Context(), latchkey.Event{}
	for name, change := range map[string]func() error{
		"CreateProject": func() error { return s.CreateProject(ctx, latchkey.Project{}, nil, e) },
		"UpdateProject": func() error { return s.UpdateProject(ctx, latchkey.Project{}, e) },
		"DeleteProject": func() error { return s.DeleteProject(ctx, latchkey.ProjectID{}, e) },
		"CreateClient":  func() error { _, err := s.CreateClient(ctx, latchkey.Client{}, e); return err },
		"UpdateClient":  func() error { return s.UpdateClient(ctx, latchkey.Client{}, e) },
		"DeleteClient":  func() error { return s.DeleteClient(ctx, 0, e) },
		"AddKey":        func() error { return s.AddKey(ctx, latchkey.Key{}, true, e) },
		"AdvanceKeys":   func() error { _, err := s.AdvanceKeys(ctx, storetest.Noon()); return err },
	} {
		must(change()) // nothing is known
		behind.reads = 0
		look()
		look()
		behind.after(t, name+": two looks at the four settings before it", 4)
		must(change())
		look()
		behind.after(t, name+": a look at them after it", 8)
	}
}

// TestWhatWasReadBeforeAChangeIsNotRemembered: the read was under way when the change came, and may have seen what was before.
func TestWhatWasReadBeforeAChangeIsNotRemembered(t *testing.T) {
	t.Parallel()
	behind := &counter{}
	s := cached.New(behind, storetest.Noon)
	behind.reading = func() {
		if err := s.UpdateProject(t.Context(), latchkey.Project{}, latchkey.Event{}); err != nil {
			t.Error(err)
		}
		behind.reading = nil
	}
	for range 3 {
		if _, err := s.Project(t.Context(), latchkey.ProjectID{}); err != nil {
			t.Fatal(err)
		}
	}
	behind.after(t, "three looks, the first one beside a change", 2)
}

// TestMemoryIsBounded: past ten thousand projects everything is forgotten.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const most = 10_000
	behind := &counter{}
	s := cached.New(behind, storetest.Noon)
	look := func(n int) {
		id := latchkey.ProjectID{UUID: latchkey.UUID{1, byte(n >> 16), byte(n >> 8), byte(n)}}
		if _, err := s.Project(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for n := range most {
		look(n)
	}
	look(0)
	behind.after(t, "as many projects as are remembered, and the first one again", most)
	look(most)
	behind.after(t, "another one", most+1)
	look(0)
	behind.after(t, "the first one again", most+2)
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
