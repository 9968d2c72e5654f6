package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) latchkey.Store { return openAt(t, filepath.Join(t.TempDir(), "latchkey.db")) })
}

func TestArchive(t *testing.T) {
	t.Parallel()
	storetest.RunArchive(t, func(t *testing.T) storetest.ArchivedStore {
		return openAt(t, filepath.Join(t.TempDir(), "latchkey.db"))
	})
}

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	must(t, err)
	return s
}

// newStore gives a fresh store that the test closes.
func newStore(t testing.TB) *Store {
	t.Helper()
	s := openAt(t, filepath.Join(t.TempDir(), "latchkey.db"))
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func newProject(t testing.TB, s *Store) latchkey.Project {
	t.Helper()
	var ns storetest.Nouns
	p := ns.Project("The Game")
	for { // every Nouns begins with the same ids
		err := s.CreateProject(t.Context(), p, nil, ns.Event(latchkey.ProjectCreated, p.ID, storetest.Noon()))
		if latchkey.CodeOf(err) != latchkey.Conflict {
			must(t, err)
			return p
		}
		p.ID = ns.Project("").ID
	}
}

// TestClientIDsAreNotReused: a token of the deleted client would pass for one of the new client.
func TestClientIDsAreNotReused(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	p := newProject(t, s)
	e := ns.Event(latchkey.ClientCreated, p.ID, storetest.Noon())
	first, err := s.CreateClient(t.Context(), ns.Client(p.ID), e)
	must(t, err)
	must(t, s.DeleteClient(t.Context(), first.ID, e))
	second, err := s.CreateClient(t.Context(), ns.Client(p.ID), e)
	must(t, err)
	if second.ID <= first.ID {
		t.Errorf("client %d after client %d was deleted: want a later id", second.ID, first.ID)
	}
}
