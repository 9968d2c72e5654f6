package front_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/front"
)

// serve answers with where requests come from, and gives the address.
func serve(t *testing.T, listener func(net.Listener) net.Listener) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, front.Peer(r).String())
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(listener(l)) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return l.Addr().String()
}

const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// dial connects from an address of the loopback, and sends text.
func dial(t *testing.T, to, from, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(t.Context(), "tcp", to)
	if errors.Is(err, syscall.ECONNRESET) { // closed at once
		return nil, bufio.NewReader(strings.NewReader(""))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(conn, text) // it may be closed already
	return conn, bufio.NewReader(conn)
}

// answer gives the status and body of one answer; "closed" for none.
func answer(r *bufio.Reader) string {
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		return "closed"
	}
	defer a.Body.Close()
	b, _ := io.ReadAll(a.Body)
	if a.StatusCode != 200 {
		return fmt.Sprint(a.StatusCode)
	}
	return string(b)
}

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// v2 is a header of version 2, for a connection by IPv4 from 203.0.113.1.
func v2(command, family byte) string {
	body := "\xcb\x00\x71\x01\x7f\x00\x00\x01\x10\x00\x00\x50"
	return signature + string([]byte{0x20 | command, family, 0, byte(len(body))}) + body
}

// TestProxyProtocol: a trusted proxy says whom it speaks for, in both versions, or speaks for itself; one that says nothing of
// the kind is cut off, and what others say is a bad request.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	const trusted, stranger = "127.0.0.2", "127.0.0.3"
	addr := serve(t, func(l net.Listener) net.Listener {
		return front.BehindProxies(l, proxies(t, trusted), 200*time.Millisecond)
	})
	for name, tt := range map[string]struct{ from, sends, want string }{
		"version 1":                  {trusted, "PROXY TCP4 203.0.113.1 127.0.0.1 4711 80\r\n" + request, client},
		"version 1, IPv6":            {trusted, "PROXY TCP6 2001:db8::1 ::1 4711 80\r\n" + request, "2001:db8::1"},
		"version 1, IPv4 in IPv6":    {trusted, "PROXY TCP6 ::ffff:203.0.113.1 ::1 4711 80\r\n" + request, client},
		"version 1, unknown":         {trusted, "PROXY UNKNOWN\r\n" + request, trusted},
		"version 2":                  {trusted, v2(1, 0x11) + request, client},
		"version 2, local":           {trusted, v2(0, 0x11) + request, trusted},
		"version 2, a datagram":      {trusted, v2(1, 0x12) + request, "closed"},
		"version 2, a Unix socket":   {trusted, signature + "\x21\x31\x00\xd8" + strings.Repeat("a", 0xd8) + request, "closed"},
		"version 2, cut short":       {trusted, v2(1, 0x11)[:20], "closed"},
		"version 2, no such version": {trusted, signature + "\x11\x11\x00\x00" + request, "closed"},
		"nothing of the kind":        {trusted, request, "closed"},
		"nothing at all":             {trusted, "", "closed"},
		"garbage":                    {trusted, "PROXY TCP4 who knows\r\n" + request, "closed"},
		"no end":                     {trusted, "PROXY TCP4 " + strings.Repeat("1", 4000), "closed"},
		"two headers":                {trusted, "PROXY TCP4 203.0.113.1 127.0.0.1 4711 80\r\nPROXY TCP4 1.1.1.1 127.0.0.1 4711 80\r\n" + request, "400"},
		"a stranger without":         {stranger, request, stranger},
		"a stranger, version 1":      {stranger, "PROXY TCP4 203.0.113.1 127.0.0.1 4711 80\r\n" + request, "400"},
		"a stranger, version 2":      {stranger, v2(1, 0x11) + request, "400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, r := dial(t, addr, tt.from, tt.sends)
			if got := answer(r); got != tt.want {
				t.Errorf("answered %q, want %q", got, tt.want)
			}
		})
	}
}

// TestASilentProxyHoldsNobodyUp: its header is awaited apart from everybody else's connections.
func TestASilentProxyHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	c := &front.Connections{PerClient: 5}
	addr := serve(t, func(l net.Listener) net.Listener {
		return c.Bound(front.BehindProxies(l, proxies(t, "127.0.0.2"), time.Hour))
	})
	for range 5 {
		dial(t, addr, "127.0.0.2", "PROXY TCP4 ")
	}
	_, r := dial(t, addr, "127.0.0.3", request)
	if got := answer(r); got != "127.0.0.3" {
		t.Errorf("answered %q", got)
	}
}
