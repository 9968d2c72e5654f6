package memory

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Limiter counts for one process, in memory that has a bound. Make one with NewLimiter.
//
// Of a key it keeps a 64-bit hash, the time at which its burst is whole again, and how long the whole burst takes. A key
// that is whole is as good as unknown, so its slot is free for the next one: nothing has to be swept. A key belongs to one
// bucket of a shard. A shard grows when a bucket has no free slot, up to its part of the bound.
//
// Whoever invents keys can fill any bound. Then the new key takes the slot, out of the sixteen of its bucket, of the key
// whose burst is the least worn, measured against its own burst. So the invented keys, used once or twice each, push out
// one another; a counter that somebody has used up is the last to go, whatever its rate. To have it forgotten he must use up
// about as many other keys as the limiter holds, and each of these takes had to be allowed: that is more work than the one
// counter kept him from. Refusing unknown keys instead would shut out everybody new, which is what he may be after.
//
// Two keys of one hash would be counted as one. The hash is keyed by the process, so nobody can look for such a pair, and
// among a million keys a new one meets its like once in 10^13 times.
type Limiter struct {
	seed   maphash.Seed
	shards [shards]shard
}

const (
	shards = 64 // more than cores, so that two callers seldom want one lock
	ways   = 16 // slots of a bucket
)

// DefaultKeys is a good bound: it takes 25 MB when it is reached, and nearly nothing before.
const DefaultKeys = 1 << 20

// NewLimiter gives a limiter of at most about so many keys, 1,024 at the least. From about half of it on a few keys may be
// forgotten before they are whole.
func NewLimiter(keys int) *Limiter {
	l := &Limiter{seed: maphash.MakeSeed()}
	most := 1
	for shards*ways*most < keys {
		most *= 2
	}
	for i := range l.shards {
		l.shards[i].buckets, l.shards[i].most = make([]bucket, 1), most
	}
	return l
}

// Take implements latchkey.Limiter. It never fails.
func (l *Limiter) Take(_ context.Context, ts []latchkey.Take, now time.Time) ([]latchkey.Tally, error) {
	out := make([]latchkey.Tally, 0, len(ts))
	for i := range ts {
		t := l.take(&ts[i], now)
		out = append(out, t)
		if !t.Allowed {
			break
		}
	}
	return out, nil
}

// Close implements latchkey.Limiter.
func (l *Limiter) Close() error { return nil }

// Forgotten is how many keys had to make room before they were whole again. A number that grows means that somebody invents
// keys, or that the bound is too low.
func (l *Limiter) Forgotten() (n uint64) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		n += s.forgotten
		s.mu.Unlock()
	}
	return n
}

func (l *Limiter) take(t *latchkey.Take, now time.Time) latchkey.Tally {
	if t.Rate.IsZero() {
		return latchkey.Tally{Allowed: true}
	}
	id := maphash.String(l.seed, t.Key)
	return l.shards[id>>(64-6)].take(id, t.Rate, now) // 2^6 shards
}

// A shard has a part of the keys under a lock of its own.
type shard struct {
	mu        sync.Mutex
	buckets   []bucket // a power of two of them; the low bits of a key's hash say which
	most      int      // buckets
	forgotten uint64
	_         [16]byte // two shards never share a cache line
}

// A bucket has sixteen keys. The zero value of a slot is a key that is whole.
type bucket struct {
	ids  [ways]uint64
	full [ways]int64 // when the burst is whole again, in Unix nanoseconds
	room [ways]int64 // how long the whole burst takes, in nanoseconds
}

func (s *shard) take(id uint64, r latchkey.Rate, now time.Time) latchkey.Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bucket(id)
	slot, known := b.find(id)
	var full time.Time
	if known {
		full = time.Unix(0, b.full[slot])
	}
	next, tally := r.Take(full, now)
	if !tally.Allowed {
		return tally
	}
	if !known {
		b, slot = s.vacate(id, now.UnixNano())
	}
	b.ids[slot], b.full[slot], b.room[slot] = id, next.UnixNano(), int64(r.Every)*int64(r.Burst)
	return tally
}

func (s *shard) bucket(id uint64) *bucket { return &s.buckets[id&uint64(len(s.buckets)-1)] }

// vacate gives a slot for a new key: a free one, in a shard that grows for it if it may, or else the least worn one.
func (s *shard) vacate(id uint64, now int64) (*bucket, int) {
	for {
		b := s.bucket(id)
		slot, free := b.leastWorn(now)
		if free {
			return b, slot
		}
		if len(s.buckets) == s.most {
			s.forgotten++
			return b, slot
		}
		s.grow(now)
	}
}

// grow doubles the buckets. What one bucket had goes to two, so it always fits.
func (s *shard) grow(now int64) {
	old := s.buckets
	s.buckets = make([]bucket, 2*len(old))
	for i := range old {
		b := &old[i]
		for slot, id := range b.ids {
			if b.full[slot] <= now {
				continue
			}
			to := s.bucket(id)
			free, _ := to.leastWorn(now)
			to.ids[free], to.full[free], to.room[free] = id, b.full[slot], b.room[slot]
		}
	}
}

func (b *bucket) find(id uint64) (slot int, known bool) {
	for i, have := range b.ids {
		if have == id {
			return i, true
		}
	}
	return 0, false
}

// leastWorn gives the slot whose burst is the nearest to being whole, as a part of it. free says that it is whole.
func (b *bucket) leastWorn(now int64) (slot int, free bool) {
	least := 0.0
	for i, full := range b.full {
		if full <= now {
			return i, true
		}
		if worn := float64(full-now) / float64(b.room[i]); i == 0 || worn < least {
			slot, least = i, worn
		}
	}
	return slot, false
}
