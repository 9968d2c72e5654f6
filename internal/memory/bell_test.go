package memory_test

import (
	"sync"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

func challenge(n byte) latchkey.ChallengeID {
	return latchkey.ChallengeID{Handle: latchkey.Handle{n}}
}

func TestRingWakesEveryPollOfItsChallengeAndNoOther(t *testing.T) {
	t.Parallel()
	var b memory.Bell
	rung := map[string]int{}
	listen := func(name string, id byte) (stop func()) { return b.Listen(challenge(id), func() { rung[name]++ }) }
	expect := func(what string, want map[string]int) {
		t.Helper()
		for _, name := range []string{"first", "second", "third", "other"} {
			if rung[name] != want[name] {
				t.Errorf("%s: the %s poll was woken %d times, want %d", what, name, rung[name], want[name])
			}
		}
		clear(rung)
	}
	first, second := listen("first", 1), listen("second", 1)
	other := listen("other", 2)
	b.Ring(t.Context(), challenge(1))
	expect("two polls of one challenge", map[string]int{"first": 1, "second": 1})
	b.Ring(t.Context(), challenge(1))
	expect("the same, again", map[string]int{"first": 1, "second": 1})
	third := listen("third", 1)
	second()
	second() // whoever ends twice takes nobody with him
	b.Ring(t.Context(), challenge(1))
	expect("the one in the middle left", map[string]int{"first": 1, "third": 1})
	b.RingAll(func() { t.Error("three polls make a pause") })
	expect("everybody", map[string]int{"first": 1, "third": 1, "other": 1})
	third()
	b.Ring(t.Context(), challenge(1))
	expect("the last that came left", map[string]int{"first": 1})
	first()
	other()
	b.Ring(t.Context(), challenge(1)) // nobody listens: nothing happens
	b.RingAll(func() {})
	expect("all left", nil)
}

// TestRingAllPauses: nobody is forgotten, and the store has a rest now and then.
func TestRingAllPauses(t *testing.T) {
	t.Parallel()
	var b memory.Bell
	rung, pauses := 0, 0
	for i := range 1200 {
		stop := b.Listen(challenge(byte(i)), func() { rung++ })
		defer stop()
	}
	b.RingAll(func() { pauses++ })
	if rung != 1200 || pauses != 2 {
		t.Errorf("%d of 1200 polls were woken with %d pauses, want all of them with 2", rung, pauses)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	var b memory.Bell
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			stop := b.Listen(challenge(byte(i)), func() {})
			if i%3 == 0 {
				b.Ring(t.Context(), challenge(byte(i)))
			}
			stop()
		})
	}
	all.Wait()
	if n := b.Waiting(); n != 0 {
		t.Errorf("%d challenges are still waited for, nobody waits", n)
	}
}
