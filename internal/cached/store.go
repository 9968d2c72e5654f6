// Package cached spares the store the reads that every request makes and that hardly ever change: projects, clients and
// keys. It wraps any Store. Nothing it holds is older than a second, so that a change by another process or node, a key
// rotation among them, is seen within that; changes through it are seen at once. Users and grants are never cached: a
// ban or a revocation holds from its commit on.
//
// What it gives is shared: callers must not write into its slices.
package cached

import (
	"context"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// Life is how long a setting may be stale.
const Life = time.Second

// Store is a latchkey.Store with a memory of a second for settings.
type Store struct {
	latchkey.Store
	now      func() time.Time
	projects memory[latchkey.ProjectID, latchkey.Project]
	clients  memory[latchkey.ClientID, latchkey.Client]
	keys     memory[latchkey.ProjectID, latchkey.Keys]
	all      memory[struct{}, []latchkey.Project]
}

// New wraps s.
func New(s latchkey.Store, now func() time.Time) *Store { return &Store{Store: s, now: now} }

// Project implements latchkey.Store.
func (s *Store) Project(ctx context.Context, id latchkey.ProjectID) (latchkey.Project, error) {
	return s.projects.get(ctx, id, s.now(), s.Store.Project)
}

// Projects implements latchkey.Store.
func (s *Store) Projects(ctx context.Context) ([]latchkey.Project, error) {
	return s.all.get(ctx, struct{}{}, s.now(), func(ctx context.Context, _ struct{}) ([]latchkey.Project, error) {
		return s.Store.Projects(ctx)
	})
}

// Client implements latchkey.Store.
func (s *Store) Client(ctx context.Context, id latchkey.ClientID) (latchkey.Client, error) {
	return s.clients.get(ctx, id, s.now(), s.Store.Client)
}

// Keys implements latchkey.Store.
func (s *Store) Keys(ctx context.Context, p latchkey.ProjectID) (latchkey.Keys, error) {
	return s.keys.get(ctx, p, s.now(), s.Store.Keys)
}

// CreateProject implements latchkey.Store.
func (s *Store) CreateProject(ctx context.Context, p latchkey.Project, ks latchkey.Keys, e latchkey.Event) error {
	defer s.forget()
	return s.Store.CreateProject(ctx, p, ks, e)
}

// UpdateProject implements latchkey.Store.
func (s *Store) UpdateProject(ctx context.Context, p latchkey.Project, e latchkey.Event) error {
	defer s.forget()
	return s.Store.UpdateProject(ctx, p, e)
}

// DeleteProject implements latchkey.Store.
func (s *Store) DeleteProject(ctx context.Context, id latchkey.ProjectID, e latchkey.Event) error {
	defer s.forget()
	return s.Store.DeleteProject(ctx, id, e)
}

// CreateClient implements latchkey.Store.
func (s *Store) CreateClient(ctx context.Context, c latchkey.Client, e latchkey.Event) (latchkey.Client, error) {
	defer s.forget()
	return s.Store.CreateClient(ctx, c, e)
}

// UpdateClient implements latchkey.Store.
func (s *Store) UpdateClient(ctx context.Context, c latchkey.Client, e latchkey.Event) error {
	defer s.forget()
	return s.Store.UpdateClient(ctx, c, e)
}

// DeleteClient implements latchkey.Store.
func (s *Store) DeleteClient(ctx context.Context, id latchkey.ClientID, e latchkey.Event) error {
	defer s.forget()
	return s.Store.DeleteClient(ctx, id, e)
}

// AddKey implements latchkey.Store.
func (s *Store) AddKey(ctx context.Context, k latchkey.Key, replace bool, e latchkey.Event) error {
	defer s.forget()
	return s.Store.AddKey(ctx, k, replace, e)
}

// AdvanceKeys implements latchkey.Store.
func (s *Store) AdvanceKeys(ctx context.Context, now time.Time) (latchkey.Keys, error) {
	defer s.forget()
	return s.Store.AdvanceKeys(ctx, now)
}

func (s *Store) forget() {
	s.projects.forget()
	s.clients.forget()
	s.keys.forget()
	s.all.forget()
}

// memory is a map whose entries live for Life. Failures are not remembered.
type memory[K comparable, V any] struct {
	mu      sync.RWMutex
	entries map[K]*entry[V]
	epoch   int // counts forget, so that a read that began before one is not remembered after it
}

type entry[V any] struct {
	value V
	read  time.Time
}

// maxEntries bounds a memory: past it everything is forgotten, which costs one read each.
const maxEntries = 10_000

func (m *memory[K, V]) get(ctx context.Context, key K, now time.Time, read func(context.Context, K) (V, error)) (V, error) {
	m.mu.RLock()
	e, ok := m.entries[key]
	epoch := m.epoch
	m.mu.RUnlock()
	if ok {
		if age := now.Sub(e.read); age >= 0 && age < Life {
			return e.value, nil
		}
	}
	v, err := read(ctx, key)
	if err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch == epoch {
		if m.entries == nil || len(m.entries) >= maxEntries {
			m.entries = map[K]*entry[V]{}
		}
		m.entries[key] = &entry[V]{v, now}
	}
	return v, nil
}

func (m *memory[K, V]) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = nil
	m.epoch++
}
