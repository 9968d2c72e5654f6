package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A loris is a connection that wants to be held for nothing.
type loris struct {
	name string
	hold func(net.Conn, string) error // until the server closes it
}

var lorises = []loris{
	{"slow head", func(c net.Conn, path string) error {
		return drip(c, "POST "+path+" HTTP/1.1\r\nHost: a\r\n", "X-A: b\r\n")
	}},
	{"slow body", func(c net.Conn, path string) error {
		return drip(c, "POST "+path+" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{", " ")
	}},
	{"silence", func(c net.Conn, _ string) error { return drip(c, "", "") }},
	{"half closed", func(c net.Conn, path string) error {
		if _, err := io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{"); err != nil {
			return err
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			return err
		}
		return drip(c, "", "")
	}},
	{"kept for nothing", func(c net.Conn, _ string) error { return drip(c, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "") }},
}

// drip sends first, then again and again a little, and reads nothing until the connection is over. Without more it only waits.
func drip(c net.Conn, first, more string) error {
	if _, err := io.WriteString(c, first); err != nil {
		return err
	}
	for {
		if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, c)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			return err // nil: the server closed it
		}
		if _, err := io.WriteString(c, more); err != nil {
			return err
		}
	}
}

// slow holds 10,000 connections that send next to nothing, from a thousand addresses, and opens each again as soon as it is
// closed. Meanwhile honest people sign in, each over a connection of their own.
func slow(ctx context.Context, l *lab) (_ []figure, err error) {
	var project string
	s, err := l.serve(ctx, setup{direct: true, args: []string{"--limit", "all=off"}}, oneProject(ctx, &project))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	connections, span, room := l.size(10_000, 1500), time.Duration(l.size(25, 3))*time.Second, 1.0
	if l.small {
		room = 10 // a p99 of so few, on a machine that does something else too
	}
	if _, err := honest(ctx, s, project, "warm", time.Second); err != nil {
		return nil, err
	}
	calm, err := honest(ctx, s, project, "before", span)
	if err != nil {
		return nil, err
	}
	flood := newFlood(s.host, "/api/login/email/request?projectId="+project)
	flood.run(ctx, connections, time.Duration(l.size(10, 3))*time.Second)
	defer flood.stop()
	if err := flood.wait(ctx, connections); err != nil {
		return nil, err
	}
	flooded, err := honest(ctx, s, project, "during", span)
	if err != nil {
		return nil, fmt.Errorf("among %d slow connections: %w", flood.open.Load(), err)
	}
	out := []figure{
		{What: "slow connections that were open at once", Value: float64(flood.most.Load())},
		{What: "opened in all: what the server closed is opened again", Value: float64(flood.opened.Load())},
		{What: "median of a login's two calls and their connection, before", Value: milliseconds(percentile(calm, 50)), Unit: "ms"},
		{What: "median among them", Value: milliseconds(percentile(flooded, 50)), Unit: "ms"},
		{What: "p99 before", Value: milliseconds(percentile(calm, 99)), Unit: "ms"},
		{What: "p99 among them", Value: milliseconds(percentile(flooded, 99)), Unit: "ms"},
		{What: "p99, times as long", Value: float64(percentile(flooded, 99)) / float64(percentile(calm, 99)), Rule: atMost, Bound: 2 * room},
	}
	return out, s.alive()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// percentile gives the value that p of 100 sorted ones do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration { return sorted[(len(sorted)-1)*p/100] }

// honest has people sign in for some time, one after the other, and gives how long their calls took, sorted. The message between the two is
// not counted: sending it is the provider's time.
func honest(ctx context.Context, s *server, project, name string, span time.Duration) ([]time.Duration, error) {
	var took []time.Duration
	for i, end := 0, time.Now().Add(span); i < 20 || time.Now().Before(end); i++ {
		c := &client{host: s.host}
		p := person{client: c, s: s, project: project, address: fmt.Sprintf("%s%d@example.com", name, i)}
		began := time.Now()
		a, err := p.start("")
		whole := time.Since(began) // with the connection
		if err != nil || a.status != 200 {
			return nil, fmt.Errorf("a start was answered %v, %w", a, err)
		}
		m, err := s.nth(ctx, p.address, 1)
		if err != nil {
			return nil, err
		}
		a, err = p.confirm("", a.member("operation_id"), m.Code)
		c.Close()
		if err != nil || a.status != 200 {
			return nil, fmt.Errorf("a confirm was answered %v, %w", a, err)
		}
		took = append(took, whole+a.took)
	}
	slices.Sort(took)
	return took, nil
}

// A flood keeps slow connections open.
type flood struct {
	host, path         string
	open, most, opened atomic.Int64
	over               chan struct{}
	coming             time.Duration // until all were opened once
	all                sync.WaitGroup
}

func newFlood(host, path string) *flood {
	return &flood{host: host, path: path, over: make(chan struct{})}
}

// run starts n connections that are opened again until stop. They come one by one over some time: all at once would be a
// flood of connections again whenever the server has had enough of them.
func (f *flood) run(ctx context.Context, n int, over time.Duration) {
	f.coming = over
	for i := range n {
		f.all.Go(func() {
			// A thousand addresses of this machine, which a server takes for as many clients.
			from := &net.TCPAddr{IP: net.IPv4(127, 1, byte(i/250%4), byte(1+i%250))}
			f.sleep(over * time.Duration(i) / time.Duration(n))
			for f.ended() == nil {
				f.once(ctx, from, lorises[i%len(lorises)])
			}
		})
	}
}

func (f *flood) ended() error {
	select {
	case <-f.over:
		return net.ErrClosed
	default:
		return nil
	}
}

// once is the life of one connection.
func (f *flood) once(ctx context.Context, from net.Addr, how loris) {
	d := net.Dialer{LocalAddr: from, Timeout: callTimeout}
	c, err := d.DialContext(ctx, "tcp", f.host)
	if err != nil {
		f.pause()
		return
	}
	defer c.Close()
	f.opened.Add(1)
	for n := f.open.Add(1); ; {
		if m := f.most.Load(); n <= m || f.most.CompareAndSwap(m, n) {
			break
		}
	}
	defer f.open.Add(-1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		_ = how.hold(c, f.path) // however it ends, it is opened again
	}()
	select {
	case <-finished:
		f.pause()
	case <-f.over:
		c.Close()
		<-finished
	}
}

// pause is what keeps the slow from becoming a flood of connections, which is another attack: what the server closes at once
// (half of a connection, say) is opened again some seconds later.
func (f *flood) pause() { f.sleep(5 * time.Second) }

func (f *flood) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-f.over:
	}
}

// wait is until n are open, or no more come.
func (f *flood) wait(ctx context.Context, n int) error {
	began := time.Now()
	last, since := int64(0), began
	for time.Since(began) < f.coming || f.open.Load() < int64(n) && time.Since(since) < 3*time.Second {
		if now := f.open.Load(); now > last {
			last, since = now, time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (f *flood) stop() {
	close(f.over)
	f.all.Wait()
}
