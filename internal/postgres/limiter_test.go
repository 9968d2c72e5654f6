package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limitertest"
	"github.com/latchkey-dev/latchkey/internal/pgtest"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	limitertest.Run(t, func(t *testing.T) limitertest.Fixture {
		if !strings.Contains(t.Name(), "Unavailable") {
			return limitertest.Fixture{Limiter: limiterAt(t, newDatabase(t))}
		}
		s := pgtest.Start(t) // to be stopped
		url := s.URL("postgres")
		_, err := Migrate(t.Context(), url)
		must(t, err)
		return limitertest.Fixture{Limiter: limiterAt(t, url), Down: func() { s.Stop(t) }}
	})
}

// twoNodes asks one limiter and then the other.
type twoNodes struct {
	nodes [2]*Limiter
	mu    sync.Mutex
	asked int
}

func (n *twoNodes) Take(ctx context.Context, ts []latchkey.Take, now time.Time) ([]latchkey.Tally, error) {
	n.mu.Lock()
	n.asked++
	one := n.nodes[n.asked%2]
	n.mu.Unlock()
	return one.Take(ctx, ts, now)
}

func (n *twoNodes) Close() error { return errors.Join(n.nodes[0].Close(), n.nodes[1].Close()) }

// TestLimiterOfTwoNodes: what two nodes count together is what one would.
func TestLimiterOfTwoNodes(t *testing.T) {
	t.Parallel()
	limitertest.Run(t, func(t *testing.T) limitertest.Fixture {
		if strings.Contains(t.Name(), "whatever_the_order") {
			t.Skip("two nodes ask in one order, that of limits.Table; one that asks in another waits for the server to find the deadlock")
		}
		url := newDatabase(t)
		return limitertest.Fixture{Limiter: &twoNodes{nodes: [2]*Limiter{limiterAt(t, url), limiterAt(t, url)}}}
	})
}

func limiterAt(t testing.TB, url string) *Limiter {
	t.Helper()
	l, err := OpenLimiter(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

var (
	limiterNoon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	three       = latchkey.Rate{Every: 10 * time.Minute, Burst: 3}
)

func take(t testing.TB, l *Limiter, now time.Time, keys ...string) []latchkey.Tally {
	t.Helper()
	ts := make([]latchkey.Take, len(keys))
	for i, k := range keys {
		ts[i] = latchkey.Take{Key: k, Rate: three}
	}
	got, err := l.Take(t.Context(), ts, now)
	must(t, err)
	return got
}

// TestLimiterManyKeysAtOnce: more keys than one statement asks for are counted all the same, in order.
func TestLimiterManyKeysAtOnce(t *testing.T) {
	t.Parallel()
	l := limiterAt(t, newDatabase(t))
	var keys []string
	for i := range 3*maxKeys + 1 {
		keys = append(keys, strconv.Itoa(i))
	}
	for range 3 {
		take(t, l, limiterNoon, keys[40])
	}
	if got := take(t, l, limiterNoon, keys...); len(got) != 41 || got[40].Allowed || !got[39].Allowed {
		t.Errorf("49 keys of which the 41st is used up: %d tallies, want 41, the last one a refusal", len(got))
	}
	if got := take(t, l, limiterNoon, keys[41]); got[0].Remaining != 2 {
		t.Errorf("the key after the refusal: %+v, want 2 left of three after one", got[0])
	}
}

// TestLimiterSweepsWhatIsWhole: keys that say nothing any more go, and no others.
func TestLimiterSweepsWhatIsWhole(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	l := limiterAt(t, url)
	for i := range 500 {
		take(t, l, limiterNoon, fmt.Sprint("old", i))
	}
	live := limiterNoon.Add(time.Hour)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range sweepEvery * sweepParts / 8 {
				take(t, l, live, "live")
			}
		})
	}
	all.Wait()
	s := newStoreAt(t, url)
	var left int
	must(t, s.pool.QueryRow(t.Context(), "SELECT count(*) FROM limits").Scan(&left))
	if left != 1 {
		t.Errorf("%d keys are left of 500 that are whole and one that is not, want 1", left)
	}
	if got := take(t, l, live, "live"); got[0].Allowed {
		t.Errorf("the one that is not whole was forgotten: %+v", got)
	}
}

func newStoreAt(t testing.TB, url string) *Store {
	t.Helper()
	s := openAt(t, url)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// TestLimiterHasNoSequentialScan: with a million keys, neither a Take nor a sweep reads them all.
func TestLimiterHasNoSequentialScan(t *testing.T) {
	t.Parallel()
	name := newDatabase(t)
	name = name[strings.LastIndex(name, "/")+1 : strings.LastIndex(name, "?")]
	s := pgtest.Shared(t)
	s.SQL(t, name, "INSERT INTO limits SELECT gen_random_uuid(), i, i FROM generate_series(1, 1000000) i")
	s.SQL(t, name, "VACUUM ANALYZE limits")
	const keys = 9
	const id = "'00000000-0000-4000-8000-000000000001'"
	for what, prepared := range map[string][3]string{
		"a Take":  {"bigint" + strings.Repeat(", uuid, bigint, bigint", keys), takeText(keys), "1" + strings.Repeat(", "+id+", 1, 1", keys)},
		"a sweep": {"uuid, uuid, bigint", sweepLimits, id + ", " + id + ", 1"},
	} {
		plan := s.SQL(t, name, "SET plan_cache_mode = force_generic_plan; PREPARE q ("+prepared[0]+") AS "+prepared[1]+"; EXPLAIN EXECUTE q ("+prepared[2]+")")
		if !strings.Contains(plan, "limits") || strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s reads every key:\n%s", what, plan)
		}
	}
}

// TestLimiterAfterARestart: the connection is dead and the server is there; no Take fails for it. A crash empties the table.
func TestLimiterAfterARestart(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	url := s.URL("postgres")
	_, err := Migrate(t.Context(), url)
	must(t, err)
	l := limiterAt(t, url)
	take(t, l, limiterNoon, "k")
	s.ShutDown(t)
	s.Restart(t)
	if got := take(t, l, limiterNoon, "k"); got[0].Remaining != 1 {
		t.Errorf("after an orderly restart: %+v, want 1 left of three after two", got[0])
	}
	s.Stop(t)
	if _, err := l.Take(t.Context(), []latchkey.Take{{Key: "k", Rate: three}}, limiterNoon); latchkey.CodeOf(err) != latchkey.Unavailable {
		t.Errorf("while the server is down: %v, want Unavailable", err)
	}
	s.Restart(t)
	if got := take(t, l, limiterNoon, "k"); got[0].Remaining != 2 {
		t.Errorf("after a crash it counts from nothing: %+v", got[0])
	}
}

// BenchmarkLimiterTake is a Take of the six keys of a start, from 64 callers at once.
func BenchmarkLimiterTake(b *testing.B) {
	l := limiterAt(b, newDatabase(b))
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		me := strconv.Itoa(int(time.Now().UnixNano()))
		free := latchkey.Rate{Every: time.Microsecond, Burst: 1 << 30}
		for i := 0; pb.Next(); i++ {
			ts := []latchkey.Take{
				{Key: me, Rate: free}, {Key: me + "/address/" + strconv.Itoa(i), Rate: free}, {Key: "address/" + strconv.Itoa(i), Rate: free},
				{Key: "site", Rate: free}, {Key: "project", Rate: free}, {Key: "server", Rate: free},
			}
			if _, err := l.Take(b.Context(), ts, time.Now()); err != nil {
				b.Error(err)
			}
		}
	})
}
