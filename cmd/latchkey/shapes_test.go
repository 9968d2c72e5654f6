package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// raw sends bytes, and gives the statuses of the answers and whether the server ended the connection.
func raw(t *testing.T, addr, text string, closeWrite bool) (statuses []int, ended bool) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(conn, text) // the server may have had enough before the end
	if closeWrite {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	r := bufio.NewReader(conn)
	for {
		a, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses, true
		}
		_, _ = io.Copy(io.Discard, a.Body)
		_ = a.Body.Close()
		statuses = append(statuses, a.StatusCode)
		if a.Close {
			return statuses, true
		}
		if len(statuses) == 2 { // the request and the one behind it
			return statuses, false
		}
	}
}

// TestShapesOfRequests: what is read in two ways by different programs is refused, or ends its connection, so that nothing hides
// behind it; what is only odd is served; what is too large is refused. Each is followed by a second request, and it says whether
// that one was answered.
func TestShapesOfRequests(t *testing.T) {
	t.Parallel()
	s, _, p := newServe(t, newHook(t, 0))
	addr := strings.TrimPrefix(s.url, "http://")
	const next = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	start := "POST /api/login/email/request?projectId=" + p.ID + " HTTP/1.1\r\nHost: x\r\n"
	body := `{"email":"?"}`
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	const get = "GET /healthz HTTP/1.1\r\n"
	for name, tt := range map[string]struct {
		text   string
		status int
		second bool // the request behind it is answered
	}{
		"as it should be":                {start + length + "\r\n" + body, 422, true},
		"two lengths":                    {start + length + "Content-Length: 0\r\n\r\n" + body, 400, false},
		"a list of lengths":              {start + "Content-Length: 13, 13\r\n\r\n" + body, 400, false},
		"a length with a sign":           {start + "Content-Length: +13\r\n\r\n" + body, 400, false},
		"a negative length":              {start + "Content-Length: -1\r\n\r\n" + body, 400, false},
		"a length beyond 64 bits":        {start + "Content-Length: 18446744073709551629\r\n\r\n" + body, 400, false},
		"a length and chunks":            {start + length + "Transfer-Encoding: chunked\r\n\r\nd\r\n" + body + "\r\n0\r\n\r\n", 422, false},
		"chunks":                         {start + "Transfer-Encoding: chunked\r\n\r\nd\r\n" + body + "\r\n0\r\n\r\n", 422, false},
		"chunks twice":                   {start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501, false},
		"an unknown encoding":            {start + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, false},
		"two encodings":                  {start + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", 501, false},
		"a blank before the colon":       {start + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, false},
		"a folded encoding":              {start + "Transfer-Encoding:\r\n chunked\r\n\r\nd\r\n" + body + "\r\n0\r\n\r\n", 422, false},
		"a fold before any header":       {get + " Host: x\r\nHost: x\r\n\r\n", 400, false},
		"a chunk of no size":             {start + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body + "\r\n0\r\n\r\n", 422, false},
		"a chunk with a bare LF":         {start + "Transfer-Encoding: chunked\r\n\r\nd\n" + body + "\r\n0\r\n\r\n", 422, false},
		"a chunk with a long extension":  {start + "Transfer-Encoding: chunked\r\n\r\nd;" + strings.Repeat("x", 100_000) + "\r\n" + body + "\r\n0\r\n\r\n", 422, false},
		"bare LF":                        {"GET /healthz HTTP/1.1\nHost: x\n\n", 200, true},
		"bare CR in a value":             {get + "Host: x\r\nX-A: b\rc\r\n\r\n", 400, false},
		"a NUL in a value":               {get + "Host: x\r\nX-A: \x00\r\n\r\n", 400, false},
		"a header without a name":        {get + "Host: x\r\n: b\r\n\r\n", 400, false},
		"no host":                        {get + "\r\n", 400, false},
		"two hosts":                      {get + "Host: x\r\nHost: y\r\n\r\n", 400, false},
		"a host that is none":            {get + "Host: x y\r\n\r\n", 400, false},
		"absolute form":                  {"GET http://elsewhere.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200, true},
		"a tunnel":                       {"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example:443\r\n\r\n", 404, true},
		"a blank in the path":            {"GET /health z HTTP/1.1\r\nHost: x\r\n\r\n", 400, false},
		"no version":                     {"GET /healthz\r\nHost: x\r\n\r\n", 400, false},
		"HTTP/3 in text":                 {"GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n", 505, false},
		"HTTP/2 that was not agreed on":  {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, false},
		"a method that is none":          {"G@T /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400, false},
		"an expectation of another kind": {start + length + "Expect: miracles\r\n\r\n" + body, 417, false},
		"TLS":                            {"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + strings.Repeat("\x00", 40) + "\r\n\r\n", 400, false},
		"1,000 headers":                  {get + "Host: x\r\n" + strings.Repeat("a: b\r\n", 1000) + "\r\n", 200, true},
		"100,000 headers":                {get + "Host: x\r\n" + strings.Repeat("a: b\r\n", 100_000) + "\r\n", 431, false},
		"a header of 1 MiB":              {get + "Host: x\r\nX-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", 431, false},
		"a path of 1 MiB":                {"GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431, false},
		"a body of 1 MiB":                {start + "Content-Length: 1048576\r\n\r\n" + strings.Repeat("a", 1<<20), 413, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			statuses, ended := raw(t, addr, tt.text+next, false)
			if len(statuses) == 0 || statuses[0] != tt.status {
				t.Fatalf("answered %v, want %d", statuses, tt.status)
			}
			if second := len(statuses) == 2; second != tt.second || second == ended {
				t.Errorf("answered %v, ended: %v; the request behind it is to be answered: %v", statuses, ended, tt.second)
			}
		})
	}
}

// TestSlowClients: whoever sends nothing, or a little now and then, or stops half-way, is let go when the time is over, whatever
// they still send. The times of the server, by forty, stand in for it.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const quick = 40
	s := (&server{house: house{log: slog.New(slog.DiscardHandler)}}).httpServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strings.Repeat("x", 8<<20)) // more than the buffers on the way hold
	}))
	if s.ReadHeaderTimeout != 10*time.Second || s.ReadTimeout != 10*time.Second || s.WriteTimeout != time.Minute || s.IdleTimeout != 2*time.Minute {
		t.Errorf("the times are %v, %v, %v, %v", s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = s
	ends := make(chan struct{}, 100)
	s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = s.ReadHeaderTimeout/quick, s.ReadTimeout/quick, s.WriteTimeout/quick, s.IdleTimeout/quick
	s.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			ends <- struct{}{}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	clients := map[string]struct{ once, again string }{
		"silence": {}, "half a head": {once: "GET / HTTP/1.1\r\nHost: x\r\n"}, "a head, drop by drop": {once: "GET / HTTP/1.1\r\n", again: "X-A: b\r\n"},
		"half a body":          {once: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx"},
		"a body, drop by drop": {once: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", again: "x"},
		"chunks, drop by drop": {once: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", again: "1\r\nx\r\n"},
		"an answer not taken":  {once: "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for name, c := range clients {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, c.once); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		go func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for c.again != "" {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					if _, err := io.WriteString(conn, c.again); err != nil {
						return
					}
				}
			}
		}()
	}
	for i := range clients {
		select {
		case <-ends:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s or another holds its connection still", i)
		}
	}
}

// TestHalfClosedClients: whoever will send no more before a request is whole is let go at once; whoever waits for a link has left.
func TestHalfClosedClients(t *testing.T) {
	t.Parallel()
	s, _, p := newServe(t, newHook(t, 0))
	addr := strings.TrimPrefix(s.url, "http://")
	began := time.Now()
	for name, text := range map[string]string{
		"nothing": "", "half a head": "GET / HTTP/1.1\r\nHost: x\r\n", "half a body": "POST /api/login/email/request?projectId=" + p.ID + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
		"a poll": "GET /api/otc/code?projectId=" + p.ID + "&login=a@example.test&operation_id=x HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		if statuses, ended := raw(t, addr, text, true); !ended {
			t.Errorf("%s: answered %v, and still open", name, statuses)
		}
	}
	if took := time.Since(began); took > 9*time.Second {
		t.Errorf("it took %v: they were held", took)
	}
	if !strings.Contains(s.metrics(t), "latchkey_held_polls 0") {
		t.Error("a poll is held for somebody who left")
	}
}
