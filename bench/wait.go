package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is how many of a hall's own workers start, open and approve at a time.
const crowd = 16

// started is what the start errand gives.
type started struct {
	Took   time.Duration `json:"took_ns"`
	Memory memory        `json:"memory"` // of the server, before the first poll
	Idle   memory        `json:"idle"`   // and before the first challenge
}

// start makes a challenge for every poll and reads its mail: each poll waits for a link of its own.
func (h *hall) start(ctx context.Context) (r started, err error) {
	if r.Idle, err = h.server.memory(); err != nil {
		return r, err
	}
	h.polls = make([]*poll, h.o.Polls)
	began := time.Now()
	var next atomic.Int64
	err = crowded(ctx, func(ctx context.Context) error {
		c, err := h.server.dial()
		if err != nil {
			return err
		}
		defer c.Close()
		w := &worker{load: newLoad(h.server, h.sink, false), client: c, box: make(chan mail, 1), timer: time.NewTimer(0)}
		for i := next.Add(1) - 1; i < int64(len(h.polls)); i = next.Add(1) - 1 {
			if h.polls[i], err = w.begin(ctx, h.o.First+int(i)); err != nil {
				return err
			}
		}
		return nil
	})
	r.Took = time.Since(began)
	if err != nil {
		return r, err
	}
	r.Memory, err = h.server.memory()
	return r, err
}

// begin starts the challenge of the n-th poll of all halls.
func (w *worker) begin(ctx context.Context, n int) (*poll, error) {
	address := fmt.Sprintf("poll-%d@bench.example.com", n)
	w.load.sink.expect(address, w.box)
	var started struct {
		Operation string `json:"operation_id"`
	}
	body := fmt.Appendf(nil, `{"email":%q,"send_link":true,"link_url":%q}`, address, w.load.callback)
	if err := w.call(w.load.start, jsonType, body, &started); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	m, err := w.readMail(ctx)
	if err != nil {
		return nil, err
	}
	if m.link == "" {
		return nil, fmt.Errorf("no link in the mail to %s", address)
	}
	return &poll{
		request: pollRequest(w.load.host, w.load.project, address, started.Operation),
		code:    m.code, link: m.link, from: clientAddress(n),
	}, nil
}

// holding is what the hold errand gives.
type holding struct {
	Took time.Duration `json:"took_ns"`
}

// hold opens the polls, over as long as one is held: their 408s, and so their next requests, come as evenly as on a server
// that people use.
func (h *hall) hold(ctx context.Context) (holding, error) {
	began := time.Now()
	var next atomic.Int64
	err := crowded(ctx, func(ctx context.Context) error {
		for i := next.Add(1) - 1; i < int64(len(h.polls)); i = next.Add(1) - 1 {
			due := began.Add(h.ramp * time.Duration(i) / time.Duration(len(h.polls)))
			if err := sleep(ctx, time.Until(due)); err != nil {
				return err
			}
			p := h.polls[i]
			if err := p.ask(h.to, h.trust, h.now); err != nil {
				return fmt.Errorf("poll %d from %v: %w", i, p.from, err)
			}
			h.waiting.Go(func() { h.wait(p) })
		}
		return nil
	})
	return holding{time.Since(began)}, err
}

// rested is what the rest errand gives.
type rested struct {
	Took         time.Duration   `json:"took_ns"`
	ServerCPU    time.Duration   `json:"server_cpu_ns"`
	GeneratorCPU time.Duration   `json:"generator_cpu_ns"`
	Memory       memory          `json:"memory"`
	Go           figures         `json:"go"`
	Made         int64           `json:"made"`        // bytes that the server allocated
	Collections  int64           `json:"collections"` // and how often it collected garbage
	Held         []time.Duration `json:"held_ns"`     // of every poll that was let go in the time
	Refused      int             `json:"refused"`     // and how many were refused
	Costs        []cost          `json:"costs"`
}

