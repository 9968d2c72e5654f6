package smtp

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/latchkey-dev/latchkey"
)

// A message is a mail ready for the wire.
type message struct {
	from, to string
	utf8     bool   // to needs SMTPUTF8
	data     []byte // headers and body, dots stuffed, without the final one
}

// compose writes the mail of e.
// Errors: Undeliverable for an address that no command can carry.
func (s *Sender) compose(e latchkey.Envelope) (message, error) {
	to := e.To.Value()
	if e.To.Channel() != latchkey.Email || !speakable(to) {
		return message{}, undeliverable("not an address for mail", nil)
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	name := e.From
	if name == "" {
		name = s.from.Name
	}
	if err := m.FromFormat(oneLine(name), s.from.Address); err != nil {
		return message{}, undeliverable("not a sender", nil)
	}
	if err := m.To(to); err != nil {
		return message{}, undeliverable("not an address for mail", nil)
	}
	m.Subject(oneLine(e.Subject))
	m.SetDateWithValue(s.cfg.Now())
	m.SetMessageIDWithValue(messageID(e.ID, domain(s.from.Address)))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no vacation notices, please
	m.SetBodyString(gomail.TypeTextPlain, e.Text)
	if e.HTML != "" {
		m.AddAlternativeString(gomail.TypeTextHTML, e.HTML)
	}
	var out bytes.Buffer
	w := textproto.NewWriter(bufio.NewWriter(&out)).DotWriter()
	if _, err := m.WriteTo(w); err != nil {
		return message{}, unavailable("message not written", nil)
	}
	if err := w.Close(); err != nil {
		return message{}, unavailable("message not written", nil)
	}
	return message{from: s.from.Address, to: to, utf8: !ascii(to), data: bytes.TrimSuffix(out.Bytes(), []byte(".\r\n"))}, nil
}

// messageID is the same for every try of one message, so that a mail that arrives twice is one mail.
func messageID(id, domain string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16]) + "@" + domain
}

// oneLine keeps a header one header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
