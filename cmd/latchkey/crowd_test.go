package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestIdleConnectionsGoFirst: when files run short, those who wait for nothing lose their connection, and those whose
// call is being answered do not.
func TestIdleConnectionsGoFirst(t *testing.T) {
	t.Parallel()
	release, held := make(chan struct{}), make(chan struct{}, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			held <- struct{}{}
			<-release
		}
	}))
	c := newCrowd(srv.Config, nil, 16) // 8 polls: crowded from the 13th connection on, calm below the 10th
	if c.most != 12 || c.calm != 10 {
		t.Fatalf("crowded above %d, calm below %d, want 12 and 10", c.most, c.calm)
	}
	idles, ends := make(chan struct{}, 20), make(chan struct{}, 20)
	srv.Config.ConnState = func(conn net.Conn, s http.ConnState) {
		c.count(conn, s)
		switch s {
		case http.StateIdle:
			idles <- struct{}{}
		case http.StateClosed:
			ends <- struct{}{}
		}
	}
	srv.Start()
	defer srv.Close()
	ask := func(path string) (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return conn, bufio.NewReader(conn)
	}
	answer := func(r *bufio.Reader) (closes bool) {
		a, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		return a.Close
	}
	_, waiting := ask("/hold")
	<-held
	var idle []*bufio.Reader
	for range 11 {
		_, r := ask("/")
		if answer(r) {
			t.Fatal("a connection is closed before it is crowded")
		}
		<-idles
		idle = append(idle, r)
	}
	_, last := ask("/")
	answer(last)
	for _, r := range idle {
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("an idle connection meets %v, want its end", err)
		}
	}
	for range idle {
		<-ends
	}
	close(release)
	answer(waiting) // it was never cut off
	_, again := ask("/")
	if answer(again) {
		t.Error("after the crowd left, connections are still not kept")
	}
}

// TestACrowdKeepsNoConnection: while those who wait fill the files, an answer closes its connection.
func TestACrowdKeepsNoConnection(t *testing.T) {
	t.Parallel()
	srv := &http.Server{ReadHeaderTimeout: time.Second}
	c := newCrowd(srv, nil, 20_000)
	for range 19_000 {
		srv.ConnState(nil, http.StateNew)
	}
	if c.tight.Load() {
		t.Error("it is crowded with half of the reserve left")
	}
	srv.ConnState(nil, http.StateNew)
	if !c.tight.Load() {
		t.Error("it is not crowded with less than half of the reserve left")
	}
	for range 501 {
		srv.ConnState(nil, http.StateClosed)
	}
	if !c.tight.Load() {
		t.Error("it is calm too early: it would change with every connection")
	}
	srv.ConnState(nil, http.StateClosed)
	if c.tight.Load() {
		t.Error("it is never calm again")
	}
	free := &http.Server{ReadHeaderTimeout: time.Second}
	if newCrowd(free, nil, 0); free.ConnState != nil {
		t.Error("connections are counted where there is no limit")
	}
}

// TestACrowdInTheLobby: connections in the lobby are open files as all others are, and those that are idle there go first too.
func TestACrowdInTheLobby(t *testing.T) {
	t.Parallel()
	kept := make(chan bool, 2)
	srv := &http.Server{ReadHeaderTimeout: time.Second}
	c := newCrowd(srv, nil, 16) // crowded from the 13th connection on
	c.keepAlive = func(yes bool) { kept <- yes }
	for range 12 {
		srv.ConnState(nil, http.StateNew)
		srv.ConnState(nil, http.StateHijacked)
		c.add(+1) // as the lobby does
	}
	if len(kept) != 0 {
		t.Fatal("it is crowded too early: who goes into the lobby counts twice")
	}
	srv.ConnState(nil, http.StateNew)
	if len(kept) != 1 || <-kept {
		t.Error("it is not crowded: who is in the lobby does not count")
	}
	for range 12 {
		c.add(-1)
	}
	if len(kept) != 1 || !<-kept {
		t.Error("after those in the lobby left, connections are still not kept")
	}
}
