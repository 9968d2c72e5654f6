// Package blocklist is the room for who gets no code at all: it reads lists of email domains, email patterns, phone prefixes and
// networks, and says whether somebody is on one. It only computes; files and their reloading are the caller's. A List is
// matched in time that does not grow with the number of its domains, prefixes and networks.
package blocklist

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/latchkey-dev/latchkey"
)

// A List is one file, read. It does not change any more, so it is safe for concurrent use; the zero value blocks nobody. What
// finds somebody gives the line they are on.
type List struct {
	domains   map[string]int32 // with all below them
	hosts     map[string]int32 // without
	addresses map[string]int32 // whole emails
	patterns  []pattern
	phones    map[string]int32 // with the plus
	networks  map[netip.Prefix]int32
	lengths   [2][]int // of the networks, IPv4 and IPv6, each once
}

// A pattern is an email with stars in it, cut at them.
type pattern struct {
	pieces []string
	line   int32
}

// Len is how many entries l has.
func (l *List) Len() int {
	return len(l.domains) + len(l.hosts) + len(l.addresses) + len(l.patterns) + len(l.phones) + len(l.networks)
}

// What is found.
const (
	Email   = "email"
	Phone   = "phone"
	Network = "network"
)

// Find looks for somebody: first for where they are, then for their address.
func (l *List) Find(ip netip.Addr, to latchkey.Address) (what string, line int, ok bool) {
	if line, ok := l.Network(ip); ok {
		return Network, line, true
	}
	line, ok = l.Address(to)
	if to.Channel() == latchkey.Phone {
		return Phone, line, ok
	}
	return Email, line, ok
}

// Address finds an email by its domain, by one above it, by itself or by a pattern, and a phone by how its number begins.
func (l *List) Address(a latchkey.Address) (line int, ok bool) {
	if a.Channel() == latchkey.Phone {
		return l.phone(a.Value())
	}
	return l.email(a.Value())
}

func (l *List) email(value string) (int, bool) {
	_, domain, _ := strings.Cut(value, "@")
	if n, ok := l.addresses[value]; ok {
		return int(n), true
	}
	if n, ok := l.hosts[domain]; ok {
		return int(n), true
	}
	for rest := domain; rest != ""; {
		if n, ok := l.domains[rest]; ok {
			return int(n), true
		}
		_, rest, _ = strings.Cut(rest, ".")
	}
	for _, p := range l.patterns {
		if p.matches(value) {
			return int(p.line), true
		}
	}
	return 0, false
}

func (l *List) phone(value string) (int, bool) {
	if len(l.phones) == 0 {
		return 0, false
	}
	for end := len(value); end > 1; end-- {
		if n, ok := l.phones[value[:end]]; ok {
			return int(n), true
		}
	}
	return 0, false
}

// Network finds an address by a network that it is in. Each length that the list has is looked up once: at most 32 for IPv4,
// and at most 128 for IPv6, however many networks there are.
func (l *List) Network(ip netip.Addr) (line int, ok bool) {
	ip = ip.Unmap().WithZone("")
	for _, bits := range l.lengths[family(ip)] {
		p, err := ip.Prefix(bits)
		if err != nil {
			return 0, false // the zero address
		}
		if n, ok := l.networks[p]; ok {
			return int(n), true
		}
	}
	return 0, false
}

func family(ip netip.Addr) int {
	if ip.Is4() {
		return 0
	}
	return 1
}

// matches takes each piece at the first place where it fits, which is never worse than a later one: the time is bounded by
// the length of the email and that of the pattern, multiplied.
func (p pattern) matches(value string) bool {
	first, last := p.pieces[0], p.pieces[len(p.pieces)-1]
	if len(value) < len(first)+len(last) || !strings.HasPrefix(value, first) || !strings.HasSuffix(value, last) {
		return false
	}
	value = value[len(first) : len(value)-len(last)]
	for _, piece := range p.pieces[1 : len(p.pieces)-1] {
		_, rest, ok := strings.Cut(value, piece)
		if !ok {
			return false
		}
		value = rest
	}
	return true
}

// add notes a network.
func (l *List) add(p netip.Prefix, line int32) {
	l.networks[p] = line
	if f := family(p.Addr()); !slices.Contains(l.lengths[f], p.Bits()) {
		l.lengths[f] = append(l.lengths[f], p.Bits())
	}
}
