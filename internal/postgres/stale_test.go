package postgres

import (
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// holds stores c and tells whether all its guards held.
func holds(t *testing.T, s *Store, c *change) bool {
	t.Helper()
	held, err := s.store(t.Context(), c)
	must(t, err)
	return held == c.guards
}

// TestWhoHoldsAChallengeIsNotWaitedFor: nor is who ends a session. A batch that waits for one row holds those of the others in it
// meanwhile, and whoever it waits for may wait for those.
func TestWhoHoldsAChallengeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	p, now := newProject(t, s, &ns), storetest.Noon()
	started, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, ns.Email(), now)), now)
	must(t, err)
	out, err := s.CompleteChallenge(t.Context(), ns.Staying(started.Challenge, latchkey.SessionID{}, now), now)
	must(t, err)
	must(t, out.Verdict)
	challenge := func() *change {
		c := newChange(0)
		c.holdChallenge(&out.Challenge)
		return c
	}
	session := func() *change {
		c := newChange(0).guard(keepSession)
		c.putHandle(out.Session.ID.Handle)
		return c
	}
	for table, guard := range map[string]func() *change{"challenges": challenge, "sessions": session} {
		if !holds(t, s, guard()) {
			t.Fatalf("%s: the row is as it was loaded and nobody holds it, and its guard does not hold", table)
		}
		tx, err := s.pool.Begin(t.Context())
		must(t, err)
		tag, err := tx.Exec(t.Context(), "SELECT 1 FROM "+table+" FOR UPDATE")
		must(t, err)
		if tag.RowsAffected() != 1 {
			t.Fatalf("%s: %d rows are held, want the one", table, tag.RowsAffected())
		}
		held, err := s.store(t.Context(), guard())
		if err != nil || held != 0 {
			t.Errorf("%s: of a row that somebody holds %d guards held, %v; want none, and no waiting", table, held, err)
		}
		must(t, tx.Rollback(t.Context()))
	}
}

// TestGuessesElsewhereAreNoReasonToLook: that nobody guessed at an address holds project by project. It would only be slow: every
// start at an address that another project's visitor mistyped would be judged twice.
func TestGuessesElsewhereAreNoReasonToLook(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	here, elsewhere, now := newProject(t, s, &ns), newProject(t, s, &ns), storetest.Noon()
	to, other := ns.Email(), ns.Email()
	started, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(elsewhere.ID, to, now)), now)
	must(t, err)
	a := ns.Attempt(started.Challenge, now)
	a.Given = storetest.WrongCode
	_, err = s.CompleteChallenge(t.Context(), a, now)
	must(t, err)
	for name, c := range map[string]struct {
		project latchkey.ProjectID
		to      latchkey.Address
		want    bool
	}{
		"where it was guessed at": {elsewhere.ID, to, false},
		"in another project":      {here.ID, to, true},
		"at another address":      {elsewhere.ID, other, true},
	} {
		change := newChange(0).guard(noGuesses)
		change.putProjectAddress(c.project, c.to)
		if got := holds(t, s, change); got != c.want {
			t.Errorf("%s: that nobody guessed at the address is %v, want %v", name, got, c.want)
		}
	}
}

// TestStaleDescriptionsAreNotStored: what was said after a description was read is not lost with it.
func TestStaleDescriptionsAreNotStored(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	now, mine, others := storetest.Noon(), "mine", "another"
	p := newProject(t, s, &ns)
	id := signedIn(t, s, &ns, p.ID, now).User.ID
	e := ns.Event(latchkey.UserDescribed, p.ID, now)
	for _, before := range []string{"nothing was said", "something was said"} {
		old, person, err := s.knownUser(t.Context(), id)
		must(t, err)
		next, err := old.Describe(latchkey.PersonChange{FirstName: &mine})
		must(t, err)
		_, err = s.DescribeUser(t.Context(), id, latchkey.PersonChange{LastName: &others}, e)
		must(t, err)
		if holds(t, s, describing(id, person, next.Person, e)) {
			t.Errorf("%s: a description was stored over one that came after it was judged", before)
		}
		others += " still"
	}
	u, person, err := s.knownUser(t.Context(), id)
	must(t, err)
	if !holds(t, s, describing(id, person, latchkey.Person{FirstName: mine}, e)) {
		t.Errorf("over %+v, which is as it was loaded, no description is stored", u.Person)
	}
}

// TestBreakersTripOnce: whoever judged a breaker before it tripped does not trip it again, for which it would stay so twice as
// long. Of the two breakers of one code the first guards, and the second is left as it is where it stays tripped longer already.
func TestBreakersTripOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	now := storetest.Noon()
	p := newProject(t, s, &ns)
	trip := func(scope latchkey.Scope, until time.Time, trips int) latchkey.Conversion {
		return latchkey.Conversion{Scope: scope, Until: until, Trips: trips}
	}
	hour := now.Add(time.Hour)
	for _, step := range []struct {
		name   string
		first  latchkey.Conversion
		second latchkey.Conversion
		now    time.Time
		held   bool
		want   [2]latchkey.Conversion // of country and network
	}{
		{
			"the first trip, of one", trip("network:n", hour, 1), latchkey.Conversion{}, now, true,
			[2]latchkey.Conversion{{}, trip("network:n", hour, 1)},
		}, {
			"again, judged before it", trip("network:n", hour.Add(time.Second), 1), latchkey.Conversion{}, now.Add(time.Second), false,
			[2]latchkey.Conversion{{}, trip("network:n", hour, 1)},
		}, {
			"the other one, and this one with it, for less long", trip("country:c", hour, 1), trip("network:n", hour.Add(-time.Second), 7), now, true,
			[2]latchkey.Conversion{trip("country:c", hour, 1), trip("network:n", hour, 1)},
		}, {
			"both again, of which one is tripped", trip("country:c", hour.Add(time.Minute), 9), trip("network:n", hour.Add(time.Minute), 9), now.Add(time.Minute), false,
			[2]latchkey.Conversion{trip("country:c", hour, 1), trip("network:n", hour, 1)},
		}, {
			"both, when the pause is over", trip("country:c", hour.Add(2*time.Hour), 2), trip("network:n", hour.Add(2*time.Hour), 2), hour, true,
			[2]latchkey.Conversion{trip("country:c", hour.Add(2*time.Hour), 2), trip("network:n", hour.Add(2*time.Hour), 2)},
		}, {
			"one that was over already when it was judged", trip("country:c", hour.Add(time.Hour), 5), latchkey.Conversion{}, hour.Add(5 * time.Hour), false,
			[2]latchkey.Conversion{trip("country:c", hour.Add(2*time.Hour), 2), trip("network:n", hour.Add(2*time.Hour), 2)},
		},
	} {
		c := aloneChange()
		c.guardTrip(p.ID, &latchkey.SMSEntry{Trips: [2]latchkey.Conversion{step.first, step.second}}, step.now)
		if got := holds(t, s, c); got != step.held {
			t.Errorf("%s: tripped: %v, want %v", step.name, got, step.held)
		}
		got, err := s.conversions(t.Context(), p.ID, []latchkey.Scope{"country:c", "network:n"}, now)
		must(t, err)
		for i, scope := range []latchkey.Scope{"country:c", "network:n"} {
			if step.want[i].Scope = scope; got[i] != step.want[i] {
				t.Errorf("%s: %+v, want %+v", step.name, got[i], step.want[i])
			}
		}
	}
}
