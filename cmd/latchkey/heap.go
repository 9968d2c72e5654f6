package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go's collector lets the heap grow by as much as lives in it before it runs again. That costs a server that holds polls twice
// their memory. And a server that signs people in lives with 4 MiB and makes as much garbage in forty milliseconds: it would
// collect twenty-five times a second, for a twentieth of its processor time.
// So the room for garbage is heapRoom; where more than that lives, whose marking costs the more, half of it up to mostRoom: with
// 17,000 polls by TLS, of 80 MB, an eighth of a server's time is collecting as it is. As a share it is at least leastGrowth, and no
// more than restGrowth at rest and busyGrowth at work.
const (
	heapRoom    = 24 << 20 // bytes
	mostRoom    = 40 << 20 // bytes
	leastGrowth = 10       // percent
	restGrowth  = 100      // percent, Go's own default: memory at rest is not worth the fewer collections
	busyGrowth  = 400      // percent: a collection for every 16 MB, a few a second
	busy        = 8 << 20  // bytes made within tendEvery, as a hundred logins a second do
	tendEvery   = 2 * time.Second
)

// growth is the percentage by which a heap with so many live bytes may grow, when so many were made within tendEvery.
func growth(live, made uint64) int {
	most := uint64(restGrowth)
	if made >= busy {
		most = busyGrowth
	}
	if live == 0 {
		return restGrowth
	}
	room := min(max(heapRoom, live/2), mostRoom)
	return int(min(most, max(leastGrowth, room*100/live)))
}

// tendHeap keeps the collector at growth until ctx ends, and then leaves it as it found it.
func tendHeap(ctx context.Context) error {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(heap)
	now, made := restGrowth, heap[1].Value.Uint64()
	found := debug.SetGCPercent(now)
	defer debug.SetGCPercent(found)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		before := made
		metrics.Read(heap)
		made = heap[1].Value.Uint64()
		if next := growth(heap[0].Value.Uint64(), made-before); next != now {
			debug.SetGCPercent(next)
			now = next
		}
	}
}
