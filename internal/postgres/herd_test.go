package postgres

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// TestHerdsAnswerWhatBecameTrue: a herd judges each attempt after the one before it. Where another node came in between, so that
// one of them was not stored, those behind it were judged after something that never was, and are judged again: a right code is
// wrong only if another login came first, and tries are used up only if nobody came in.
func TestHerdsAnswerWhatBecameTrue(t *testing.T) {
	t.Parallel()
	const rounds, each = 60, 24
	url := newDatabase(t)
	nodes := []*Store{openAt(t, url), openAt(t, url), openAt(t, url)}
	for _, s := range nodes {
		t.Cleanup(func() { must(t, s.Close()) })
	}
	ns, now := new(storetest.Nouns), storetest.Noon()
	p := ns.Project("herds")
	for range rounds {
		started, err := nodes[0].StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, ns.Email(), now)), now)
		must(t, err)
		c := started.Challenge
		var in, refused, exhausted atomic.Int64
		var all sync.WaitGroup
		for i := range each {
			all.Go(func() {
				a := ns.Attempt(c, now)
				wrong := i%3 != 0
				if wrong {
					a.Given = storetest.WrongCode
				}
				out, err := nodes[i%len(nodes)].CompleteChallenge(t.Context(), a, now)
				switch {
				case err != nil:
					t.Errorf("CompleteChallenge: %v", err)
				case out.Verdict == nil:
					in.Add(1)
				case latchkey.CodeOf(out.Verdict) == latchkey.TriesExhausted:
					exhausted.Add(1)
				case !wrong:
					refused.Add(1)
				}
			})
		}
		all.Wait()
		got, err := nodes[0].Challenge(t.Context(), c.ID)
		must(t, err)
		if in.Load() > 1 || in.Load() > 0 && exhausted.Load() > 0 || in.Load() == 0 && refused.Load() > 0 {
			t.Errorf("of the right codes %d were taken and %d wrong, while %d attempts found no more tries; the challenge is %s after %d tries",
				in.Load(), refused.Load(), exhausted.Load(), got.State, got.Tries)
		}
	}
	n, err := nodes[0].Events(t.Context(), p.ID, rounds*each*2)
	must(t, err)
	if len(n) != rounds*(each+1) {
		t.Errorf("%d starts and %d attempts made %d events", rounds, rounds*each, len(n))
	}
}
