package httpapi

import (
	"bytes"
	"strings"
)

// exactNames makes unknown members of those that only look like ours: encoding/json would take Email for email, and whoever
// stands before this server and reads the same body, a proxy or a firewall, would have seen another request. It writes over such
// a name where it stands, and reports whether there was one. Names with an escape are meant too: ours need none. body is JSON.
func exactNames(body []byte) (changed bool) {
	for at := 0; at < len(body); {
		open := bytes.IndexByte(body[at:], '"')
		if open < 0 {
			return changed
		}
		from := at + open + 1
		to := from + closing(body[from:])
		at = to + 1
		rest := bytes.TrimLeft(body[min(at, len(body)):], " \t\r\n")
		if len(rest) == 0 || rest[0] != ':' {
			continue // a value
		}
		if name := body[from:to]; bytes.ContainsFunc(name, foreign) {
			copy(name, strings.Repeat("?", len(name)))
			changed = true
		}
	}
	return changed
}

// closing gives where the quotation mark stands that ends a string; the length of text if none does.
func closing(text []byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text)
}

// foreign reports letters that no member of ours has.
func foreign(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 0x80 || r == '\\' }
