package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/sendertest"
)

// FuzzCompose: whatever a project is called and a message says, the mail has the headers of a mail and no more, each once, no line
// that ends it early or is too long, and its text arrives as it was.
func FuzzCompose(f *testing.F) {
	f.Add("Demo", "123456 is your code", "Your code is 123456\n\n@login.example.com #123456", "<p>x</p>")
	f.Add("x\r\nBcc: evil@example.net", "a\r\n\r\nb", ".\r\n..\nMAIL FROM:<a@b>\r\n.", "")
	f.Add("\u4f60\u597d\u202e\u2028", strings.Repeat("\u00e4", 300), strings.Repeat("x", 2000)+"\r", "--boundary--\r\n")
	f.Add("=?utf-8?q?x?=", "\x00\x7f\xff", "\xff\xfe", "\x00")
	f.Add("Demo <evil@example.net>, \"x", "=?utf-8?b?DQpCY2M6?=", "a\tb \n", "&")
	s, err := New(Config{Host: "localhost", TLS: Plain, From: "login@example.com", Now: func() time.Time { return time.Unix(1767225600, 0).UTC() }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, from, subject, text, page string) {
		if len(from) > 100 || len(subject) > 900 {
			return // no project is called that, and no text makes such a subject of a name
		}
		m, err := s.compose(nil, latchkey.Envelope{ID: from, To: email("someone@example.org"), From: from, Subject: subject, Text: text, HTML: page})
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.SplitSeq(bytes.TrimSuffix(m.stuffed(), []byte("\r\n.\r\n")), []byte("\r\n")) {
			if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") || len(line) == 1 && line[0] == '.' {
				t.Fatalf("a line of the mail is %q", line)
			}
		}
		if got := unstuffed(m.stuffed()); string(got) != string(m.data)+"\r\n" {
			t.Fatalf("DATA says %q, and a chunk %q", got, m.data)
		}
		msg, err := netmail.ReadMessage(bytes.NewReader(m.data))
		if err != nil {
			t.Fatalf("not a mail: %v\n%s", err, m.data)
		}
		for name, values := range msg.Header {
			if !strings.Contains("From To Subject Date Message-Id Auto-Submitted Mime-Version Content-Type Content-Transfer-Encoding", name) || len(values) != 1 {
				t.Errorf("the mail has the header %s: %q", name, values)
			}
		}
		if to, err := msg.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != "someone@example.org" {
			t.Errorf("the mail is to %v, %v", to, err)
		}
		if sender, err := msg.Header.AddressList("From"); err != nil || len(sender) != 1 || sender[0].Address != "login@example.com" {
			t.Errorf("the mail is from %v, %v: %q", sender, err, msg.Header.Get("From"))
		}
		if said, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil || utf8.ValidString(subject) && said != oneLine(subject) && !strings.Contains(subject, "=?") {
			t.Errorf("the subject %q arrives as %q, %v", subject, said, err)
		}
		if page == "" || !utf8.ValidString(text) {
			return
		}
		if _, got := parts(t, sent{data: m.data}); unbroken(got["text/plain"]) != unbroken(text) {
			t.Errorf("the text %q arrives as %q", text, got["text/plain"])
		}
	})
}

// unstuffed takes the second dots away, as a server does.
func unstuffed(data []byte) []byte {
	return bytes.ReplaceAll(append([]byte("\r\n"), data...), []byte("\r\n."), []byte("\r\n"))[2:]
}

// unbroken leaves the line ends out: every kind of them becomes the mail's own.
func unbroken(s string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(s) }

// FuzzServerAnswers: whatever a mail server answers, a send ends, with the two codes of the contract; nothing that the server quotes
// is in the error; and a connection that is kept has no answer waiting in it, which the next message would take for its own.
func FuzzServerAnswers(f *testing.F) {
	f.Add("250 a\r\n250 b\r\n354 go\r\n250 taken\r\n", true, false)
	f.Add("250 a\r\n550 5.1.1 <someone@example.org> 918273 unknown\r\n503 x\r\n250 reset\r\n", true, false)
	f.Add("250 a\r\n550 5.1.1 <someone@example.org> 918273 unknown\r\n503 x\r\n250 reset\r\n", true, true)
	f.Add("250-a\r\n250 b\r\n421 bye\r\n", false, false)
	f.Add("250 a\n250 b\n354\n250\n", false, false)
	f.Add("99999999999999999999 x\r\n", true, true)
	f.Add("250 a\r\n250 b\r\n354 go\r\n554 spam 918273\r\n250 x\r\n250 left over\r\n", true, false)
	f.Add("250 a\r\n250 b\r\n250 taken\r\n", true, true)
	f.Add("250 a\r\n250 b\r\n500 918273\r\n500 what\r\n250 left over\r\n", true, true)
	f.Add("250 a\r\n250 b\r\n354 go\r\n", false, true)
	f.Fuzz(func(t *testing.T, answers string, pipeline, chunks bool) {
		wire := &fakeConn{in: strings.NewReader(answers)}
		c := &conn{raw: wire, text: textproto.NewConn(wire), pipeline: pipeline, chunks: chunks}
		s := Sender{cfg: Config{Now: time.Now}, from: netmail.Address{Address: "login@example.com"}}
		m, err := s.compose(nil, sendertest.Envelope(email("someone@example.org"), 1))
		if err != nil {
			t.Fatal(err)
		}
		keep, err := c.send(t.Context(), m)
		if code := latchkey.CodeOf(err); err != nil && code != latchkey.Unavailable && code != latchkey.Undeliverable {
			t.Errorf("%q: %v of code %q", answers, err, code)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if shown := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(shown, "918273") || strings.Contains(shown, "someone@") {
				t.Errorf("%q: the error shows what the server quotes: %s", answers, shown)
			}
		}
		if err == nil && !strings.Contains(wire.out.String(), "918273") {
			t.Errorf("%q: taken, and nothing was sent", answers)
		}
		text := string(m.stuffed())
		if chunks {
			text = string(m.data)
		}
		if n := strings.Count(wire.out.String(), text); n > 1 || err == nil && n == 0 {
			t.Errorf("%q: the text went %d times, and the message is sent: %v", answers, n, err == nil)
		}
		if !keep {
			return
		}
		said := strings.Count(strings.Replace(wire.out.String(), text, "", 1), "\r\n")
		if !chunks && strings.Contains(wire.out.String(), text) {
			said++ // its end is answered
		}
		rest := textproto.NewReader(bufio.NewReader(strings.NewReader(answers[:len(answers)-wire.in.Len()-c.text.R.Buffered()])))
		read := 0
		for _, _, err := rest.ReadResponse(0); !errors.Is(err, io.EOF) && read <= said; _, _, err = rest.ReadResponse(0) {
			read++
		}
		if read != said {
			t.Errorf("%q: the connection is kept after %d commands and %d answers", answers, said, read)
		}
	})
}

// A fakeConn is a connection whose other end has said everything already.
type fakeConn struct {
	in  *strings.Reader
	out strings.Builder
}

func (c *fakeConn) Read(b []byte) (int, error)       { return c.in.Read(b) }
func (c *fakeConn) Write(b []byte) (int, error)      { return c.out.Write(b) }
func (c *fakeConn) Close() error                     { return nil }
func (c *fakeConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *fakeConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *fakeConn) SetDeadline(time.Time) error      { return nil }
func (c *fakeConn) SetReadDeadline(time.Time) error  { return nil }
func (c *fakeConn) SetWriteDeadline(time.Time) error { return nil }

var _ io.ReadWriteCloser = (*fakeConn)(nil)
