// Package outage is a Limiter around a Limiter: what it means when the one that all nodes share is down. The operator
// chooses.
//
//	open    a limiter of this node takes its place: nobody is kept out, and every node counts for itself, from nothing
//	closed  nothing passes: calls that are limited are Unavailable until it is back
//
// It starts nothing and logs nothing; it tells its owner.
package outage

import (
	"context"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Limiter asks Shared, and heeds the choice while that is Unavailable.
//
// A shared limiter that hangs costs each Take its whole timeout, so it is not asked again for a second; then one Take tries
// it, and the others go on as before until that one has brought an answer.
type Limiter struct {
	Shared latchkey.Limiter
	Local  latchkey.Limiter // open: takes the place of Shared; nil: closed
	// Changed is called once when Shared is down, with the reason, and once when it is back, with nil: for a line of the log.
	// Missed is called for every Take that Shared did not answer: for a metric. Either may be nil. They must not block.
	Changed func(ctx context.Context, err error)
	Missed  func()

	mu   sync.Mutex
	down bool
	next time.Time // of the next try while it is down
}

// again is how long a shared limiter that is down is left alone.
const again = time.Second

// Take implements latchkey.Limiter.
func (l *Limiter) Take(ctx context.Context, ts []latchkey.Take, now time.Time) ([]latchkey.Tally, error) {
	var err error = &latchkey.Error{Code: latchkey.Unavailable, RetryAfter: again}
	if l.ask(now) {
		var out []latchkey.Tally
		out, err = l.Shared.Take(ctx, ts, now)
		if err == nil {
			l.settle(ctx, nil, now)
			return out, nil
		}
		// A caller that went away says nothing about the server.
		if latchkey.CodeOf(err) != latchkey.Unavailable || ctx.Err() != nil {
			return nil, err
		}
		l.settle(ctx, err, now)
	}
	if l.Missed != nil {
		l.Missed()
	}
	if l.Local == nil {
		return nil, err
	}
	return l.Local.Take(ctx, ts, now)
}

// Close implements latchkey.Limiter: it closes both.
func (l *Limiter) Close() error {
	err := l.Shared.Close()
	if l.Local != nil {
		if e := l.Local.Close(); err == nil {
			err = e
		}
	}
	return err
}

// Down reports whether Shared is down, as far as the last Take knows.
func (l *Limiter) Down() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

// ask reports whether this Take is to ask Shared: all while it is up, and one a second while it is down.
func (l *Limiter) ask(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.down {
		return true
	}
	// A clock that was set back must not make the outage longer.
	if now.Before(l.next) && l.next.Sub(now) <= again {
		return false
	}
	l.next = now.Add(again)
	return true
}

// settle notes what became of asking. The first to see a change tells it.
func (l *Limiter) settle(ctx context.Context, err error, now time.Time) {
	l.mu.Lock()
	changed := l.down != (err != nil)
	l.down = err != nil
	if changed {
		l.next = now.Add(again)
	}
	l.mu.Unlock()
	if changed && l.Changed != nil {
		l.Changed(ctx, err)
	}
}
