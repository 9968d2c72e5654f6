package polls

import (
	"slices"
	"testing"
	"time"
)

// TestTheBellsAreServedFirst: whoever is there to be told that the wait is over, or to be heard, comes after those whom the Bell
// called for: at the end of a hundred thousand polls a login would wait for all of them.
func TestTheBellsAreServedFirst(t *testing.T) {
	t.Parallel()
	over, late := &Guest{n: 1, spent: true}, &Guest{n: 2, spent: true, rung: true}
	rung, again := &Guest{n: 3, rung: true}, &Guest{n: 4, rung: true}
	idle := &Guest{n: 5}
	var b backlog
	if !b.empty() {
		t.Error("nobody is to be served, and the backlog is not empty")
	}
	for _, g := range []*Guest{over, late, rung, idle, again} {
		b.add(g)
	}
	var got []uint64
	for !b.empty() {
		if got = append(got, b.next().n); got[0] == rung.n && len(got) == 1 {
			b.add(&Guest{n: 6, rung: true}) // comes meanwhile
		}
	}
	if want := []uint64{3, 4, 6, 1, 2, 5}; !slices.Equal(got, want) {
		t.Errorf("served in the order %v, want %v", got, want)
	}
}

// TestHandsAtWork: one for each whom the Bell called for, one for some of the others, and never too many.
func TestHandsAtWork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ called, others, want int }{
		{0, 0, 0}, {1, 0, 1}, {3, 0, 3}, {0, 1, 1}, {0, each, 1}, {0, each + 1, 2}, {2, each + 1, 4},
		{atOnce - 1, 1, atOnce}, {atOnce + 1, 0, atOnce}, {0, 1000 * each, atOnce}, {atOnce, 1000 * each, atOnce},
	} {
		b := backlog{called: make([]*Guest, c.called), others: make([]*Guest, c.others)}
		if got := b.hands(); got != c.want {
			t.Errorf("for %d who were called and %d others there are %d hands, want %d", c.called, c.others, got, c.want)
		}
	}
}

// TestFewHandsRest: of those that a rush has brought in, the others leave.
func TestFewHandsRest(t *testing.T) {
	t.Parallel()
	const rush = 3 * kept
	l := &Lobby{busy: rush}
	l.work.L = &l.mu
	left := make(chan struct{}, rush)
	for range rush {
		go func() {
			(&hand{lobby: l}).work()
			left <- struct{}{}
		}()
	}
	wait := func(n int, what string) {
		t.Helper()
		for range n {
			select {
			case <-left:
			case <-time.After(20 * time.Second):
				l.mu.Lock()
				defer l.mu.Unlock()
				t.Fatalf("%s: %d hands rest, want %d", what, l.resting, kept)
			}
		}
	}
	wait(rush-kept, "with nothing to do")
	var resting int
	for ; resting != kept; time.Sleep(time.Millisecond) { // the last of them may be on its way
		l.mu.Lock()
		resting = l.resting
		if l.resting+l.busy != kept {
			t.Errorf("%d hands have left, and there are %d that rest and %d at work: want %d", rush-kept, l.resting, l.busy, kept)
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
	}
	l.mu.Lock()
	l.ended, l.resting, l.busy = true, 0, kept
	l.work.Broadcast()
	l.mu.Unlock()
	wait(kept, "at the end")
	if l.busy != 0 {
		t.Errorf("at the end %d hands are counted as at work", l.busy)
	}
}
