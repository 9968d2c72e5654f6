package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A hall is one process of the bench with one server of its own and the polls that wait on it. A process here may have
// 20,000 open files, so that it takes as many halls as servers; the bench's first process tells them what to do
// (errand.go) and adds up what they answer.
type hall struct {
	o      options // Polls is this hall's own share
	sink   *sink
	server *server
	to     *net.TCPAddr
	trust  *tls.Config // nil: plain HTTP
	opened time.Time
	ramp   time.Duration // over which the polls are opened
	polls  []*poll

	waiting sync.WaitGroup // one for every poll that was opened
	closing chan struct{}  // closed when the server is about to stop
	closed  atomic.Int64   // when that was; 0: not yet
	tally
}

// A tally is what the polls were told. It is counted while they wait.
type tally struct {
	mu       sync.Mutex
	held     []time.Duration // how long each 408 took
	refused  int             // 429 and 503
	released int             // 408 because the server stops
	cut      int             // connections that the stopping server closed just as a poll asked again on them
	outside  int             // refused polls that still waited to come again when the server stopped
	failed   int
	failures []string // the first few
}

// hold is how long the server holds a poll (contract.md §4); one that has no answer for as long as lost, or no code within
// slack after its link was pressed, fails the run. On a busy machine a 408 is late long before that, and the report shows
// how late.
const (
	hold  = 20 * time.Second
	lost  = time.Minute
	slack = 10 * time.Second
)

func openHall(ctx context.Context, o options) (*hall, error) {
	sink, err := newSink()
	if err != nil {
		return nil, err
	}
	go sink.Serve()
	s, err := startServer(ctx, o, sink.Addr())
	if err != nil {
		sink.Close()
		return nil, err
	}
	h := &hall{o: o, sink: sink, server: s, opened: time.Now(), ramp: hold, closing: make(chan struct{})}
	h.trust = s.trust
	if h.to, err = net.ResolveTCPAddr("tcp4", s.host); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// close ends what the stop errand did not.
func (h *hall) close() error {
	if h.closed.CompareAndSwap(0, h.now()) {
		close(h.closing)
	}
	err := h.server.stop()
	h.sink.Close()
	return err
}

// now is a time as polls note it. It is never 0.
func (h *hall) now() int64 { return int64(time.Since(h.opened)) + 1 }

// fail notes what no poll may meet.
func (h *hall) fail(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed++
	if len(h.failures) < 5 {
		h.failures = append(h.failures, fmt.Sprintf(format, args...))
	}
}

// verdict gives the failures so far as one error.
func (h *hall) verdict() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed == 0 {
		return nil
	}
	return fmt.Errorf("%d polls failed, such as: %q", h.failed, h.failures)
}

// wait is the life of one poll: it asks until it has its code or the server stops.
func (h *hall) wait(p *poll) {
	defer p.hangUp()
	var buf [maxAnswer]byte
	for {
		a, err := readWhole(p.conn, buf[:])
		if err != nil {
			h.broken(p, err)
			return
		}
		if a.last {
			p.hangUp()
		}
		if !h.told(p, a) {
			return
		}
		if err := p.ask(h.to, h.trust, h.now); err != nil {
			h.notAsked(p, err)
			return
		}
	}
}

// told takes an answer; again says that the poll asks once more.
func (h *hall) told(p *poll, a answer) (again bool) {
	now := h.now()
	held, stopping := time.Duration(now-p.asked.Load()), h.closed.Load() != 0
	switch a.status {
	case 200:
		var got otcCode
		err := json.Unmarshal(a.body, &got)
		switch {
		case p.pressed.Load() == 0:
			h.fail("a poll had its code before its link was pressed: %s", a.body)
		case err != nil || got.Code != p.code:
			h.fail("a poll had the answer %s, not the code of its mail", a.body)
		default:
			p.answered.Store(now)
		}
		return false
	case 408:
		h.mu.Lock()
		if h.held = append(h.held, held); stopping {
			h.released++
		}
		h.mu.Unlock()
		if held < hold-time.Second && !stopping {
			h.fail("a poll was let go after %v", held)
		}
		if held > lost {
			h.fail("a poll was held for %v", held)
		}
		return !stopping
	case 429, 503:
		return h.turnedAway(a)
	}
	h.fail("status %d: %s", a.status, a.body)
	return false
}

// otcCode is the body of a 200.
type otcCode struct{ Code string }

// turnedAway waits as long as a refused poll is asked to.
func (h *hall) turnedAway(a answer) bool {
	h.mu.Lock()
	h.refused++
	h.mu.Unlock()
	if h.o.Files == 0 {
		h.fail("refused below the limits: %d %s", a.status, a.body)
		return false
	}
	if a.retry < 1 {
		h.fail("a refusal without Retry-After: %d %s", a.status, a.body)
		return false
	}
	t := time.NewTimer(time.Duration(a.retry) * time.Second)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-h.closing:
		h.mu.Lock()
		h.outside++
		h.mu.Unlock()
		return false
	}
}

// notAsked takes a question that could not be put: on a server that stops, that is a poll for the next node.
func (h *hall) notAsked(p *poll, err error) {
	if h.closed.Load() == 0 {
		h.fail("a poll could not ask from %v: %v", p.from, err)
		return
	}
	h.mu.Lock()
	h.cut++
	h.mu.Unlock()
}

// broken takes a connection that ended without an answer. A server that stops closes what is idle; a poll that asks
// again at that very moment meets a closed connection, which is HTTP's own race, and goes on to the next node.
func (h *hall) broken(p *poll, err error) {
	closed, asked := h.closed.Load(), p.asked.Load()
	if closed != 0 && asked > closed-int64(time.Second) {
		h.mu.Lock()
		h.cut++
		h.mu.Unlock()
		return
	}
	h.fail("a poll got no answer, %v after it asked: %v", time.Duration(h.now()-asked), err)
}
