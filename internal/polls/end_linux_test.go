package polls

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// TestCutOffOnce: when Run is told to end, whoever is left goes once: also who is being answered just then, and who comes too late.
func TestCutOffOnce(t *testing.T) {
	t.Parallel()
	l, err := NewLobby()
	if err != nil || l == nil {
		t.Skip("this system has no lobby")
	}
	var held atomic.Int64
	l.Holds = func(delta int) { held.Add(int64(delta)) }
	asked, release := make(chan struct{}, 10), make(chan struct{})
	parked := make(chan *Guest, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := l.Guest(w, r)
		if g == nil || !g.Park(w, time.Hour, func(w http.ResponseWriter, _ bool) bool {
			asked <- struct{}{}
			<-release
			_, _ = io.WriteString(w, "a word")
			return true
		}) {
			t.Error("a poll is not taken")
		}
		parked <- g
	}))
	defer s.Close()
	l.Server, l.Now = s.Config, time.Now
	poll := func() net.Conn {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ctx, cut := context.WithCancel(t.Context())
	go func() { _ = l.Run(ctx) }()
	answered, waits := poll(), poll()
	first := <-parked // either of them
	<-parked
	if first.conn.RemoteAddr().String() != answered.LocalAddr().String() {
		answered, waits = waits, answered
	}
	first.Wake()
	<-asked
	cut()
	l.Wait(t.Context())
	late := poll()
	<-parked
	close(release)
	for name, c := range map[string]net.Conn{"one that waits": waits, "one that comes late": late} {
		if b, err := io.ReadAll(c); len(b) > 0 {
			t.Errorf("%s is told %q, %v", name, b, err)
		}
		_ = c.Close()
	}
	_ = answered.Close() // it may have its answer still
	busy := func() (hands, alarms int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, line := range l.lines {
			alarms += line.Len()
		}
		return len(l.hands), alarms
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if hands, alarms := busy(); hands == 0 {
			if alarms != 0 || held.Load() != 0 {
				t.Errorf("in the end %d alarms are set, and %d connections are held", alarms, held.Load())
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal("a hand is still at work")
		}
	}
}

// TestAfterItsWork: what becomes of a guest, by what happened to the Lobby or to its connection while a hand worked for it.
func TestAfterItsWork(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before func(l *Lobby)
		did    outcome
		want   state
	}{
		"answered":                             {func(*Lobby) {}, said, idle},
		"answered, and files have run short":   {func(l *Lobby) { l.crowded.Store(true) }, said, left},
		"nothing to say":                       {func(*Lobby) {}, silent, waiting},
		"another request":                      {func(*Lobby) {}, foreign, left},
		"another request, and nobody takes it": {func(l *Lobby) { _ = l.Close() }, foreign, left},
	} {
		l, err := NewLobby()
		if err != nil || l == nil {
			t.Skip("this system has no lobby")
		}
		l.Server, l.Now = &http.Server{IdleTimeout: time.Hour}, time.Now
		here, there := connected(t)
		_ = there.SetDeadline(time.Now().Add(20 * time.Second))
		g := &Guest{lobby: l, conn: here, n: 1, state: served} // something happened on it meanwhile: it is not watched any more
		l.guests[g.n] = g
		tt.before(l)
		l.locked(func() { l.done(g, tt.did) })
		stays := tt.want == idle || tt.want == waiting
		if g.state != tt.want || g.armed != stays {
			t.Errorf("%s: state %d, watched %v; want %d, %v", name, g.state, g.armed, tt.want, stays)
		}
		if !stays && len(l.back) == 0 {
			if _, err := there.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("%s: the connection is open: %v", name, err)
			}
		}
		if l.closed && len(l.back) > 0 {
			t.Errorf("%s: the connection waits for somebody to take it", name)
		}
		l.watch.close()
	}
}

// TestWhoIsOnTheWayBackIsClosed: nobody takes a connection that was given back just before the listener was closed.
func TestWhoIsOnTheWayBackIsClosed(t *testing.T) {
	t.Parallel()
	l, err := NewLobby()
	if err != nil || l == nil {
		t.Skip("this system has no lobby")
	}
	defer l.watch.close()
	here, there := connected(t)
	_ = there.SetDeadline(time.Now().Add(20 * time.Second))
	g := &Guest{lobby: l, conn: here, n: 1}
	l.locked(func() { l.handBack(g) })
	_ = l.Close()
	if _, err := there.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection is open: %v", err)
	}
}

// TestBytesAreSeenOnce: what comes while a poll waits is noted, and not looked at again until it is answered.
func TestBytesAreSeenOnce(t *testing.T) {
	t.Parallel()
	l, err := NewLobby()
	if err != nil || l == nil {
		t.Skip("this system has no lobby")
	}
	l.Server, l.Now = &http.Server{}, time.Now
	ctx, cut := context.WithCancel(t.Context())
	defer cut()
	go func() { _ = l.Run(ctx) }()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	g := &Guest{lobby: l, conn: conn, hold: time.Hour, answer: func(http.ResponseWriter, bool) bool { return false }}
	l.welcome(g)
	if _, err := io.WriteString(client, "GET"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		noted := false
		l.locked(func() { noted = g.early })
		if noted {
			return
		}
		if time.Now().After(end) {
			t.Fatal("what came is not noted: the system says so again and again")
		}
	}
}
