package front

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/pires/go-proxyproto"
)

// Connections bounds how many connections of one client network are open: of an IPv4 address, an IPv6 /64, and ten times as many of an
// IPv6 /48, which one customer of a provider has. So nobody alone holds all files of the server. Trusted proxies are exempt,
// because everybody comes through them; whom they speak for by the PROXY protocol is not.
type Connections struct {
	PerClient int // 0: any number
	Proxies   Proxies
	// Refused is told of each that is closed; it may be nil.
	Refused func()

	mu   sync.Mutex
	open map[netip.Prefix]int
}

// site is how many networks' worth a /48 may have.
const site = 10

// Bound gives a listener that closes connections beyond the bound, before anything is read from them.
func (c *Connections) Bound(l net.Listener) net.Listener {
	if c.PerClient == 0 {
		return l
	}
	return &boundListener{l, c}
}

type boundListener struct {
	net.Listener
	c *Connections
}

// Accept implements net.Listener.
func (l *boundListener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		conn := &boundConn{Conn: raw, c: l.c}
		if _, later := raw.(*proxyproto.Conn); later || conn.enter() {
			return conn, nil // of one behind a proxy it is not known yet who it is
		}
		refuse(raw)
	}
}

// refuse closes without a goodbye: a proper one keeps a trace of each in the kernel for a minute.
func refuse(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// A boundConn is counted from when it is known whose it is until it is closed.
type boundConn struct {
	net.Conn
	c *Connections

	mu      sync.Mutex
	ip      netip.Addr
	known   bool // and so judged
	counted bool
	over    bool
}

// Read implements net.Conn. With the first one it is known who is behind a proxy.
func (b *boundConn) Read(p []byte) (int, error) {
	if !b.enter() {
		_ = b.Close()
		return 0, net.ErrClosed
	}
	return b.Conn.Read(p)
}

// Close implements net.Conn.
func (b *boundConn) Close() error {
	b.mu.Lock()
	if b.counted {
		b.c.leave(b.ip)
	}
	b.known, b.counted = true, false
	b.mu.Unlock()
	return b.Conn.Close()
}

// SyscallConn implements syscall.Conn, for whoever watches the connection without reading from it.
func (b *boundConn) SyscallConn() (syscall.RawConn, error) {
	c := b.Conn
	if p, ok := c.(*proxyproto.Conn); ok {
		c = p.Raw()
	}
	if s, ok := c.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// enter counts b, once, and reports whether it may stay.
func (b *boundConn) enter() bool {
	b.mu.Lock()
	known, over := b.known, b.over
	b.mu.Unlock()
	if known {
		return !over
	}
	ip := ipOf(b.Conn.RemoteAddr()) // without the lock: it may wait for a header, and Close must not
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known { // closed meanwhile
		return !b.over
	}
	b.known = true
	switch {
	case b.c.Proxies.Trusts(ip):
	case b.c.enter(ip):
		b.ip, b.counted = ip, true
	default:
		b.over = true
		if b.c.Refused != nil {
			b.c.Refused()
		}
	}
	return !b.over
}

func (c *Connections) enter(ip netip.Addr) bool {
	network, wide := networks(ip)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[network] >= c.PerClient || wide.IsValid() && c.open[wide] >= site*c.PerClient {
		return false
	}
	if c.open == nil {
		c.open = map[netip.Prefix]int{}
	}
	c.open[network]++
	if wide.IsValid() {
		c.open[wide]++
	}
	return true
}

func (c *Connections) leave(ip netip.Addr) {
	network, wide := networks(ip)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range [...]netip.Prefix{network, wide} {
		if c.open[n] > 1 {
			c.open[n]--
		} else {
			delete(c.open, n)
		}
	}
}

// networks gives what an address is counted by; wide is none for IPv4. What is no address is counted as one network.
func networks(ip netip.Addr) (network, wide netip.Prefix) {
	if ip.Is6() {
		network, _ = ip.Prefix(64)
		wide, _ = ip.Prefix(48)
		return network, wide
	}
	network, _ = ip.Prefix(32)
	return network, netip.Prefix{}
}
