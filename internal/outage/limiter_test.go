package outage_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limitertest"
	"github.com/latchkey-dev/latchkey/internal/memory"
	"github.com/latchkey-dev/latchkey/internal/outage"
)

// A shared limiter that can be taken down, and counts how often it was asked.
type shared struct {
	*memory.Limiter
	down  atomic.Bool
	asked atomic.Int64
}

var errCause = errors.New("connection refused")

func (s *shared) Take(ctx context.Context, ts []latchkey.Take, now time.Time) ([]latchkey.Tally, error) {
	s.asked.Add(1)
	if err := ctx.Err(); err != nil {
		return nil, &latchkey.Error{Code: latchkey.Unavailable, Err: err}
	}
	if s.down.Load() {
		return nil, &latchkey.Error{Code: latchkey.Unavailable, Err: errCause}
	}
	return s.Limiter.Take(ctx, ts, now)
}

// A world is a limiter with its shared one and what it told.
type world struct {
	*outage.Limiter
	shared *shared
	mu     sync.Mutex
	told   []error
	missed atomic.Int64
}

func newWorld(open bool) *world {
	w := &world{shared: &shared{Limiter: memory.NewLimiter(1 << 16)}}
	w.Limiter = &outage.Limiter{
		Shared: w.shared, Missed: func() { w.missed.Add(1) },
		Changed: func(_ context.Context, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told = append(w.told, err)
		},
	}
	if open {
		w.Local = memory.NewLimiter(1 << 16)
	}
	return w
}

var (
	noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	two  = []latchkey.Take{{Key: "k", Rate: latchkey.Rate{Every: time.Hour, Burst: 2}}}
)

func (w *world) take(t *testing.T, now time.Time) latchkey.Tally {
	t.Helper()
	got, err := w.Take(t.Context(), two, now)
	if err != nil || len(got) != 1 {
		t.Fatalf("Take: %+v, %v", got, err)
	}
	return got[0]
}

func (w *world) refuses(t *testing.T, now time.Time) {
	t.Helper()
	if got, err := w.Take(t.Context(), two, now); latchkey.CodeOf(err) != latchkey.Unavailable || got != nil {
		t.Errorf("Take: %+v, %v; want Unavailable", got, err)
	}
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]bool{"open": true, "closed": false} {
		t.Run(name, func(t *testing.T) {
			limitertest.Run(t, func(t *testing.T) limitertest.Fixture {
				w := newWorld(open)
				f := limitertest.Fixture{Limiter: w}
				if !open {
					f.Down = func() { w.shared.down.Store(true) }
				}
				return f
			})
		})
	}
}

func TestOpenCountsOnThisNodeMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(true)
	w.take(t, noon)
	w.shared.down.Store(true)
	if got := w.take(t, noon); !got.Allowed || got.Remaining != 1 {
		t.Errorf("the node counts from nothing: %+v", got)
	}
	w.take(t, noon)
	if got := w.take(t, noon); got.Allowed {
		t.Error("while the shared limiter is down the node lets everything pass: a flood is what may have brought it down")
	}
	if n := w.missed.Load(); n != 3 {
		t.Errorf("%d Takes missed, want 3", n)
	}
	w.shared.down.Store(false)
	if got := w.take(t, noon.Add(time.Second)); !got.Allowed || got.Remaining != 0 {
		t.Errorf("it is back and knows of one unit taken: %+v", got)
	}
}

func TestClosedLetsNothingPass(t *testing.T) {
	t.Parallel()
	w := newWorld(false)
	w.take(t, noon)
	w.shared.down.Store(true)
	w.refuses(t, noon)
	w.refuses(t, noon)
	_, err := w.Take(t.Context(), two, noon)
	var e *latchkey.Error
	if !errors.As(err, &e) || e.RetryAfter <= 0 {
		t.Errorf("a refusal without asking says when to come again: %+v", err)
	}
	if n := w.missed.Load(); n != 3 {
		t.Errorf("%d Takes missed, want 3", n)
	}
	w.shared.down.Store(false)
	w.take(t, noon.Add(time.Second))
}

// TestToldOncePerChange: a line of the log, not one a request.
func TestToldOncePerChange(t *testing.T) {
	t.Parallel()
	w := newWorld(true)
	now := noon
	for range 2 {
		w.shared.down.Store(true)
		for range 30 {
			now = now.Add(100 * time.Millisecond)
			_, _ = w.Take(t.Context(), two, now)
		}
		if !w.Down() {
			t.Error("it is down and says it is not")
		}
		w.shared.down.Store(false)
		for range 30 {
			now = now.Add(100 * time.Millisecond)
			_, _ = w.Take(t.Context(), two, now)
		}
		if w.Down() {
			t.Error("it is back and says it is down")
		}
	}
	if len(w.told) != 4 || !errors.Is(w.told[0], errCause) || w.told[1] != nil || !errors.Is(w.told[2], errCause) || w.told[3] != nil {
		t.Errorf("told %v, want the cause, nil, the cause, nil", w.told)
	}
}

// TestOneTriesASecond: what hangs is not waited for by everybody.
func TestOneTriesASecond(t *testing.T) {
	t.Parallel()
	w := newWorld(true)
	w.shared.down.Store(true)
	w.take(t, noon)
	var all sync.WaitGroup
	for at := time.Duration(0); at < 10*time.Second; at += 100 * time.Millisecond {
		for range 8 {
			all.Go(func() { _, _ = w.Take(t.Context(), two, noon.Add(at)) })
		}
		all.Wait()
	}
	if n := w.shared.asked.Load(); n < 9 || n > 11 {
		t.Errorf("the shared limiter was asked %d times in 10 s of outage, want once a second", n)
	}
}

// TestAClockSetBackDoesNotProlongTheOutage: the time of the next try is compared with a clock that may jump.
func TestAClockSetBackDoesNotProlongTheOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(true)
	w.shared.down.Store(true)
	w.take(t, noon)
	w.shared.down.Store(false)
	w.take(t, noon.Add(-time.Hour))
	if w.Down() {
		t.Error("a clock set back by an hour keeps the limiter down for an hour")
	}
}

// TestACallerThatWentAwayIsNoOutage: whoever hangs up must not be able to switch the limits off.
func TestACallerThatWentAwayIsNoOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Take(ctx, two, noon); latchkey.CodeOf(err) != latchkey.Unavailable {
		t.Errorf("Take with an ended ctx: %v", err)
	}
	if w.Down() || len(w.told) != 0 || w.missed.Load() != 0 {
		t.Errorf("down %v, told %v, missed %d: an ended ctx counts as an outage", w.Down(), w.told, w.missed.Load())
	}
}

func TestCloseClosesBoth(t *testing.T) {
	t.Parallel()
	errSecond := errors.New("second")
	for _, tt := range []struct{ first, second, want error }{
		{nil, nil, nil}, {errCause, errSecond, errCause}, {nil, errSecond, errSecond}, {errCause, nil, errCause},
	} {
		a, b := &closer{err: tt.first}, &closer{err: tt.second}
		err := (&outage.Limiter{Shared: a, Local: b}).Close()
		if !a.closed || !b.closed {
			t.Error("one of the two stays open")
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("Close: %v, want %v", err, tt.want)
		}
	}
}

type closer struct {
	latchkey.Limiter
	closed bool
	err    error
}

func (c *closer) Close() error { c.closed = true; return c.err }
