// Package address is the room that reads what people type: it turns an email or a phone number into the one canonical
// latchkey.Address under which it is counted, hashed, stored and compared, or says what is wrong with it. It is pure
// computation, safe for concurrent use, and owns github.com/nyaruka/phonenumbers and golang.org/x/net/idna.
//
// Errors quote nothing of the input: they may be shown and logged.
package address

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/latchkey-dev/latchkey"
)

// The lengths of an email (RFC 5321 §4.5.3.1; 254 is what its 256-byte path leaves). maxTyped bounds what is looked
// at: a domain can shrink while it is normalised, but not so much.
const (
	maxLocal = 64
	maxEmail = 254
	maxTyped = 1024
)

// Parse reads a `login` that may be either: what has an @ is an email, everything else a phone number (contract.md
// §4).
// Errors: those of ParseEmail and ParsePhone.
func Parse(s string) (latchkey.Address, error) {
	if strings.Contains(s, "@") {
		return ParseEmail(s)
	}
	return ParsePhone(s)
}

// ParseEmail reads an email as people have them: local@domain, the local part letters, digits and the signs that need
// no quotes (RFC 5321 dot-atom), the domain a name with a dot. It is trimmed and lower-cased, and its domain put into
// IDNA A-form (contract.md §1.7); plus-addresses stay distinct. Refused though RFC 5321 has them: quoted local parts,
// IP addresses in brackets, and single-label hosts, none of which a person gets mail at; and local parts outside
// ASCII, which most servers cannot deliver to (SMTPUTF8).
//
// Errors: Invalid, with Field email.
func ParseEmail(s string) (latchkey.Address, error) {
	if len(s) > maxTyped {
		return badEmail("the email address is too long")
	}
	s = strings.TrimSpace(s)
	local, typed, found := strings.Cut(s, "@")
	switch {
	case s == "":
		return badEmail("the email address is empty")
	case !utf8.ValidString(s): // idna would make a name of it
		return badEmail("the email address is not valid UTF-8")
	case !found || strings.Contains(typed, "@"):
		return badEmail("an email address has one @, and no quotes")
	}
	if problem := checkLocal(local); problem != "" {
		return badEmail(problem)
	}
	domain, err := Domain(typed)
	if err != nil {
		return badEmail("the domain of the email address is not a valid name")
	}
	if problem := checkDomain(domain); problem != "" {
		return badEmail(problem)
	}
	value := s // as nearly everybody types it
	if lower := strings.ToLower(local); lower != local || domain != typed {
		value = lower + "@" + domain
	}
	if len(value) > maxEmail {
		return badEmail("the email address is too long")
	}
	return latchkey.CanonicalAddress(latchkey.Email, value), nil
}

// Domain gives a domain in the form that emails have it in: IDNA A-form, in lower case (contract.md §1.7). Errors: Invalid.
func Domain(typed string) (string, error) {
	if settled(typed) {
		return strings.ToLower(typed), nil
	}
	domain, err := idna.Lookup.ToASCII(typed)
	if err != nil {
		return "", &latchkey.Error{Code: latchkey.Invalid, Message: "the domain is not a valid name"} // err quotes it
	}
	return strings.ToLower(domain), nil
}

// settled reports that IDNA has nothing to say about a domain but its case: ASCII letters and digits, with dots and hyphens one at
// a time between them. Nearly all are so, and a poll reads one each time that it is asked.
func settled(domain string) bool {
	between := false
	for i := range len(domain) {
		c := domain[i]
		if !letterOrDigit(c) && (c != '.' && c != '-' || !between) {
			return false
		}
		between = letterOrDigit(c)
	}
	return between
}

// checkLocal accepts a dot-atom (RFC 5322 §3.2.3). ASCII is checked before anything is lower-cased: the Kelvin sign
// would come out as a k, and let one address pass for another.
func checkLocal(local string) string {
	switch {
	case local == "":
		return "the email address has nothing before its @"
	case len(local) > maxLocal:
		return "the part before the @ is longer than 64 characters"
	case strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, ".."):
		return "a dot stands between two other characters"
	}
	for i := range len(local) {
		switch c := local[i]; {
		case c >= 0x80:
			return "the part before the @ may only have unaccented letters, digits and signs"
		case !letterOrDigit(c) && strings.IndexByte(".!#$%&'*+/=?^_`{|}~-", c) < 0:
			return "the part before the @ has a character that is not allowed"
		}
	}
	return ""
}

// checkDomain accepts a lower-case host name of at least two labels in A-form. idna has looked at it already; this is
// what it is meant to have made sure of, and what it does not ask for: the dot, and an end that is no IP address.
func checkDomain(domain string) string {
	if !strings.Contains(domain, ".") {
		return "the domain of the email address needs a dot"
	}
	for l := range strings.SplitSeq(domain, ".") {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return "the domain of the email address is not a valid name"
		}
		for i := range len(l) {
			if c := l[i]; !letterOrDigit(c) && c != '-' {
				return "the domain of the email address has a character that is not allowed"
			}
		}
	}
	if last := domain[strings.LastIndexByte(domain, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return "the domain of the email address is a name, not a number"
	}
	return ""
}

func letterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func badEmail(message string) (latchkey.Address, error) {
	return latchkey.Address{}, latchkey.BadField("email", message)
}
