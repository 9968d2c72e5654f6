package valkey_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// BenchmarkTake is Takes of so many callers at once, of one key and of the five that a start has, against a server on the
// same machine.
func BenchmarkTake(b *testing.B) {
	l := open(b, start(b).url())
	often := latchkey.Rate{Every: time.Microsecond, Burst: 1 << 30}
	for _, keys := range []int{1, 5} {
		for _, callers := range []int{1, 32, 256} {
			b.Run(fmt.Sprintf("keys=%d/callers=%d", keys, callers), func(b *testing.B) {
				b.ReportAllocs()
				var next atomic.Int64
				var all sync.WaitGroup
				for range callers {
					all.Go(func() {
						for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
							ts := make([]latchkey.Take, keys)
							for i := range ts {
								ts[i] = latchkey.Take{Key: "start-client:60/10m:192.0.2." + strconv.FormatInt(n%10_000+int64(i), 10), Rate: often}
							}
							if _, err := l.Take(b.Context(), ts, noon); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "takes/s")
			})
		}
	}
}
