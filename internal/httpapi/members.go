package httpapi

import "strings"

// maxPlain is the longest body that eachMember is asked about, in bytes: what a handler keeps of it keeps all of it.
const maxPlain = 4 << 10

// eachMember reads a JSON object of the kind that SDKs send: one level, with texts that have no escapes, true and false. That takes a
// fifth of the time of encoding/json, which looks up each member of any kind of value. It hands every member to set, a flag as its
// word. It gives up, with false, at anything else, and where set does: encoding/json then reads the text from its start, so that what
// is allowed and what a mistake is called follow from that alone. The text is valid UTF-8.
func eachMember(text string, set func(name, value string, flag bool) bool) bool {
	rest, ok := strings.CutPrefix(blank(text), "{")
	if rest = blank(rest); !ok {
		return false
	}
	for end := strings.HasPrefix(rest, "}"); !end; {
		var name, value string
		if name, rest, ok = plainText(rest); !ok {
			return false
		}
		if rest, ok = strings.CutPrefix(blank(rest), ":"); !ok {
			return false
		}
		rest = blank(rest)
		flag := true
		switch {
		case strings.HasPrefix(rest, "true"):
			value, rest = rest[:4], rest[4:]
		case strings.HasPrefix(rest, "false"):
			value, rest = rest[:5], rest[5:]
		default:
			flag = false
			if value, rest, ok = plainText(rest); !ok {
				return false
			}
		}
		if !set(name, value, flag) {
			return false
		}
		rest = blank(rest)
		if end = strings.HasPrefix(rest, "}"); end {
			break
		}
		if rest, ok = strings.CutPrefix(rest, ","); !ok {
			return false
		}
		rest = blank(rest)
	}
	return blank(rest[1:]) == ""
}

// plainText takes a JSON string without escapes off the front of text.
func plainText(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", "", false
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return text[1:i], text[i+1:], true
		case c == '\\' || c < ' ':
			return "", "", false
		}
	}
	return "", "", false
}

// blank takes the white space of JSON (RFC 8259 §2) off the front of text.
func blank(text string) string {
	for text != "" && (text[0] == ' ' || text[0] == '\n' || text[0] == '\t' || text[0] == '\r') {
		text = text[1:]
	}
	return text
}

// plainly reports whether text needs no escape as a JSON string, and no look at its encoding.
func plainly(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
