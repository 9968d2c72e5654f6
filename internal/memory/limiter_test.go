package memory_test

import (
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limitertest"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	limitertest.Run(t, func(*testing.T) limitertest.Fixture {
		return limitertest.Fixture{Limiter: memory.NewLimiter(memory.DefaultKeys)}
	})
}

// least is the smallest bound, so that a test can reach it.
const least = 1024

var (
	noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	ten  = latchkey.Rate{Every: time.Minute, Burst: 10}
)

func take(t *testing.T, l *memory.Limiter, key string, r latchkey.Rate, now time.Time) latchkey.Tally {
	t.Helper()
	got, err := l.Take(t.Context(), []latchkey.Take{{Key: key, Rate: r}}, now)
	if err != nil || len(got) != 1 {
		t.Fatalf("Take: %v, %v", got, err)
	}
	return got[0]
}

func useUp(t *testing.T, l *memory.Limiter, key string, r latchkey.Rate, now time.Time) {
	t.Helper()
	for range r.Burst {
		if !take(t, l, key, r, now).Allowed {
			t.Fatalf("%q was refused while it had units left", key)
		}
	}
}

// TestAFloodOfInventedKeysForgetsNoWornCounter: the attacker's own counters, and those that protect his victims, outlive
// 200,000 keys that he makes up, also when these are of a rate that takes far longer to be whole again.
func TestAFloodOfInventedKeysForgetsNoWornCounter(t *testing.T) {
	t.Parallel()
	l := memory.NewLimiter(least)
	hourly := latchkey.Rate{Every: time.Hour, Burst: 24}
	var worn []string
	for i := range 64 {
		worn = append(worn, fmt.Sprint("start/client/192.0.2.", i))
		useUp(t, l, worn[i], ten, noon)
	}
	for i := range 200_000 {
		r := ten
		if i%2 == 0 {
			r = hourly
		}
		if !take(t, l, "invented/"+strconv.Itoa(i), r, noon).Allowed {
			t.Fatalf("invented key %d was refused: a full limiter shuts out everybody new", i)
		}
	}
	for _, key := range worn {
		if got := take(t, l, key, ten, noon); got.Allowed {
			t.Errorf("%s was used up, and is forgotten after a flood: %+v", key, got)
		}
	}
	if n := l.Forgotten(); n < 200_000-2*least {
		t.Errorf("%d keys forgotten in a flood of 200,000: the bound does not hold", n)
	}
}

// TestPushingOutAWornCounterCostsAsManyAsThereAre: the price of having a counter forgotten is using up about as many keys as
// the limiter holds.
func TestPushingOutAWornCounterCostsAsManyAsThereAre(t *testing.T) {
	t.Parallel()
	l := memory.NewLimiter(least)
	const targets = 32
	for i := range targets {
		useUp(t, l, fmt.Sprint("target", i), ten, noon)
	}
	for i := range least / 4 {
		useUp(t, l, fmt.Sprint("other", i), ten, noon)
	}
	for i := range targets {
		if take(t, l, fmt.Sprint("target", i), ten, noon).Allowed {
			t.Errorf("a counter is forgotten after a quarter of the bound was used up, %d takes", ten.Burst*least/4)
		}
	}
}

// TestWholeKeysAreForgotten: traffic that comes and goes never fills the limiter, however long it lasts.
func TestWholeKeysAreForgotten(t *testing.T) {
	t.Parallel()
	l := memory.NewLimiter(least)
	now := noon
	for i := range 20_000 {
		now = now.Add(time.Second) // with one take a minute to come back, some 60 keys are not whole at a time
		take(t, l, strconv.Itoa(i), ten, now)
	}
	if n := l.Forgotten(); n != 0 {
		t.Errorf("%d keys were forgotten before they were whole, with 60 of %d in use", n, least)
	}
}

// TestMemoryHasABound: 300,000 keys in a limiter for 16,384 take what 16,384 take.
func TestMemoryHasABound(t *testing.T) { // not parallel: it measures the heap
	l := memory.NewLimiter(1 << 14)
	before := heap()
	for i := range 300_000 {
		take(t, l, strconv.Itoa(i), ten, noon)
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes; 16,384 slots of 24 bytes are 393,216", grown)
	}
	runtime.KeepAlive(l)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestCountingAllocatesNothing: the one allocation of a Take is its answer.
func TestCountingAllocatesNothing(t *testing.T) { // not parallel: it counts allocations
	l := memory.NewLimiter(least)
	ts := []latchkey.Take{{Key: "start/client/192.0.2.7", Rate: ten}, {Key: "start/address/abc", Rate: ten}, {Key: "start/server", Rate: ten}}
	now := noon
	allocs := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Minute)
		if _, err := l.Take(t.Context(), ts, now); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 {
		t.Errorf("a Take of three keys allocates %v times, want once, for the answer", allocs)
	}
}

// BenchmarkLimiterTakeFive is a Take of five keys that are at hand, as many as a start has.
func BenchmarkLimiterTakeFive(b *testing.B) {
	l := memory.NewLimiter(memory.DefaultKeys)
	ts := make([]latchkey.Take, 5)
	for i := range ts {
		ts[i] = latchkey.Take{Key: "start-client:60/10m:192.0.2." + strconv.Itoa(i), Rate: latchkey.Rate{Every: 1, Burst: 2_000_000_000}}
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = l.Take(b.Context(), ts, noon)
	}
}

// BenchmarkLimiterTake is a Take of one key out of a hundred thousand, most of which are in no cache.
func BenchmarkLimiterTake(b *testing.B) {
	l, keys := warm(b, 100_000)
	free := latchkey.Rate{Every: time.Millisecond, Burst: 1 << 30}
	b.ReportAllocs()
	var next atomic.Uint64
	b.RunParallel(func(pb *testing.PB) {
		i := next.Add(7919)
		ts := make([]latchkey.Take, 1)
		for pb.Next() {
			i++
			ts[0] = latchkey.Take{Key: keys[i*2654435761%uint64(len(keys))], Rate: free}
			_, _ = l.Take(b.Context(), ts, noon)
		}
	})
}

// BenchmarkLimiterFlood is a Take of a key that is new, in a limiter that is full.
func BenchmarkLimiterFlood(b *testing.B) {
	l, keys := warm(b, 1_000_000)
	b.ReportAllocs()
	ts := make([]latchkey.Take, 1)
	i := 0
	for b.Loop() {
		ts[0] = latchkey.Take{Key: keys[i%len(keys)], Rate: ten}
		i++
		_, _ = l.Take(b.Context(), ts, noon)
	}
}

func warm(b *testing.B, n int) (*memory.Limiter, []string) {
	l := memory.NewLimiter(1 << 18)
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprint("start/client/", i)
		_, _ = l.Take(b.Context(), []latchkey.Take{{Key: keys[i], Rate: ten}}, noon)
	}
	return l, keys
}
