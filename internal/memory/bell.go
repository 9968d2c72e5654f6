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
	waiting map[latchkey.ChallengeID]*ear
}

// An ear is one poll that listens. Those of one challenge are a list, mostly of one: clients overlap them (contract.md §4).
type ear struct {
	wake func()
	next *ear
}

// Listen implements latchkey.Bell.
func (b *Bell) Listen(id latchkey.ChallengeID, wake func()) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		b.waiting = map[latchkey.ChallengeID]*ear{}
	}
	e := &ear{wake, b.waiting[id]}
	b.waiting[id] = e
	return func() { b.leave(id, e) }
}

// Ring implements latchkey.Bell.
func (b *Bell) Ring(_ context.Context, id latchkey.ChallengeID) {
	b.mu.Lock()
	wakes := appendWakes(nil, b.waiting[id])
	b.mu.Unlock()
	for _, wake := range wakes {
		wake()
	}
}

// RingAll wakes every poll that waits now, some at a time, with pause called in between: each of them goes and looks.
func (b *Bell) RingAll(pause func()) {
	b.mu.Lock()
	wakes := make([]func(), 0, len(b.waiting))
	for _, e := range b.waiting {
		wakes = appendWakes(wakes, e)
	}
	b.mu.Unlock()
	for n, wake := range wakes {
		if n%portion == portion-1 {
			pause()
		}
		wake()
	}
}

// portion is how many polls RingAll wakes at once.
const portion = 500

// Waiting is how many challenges are waited for.
func (b *Bell) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

func appendWakes(to []func(), e *ear) []func() {
	for ; e != nil; e = e.next {
		to = append(to, e.wake)
	}
	return to
}

// leave takes e out of the list of id. Who left already is not in it.
func (b *Bell) leave(id latchkey.ChallengeID, e *ear) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.waiting[id]
	if first == e {
		if e.next == nil {
			delete(b.waiting, id)
		} else {
			b.waiting[id] = e.next
		}
		return
	}
	for at := first; at != nil; at = at.next {
		if at.next == e {
			at.next = e.next
			return
		}
	}
}
