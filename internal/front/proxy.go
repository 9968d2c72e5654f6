package front

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// BehindProxies gives a listener whose connections from trusted proxies begin with the PROXY protocol, version 1 or 2, and are then
// from whom that says, or from the proxy itself where it speaks of its own (LOCAL, UNKNOWN). A trusted proxy that does not begin
// so is cut off: otherwise whoever it lets through could begin so in its place. What others send is not read as a header: to
// them it is a bad request.
//
// The header is read with the first use of a connection, for as long as patience at the most, so that nobody holds up Accept.
func BehindProxies(l net.Listener, proxies Proxies, patience time.Duration) net.Listener {
	return &proxyproto.Listener{
		Listener: l, ReadHeaderTimeout: patience, ValidateHeader: speaksOfIP,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if proxies.Trusts(ipOf(o.Upstream)) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}

// speaksOfIP refuses a header about a Unix socket or a datagram: no client comes by one.
func speaksOfIP(h *proxyproto.Header) error {
	if h.Command.IsLocal() || h.TransportProtocol.IsUnspec() || h.TransportProtocol.IsStream() && !h.TransportProtocol.IsUnix() {
		return nil
	}
	return errors.New("the PROXY protocol speaks of something else than TCP")
}

// ipOf gives the address of an end of a connection; zero for what has none.
func ipOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return plain(tcp.AddrPort().Addr())
}
