package front

import (
	"net/netip"
	"strings"
)

// lastElement cuts off the last element of a list in which texts may be quoted (RFC 7239 §4). It reads from the end: what
// stands left may be a client's, and a quote that is opened there and never closed must not swallow what a proxy added.
func lastElement(line string) (before, last string, more bool) {
	quoted := false
	for i := len(line) - 1; i >= 0; i-- {
		switch {
		case line[i] == '"' && (!quoted || !escaped(line[:i])):
			quoted = !quoted
		case line[i] == ',' && !quoted:
			return line[:i], line[i+1:], true
		}
	}
	return "", line, false
}

// escaped reports that what follows s has a backslash of its own before it.
func escaped(s string) bool {
	n := len(s) - len(strings.TrimRight(s, `\`))
	return n%2 == 1
}

// forwardedFor reads the parameter for of one element, such as `for="[2001:db8::1]:4711";proto=https`. ok is false where it is
// missing, stands there twice, or names nobody: unknown, or a name that the proxy made up (RFC 7239 §6.2, §6.3).
func forwardedFor(element string) (ip netip.Addr, ok bool) {
	found := false
	for rest := element; rest != ""; {
		name, after, equals := strings.Cut(rest, "=")
		if !equals || !token(name) {
			return ip, false
		}
		value, tail, ok := pairValue(after)
		if !ok {
			return ip, false
		}
		if strings.EqualFold(name, "for") {
			if found {
				return ip, false
			}
			found = true
			if ip, ok = node(value); !ok {
				return ip, false
			}
		}
		rest = tail
	}
	return ip, found
}

// pairValue reads a token or a quoted text, and what follows its semicolon. A blank may stand around the semicolon: RFC 7239 has
// none there, and some proxies write one.
func pairValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		value = strings.TrimRight(value, " \t")
		return value, strings.TrimLeft(rest, " \t"), token(value)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		case '"':
			rest = strings.TrimLeft(s[i+1:], " \t")
			after, semicolon := strings.CutPrefix(rest, ";")
			return b.String(), strings.TrimLeft(after, " \t"), semicolon || rest == ""
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// node reads an address with or without a port, which may be a made-up name too (RFC 7239 §6): an IPv6 address stands in
// brackets.
func node(s string) (netip.Addr, bool) {
	host := s
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		var port string
		host, port = s[:i], s[i+1:]
		if port == "" || strings.Trim(port, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
			return netip.Addr{}, false
		}
	}
	if bare, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(bare, "]") {
		ip, err := netip.ParseAddr(bare[:len(bare)-1])
		return plain(ip), err == nil && ip.Is6()
	}
	ip, err := netip.ParseAddr(host)
	return plain(ip), err == nil && ip.Is4()
}

// token reports a token (RFC 9110 §5.6.2). A value may have a colon as well: proxies write for=192.0.2.1:80 without the quotes
// that RFC 7239 wants there, and it is clear enough.
func token(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~:", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
