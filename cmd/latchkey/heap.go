package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go's collector lets the heap grow by as much as lives in it before it runs again. That is right for a small heap, and
// costs a server that holds polls twice their memory: what lives then is mostly their buffers, which are cheap to mark.
// So the room for garbage is heapRoom, or leastGrowth of what lives where that is more.
const (
	heapRoom    = 24 << 20 // bytes: what a server at its top rate of logins lives with
	leastGrowth = 10       // percent: at 18,000 polls a collection for every 30 MB
	mostGrowth  = 100      // percent, Go's own default
	tendEvery   = 2 * time.Second
)

// growth is the percentage by which a heap with so many live bytes may grow.
func growth(live uint64) int {
	if live == 0 {
		return mostGrowth
	}
	return int(min(mostGrowth, max(leastGrowth, heapRoom*100/live)))
}

// tendHeap keeps the collector at growth until ctx ends, and then leaves it as it found it.
func tendHeap(ctx context.Context) error {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	now := mostGrowth
	found := debug.SetGCPercent(now)
	defer debug.SetGCPercent(found)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		metrics.Read(live)
		if next := growth(live[0].Value.Uint64()); next != now {
			debug.SetGCPercent(next)
			now = next
		}
	}
}
