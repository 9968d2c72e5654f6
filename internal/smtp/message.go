package smtp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"mime/quotedprintable"
	"net/mail"
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

// compose writes the mail of e. Every try of one message gives the same headers but for the date.
// Errors: Undeliverable for an address that no command can carry.
func (s *Sender) compose(e latchkey.Envelope) (message, error) {
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
	b := make([]byte, 0, 1024+len(e.Text)+len(e.HTML)+len(e.HTML)/8)
	for _, h := range [][2]string{
		{"From", sender(from)},
		{"To", (&mail.Address{Address: to}).String()},
		{"Subject", words(oneLine(e.Subject))},
		{"Date", s.cfg.Now().Format(time.RFC1123Z)},
		{"Message-ID", "<" + id + "@" + domain(from.Address) + ">"}, // a mail that arrives twice is one mail
		{"Auto-Submitted", "auto-generated"},                        // RFC 3834: no vacation notices, please
		{"MIME-Version", "1.0"},
	} {
		b = append(b, h[0]...)
		b = append(b, ": "...)
		b = append(b, h[1]...)
		b = append(b, "\r\n"...)
	}
	if e.HTML == "" {
		return message{from: from.Address, to: to, utf8: !ascii(to), data: appendPart(b, "text/plain", e.Text)}, nil
	}
	b = append(b, "Content-Type: multipart/alternative; boundary=\""+id+"\"\r\n\r\n--"+id+"\r\n"...)
	b = appendPart(b, "text/plain", e.Text)
	b = append(b, "--"+id+"\r\n"...)
	b = appendPart(b, "text/html", e.HTML)
	b = append(b, "--"+id+"--\r\n"...)
	return message{from: from.Address, to: to, utf8: !ascii(to), data: b}, nil
}

// appendPart writes one part of the body, as it is if every server can carry that (RFC 5321 §4.5.3.1.6), else in
// quoted-printable.
func appendPart(b []byte, kind, s string) []byte {
	b = append(b, "Content-Type: "+kind+"; charset=utf-8\r\nContent-Transfer-Encoding: "...)
	if sevenBit(s) {
		return appendLines(append(b, "7bit\r\n\r\n"...), s)
	}
	var quoted bytes.Buffer
	w := quotedprintable.NewWriter(&quoted)
	_, _ = w.Write([]byte(s)) // a Buffer takes everything
	_ = w.Close()
	return appendLines(append(b, "quoted-printable\r\n\r\n"...), quoted.String())
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

// sevenBit reports whether s is printable ASCII in lines of at most 990 bytes.
func sevenBit(s string) bool {
	length := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n':
			length = 0
		case c < ' ' && c != '\t' && (c != '\r' || i+1 == len(s) || s[i+1] != '\n') || c > '~' || length > 990:
			return false
		default:
			length++
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
