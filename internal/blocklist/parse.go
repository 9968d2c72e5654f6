package blocklist

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/latchkey-dev/latchkey/internal/address"
)

// The bounds of a list. Patterns are tried one by one, so there are few; no entry is as long as an email may be.
const (
	maxPatterns = 1000
	maxLine     = 1024
	maxMistakes = 5 // that an error names
)

// Parse reads a list: one entry a line, empty lines and what follows a # aside. An entry is
//
//	example.com          an email domain, with all below it
//	*@example.com        an email pattern; * stands for anything, also for nothing. Here: the domain without those below it
//	*.mail.example.com   without an @ it is about the domain
//	jane@example.com     one email
//	+4915                how phone numbers begin
//	192.0.2.0/24         a network, IPv4 or IPv6, or one address
//
// An error names the lines that are wrong, and quotes nothing of them: there may be people's addresses.
func Parse(text string) (*List, error) {
	l := &List{
		domains: map[string]int32{}, hosts: map[string]int32{}, addresses: map[string]int32{}, phones: map[string]int32{},
		networks: map[netip.Prefix]int32{},
	}
	var mistakes []error
	wrong, line := 0, int32(0)
	for raw := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line++
		entry := uncommented(raw)
		if entry == "" {
			continue
		}
		if err := l.entry(entry, line); err != nil {
			if wrong++; wrong <= maxMistakes {
				mistakes = append(mistakes, fmt.Errorf("line %d: %w", line, err))
			}
		}
	}
	if wrong > maxMistakes {
		mistakes = append(mistakes, fmt.Errorf("and %d more lines", wrong-maxMistakes))
	}
	return l, errors.Join(mistakes...)
}

// uncommented gives the entry of a line. A # within a word is part of it: emails may have one.
func uncommented(raw string) string {
	before, _, _ := strings.Cut(" "+strings.ReplaceAll(raw, "\t", " "), " #")
	return strings.TrimSpace(before)
}

func (l *List) entry(s string, line int32) error {
	switch {
	case len(s) > maxLine:
		return errors.New("is longer than any entry")
	case strings.ContainsAny(s, " ,;"):
		return errors.New("one entry a line, and nothing else but a # comment")
	case s[0] == '+' && !strings.Contains(s, "@"):
		return l.prefix(s, line)
	case strings.ContainsAny(s, "@*"):
		return l.pattern(s, line)
	}
	if p, ok := network(s); ok {
		if p.Bits() == 0 {
			return errEverybody
		}
		l.add(p, line)
		return nil
	}
	domain, err := domainOf(s)
	if err == nil {
		l.domains[domain] = line
	}
	return err
}

var errEverybody = errors.New("would block everybody")

// network reads a network or an address; bits behind the length are passed over.
func network(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		p, err := a.Unmap().Prefix(a.Unmap().BitLen())
		return p, err == nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, false
	}
	const mapped = 96 // bits before the IPv4 address in ::ffff:192.0.2.0/120
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked(), true
}

func (l *List) prefix(s string, line int32) error {
	const longest = 15 // digits of a number (E.164)
	if digits := s[1:]; digits == "" || len(digits) > longest || strings.Trim(digits, "0123456789") != "" {
		return errors.New("how phone numbers begin is a + and 1 to 15 digits, without blanks")
	}
	l.phones[s] = line
	return nil
}

// pattern reads an email with or without stars. The common ones become look-ups.
func (l *List) pattern(s string, line int32) error {
	local, domain, about := strings.Cut(s, "@")
	if !about {
		local, domain = "*", s
	}
	var err error
	switch {
	case local == "" || domain == "" || strings.Contains(domain, "@"):
		return errors.New("a pattern has something on both sides of its one @: *@example.com")
	case strings.Trim(local+domain, "*.") == "":
		return errEverybody
	case !ascii(local):
		return errors.New("the part before the @ of an email has no such characters")
	case !strings.Contains(domain, "*"):
		domain, err = domainOf(domain)
	case !ascii(domain):
		return errors.New("a domain with * in it is written in its ASCII form (xn--…)")
	case strings.Trim(strings.ToLower(domain), nameSigns+"*") != "":
		return errNoDomain
	}
	if err != nil {
		return err
	}
	local, domain = strings.ToLower(local), strings.ToLower(domain)
	switch whole := local + "@" + domain; {
	case local == "*" && !strings.Contains(domain, "*"):
		l.hosts[domain] = line
	case !strings.Contains(whole, "*"):
		l.addresses[whole] = line
	case len(l.patterns) == maxPatterns:
		return fmt.Errorf("is one pattern more than the %d that a list may have; domains are not limited", maxPatterns)
	default:
		l.patterns = append(l.patterns, pattern{strings.Split(whole, "*"), line})
	}
	return nil
}

// domainOf gives a domain as emails have it. One in ASCII is taken for what it is: lists have names that no email can have,
// and those do no harm.
func domainOf(s string) (string, error) {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	if !ascii(s) {
		name, err := address.Domain(s)
		if err != nil {
			return "", errNoDomain
		}
		return name, nil
	}
	last := s[strings.LastIndexByte(s, '.')+1:]
	if strings.Trim(s, nameSigns) != "" || s == "" || s[0] == '.' || strings.Contains(s, "..") ||
		strings.Trim(last, "0123456789") == "" {
		return "", errNoDomain
	}
	return s, nil
}

// nameSigns are what a domain consists of. Those of emails have no underscore.
const nameSigns = "abcdefghijklmnopqrstuvwxyz0123456789-_."

var errNoDomain = errors.New("is neither a domain nor a network; a phone prefix begins with +")

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] <= ' ' {
			return false
		}
	}
	return true
}
