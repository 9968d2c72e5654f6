package limitertest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const callers = 64

func neverMore(w *world) {
	hundred := latchkey.Rate{Every: 10 * time.Minute, Burst: 100}
	var taken atomic.Int64
	w.parallel(callers, func(int) {
		for range 8 {
			got, err := w.Limiter.Take(w.Context(), w.one(hundred, "k"), w.now)
			if err != nil {
				w.Errorf("Take: %v", err)
				return
			}
			if got[0].Allowed {
				taken.Add(1)
			}
		}
	})
	if n := taken.Load(); n != 100 {
		w.Errorf("%d callers took %d of 100 units at one instant", callers, n)
	}
}

// neverMoreInAnyOrder: half of the callers ask for one key and then another, the others the other way round. No room may
// lock them against each other, and what one key refuses stays with the other.
func neverMoreInAnyOrder(w *world) {
	fifty := latchkey.Rate{Every: 10 * time.Minute, Burst: 50}
	var taken [2]atomic.Int64
	w.parallel(callers, func(i int) {
		names := []string{"a", "b"}
		if i%2 == 1 {
			names = []string{"b", "a"}
		}
		for range 4 {
			got, err := w.Limiter.Take(w.Context(), w.one(fifty, names...), w.now)
			if err != nil {
				w.Errorf("Take: %v", err)
				return
			}
			for j, t := range got {
				if t.Allowed {
					taken[(i+j)%2].Add(1)
				}
			}
		}
	})
	for j, name := range []string{"a", "b"} {
		if n := taken[j].Load(); n != 50 {
			w.Errorf("%d callers took %d of 50 units under %q at one instant", callers, n, name)
		}
	}
}

// manyKeys: none of 2,000 keys is taken for another or forgotten while it is not whole.
func manyKeys(w *world) {
	const keys, each = 2000, 125
	for left := 2; left >= 0; left-- {
		w.parallel(keys/each, func(i int) {
			for n := range each {
				name := fmt.Sprint("k", i*each+n)
				got, err := w.Limiter.Take(w.Context(), w.one(three, name), w.now)
				if err != nil {
					w.Errorf("Take: %v", err)
					return
				}
				if !got[0].Allowed || got[0].Remaining != left {
					w.Errorf("key %q of %d: %+v, want %d left", name, keys, got[0], left)
					return
				}
			}
		})
	}
}

func longKeys(w *world) {
	stem := w.key("")
	stem += strings.Repeat("x", 199-len(stem))
	for _, last := range []string{"a", "b"} {
		for left := 2; left >= 0; left-- {
			got := w.take(latchkey.Take{Key: stem + last, Rate: three})
			if got[0].Remaining != left || !got[0].Allowed {
				w.Fatalf("a key of 200 bytes that ends in %s: %+v, want %d left", last, got[0], left)
			}
		}
	}
}

// oddKeys: what callers send ends up in keys. Each of these is a key of its own, and none is anything else.
func oddKeys(w *world) {
	odd := []string{
		"", " ", "a", "A", "a ", " a", "a\x00", "a\x00b", "a\n", "a\r\nFLUSHALL\r\n", "\xff\xfe", "\xff", "ä", "a\u0308", "日本", "a'b", `a"b`,
		`a\b`, `a\\b`, "a;--", "%s", "%00", "{a}", "{b}a", "{}", "}{", "*", "a*", "a/b", "a//b", "a:b", "$1", "\u202e", "\U0001f600",
	}
	for left := 2; left >= 0; left-- {
		for _, name := range odd {
			got := w.take(w.one(three, name)...)
			if !got[0].Allowed || got[0].Remaining != left {
				w.Errorf("key %q: %+v, want %d left: it is counted with another, or not at all", name, got[0], left)
			}
		}
	}
}

// endsWithContext: a Take whose caller has gone ends at once, with an answer or without one.
func endsWithContext(w *world) {
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	began := time.Now()
	if _, err := w.Limiter.Take(ctx, w.one(three, "k"), w.now); err != nil {
		w.gone(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		w.Errorf("a Take whose ctx had ended took %v", took)
	}
	if !w.allowed(three, "k") {
		w.Error("the limiter did not go on after it")
	}
}

// down: a login waits for this answer, so it must be quick.
func down(w *world) {
	if w.Down == nil {
		return
	}
	w.use(1, three, "k")
	w.Down()
	ctx, cancel := w.withTimeout(10 * time.Second)
	defer cancel()
	for range 3 {
		ts := w.one(three, "k", "l")
		began := time.Now()
		got, err := w.Limiter.Take(ctx, ts, w.now)
		if took := time.Since(began); took > 5*time.Second {
			w.Errorf("it took %v to say that the server is down", took)
		}
		if len(got) != 0 {
			w.Errorf("tallies %+v beside an error: nothing is known then", got)
		}
		w.gone(err, ts...)
	}
}

func closeTwice(w *world) {
	w.use(1, three, "k")
	for range 2 {
		if err := w.Limiter.Close(); err != nil {
			w.Errorf("Close: %v", err)
		}
	}
	if _, err := w.Limiter.Take(w.Context(), w.one(three, "k"), w.now); err != nil {
		w.gone(err)
	}
}

func contains(s, part string) bool { return part != "" && strings.Contains(s, part) }
