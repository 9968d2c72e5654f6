package limitertest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// asTheRuleHasIt goes through 1,500 random takes, of one to four keys at two rates, and compares every answer with what
// Rate.Take gives.
func asTheRuleHasIt(w *world) {
	const seed1, seed2 = 7, 19
	random := rand.New(rand.NewPCG(seed1, seed2))
	rates := []latchkey.Rate{three, {Every: 77*time.Second + 123*time.Microsecond, Burst: 11}, {}}
	full := map[string]time.Time{}
	for step := range 1500 {
		w.now = w.now.Add(time.Duration(random.IntN(90_000_000)) * time.Microsecond)
		ts := make([]latchkey.Take, 1+random.IntN(4))
		var want []latchkey.Tally
		stopped := false
		for i := range ts {
			ts[i] = latchkey.Take{Key: w.key(fmt.Sprint("k", random.IntN(6))), Rate: rates[random.IntN(len(rates))]}
			if stopped {
				continue
			}
			next, tally := ts[i].Rate.Take(full[ts[i].Key], w.now)
			full[ts[i].Key] = next
			want = append(want, tally)
			stopped = !tally.Allowed
		}
		if got := w.take(ts...); !reflect.DeepEqual(got, want) {
			w.Fatalf("step %d, %+v:\n got %+v\nwant %+v", step, ts, got, want)
		}
	}
}

func tallies(w *world) {
	for i, want := range []latchkey.Tally{
		{Allowed: true, Remaining: 2, Reset: 10 * time.Minute},
		{Allowed: true, Remaining: 1, Reset: 20 * time.Minute},
		{Allowed: true, Remaining: 0, Reset: 30 * time.Minute},
		{Retry: 10 * time.Minute, Reset: 30 * time.Minute},
	} {
		got := w.take(w.one(three, "k")...)
		if len(got) != 1 || got[0] != want {
			w.Errorf("take %d: %+v, want %+v", i+1, got, want)
		}
	}
	w.now = w.now.Add(4 * time.Minute)
	if got := w.take(w.one(three, "k")...)[0]; got != (latchkey.Tally{Retry: 6 * time.Minute, Reset: 26 * time.Minute}) {
		w.Errorf("4 minutes later: %+v, want a retry in 6 and a reset in 26 minutes", got)
	}
}

func refills(w *world) {
	w.use(3, three, "k")
	start := w.now
	w.now = start.Add(10*time.Minute - time.Microsecond)
	if got := w.take(w.one(three, "k")...)[0]; got.Allowed || got.Retry != time.Microsecond {
		w.Errorf("a microsecond too early: %+v, want a retry in 1µs", got)
	}
	w.now = start.Add(10 * time.Minute)
	if !w.allowed(three, "k") {
		w.Error("refused at the exact instant at which the unit came back")
	}
	if w.allowed(three, "k") {
		w.Error("one unit came back, two were taken")
	}
}

func wholeAgain(w *world) {
	w.use(3, three, "k")
	w.now = w.now.Add(30 * time.Minute)
	w.use(3, three, "k")
	if w.allowed(three, "k") {
		w.Error("a burst that was whole again had a fourth unit")
	}
	w.now = w.now.Add(1000 * time.Hour)
	w.use(3, three, "k")
	if w.allowed(three, "k") {
		w.Error("units went on gathering above the burst")
	}
}

// refusalIsFree: whoever knocks all the time gets in as soon as whoever waits.
func refusalIsFree(w *world) {
	w.use(3, three, "k")
	for range 50 {
		w.now = w.now.Add(time.Second)
		if w.allowed(three, "k") {
			w.Fatal("allowed before the unit came back")
		}
	}
	w.now = w.now.Add(10*time.Minute - 50*time.Second)
	if !w.allowed(three, "k") {
		w.Error("the refusals were charged: the unit is not there at its time")
	}
}

func stopsAtRefusal(w *world) {
	w.use(3, three, "b")
	got := w.take(w.one(three, "a", "b", "c", "d")...)
	if len(got) != 2 || !got[0].Allowed || got[1].Allowed || got[1].Retry != 10*time.Minute {
		w.Errorf("the second of four keys is used up: tallies %+v, want one allowed, one refused for 10 minutes, and no more", got)
	}
	got = w.take(w.one(three, "b", "a")...)
	if len(got) != 1 || got[0].Allowed {
		w.Errorf("the first of two keys is used up: tallies %+v, want its refusal alone", got)
	}
}

