package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// approvals is what the approve errand gives.
type approvals struct {
	Took         time.Duration   `json:"took_ns"`
	Press        []time.Duration `json:"press_ns"` // each approving POST
	Wake         []time.Duration `json:"wake_ns"`  // from its answer to the poll's
	ServerCPU    time.Duration   `json:"server_cpu_ns"`
	GeneratorCPU time.Duration   `json:"generator_cpu_ns"`
}

// approve presses the links of one poll in a hundred per second, spread over all of them, and waits for those polls to
// have their codes.
func (h *hall) approve(ctx context.Context) (r approvals, err error) {
	chosen := everyNth(h.polls, len(h.polls)*int(h.o.For/time.Second)/100)
	before, err := readCPU(h.server.pid)
	if err != nil {
		return r, err
	}
	press := make([]time.Duration, len(chosen))
	began := time.Now()
	var next atomic.Int64
	err = crowded(ctx, func(ctx context.Context) error {
		c, err := h.server.dial()
		if err != nil {
			return err
		}
		defer c.Close()
		for i := next.Add(1) - 1; i < int64(len(chosen)); i = next.Add(1) - 1 {
			due := began.Add(h.o.For * time.Duration(i) / time.Duration(len(chosen)))
			if err := sleep(ctx, time.Until(due)); err != nil {
				return err
			}
			if press[i], err = h.press(c, chosen[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	r.Took, r.Press = time.Since(began), press
	after, err := readCPU(h.server.pid)
	if err != nil {
		return r, err
	}
	r.ServerCPU, r.GeneratorCPU = after.server-before.server, after.self-before.self
	r.Wake, err = wakeTimes(ctx, chosen, slack)
	return r, err
}

// press approves the link of one poll, as the button on its page does.
func (h *hall) press(c *client, p *poll) (time.Duration, error) {
	began := h.now()
	p.pressed.Store(began)
	status, body, err := c.press(p.link)
	answered := h.now()
	if err != nil {
		return 0, fmt.Errorf("approve: %w", err)
	}
	if status != 200 && status != 303 {
		return 0, fmt.Errorf("approve: status %d: %s", status, body)
	}
	p.approved.Store(answered)
	return time.Duration(answered - began), nil
}

// press posts the form of the page that a link opens.
func (c *client) press(link string) (int, []byte, error) {
	const form = "action=approve"
	c.out = fmt.Appendf(c.out[:0], "POST /l/%s HTTP/1.1\r\nHost: %s\r\nSec-Fetch-Site: same-origin\r\nContent-Type: %s\r\n"+
		"Content-Length: %d\r\n\r\n%s", link, c.host, formType, len(form), form)
	return c.do()
}

// everyNth gives n of ps, spread evenly.
func everyNth(ps []*poll, n int) []*poll {
	n = min(n, len(ps))
	chosen := make([]*poll, n)
	for i := range chosen {
		chosen[i] = ps[i*len(ps)/n]
	}
	return chosen
}

// wakeTimes waits until every approved poll has its code. One that has none by then is lost.
func wakeTimes(ctx context.Context, approved []*poll, within time.Duration) ([]time.Duration, error) {
	var wake []time.Duration
	for end := time.Now().Add(within); ; {
		wake = wake[:0]
		for _, p := range approved {
			if d, ok := p.woken(); ok {
				wake = append(wake, d)
			}
		}
		if len(wake) == len(approved) {
			return wake, nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("lost: %d of %d approved polls had no code within %v", len(approved)-len(wake), len(approved), within)
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// guests is what the logins errand gives.
type guests struct {
	Logins  int             `json:"logins"`
	Took    time.Duration   `json:"took_ns"`
	Start   []time.Duration `json:"start_ns"`
	Confirm []time.Duration `json:"confirm_ns"`
	Refused int             `json:"refused"` // polls that were refused meanwhile
	Go      figures         `json:"go"`      // at the end
}

// logins signs people in while the polls are held, each on a new connection: whether there is still a file for it is the
// question.
func (h *hall) logins(ctx context.Context) (r guests, err error) {
	h.mu.Lock()
	r.Refused = -h.refused
	h.mu.Unlock()
	began := time.Now()
	end := began.Add(h.o.For)
	o := h.o
	o.Workers = 4
	crew, err := hire(o, h.server, h.sink, "guest")
	if err != nil {
		return r, err
	}
	defer dismiss(crew)
	err = each(crew, func(w *worker) error {
		for time.Now().Before(end) && ctx.Err() == nil {
			c, err := h.server.dial()
			if err != nil {
				return err
			}
			w.client.Close()
			w.client = c
			if err := w.login(ctx, w.next()); err != nil {
				return fmt.Errorf("a login beside held polls: %w", err)
			}
		}
		return ctx.Err()
	})
	r.Took = time.Since(began)
	for _, w := range crew {
		for _, x := range w.samples {
			r.Start, r.Confirm = append(r.Start, x.start), append(r.Confirm, x.confirm)
		}
	}
	r.Logins = len(r.Start)
	h.mu.Lock()
	r.Refused += h.refused
	h.mu.Unlock()
	if err == nil {
		r.Go, err = readFigures(ctx, h.server)
	}
	return r, err
}
