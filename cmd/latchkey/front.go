package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey/internal/front"
)

// frontSettings say who stands between clients and the server, judged.
type frontSettings struct {
	proxies     front.Proxies
	header      front.Header
	protocol    bool // of trusted proxies: the PROXY protocol
	connections int  // of one client network; 0: auto
}

func (j *judge) front(s settings) frontSettings {
	out := frontSettings{proxies: j.proxies(s.TrustedProxy), protocol: s.ProxyProtocol}
	switch strings.ToLower(s.ProxyHeader) {
	case "x-forwarded-for":
		out.header = front.XForwardedFor
	case "forwarded":
		out.header = front.Forwarded
	case "none":
	default:
		j.wrong("proxy-header", fmt.Sprintf("is %q", s.ProxyHeader), "it is x-forwarded-for, forwarded or none")
	}
	if out.protocol && len(s.TrustedProxy) == 0 {
		j.wrong("proxy-protocol", "is set without a proxy", "name the proxies that speak it with --trusted-proxy")
	}
	if s.MaxConnsPerClient != auto {
		out.connections = j.count("max-conns-per-client", s.MaxConnsPerClient, "or "+auto)
	}
	return out
}

func (j *judge) proxies(vs []string) (out front.Proxies) {
	for _, v := range vs {
		p, ok := front.ParseNetwork(v)
		if !ok {
			j.wrong("trusted-proxy", fmt.Sprintf("is %q", v), "it is an address or a network, such as 10.0.0.0/8")
			continue
		}
		out = append(out, p)
	}
	return out
}

// clients says who requests are from.
func (f frontSettings) clients(log *slog.Logger) func(*http.Request) netip.Addr {
	return front.Clients{Proxies: f.proxies, Header: f.header, Ignored: f.ignored(log)}.Of
}

// ignored warns once of a proxy that is nobody's, or that is not understood: everybody behind it would be limited together.
// What comes from the internet may carry any header, so only a neighbour is taken for a proxy.
func (f frontSettings) ignored(log *slog.Logger) func(netip.Addr, front.Header) {
	var once sync.Once
	return func(peer netip.Addr, header front.Header) {
		if !peer.IsPrivate() && !peer.IsLoopback() && !peer.IsLinkLocalUnicast() {
			return
		}
		once.Do(func() {
			if f.proxies.Trusts(peer) {
				log.Warn("a trusted proxy sends another header than the one that is believed: everybody behind it counts as one, and is limited as one. Choose its header with --proxy-header",
					"proxy", peer.String(), "sent", string(header), "believed", string(f.header))
				return
			}
			log.Warn("requests come through a proxy that is not trusted: everybody behind it counts as one, and is limited as one. Name it with --trusted-proxy",
				"proxy", peer.String())
		})
	}
}

// headerPatience is how long a proxy may take for its PROXY header, as for the head of a request (design.md §8).
const headerPatience = 10 * time.Second

// listener puts the PROXY protocol and the bound of connections before l.
func (f frontSettings) listener(l net.Listener, refused func()) net.Listener {
	if f.protocol {
		l = front.BehindProxies(l, f.proxies, headerPatience)
	}
	bound := &front.Connections{PerClient: connectionsFor(f.connections, openFiles()), Proxies: f.proxies, Refused: refused}
	return bound.Bound(l)
}

// connectionsFor gives the bound of one network, for a process that may have so many files open; 0 files is no limit that is
// known. 256 devices of a carrier's gateway may wait at once (--max-polls-per-client), each with a second connection for its
// other calls and what was left open of those before: four times as many.
func connectionsFor(asked, files int) int {
	const enough = 1024
	switch {
	case asked > 0:
		return asked
	case files > 0:
		return max(1, min(enough, files/2))
	}
	return enough
}
