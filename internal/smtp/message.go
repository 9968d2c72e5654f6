package smtp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A message is a mail ready for the wire. It is written here and not by go-mail's builder, which takes as long as all
// the rest of a send together; ours has two parts and eight headers, always the same.
type message struct {
	from, to string
	utf8     bool   // to needs SMTPUTF8
	data     []byte // headers and body
}

// compose writes the mail of e into room, which grows if it must. Every try of one message gives the same headers but for the date.
// Errors: Undeliverable for an address that no command can carry.
func (s *Sender) compose(room []byte, e latchkey.Envelope) (message, error) {
	to := e.To.Value()
	if e.To.Channel() != latchkey.Email || !speakable(to) {
		return message{}, undeliverable("not an address for mail", nil)
	}
	from := s.from
	if name := oneLine(e.From); name != "" {
		from.Name = name
	}
	sum := sha256.Sum256([]byte(e.ID))
	id := hex.EncodeToString(sum[:16]) // of a form that fits a header, whatever e.ID is
	b := slices.Grow(room[:0], 1024+len(e.Text)+len(e.HTML)+len(e.HTML)/8)
	for _, h := range [][2]string{
		{"From", sender(from)},
		{"To", (&mail.Address{Address: to}).String()},
		{"Subject", words(oneLine(e.Subject))},
		{"Date", s.cfg.Now().Format(time.RFC1123Z)},
		{"Message-ID", "<" + id + "@" + domain(from.Address) + ">"}, // a mail that arrives twice is one mail
		{"Auto-Submitted", "auto-generated"},                        // RFC 3834: no vacation notices, please
		{"MIME-Version", "1.0"},
	} {
		b = appendAll(b, h[0], ": ", h[1], "\r\n")
	}
	if e.HTML == "" {
		return message{from: from.Address, to: to, utf8: !ascii(to), data: appendPart(b, "text/plain", e.Text)}, nil
	}
	b = appendAll(b, "Content-Type: multipart/alternative; boundary=\"", id, "\"\r\n\r\n--", id, "\r\n")
	b = appendPart(b, "text/plain", e.Text)
	b = appendAll(b, "--", id, "\r\n")
	b = appendPart(b, "text/html", e.HTML)
	b = appendAll(b, "--", id, "--\r\n")
	return message{from: from.Address, to: to, utf8: !ascii(to), data: b}, nil
}

// appendPart writes one part of the body, as it is if every server can carry that (RFC 5321 §4.5.3.1.6), else in
// quoted-printable.
func appendPart(b []byte, kind, s string) []byte {
	b = appendAll(b, "Content-Type: ", kind, "; charset=utf-8\r\nContent-Transfer-Encoding: ")
	if plain, ok := appendPlain(append(b, "7bit\r\n\r\n"...), s); ok {
		return plain
	}
	var quoted bytes.Buffer
	w := quotedprintable.NewWriter(&quoted)
	_, _ = w.Write([]byte(s)) // a Buffer takes everything
	_ = w.Close()
	return appendLines(append(b, "quoted-printable\r\n\r\n"...), quoted.String())
}

// appendPlain is appendLines for printable ASCII in lines of at most 991 bytes. ok is false where s is anything else.
func appendPlain(b []byte, s string) (_ []byte, ok bool) {
	for s != "" {
		line, rest := s, ""
		if end := strings.IndexByte(s, '\n'); end >= 0 {
			line, rest = s[:end], s[end+1:]
		}
		if len(line) > 991 {
			return b, false
		}
		if len(line) < len(s) { // it has an end
			line = strings.TrimSuffix(line, "\r")
		}
		if !printable(line) {
			return b, false
		}
		b = appendAll(b, line, "\r\n")
		s = rest
	}
	return b, true
}

func appendAll(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// appendLines writes s with CRLF line ends, the last line's too.
func appendLines(b []byte, s string) []byte {
	for s != "" {
		line, rest, _ := strings.Cut(s, "\n")
		b = append(append(b, strings.TrimSuffix(line, "\r")...), "\r\n"...)
		s = rest
	}
	return b
}

// stuffed is the text as DATA wants it: a second dot before every line that begins with one, and the dot that ends it
// (RFC 5321 §4.5.2).
func (m message) stuffed() []byte {
	return append(bytes.ReplaceAll(m.data, []byte("\r\n."), []byte("\r\n..")), ".\r\n"...)
}

// printable reports whether s is printable ASCII and tabs. It looks at eight bytes at a time: a mail has thousands.
func printable(s string) bool {
	const each = 0x0101010101010101
	for ; len(s) >= 8; s = s[8:] {
		x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		// The high bit of a byte is set in one of the sums if the byte is no printable one; a carry sets it for nothing at worst.
		if ((x+each)|(x-' '*each))&(0x80*each) != 0 && !printableBytes(s[:8]) {
			return false
		}
	}
	return printableBytes(s)
}

func printableBytes(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' || c > '~') && c != '\t' {
			return false
		}
	}
	return true
}

// words is a header's text, as encoded words of at most a line each where it must be (RFC 2047 §2). What looks like an encoded word
// itself, in a project's name, is taken apart: its reader would decode it.
func words(s string) string {
	s = strings.ReplaceAll(s, "=?", "= ?")
	return folded(mime.QEncoding.Encode("utf-8", s))
}

func folded(words string) string { return strings.ReplaceAll(words, "?= =?", "?=\r\n =?") }

// sender is an address with its name, each encoded word of it on a line of its own. Where an encoded word has to be, net/mail writes
// a backslash as it is, which RFC 2047 §5 lets stand in no name, and readers then find no sender at all: such a name is written in
// base64.
func sender(a mail.Address) string {
	out := a.String()
	if !ascii(a.Name) && strings.Contains(a.Name, `\`) {
		out = mime.BEncoding.Encode("utf-8", a.Name) + " " + (&mail.Address{Address: a.Address}).String()
	}
	return folded(out)
}

// oneLine keeps a header one header.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s))
}