// rest lets one round of polls pass, so that each has asked again on its connection, and watches the server for the next
// ones.
func (h *hall) rest(ctx context.Context) (r rested, err error) {
	if err := sleep(ctx, hold); err != nil {
		return r, err
	}
	h.mu.Lock()
	h.held, r.Refused = nil, -h.refused
	h.mu.Unlock()
	was, err := readFigures(ctx, h.server)
	if err != nil {
		return r, err
	}
	before, err := readCPU(h.server.pid)
	if err != nil {
		return r, err
	}
	began := time.Now()
	if h.o.Profile {
		r.Costs, err = h.server.profile(ctx, h.o.For)
	} else {
		err = sleep(ctx, h.o.For)
	}
	if err != nil {
		return r, err
	}
	after, err := readCPU(h.server.pid)
	if err != nil {
		return r, err
	}
	r.Took, r.ServerCPU, r.GeneratorCPU = time.Since(began), after.server-before.server, after.self-before.self
	h.mu.Lock()
	r.Held = append(r.Held, h.held...)
	r.Refused += h.refused
	h.mu.Unlock()
	if r.Memory, err = h.server.memory(); err != nil {
		return r, err
	}
	r.Go, err = readFigures(ctx, h.server)
	r.Made, r.Collections = r.Go.Made-was.Made, r.Go.Collections-was.Collections
	if err == nil && h.o.Profile {
		_, err = h.server.keepProfile(ctx, "heap?gc=1", "heap.prof") // what lives, and not what has died since the last collection
	}
	return r, err
}

// stopped is what the stop errand gives.
type stopped struct {
	Took     time.Duration `json:"took_ns"`  // until the process had ended
	Released int           `json:"released"` // polls that were answered 408 at once
	Cut      int           `json:"cut"`      // polls that asked again as the server closed their connection
	Outside  int           `json:"outside"`  // refused polls that waited to come again
	Peak     int64         `json:"peak"`     // the most memory that the server ever had
}

// stop ends the server as an operator would. Every poll that still waits must be answered.
func (h *hall) stop() (r stopped, err error) {
	m, err := h.server.memory()
	if err != nil {
		return r, err
	}
	h.closed.Store(h.now())
	close(h.closing)
	began := time.Now()
	if err := h.server.stop(); err != nil {
		return r, err
	}
	r.Took, r.Peak = time.Since(began), m.Peak
	h.waiting.Wait() // the server is gone: no read lasts
	h.mu.Lock()
	defer h.mu.Unlock()
	r.Released, r.Cut, r.Outside = h.released, h.cut, h.outside
	return r, nil
}

// crowded runs f in crowd goroutines. The first failure stops all of them.
func crowded(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for range crowd {
		all.Go(func() {
			if err := f(ctx); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// figures are what the server's own metrics say, as far as polls are concerned.
type figures struct {
	Heap       int64 `json:"heap"`  // bytes in use by objects, dead ones that are not swept yet included
	Stack      int64 `json:"stack"` // bytes of goroutines' stacks
	Spare      int64 `json:"spare"` // bytes that were in use, are not, and are not the system's again yet
	Goroutines int64 `json:"goroutines"`
	Polls      int64 `json:"held_polls"`

	Made        int64 `json:"-"` // bytes allocated since the start
	Collections int64 `json:"-"` // of garbage, since the start
}

func readFigures(ctx context.Context, s *server) (f figures, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.metrics(), nil)
	if err != nil {
		return f, err
	}
	asker := http.Client{Transport: &http.Transport{TLSClientConfig: s.trust, DisableKeepAlives: true}}
	res, err := asker.Do(req)
	if err != nil {
		return f, fmt.Errorf("metrics: %w", err)
	}
	defer res.Body.Close()
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(res.Body); err != nil {
		return f, fmt.Errorf("metrics: %w", err)
	}
	return parseFigures(raw.String())
}

// parseFigures reads the Prometheus text format.
func parseFigures(text string) (f figures, err error) {
	var idle, released int64
	want := map[string]*int64{
		"go_memstats_heap_idle_bytes": &idle, "go_memstats_heap_released_bytes": &released,
		"go_memstats_heap_inuse_bytes": &f.Heap, "go_memstats_stack_inuse_bytes": &f.Stack, "go_goroutines": &f.Goroutines,
		"latchkey_held_polls": &f.Polls, "go_memstats_alloc_bytes_total": &f.Made, "go_gc_duration_seconds_count": &f.Collections,
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		to := want[name]
		if to == nil {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return f, fmt.Errorf("metrics, %s: %w", name, err)
		}
		*to = int64(v)
		delete(want, name)
	}
	for name := range want {
		return f, fmt.Errorf("the server's metrics have no %s", name)
	}
	f.Spare = idle - released
	return f, nil
}
