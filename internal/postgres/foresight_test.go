package postgres

import (
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// TestForeseenAndNeverStored: of two attempts that go together the second is judged after the first. Where another node came in, so
// that the first was not stored, the second waits on too: also a refusal, which is stored by nothing but its event.
func TestForeseenAndNeverStored(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	p, now := newProject(t, s, &ns), storetest.Noon()
	long := now.Add(-4 * time.Hour) // by now its guess has left the long count
	start := func(to latchkey.Address, at time.Time) latchkey.Challenge {
		out, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, to, at)), at)
		must(t, err)
		return out.Challenge
	}
	attempt := func(c latchkey.Challenge, given latchkey.Secret) latchkey.Attempt {
		a := ns.Attempt(c, now)
		a.Given = given
		return a
	}
	answer := func(a latchkey.Attempt, at time.Time) {
		_, err := s.CompleteChallenge(t.Context(), a, at)
		must(t, err)
	}
	for name, attempts := range map[string]func(to latchkey.Address) [2]latchkey.Attempt{
		"refused, because the challenge is spent": func(to latchkey.Address) [2]latchkey.Attempt {
			c := start(to, now)
			return [2]latchkey.Attempt{attempt(c, storetest.RightCode), attempt(c, storetest.RightCode)}
		},
		"refused, because the network has to wait": func(to latchkey.Address) [2]latchkey.Attempt {
			one, other, from := start(to, now), start(to, now), ns.Origin()
			for range 9 {
				a := attempt(start(to, now), storetest.WrongCode)
				a.From = from
				answer(a, now)
			}
			wrong, right := attempt(one, storetest.WrongCode), attempt(other, storetest.RightCode)
			wrong.From, right.From = from, from
			return [2]latchkey.Attempt{wrong, right}
		},
		"a login that has no guesses to forget any more": func(to latchkey.Address) [2]latchkey.Attempt {
			answer(attempt(start(to, long), storetest.RightCode), long)
			answer(attempt(start(to, long), storetest.WrongCode), long)
			return [2]latchkey.Attempt{attempt(start(to, now), storetest.RightCode), attempt(start(to, now), storetest.RightCode)}
		},
		"refused, because there is no such challenge": func(to latchkey.Address) [2]latchkey.Attempt {
			return [2]latchkey.Attempt{
				attempt(start(to, now), storetest.WrongCode), attempt(ns.Challenge(p.ID, to, now), storetest.WrongCode),
			}
		},
	} {
		for _, disturbed := range []bool{false, true} {
			as := attempts(ns.Email())
			var xs []*herded
			for _, a := range as {
				xs = append(xs, &herded{Attempt: a, now: now, ctx: t.Context(), done: make(chan struct{})})
			}
			olds, err := s.loadHerd(t.Context(), xs)
			must(t, err)
			if disturbed { // the first one's challenge is sent again
				again := ns.Start(ns.Challenge(p.ID, as[0].To, now))
				again.Again = as[0].ID
				out, err := s.StartChallenge(t.Context(), again, now)
				must(t, err)
				if !out.Resent {
					t.Fatalf("%s: the challenge was not sent again", name)
				}
			}
			h := new(herd)
			_, err = s.storeHerd(t.Context(), h, xs, olds)
			must(t, err)
			want := 0
			if disturbed {
				want = len(xs)
			}
			if len(h.waiting) != want {
				t.Errorf("%s: another node came in: %v; %d of two wait on, want %d (verdicts: %v, %v)",
					name, disturbed, len(h.waiting), want, xs[0].out.Verdict, xs[1].out.Verdict)
			}
		}
	}
}
