package valkey_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limitertest"
	"github.com/latchkey-dev/latchkey/internal/valkey"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	limitertest.Run(t, func(t *testing.T) limitertest.Fixture {
		s := start(t)
		return limitertest.Fixture{Limiter: open(t, s.url()), Down: s.kill}
	})
}

var (
	noon  = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	three = latchkey.Rate{Every: 10 * time.Minute, Burst: 3}
)

func take(t *testing.T, l *valkey.Limiter, key string, now time.Time) latchkey.Tally {
	t.Helper()
	got, err := l.Take(t.Context(), []latchkey.Take{{Key: key, Rate: three}}, now)
	if err != nil || len(got) != 1 {
		t.Fatalf("Take: %+v, %v", got, err)
	}
	return got[0]
}

// unavailable checks one refusal, and that it did not wait for what may take for ever.
func unavailable(t *testing.T, l *valkey.Limiter) {
	t.Helper()
	began := time.Now()
	got, err := l.Take(t.Context(), []latchkey.Take{{Key: "k", Rate: three}}, noon)
	took := time.Since(began)
	if latchkey.CodeOf(err) != latchkey.Unavailable || got != nil {
		t.Errorf("Take: %+v, %v; want Unavailable", got, err)
	}
	if took > 5*time.Second {
		t.Errorf("it took %v to say so", took)
	}
}

// works waits until a Take is answered, and gives its tally.
func works(t *testing.T, l *valkey.Limiter) latchkey.Tally {
	t.Helper()
	var got []latchkey.Tally
	err := until(10*time.Second, func() (err error) {
		got, err = l.Take(t.Context(), []latchkey.Take{{Key: "k", Rate: three}}, noon)
		return err
	})
	if err != nil {
		t.Fatalf("it does not work again: %v", err)
	}
	return got[0]
}

func TestKilledAndRestarted(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := open(t, s.url())
	take(t, l, "k", noon)
	s.kill()
	for range 5 {
		unavailable(t, l)
	}
	s.restart()
	if got := works(t, l); got.Remaining != 2 {
		t.Errorf("after a restart it should count from nothing: %+v", got)
	}
}

// TestARestartIsNotNoticed: the connections are dead and the server is there; no Take fails for it.
func TestARestartIsNotNoticed(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := open(t, s.url())
	for range 3 {
		take(t, l, "k", noon)
		s.restart()
		for i := range 8 {
			take(t, l, "other"+strconv.Itoa(i), noon)
		}
	}
}

func TestStartsWhileTheServerIsDown(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.kill()
	l := open(t, s.url())
	unavailable(t, l)
	s.restart()
	works(t, l)
}

// TestAHangingServer: it accepts and says nothing. A login does not wait for it.
func TestAHangingServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	l, late := open(t, s.quickURL()), open(t, s.quickURL())
	works(t, l)
	s.freeze()
	defer s.thaw()
	unavailable(t, l)
	unavailable(t, late) // has to connect first
	unavailable(t, l)
	var all sync.WaitGroup
	for range 500 {
		all.Go(func() { unavailable(t, l) })
	}
	all.Wait()
	s.thaw()
	works(t, l)
	works(t, late)
}

func TestScriptFlushed(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := open(t, s.url())
	take(t, l, "k", noon)
	s.mustSay("SCRIPT", "FLUSH")
	if got := take(t, l, "k", noon); got.Remaining != 1 {
		t.Errorf("after SCRIPT FLUSH: %+v, want 1 left of three after two", got)
	}
}

func TestDataFlushed(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := open(t, s.url())
	take(t, l, "k", noon)
	take(t, l, "k", noon)
	s.mustSay("FLUSHALL")
	if got := take(t, l, "k", noon); got.Remaining != 2 {
		t.Errorf("after FLUSHALL it should count from nothing: %+v", got)
	}
}

// TestKeysExpireWhenWhole: what says nothing any more goes by itself, a second after it is whole, and what is refused or has
// no rate leaves nothing.
func TestKeysExpireWhenWhole(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := open(t, s.url()+"&prefix=p:")
	for want := 10; want <= 30; want += 10 {
		take(t, l, "k", noon)
		ms, err := strconv.Atoi(strings.TrimPrefix(s.mustSay("PTTL", "p:k"), ":"))
		if left := time.Duration(ms) * time.Millisecond; err != nil || left > time.Duration(want)*time.Minute+time.Second || left < time.Duration(want)*time.Minute-5*time.Second {
			t.Errorf("the key goes in %v, want in %d minutes and a second", left, want)
		}
	}
	ts := []latchkey.Take{{Key: "zero"}, {Key: "k", Rate: three}, {Key: "after", Rate: three}}
	if _, err := l.Take(t.Context(), ts, noon); err != nil {
		t.Fatal(err)
	}
	if got := s.mustSay("DBSIZE"); got != ":1" {
		t.Errorf("the server has %s keys, want the one that was taken from", got)
	}
	short := latchkey.Rate{Every: time.Millisecond, Burst: 5}
	if _, err := l.Take(t.Context(), []latchkey.Take{{Key: "short", Rate: short}}, noon); err != nil {
		t.Fatal(err)
	}
	err := until(10*time.Second, func() error {
		if s.mustSay("EXISTS", "p:short") != ":0" {
			return errStill
		}
		return nil
	})
	if err != nil {
		t.Errorf("a key that is whole after a millisecond: %v", err)
	}
}

// TestRoundsToTheSlowerSide: a rate between two microseconds gives no more than it says.
func TestRoundsToTheSlowerSide(t *testing.T) {
	t.Parallel()
	l := open(t, start(t).url())
	ts := []latchkey.Take{{Key: "k", Rate: latchkey.Rate{Every: 1500 * time.Nanosecond, Burst: 1}}}
	for after, want := range []bool{true, false, true} {
		got, err := l.Take(t.Context(), ts, noon.Add(time.Duration(after)*time.Microsecond))
		if err != nil || got[0].Allowed != want {
			t.Errorf("one every 1.5µs, after %d µs: %+v, %v; want %v", after, got, err, want)
		}
	}
}

// TestAReplicaIsLeft: behind one address another server has become the primary, and the old one refuses to write. No Take
// fails for it, whichever connection it would have taken.
func TestAReplicaIsLeft(t *testing.T) {
	t.Parallel()
	old, fresh := start(t), start(t)
	front := forward(t, old.addr())
	l := open(t, "redis://"+front.addr()+"?timeout=30s")
	for i := range 16 {
		take(t, l, strconv.Itoa(i), noon)
	}
	old.mustSay("REPLICAOF", "127.0.0.1", strconv.Itoa(fresh.port))
	unavailable(t, l) // nobody has been led to the new one yet
	front.to.Store(fresh.addr())
	for i := range 16 {
		if got := take(t, l, strconv.Itoa(i), noon); got.Remaining != 2 {
			t.Errorf("the new primary has never heard of key %d: %+v", i, got)
		}
	}
	if got := fresh.mustSay("DBSIZE"); got != ":16" {
		t.Errorf("the new primary has %s keys, want :16", got)
	}
}

// TestASilentConnectionIsLeft: nothing comes back over it, and nobody says that it is gone, as behind a firewall that forgot it.
func TestASilentConnectionIsLeft(t *testing.T) {
	t.Parallel()
	old, fresh := start(t), start(t)
	front := forward(t, old.addr())
	l := open(t, "redis://"+front.addr()+"?timeout=500ms")
	works(t, l)
	old.freeze()
	defer old.thaw()
	front.to.Store(fresh.addr())
	unavailable(t, l)
	works(t, l)
}