func beforeStaysTaken(w *world) {
	w.use(3, three, "worn")
	w.take(w.one(three, "before", "worn")...)
	if left := w.remaining(three, "before"); left != 1 {
		w.Errorf("a key in front of a refusal and one unit more: %d left, want 1", left)
	}
}

func afterIsUntouched(w *world) {
	w.use(3, three, "flood")
	for range 20 {
		w.take(w.one(three, "flood", "victim")...)
	}
	if left := w.remaining(three, "victim"); left != 2 {
		w.Errorf("the key behind a flood that another one stopped has %d left after its first unit, want 2", left)
	}
}

func zeroRate(w *world) {
	for range 20 {
		if got := w.take(w.one(latchkey.Rate{}, "k")...); len(got) != 1 || got[0] != (latchkey.Tally{Allowed: true}) {
			w.Fatalf("the zero rate: %+v, want one that is allowed and says nothing else", got)
		}
	}
	if left := w.remaining(three, "k"); left != 2 {
		w.Errorf("the zero rate was counted: %d left under a rate of three, want 2", left)
	}
	got := w.take(w.one(three, "k")[0], w.one(latchkey.Rate{}, "z")[0], w.one(three, "l")[0])
	if len(got) != 3 || got[0].Remaining != 1 || !got[1].Allowed || got[2].Remaining != 2 {
		w.Errorf("a zero rate between two others: %+v", got)
	}
}

func nothingAsked(w *world) {
	if got := w.take(); len(got) != 0 {
		w.Errorf("no key asked for, tallies %+v", got)
	}
}

func oneKeyTwice(w *world) {
	got := w.take(w.one(three, "k", "l", "k")...)
	if len(got) != 3 || got[0].Remaining != 2 || got[2].Remaining != 1 {
		w.Errorf("one key twice in one Take: %+v, want 2 and then 1 left", got)
	}
	got = w.take(w.one(three, "k", "k", "l")...)
	if len(got) != 2 || !got[0].Allowed || got[1].Allowed {
		w.Errorf("one key twice with one unit left: %+v, want one allowed, one refused, and no more", got)
	}
}

func sixteenKeys(w *world) {
	var names []string
	for i := range 16 {
		names = append(names, fmt.Sprint("k", i))
	}
	for left := 2; left >= 0; left-- {
		got := w.take(w.one(three, names...)...)
		if len(got) != 16 {
			w.Fatalf("16 keys asked for, %d tallies given", len(got))
		}
		for i, t := range got {
			if !t.Allowed || t.Remaining != left {
				w.Errorf("key %d: %+v, want %d left", i, t, left)
			}
		}
	}
}

// longRates: a rate that operators could ask for, and whose numbers are large.
func longRates(w *world) {
	yearly := latchkey.Rate{Every: 365 * 24 * time.Hour, Burst: 2}
	w.use(2, yearly, "k")
	if got := w.take(w.one(yearly, "k")...)[0]; got.Allowed || got.Retry != yearly.Every || got.Reset != 2*yearly.Every {
		w.Errorf("a third in one year: %+v", got)
	}
	many := latchkey.Rate{Every: time.Microsecond, Burst: 2_000_000_000}
	if left := w.remaining(many, "l"); left != many.Burst-1 {
		w.Errorf("a burst of 2,000,000,000 has %d left after one", left)
	}
}

// clockGoesBack: clocks of several nodes differ a little, and one is set back now and then. Nobody gets more for it, and
// nobody has to wait longer than until the same instant.
func clockGoesBack(w *world) {
	start := w.now
	w.use(3, three, "k")
	w.now = start.Add(-800 * time.Millisecond)
	got := w.take(w.one(three, "k")...)[0]
	if got.Allowed || got.Retry != 10*time.Minute+800*time.Millisecond {
		w.Errorf("800 ms before: %+v, want a retry in 10 minutes and 800 ms", got)
	}
	w.now = start.Add(10 * time.Minute)
	if !w.allowed(three, "k") {
		w.Error("a clock that went back moved the instant at which the unit comes back")
	}
	w.now = start.Add(10*time.Minute - 800*time.Millisecond)
	if w.allowed(three, "k") {
		w.Error("a clock that went back gave a unit that was taken")
	}
}
