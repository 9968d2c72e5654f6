package catalog

import (
	"strings"
	"sync"
)

// A memo remembers what browsers' lists of languages come to: they send few different ones, and reading one takes as long as
// all the rest of a start's decoding. The zero value is ready.
type memo struct {
	mu    sync.RWMutex
	known map[string]string
}

// maxKnown bounds a memo to half a megabyte, whatever strangers send. Past it everything is forgotten.
const maxKnown = 1000

// get gives what read makes of s.
func (m *memo) get(s string, read func(string) string) string {
	m.mu.RLock()
	tag, ok := m.known[s]
	m.mu.RUnlock()
	if ok {
		return tag
	}
	tag = read(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxKnown {
		m.known = map[string]string{}
	}
	m.known[strings.Clone(s)] = tag
	return tag
}
