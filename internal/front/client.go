// Package front is the room between the network and the server: who a request is from when proxies stand before it, by a header
// or by the PROXY protocol, and how many connections one network may hold. It owns github.com/pires/go-proxyproto.
//
// Anybody may write any header, and begin a connection with any bytes. So nothing is believed but what a trusted proxy itself
// has added, and that is what stands last.
package front

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// A Header is the one in which proxies say whom they speak for. One alone counts: a proxy that writes one of them passes on
// the other as its client sent it.
type Header string

// The headers.
const (
	XForwardedFor Header = "X-Forwarded-For"
	Forwarded     Header = "Forwarded" // RFC 7239
	NoHeader      Header = ""          // none is believed
)

// Proxies are the networks of the proxies that are believed.
type Proxies []netip.Prefix

// ParseNetwork reads a network or one address. IPv4 in IPv6 clothes is IPv4, as it is when it comes.
func ParseNetwork(s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	if a, ok := netip.ParseAddr(s); ok == nil {
		p, err = netip.PrefixFrom(plain(a), plain(a).BitLen()), nil
	}
	const mapped = 96 // bits before the IPv4 address in ::ffff:192.0.2.0/120
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked(), err == nil
}

// Trusts reports one of them.
func (p Proxies) Trusts(ip netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(ip) })
}

// Clients says who requests are from.
type Clients struct {
	Proxies Proxies
	Header  Header
	// Ignored is told of a header that is not believed, from whom: because the peer is not trusted, or, where Header is missing,
	// because it is another one. It may be nil.
	Ignored func(peer netip.Addr, header Header)
}

// Of gives where r came from: the peer of its connection, or, if that is a trusted proxy, the nearest address in the header
// that is not one. What stands left of it anybody could have written. Where a proxy wrote something that is no address, the
// proxy is the last that is known.
func (c Clients) Of(r *http.Request) netip.Addr {
	at := Peer(r)
	lines := r.Header[string(c.Header)]
	if c.Header == NoHeader || len(lines) == 0 || !c.Proxies.Trusts(at) {
		c.ignore(at, r.Header)
		return at
	}
	hops := hops{lines: lines, cut: lastComma, read: address}
	if c.Header == Forwarded {
		hops.cut, hops.read = lastElement, forwardedFor
	}
	for c.Proxies.Trusts(at) {
		hop, ok := hops.next()
		if !ok {
			break
		}
		at = hop
	}
	return at
}

func (c Clients) ignore(peer netip.Addr, given http.Header) {
	if c.Ignored == nil || c.Header == NoHeader {
		return
	}
	for _, h := range [...]Header{c.Header, XForwardedFor, Forwarded} {
		if len(given[string(h)]) > 0 {
			c.Ignored(peer, h)
			return
		}
	}
}

// Peer gives the other end of the connection of r.
func Peer(r *http.Request) netip.Addr {
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	return plain(ap.Addr())
}

// plain is an address as it is compared: IPv4 as such, and without the zone, which is a name of this machine's.
func plain(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }

// hops reads a header from its end: several lines are one list (RFC 9110 §5.3).
type hops struct {
	lines  []string // that were not begun
	line   string   // what is left of the one that was
	within bool     // it has an element left
	cut    func(line string) (before, last string, more bool)
	read   func(element string) (netip.Addr, bool)
}

// next gives the last address that was not given yet; ok is false when there is none, or it is no address.
func (h *hops) next() (ip netip.Addr, ok bool) {
	if !h.within {
		n := len(h.lines)
		if n == 0 {
			return ip, false
		}
		h.line, h.lines = h.lines[n-1], h.lines[:n-1]
	}
	before, last, more := h.cut(h.line)
	h.line, h.within = before, more
	return h.read(strings.Trim(last, " \t"))
}

// lastComma cuts off the last element of a list without quotes.
func lastComma(line string) (before, last string, more bool) {
	i := strings.LastIndexByte(line, ',')
	if i < 0 {
		return "", line, false
	}
	return line[:i], line[i+1:], true
}

// address reads an address, with a port or without: some proxies write one.
func address(s string) (netip.Addr, bool) {
	if bare, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(bare, "]") {
		ip, err := netip.ParseAddr(bare[:len(bare)-1])
		return plain(ip), err == nil && ip.Is6()
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	ip, err := netip.ParseAddr(s)
	return plain(ip), err == nil
}
