package polls_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/polls"
)

// A hall is a server with a lobby: /poll waits there until its wait is rung, and any other call is answered with who asks.
type hall struct {
	t       *testing.T
	lobby   *polls.Lobby
	server  *http.Server
	addr    string
	closing chan struct{}
	waits   chan *wait   // of each poll that was parked
	ended   chan bool    // of each that was answered: whether it had to be
	open    atomic.Int64 // connections in the lobby
	fresh   atomic.Int64 // connections that net/http was given
	ran     chan struct{}

	// Options.
	hold    time.Duration                                      // an hour
	idle    time.Duration                                      // a minute
	read    time.Duration                                      // 10 s
	wrap    func(net.Listener) net.Listener                    // what stands between the network and the server
	config  *tls.Config                                        // nil: no TLS
	unaided bool                                               // polls wait on net/http's goroutines
	again   bool                                               // a poll that is dialled is one that was asked twice before
	before  func(w *wait)                                      // called before a poll is parked
	looked  func(w *wait)                                      // called by each look, after it has seen what there is
	atOnce  func(rw http.ResponseWriter, r *http.Request) bool // may answer a poll instead
	warming atomic.Bool                                        // no option is in force: a poll is asked for the first two times
}

// A wait is one poll that is held.
type wait struct {
	h    *hall
	wake func()
	mu   sync.Mutex
	text string        // what it is to be answered with; empty: nothing yet
	done chan struct{} // closed when it is answered
	told bool          // for the tests of looks
}

// tell has the poll look again, and find text; empty: nothing.
func (w *wait) tell(text string) {
	w.mu.Lock()
	w.text = text
	w.mu.Unlock()
	w.wake()
}

// answer is polls.Answer.
func (w *wait) answer(rw http.ResponseWriter, over bool) bool {
	w.mu.Lock()
	text := w.text
	w.mu.Unlock()
	if w.h.looked != nil && !w.h.warming.Load() {
		w.h.looked(w)
	}
	status := http.StatusOK
	switch {
	case over:
		text, status = "over\n", http.StatusRequestTimeout
	case text == "":
		return false
	}
	w.h.ended <- over
	rw.Header().Set("Content-Type", "text/plain")
	rw.Header().Add("Vary", "Accept")
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, text)
	close(w.done)
	return true
}

func (h *hall) serve(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/poll" {
		rw.Header().Set("Secure", map[bool]string{true: "yes", false: "no"}[r.TLS != nil])
		_, _ = io.WriteString(rw, r.RemoteAddr)
		return
	}
	if (r.TLS != nil) != (h.config != nil) || r.TLS != nil && !r.TLS.HandshakeComplete {
		h.t.Errorf("a poll says of its connection %+v", r.TLS)
	}
	if h.atOnce != nil && h.atOnce(rw, r) {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 5)) // as far as 5 bytes, for bodies of which something is left
	rw.Header().Add("Vary", "Origin")
	w := &wait{h: h, done: make(chan struct{})}
	var g *polls.Guest
	if !h.unaided {
		g = h.lobby.Guest(rw, r)
	}
	if g != nil {
		w.wake = g.Wake
		if h.before != nil && !h.warming.Load() {
			h.before(w)
		}
		if !g.Park(rw, h.hold, w.answer) {
			h.t.Error("a poll could not be parked")
		}
		h.waits <- w
		return
	}
	woken := make(chan struct{}, 1)
	w.wake = func() { woken <- struct{}{} }
	h.waits <- w
	over := false
	for !w.answer(rw, over) {
		select {
		case <-woken:
		case <-time.After(h.hold):
			over = true
		case <-h.closing:
			over = true
		case <-r.Context().Done():
			over = true
		}
	}
}

// newHall serves a hall until the end of the test.
func newHall(t *testing.T, options ...func(*hall)) *hall {
	t.Helper()
	l, err := polls.NewLobby()
	if err != nil {
		t.Fatal(err)
	}
	if l == nil {
		t.Skip("this system has no lobby")
	}
	h := &hall{
		t: t, lobby: l, closing: make(chan struct{}), waits: make(chan *wait, 5000), ended: make(chan bool, 5000), ran: make(chan struct{}),
		hold: time.Hour, idle: time.Minute, read: 10 * time.Second, wrap: func(l net.Listener) net.Listener { return l },
	}
	for _, o := range options {
		o(h)
	}
	h.server = &http.Server{Handler: http.HandlerFunc(h.serve), ReadHeaderTimeout: h.read, IdleTimeout: h.idle}
	h.server.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			h.fresh.Add(1)
		}
	}
	l.Server, l.Closing, l.Now, l.Holds = h.server, h.closing, time.Now, func(delta int) { h.open.Add(int64(delta)) }
	main, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = main.Addr().String()
	main = h.wrap(main)
	if h.config != nil {
		main = tls.NewListener(main, h.config)
	}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	all.Go(func() { _ = h.server.Serve(main) })
	all.Go(func() { _ = h.server.Serve(l) })
	all.Go(func() { defer close(h.ran); _ = l.Run(ctx) })
	t.Cleanup(func() {
		_ = h.server.Close()
		cancel()
		all.Wait()
	})
	return h
}

// secure has h speak TLS.
func secure(h *hall) {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	h.config = s.TLS.Clone()
	h.config.NextProtos = []string{"http/1.1"}
	s.Close()
}

// A client is one connection to a hall.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

const (
	poll  = "GET /poll HTTP/1.1\r\nHost: x\r\n\r\n"
	other = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
)

// dial opens a connection and sends text.
func (h *hall) dial(text string) *client {
	h.t.Helper()
	c := h.dialBehind("")
	if h.again && text == poll {
		h.warm(c, text)
	}
	c.send(text)
	return c
}

// warm asks twice: from then on the Lobby knows the request.
func (h *hall) warm(c *client, text string) {
	h.t.Helper()
	h.warming.Store(true)
	for range 2 {
		c.send(text)
		(<-h.waits).tell("warm")
		c.expect(200, "warm", false)
		<-h.ended
	}
	h.warming.Store(false)
}

// dialBehind opens a connection whose first bytes, below TLS, are header.
func (h *hall) dialBehind(header string) *client {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, header); err != nil {
		h.t.Fatal(err)
	}
	if h.config != nil {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return &client{h.t, conn, bufio.NewReader(conn)}
}

// served reports whether the server answers at all.
func (c *client) served() bool {
	if _, err := io.WriteString(c.Conn, other); err != nil {
		return false
	}
	a, err := http.ReadResponse(c.r, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, a.Body)
	}
	return err == nil
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one answer with its body.
func (c *client) answer() (*http.Response, string) {
	c.t.Helper()
	a, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(a.Body)
	if err != nil {
		c.t.Fatalf("no whole answer: %v", err)
	}
	return a, string(body)
}

// expect reads an answer and compares.
func (c *client) expect(status int, body string, closes bool) {
	c.t.Helper()
	if a, got := c.answer(); a.StatusCode != status || got != body || a.Close != closes {
		c.t.Errorf("answered %d %q, closing %v; want %d %q, closing %v", a.StatusCode, got, a.Close, status, body, closes)
	}
}

// ends expects the end of the connection.
func (c *client) ends() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err != io.EOF {
		c.t.Errorf("the connection goes on with %q, %v; want its end", b, err)
	}
}

// none waits until there is nobody in the lobby.
func (h *hall) none() {
	h.t.Helper()
	for end := time.Now().Add(10 * time.Second); h.open.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("%d connections are still in the lobby", h.open.Load())
		}
	}
}
