package catalog

import "sync"

// A memo remembers what few different things come to, where strangers may send many. Past most of them everything is forgotten.
type memo[K comparable, V any] struct {
	most  int
	mu    sync.RWMutex
	known map[K]V
}

// get gives what read makes of key, and keeps it under the key that read gives: key itself, or a copy of it where key is a
// part of something large.
func (m *memo[K, V]) get(key K, read func(K) (K, V)) V {
	m.mu.RLock()
	known, ok := m.known[key]
	m.mu.RUnlock()
	if ok {
		return known
	}
	key, known = read(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= m.most {
		m.known = map[K]V{}
	}
	m.known[key] = known
	return known
}
