package latchkey

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// A Channel is a way to reach a person. Its text is the wire's (`type` claim, contract.md §5).
type Channel string

// The channels.
const (
	Email Channel = "email"
	Phone Channel = "phone"
)

// Valid reports whether c is one of the channels.
func (c Channel) Valid() bool { return c == Email || c == Phone }

// An Address is an email or a phone number in the one form under which it is counted, hashed, stored and compared.
// Two spellings of one address are equal Addresses. The zero value is no address. It prints masked.
type Address struct {
	channel Channel
	value   string
}

// CanonicalAddress makes an Address of a value that is canonical already: an email trimmed, lower-cased, with its
// domain in IDNA A-form (contract.md §1.7), or a phone in E.164 with its plus (§1.8). It checks nothing: only
// internal/address, which parses what people type, and the stores, which read back what it gave, call it.
func CanonicalAddress(c Channel, value string) Address { return Address{c, value} }

// Channel is how a reaches its owner.
func (a Address) Channel() Channel { return a.channel }

// Value is the canonical text in full: for the store, the message and the owner's own token. Not for logs.
func (a Address) Value() string { return a.value }

// IsZero reports the absence of an address.
func (a Address) IsZero() bool { return a == Address{} }

// String masks: a•••@example.com, +49•••89. It is what logs, audit events and pages show.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	if a.channel == Phone {
		if len(a.value) < 8 {
			return "+•••"
		}
		return a.value[:3] + "•••" + a.value[len(a.value)-2:]
	}
	at := strings.LastIndexByte(a.value, '@')
	if at <= 0 {
		return "•••"
	}
	first, _ := utf8.DecodeRuneInString(a.value)
	return string(first) + "•••" + a.value[at:]
}

// Format masks too, for every verb (Secret.Format says why).
func (a Address) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue masks too.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }
