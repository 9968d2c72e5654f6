// Package limitertest is the contract of latchkey.Limiter in executable form: one named test per promise of ports.go.
// Every room that keeps a Limiter runs it, and a Limiter that fails one is not shipped:
//
//	func TestLimiter(t *testing.T) {
//		limitertest.Run(t, func(t *testing.T) limitertest.Fixture { … })
//	}
//
// The clock is the suite's and stands where the suite puts it, while a room may let what it keeps expire by a clock of its
// own. So no rate here is whole again within minutes. Times and rates are multiples of a microsecond: no room need keep
// them any finer.
package limitertest

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Fixture is one Limiter in good order. It may share its server with others: every promise has keys of its own,
// in every run.
type Fixture struct {
	Limiter latchkey.Limiter
	// Down ends the server behind this Limiter. A room without a server has none.
	Down func()
}

// suite has one entry per promise of ports.go, named Method/promise.
func suite() map[string]func(*world) {
	return map[string]func(*world){
		"Take/as Rate.Take has it":                     asTheRuleHasIt,
		"Take/says what is left and when to come":      tallies,
		"Take/refills at the exact instant":            refills,
		"Take/whole again after a rest":                wholeAgain,
		"Take/a refusal is not charged":                refusalIsFree,
		"Take/in order, up to the first refusal":       stopsAtRefusal,
		"Take/what came before a refusal stays taken":  beforeStaysTaken,
		"Take/what comes after a refusal is untouched": afterIsUntouched,
		"Take/the zero rate passes and stores nothing": zeroRate,
		"Take/nothing asked, nothing said":             nothingAsked,
		"Take/one key twice counts twice":              oneKeyTwice,
		"Take/sixteen keys at once":                    sixteenKeys,
		"Take/never more than there is":                neverMore,
		"Take/never more, whatever the order":          neverMoreInAnyOrder,
		"Take/many keys":                               manyKeys,
		"Take/keys of 200 bytes":                       longKeys,
		"Take/any bytes in a key":                      oddKeys,
		"Take/bursts of a year":                        longRates,
		"Take/a clock that goes back a little":         clockGoesBack,
		"Take/ends with ctx":                           endsWithContext,
		"Take/Unavailable while the server is down":    down,
		"Close/gives up, twice without harm":           closeTwice,
	}
}

// Run holds the room that open makes to the contract.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	t.Helper()
	for name, promise := range suite() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			t.Cleanup(func() {
				if err := f.Limiter.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			promise(&world{T: t, Fixture: f, now: time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC), mark: rand.Text()})
		})
	}
}

// A world is a limiter and what its tests say often.
type world struct {
	*testing.T
	Fixture
	now  time.Time // the test moves it
	mark string    // begins every key of this run
}

// three is the rate of most tests: three at once, then one every ten minutes.
var three = latchkey.Rate{Every: 10 * time.Minute, Burst: 3}

// key makes a key that no other promise and no earlier run has.
func (w *world) key(name string) string { return w.mark + "/" + name }

// one asks for one unit under each name, all at the same rate.
func (w *world) one(r latchkey.Rate, names ...string) []latchkey.Take {
	ts := make([]latchkey.Take, len(names))
	for i, name := range names {
		ts[i] = latchkey.Take{Key: w.key(name), Rate: r}
	}
	return ts
}

// take asks and expects an answer.
func (w *world) take(ts ...latchkey.Take) []latchkey.Tally {
	w.Helper()
	got, err := w.Limiter.Take(w.Context(), ts, w.now)
	if err != nil {
		w.Fatalf("Take: %v", err)
	}
	return got
}

// allowed takes one unit under a name and reports whether it was there.
func (w *world) allowed(r latchkey.Rate, name string) bool {
	w.Helper()
	got := w.take(w.one(r, name)...)
	if len(got) != 1 {
		w.Fatalf("one key asked for, %d tallies given", len(got))
	}
	return got[0].Allowed
}

// remaining takes one unit under a name and gives what is left after it.
func (w *world) remaining(r latchkey.Rate, name string) int {
	w.Helper()
	got := w.take(w.one(r, name)...)
	if len(got) != 1 || !got[0].Allowed {
		w.Fatalf("%q should have a unit left: %+v", name, got)
	}
	return got[0].Remaining
}

// use takes n units under a name, which must be there.
func (w *world) use(n int, r latchkey.Rate, name string) {
	w.Helper()
	for i := range n {
		if !w.allowed(r, name) {
			w.Fatalf("unit %d of %d under %q was refused", i+1, n, name)
		}
	}
}

// parallel runs f n times at once and waits.
func (w *world) parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			f(i)
		})
	}
	close(gate)
	wg.Wait()
}

// gone checks that err is Unavailable, and that it shows no key: a key may hold whom it counts.
func (w *world) gone(err error, keys ...latchkey.Take) {
	w.Helper()
	if latchkey.CodeOf(err) != latchkey.Unavailable {
		w.Errorf("error %v (code %q), want code %q", err, latchkey.CodeOf(err), latchkey.Unavailable)
		return
	}
	for _, k := range keys {
		if contains(fmt.Sprintf("%v %+v", err, err), k.Key) {
			w.Errorf("the error shows a key: %v", err)
		}
	}
}

// withTimeout is the test's context for a call that must not hang.
func (w *world) withTimeout(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.Context(), d)
}
