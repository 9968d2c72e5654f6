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

func rang(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestRingWakesEveryPollOfItsChallengeAndNoOther(t *testing.T) {
	t.Parallel()
	var b memory.Bell
	first, stopFirst := b.Listen(challenge(1))
	second, stopSecond := b.Listen(challenge(1))
	other, stopOther := b.Listen(challenge(2))
	defer stopOther()
	b.Ring(t.Context(), challenge(1))
	if !rang(first) || !rang(second) {
		t.Error("a poll of the challenge was not woken")
	}
	if rang(other) {
		t.Error("a poll of another challenge was woken")
	}
	late, stopLate := b.Listen(challenge(1))
	if rang(late) {
		t.Error("a poll that came after the ring was woken by it")
	}
	stopFirst() // after the ring: must not take the late one's place
	stopSecond()
	b.Ring(t.Context(), challenge(1))
	if !rang(late) {
		t.Error("the second ring woke nobody: a poll that left took the line with it")
	}
	stopLate()
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	var b memory.Bell
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			_, stop := b.Listen(challenge(byte(i)))
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
	b.Ring(t.Context(), challenge(9)) // nobody listens: nothing happens
}
