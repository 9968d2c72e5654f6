// Package storetest is the contract of latchkey.Store in executable form: one named test per promise of ports.go.
// Every room that keeps a Store runs it, and a Store that fails one is not shipped:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) latchkey.Store { … a fresh, empty one … })
//	}
//
// Nouns makes what tests of other rooms need too.
package storetest

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// Run holds the stores that open gives to the contract: a fresh, empty one for each promise. open arranges for what
// must be cleaned up; Run closes the store.
func Run(t *testing.T, open func(t *testing.T) latchkey.Store) {
	for name, promise := range suite() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			w := &world{T: t, Store: s, now: Noon()}
			w.project = w.newProject("The Game")
			promise(w)
		})
	}
}

// A world is a store with one project in it, and what tests say often. Nouns and Store share the
// names Project, Client and Challenge, so these are called in full.
type world struct {
	*testing.T
	latchkey.Store
	Nouns
	now     time.Time // the test moves it
	project latchkey.Project
}

// ctx is the test's own.
func (w *world) ctx() context.Context { return w.T.Context() }

func (w *world) newProject(name string) latchkey.Project {
	w.Helper()
	p := w.Nouns.Project(name)
	w.must(w.CreateProject(w.ctx(), p, nil, w.Event(latchkey.ProjectCreated, p.ID, w.now)))
	return p
}

// must ends the test at a failure.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("failed: %v", err)
	}
}

// wants checks the code of an error: "" for none.
func (w *world) wants(what string, err error, code latchkey.Code) {
	w.Helper()
	if latchkey.CodeOf(err) != code {
		w.Errorf("%s: error %v (code %q), want code %q", what, err, latchkey.CodeOf(err), code)
	}
}

// same checks that got is want, in every member.
func same[T any](w *world, what string, got, want T) {
	w.Helper()
	if !reflect.DeepEqual(got, want) {
		w.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// start stores a challenge for to. change may change it before.
func (w *world) start(to latchkey.Address, change ...func(*latchkey.Challenge)) latchkey.Challenge {
	w.Helper()
	c := w.Nouns.Challenge(w.project.ID, to, w.now)
	for _, f := range change {
		f(&c)
	}
	out, err := w.StartChallenge(w.ctx(), w.Start(c), w.now)
	w.must(err)
	return out.Challenge
}

// answer answers c with given, from where c was started or, if given, from elsewhere.
func (w *world) answer(c latchkey.Challenge, given latchkey.Secret, from ...latchkey.Origin) latchkey.Outcome {
	w.Helper()
	a := w.Attempt(c, w.now)
	a.Given = given
	for _, o := range from {
		a.From = o
	}
	out, err := w.CompleteChallenge(w.ctx(), a, w.now)
	w.must(err)
	return out
}

// guesses are total wrong answers given now, fromNetwork of them from one network.
func (w *world) guesses(total, fromNetwork int) (g latchkey.Guesses) {
	for range total {
		g = g.Wrong(w.now)
	}
	g.FromNetwork = fromNetwork
	return g
}

// login signs in by to.
func (w *world) login(to latchkey.Address, change ...func(*latchkey.Challenge)) latchkey.Outcome {
	w.Helper()
	out := w.answer(w.start(to, change...), RightCode)
	if out.Verdict != nil {
		w.Fatalf("login by %v: %v", to, out.Verdict)
	}
	return out
}

// grantOf signs in by to and redeems the code.
func (w *world) grantOf(to latchkey.Address, change ...func(*latchkey.Challenge)) (latchkey.User, latchkey.Grant) {
	w.Helper()
	out, err := w.RedeemCode(w.ctx(), w.Redemption(w.login(to, change...).Code, w.now), w.now)
	w.must(err)
	if out.Verdict != nil {
		w.Fatalf("redeeming: %v", out.Verdict)
	}
	return out.User, out.Grant
}

// stored gives the challenge as it is in the store.
func (w *world) stored(id latchkey.ChallengeID) latchkey.Challenge {
	w.Helper()
	c, err := w.Store.Challenge(w.ctx(), id)
	w.must(err)
	return c
}

// standing gives a user and a grant as they are in the store, zero where there is none.
func (w *world) standing(u latchkey.UserID, g latchkey.GrantID) (latchkey.User, latchkey.Grant) {
	w.Helper()
	user, grant, err := w.Standing(w.ctx(), u, g)
	w.must(err)
	return user, grant
}

// last gives the newest event of a project.
func (w *world) last() latchkey.Event {
	w.Helper()
	es, err := w.Events(w.ctx(), w.project.ID, 1)
	w.must(err)
	if len(es) != 1 {
		w.Fatal("no event is stored")
	}
	return es[0]
}

// count gives how many events of a kind the project has.
func (w *world) count(kind latchkey.Kind) (n int) {
	w.Helper()
	es, err := w.Events(w.ctx(), w.project.ID, 1_000_000)
	w.must(err)
	for _, e := range es {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// Changes of a challenge before it is started.

func withLink(c *latchkey.Challenge)   { c.Link = true }
func byJWT(c *latchkey.Challenge)      { c.Protocol, c.Ask.Client, c.Ask.State = latchkey.JWT, 0, "" }
func withLogout(c *latchkey.Challenge) { c.Ask.WithLogout = true }

func by(id latchkey.ClientID) func(*latchkey.Challenge) {
	return func(c *latchkey.Challenge) { c.Ask.Client = id }
}
