package front_test

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/front"
)

// TestConnectionsOfOneNetwork: beyond the bound a connection is closed at once, of that network and of no other, and when one of
// its others ends there is room again. A trusted proxy has no bound.
func TestConnectionsOfOneNetwork(t *testing.T) {
	t.Parallel()
	var refused atomic.Int64
	c := &front.Connections{PerClient: 3, Proxies: proxies(t, "127.0.0.9"), Refused: func() { refused.Add(1) }}
	addr := serve(t, c.Bound)
	var held []net.Conn
	for range 3 {
		conn, r := dial(t, addr, "127.0.0.2", request)
		if got := answer(r); got != "127.0.0.2" {
			t.Fatalf("a connection within the bound is answered %q", got)
		}
		held = append(held, conn)
	}
	_, r := dial(t, addr, "127.0.0.2", request)
	if got := answer(r); got != "closed" {
		t.Errorf("the fourth connection is answered %q", got)
	}
	if refused.Load() != 1 {
		t.Errorf("%d refusals were told of, want 1", refused.Load())
	}
	_, r = dial(t, addr, "127.0.0.3", request)
	if got := answer(r); got != "127.0.0.3" {
		t.Errorf("another network is answered %q", got)
	}
	for range 10 {
		_, r := dial(t, addr, "127.0.0.9", request)
		if got := answer(r); got != "127.0.0.9" {
			t.Fatalf("a trusted proxy is answered %q", got)
		}
	}
	_ = held[0].Close()
	got := "closed"
	for got == "closed" { // until the server has seen the end of it
		if t.Context().Err() != nil {
			t.Fatal("there is never room again")
		}
		_, r := dial(t, addr, "127.0.0.2", request)
		got = answer(r)
	}
	if got != "127.0.0.2" {
		t.Errorf("with room again: %q", got)
	}
}

// TestConnectionsBehindAProxy: whom a proxy speaks for by the PROXY protocol has a bound of their own; the proxy's own
// connections have none.
func TestConnectionsBehindAProxy(t *testing.T) {
	t.Parallel()
	trusted := proxies(t, "127.0.0.2")
	c := &front.Connections{PerClient: 2, Proxies: trusted}
	addr := serve(t, func(l net.Listener) net.Listener { return c.Bound(front.BehindProxies(l, trusted, 0)) })
	for i, want := range []string{client, client, "closed", "closed"} {
		_, r := dial(t, addr, "127.0.0.2", v2(1, 0x11)+request)
		if got := answer(r); got != want {
			t.Errorf("connection %d of one client: %q, want %q", i+1, got, want)
		}
	}
	for range 5 {
		_, r := dial(t, addr, "127.0.0.2", v2(0, 0x11)+request)
		if got := answer(r); got != "127.0.0.2" {
			t.Errorf("the proxy itself: %q", got)
		}
	}
	_, r := dial(t, addr, "127.0.0.2", "PROXY TCP4 203.0.113.2 127.0.0.1 1 80\r\n"+request)
	if got := answer(r); got != "203.0.113.2" {
		t.Errorf("another client: %q", got)
	}
}

// A fakeListener gives connections from made-up addresses, which close at once.
type fakeListener struct {
	net.Listener
	from []string
}

type fakeConn struct {
	net.Conn
	from   net.Addr
	closed int
}

func (c *fakeConn) RemoteAddr() net.Addr       { return c.from }
func (c *fakeConn) Close() error               { c.closed++; return nil }
func (c *fakeConn) Read(p []byte) (int, error) { return len(p), nil }

func (l *fakeListener) Accept() (net.Conn, error) {
	if len(l.from) == 0 {
		return nil, net.ErrClosed
	}
	ap := netip.AddrPortFrom(netip.MustParseAddr(l.from[0]), 1)
	l.from = l.from[1:]
	return &fakeConn{from: net.TCPAddrFromAddrPort(ap)}, nil
}

// TestConnectionsByIPv6: a /64 is one network, and a /48 has ten times as many at the most, however many networks it is cut
// into. Closing twice gives back one.
func TestConnectionsByIPv6(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		from []string
		want int
	}{
		"one /64":     {[]string{"2001:db8::1", "2001:db8::2", "2001:db8::ffff:3", "2001:db8:0:1::1"}, 3},
		"IPv4 mapped": {[]string{"192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"}, 3},
		"one /48": {func() (out []string) {
			for i := range 40 {
				ip := netip.MustParseAddr("2001:db8:7::1").As16()
				ip[7] = byte(i)
				out = append(out, netip.AddrFrom16(ip).String())
			}
			return out
		}(), 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &front.Connections{PerClient: 2}
			l := c.Bound(&fakeListener{from: tt.from})
			var got []net.Conn
			for {
				conn, err := l.Accept()
				if err != nil {
					break
				}
				got = append(got, conn)
			}
			if len(got) != tt.want {
				t.Errorf("%d connections, want %d", len(got), tt.want)
			}
			for _, conn := range got {
				_, _ = conn.Close(), conn.Close()
			}
			again := c.Bound(&fakeListener{from: tt.from})
			n := 0
			for ; ; n++ {
				if _, err := again.Accept(); err != nil {
					break
				}
			}
			if n != tt.want {
				t.Errorf("after all were closed, %d connections, want %d", n, tt.want)
			}
		})
	}
	c := &front.Connections{PerClient: 2}
	one := func() bool {
		_, err := c.Bound(&fakeListener{from: []string{"192.0.2.1"}}).Accept()
		return err == nil
	}
	first, err := c.Bound(&fakeListener{from: []string{"192.0.2.1"}}).Accept()
	if err != nil || !one() {
		t.Fatal("two are refused")
	}
	_, _ = first.Close(), first.Close()
	if !one() || one() {
		t.Error("closing one twice gives back something else than one")
	}
	l := &fakeListener{}
	if (&front.Connections{}).Bound(l) != net.Listener(l) {
		t.Error("without a bound connections are counted")
	}
}
