// Package memory holds what one process keeps to itself: the Bell and the Limiter of a single node.
package memory

import (
	"context"
	"sync"

	"github.com/latchkey-dev/latchkey"
)

// Bell wakes the polls of this process. The zero value is ready.
type Bell struct {
	mu      sync.Mutex
	waiting map[latchkey.ChallengeID]*line
}

// line is the polls that wait for one challenge: clients overlap them (contract.md §4).
type line struct {
	rung  chan struct{}
	polls int
}

// Listen implements latchkey.Bell.
func (b *Bell) Listen(id latchkey.ChallengeID) (<-chan struct{}, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.waiting[id]
	if l == nil {
		l = &line{rung: make(chan struct{})}
		if b.waiting == nil {
			b.waiting = map[latchkey.ChallengeID]*line{}
		}
		b.waiting[id] = l
	}
	l.polls++
	return l.rung, func() { b.leave(id, l) }
}

// Ring implements latchkey.Bell.
func (b *Bell) Ring(_ context.Context, id latchkey.ChallengeID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.waiting[id]; l != nil {
		delete(b.waiting, id)
		close(l.rung)
	}
}

// RingAll wakes every poll that waits now, some at a time, with pause called in between: each of them goes and looks.
func (b *Bell) RingAll(pause func()) {
	b.mu.Lock()
	all := b.waiting
	b.waiting = nil
	b.mu.Unlock()
	n := 0
	for _, l := range all {
		if n++; n%portion == 0 {
			pause()
		}
		close(l.rung)
	}
}

// portion is how many challenges RingAll wakes at once.
const portion = 500

// Waiting is how many challenges are waited for.
func (b *Bell) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

func (b *Bell) leave(id latchkey.ChallengeID, l *line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.polls--; l.polls == 0 && b.waiting[id] == l {
		delete(b.waiting, id)
	}
}
