package smtp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/sendertest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		_, _ = os.Stderr.WriteString("goroutines left behind: " + err.Error() + "\n")
		code = 1
	}
	os.Exit(code)
}

// parts gives the decoded text and HTML of a mail.
func parts(t testing.TB, m sent) (*netmail.Message, map[string]string) {
	t.Helper()
	msg, err := netmail.ReadMessage(bytes.NewReader(m.data))
	if err != nil {
		t.Fatalf("not a mail: %v\n%s", err, m.data)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %q (%v), want multipart/alternative", msg.Header.Get("Content-Type"), err)
	}
	out := map[string]string{}
	r := multipart.NewReader(msg.Body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return msg, out
		}
		if err != nil {
			t.Fatalf("broken multipart: %v", err)
		}
		var body io.Reader = p
		switch enc := p.Header.Get("Content-Transfer-Encoding"); enc {
		case "7bit":
		case "quoted-printable":
			body = quotedprintable.NewReader(p)
		default:
			t.Errorf("a part is encoded as %q, want 7bit or quoted-printable", enc)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Fatalf("broken part: %v", err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		out[kind] = string(b)
	}
}

func TestSenderContract(t *testing.T) {
	t.Parallel()
	modes := map[string]struct {
		mode TLSMode
		user string
	}{
		"plain":             {mode: Plain},
		"plain with AUTH":   {mode: Plain, user: "user"},
		"STARTTLS":          {mode: STARTTLS},
		"STARTTLS and AUTH": {mode: STARTTLS, user: "user"},
		"TLS":               {mode: TLS},
		"TLS with AUTH":     {mode: TLS, user: "user"},
	}
	for name, m := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sendertest.Run(t, func(t *testing.T) sendertest.Fixture {
				srv := serve(t, m.mode)
				cfg := srv.config(m.mode)
				cfg.Username, cfg.Password = m.user, "pass"
				s, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				return sendertest.Fixture{
					Sender: s, To: email("someone@example.org"), Refused: email("nobody@example.org"),
					Received: func() (rs []sendertest.Receipt) {
						for _, in := range srv.received() {
							msg, texts := parts(t, in)
							rs = append(rs, sendertest.Receipt{ID: msg.Header.Get("Message-ID"), Text: texts["text/plain"]})
						}
						return rs
					},
					Busy: func() { srv.mu.Lock(); srv.busy = true; srv.mu.Unlock() },
					Hang: func() { srv.mu.Lock(); srv.hang = make(chan struct{}); srv.mu.Unlock() },
					Drop: srv.listener.drop, Down: srv.down,
				}
			})
		})
	}
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	srv := serve(t, STARTTLS)
	cfg := srv.config(STARTTLS)
	cfg.Username, cfg.Password, cfg.Connections = "user", "pass", 2
	s := open(t, cfg)
	for n := range 20 {
		if err := s.Send(t.Context(), sendertest.Envelope(email("a@example.org"), n)); err != nil {
			t.Fatal(err)
		}
	}
	if n := srv.listener.accepted(); n != 1 {
		t.Errorf("20 mails one after the other took %d connections, want 1", n)
	}
	if srv.logins != 1 {
		t.Errorf("20 mails took %d AUTHs, want 1", srv.logins)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	srv := serve(t, Plain)
	cfg := srv.config(Plain)
	cfg.Connections = 3
	s := open(t, cfg)
	errs := make(chan error, 60)
	for n := range cap(errs) {
		go func() { errs <- s.Send(t.Context(), sendertest.Envelope(email("a@example.org"), n)) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := srv.listener.accepted(); n > 3 {
		t.Errorf("the server saw %d connections, want 3 at most", n)
	}
}

// idOf is where a Message-ID comes from: nothing that could break the header, and nothing of the id itself.
func idOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// TestMailHeaders holds a mail to RFC 5322, RFC 3834 and RFC 2047, and rules.md.
func TestMailHeaders(t *testing.T) {
	t.Parallel()
	srv := serve(t, Plain)
	s := open(t, srv.config(Plain))
	e := sendertest.Envelope(email("someone@example.org"), 7)
	e.From, e.Subject = "Żółta Łódź, \"Ltd\"", "123456 – ваш код для Żółta Łódź, очень длинное название игры которое не влезает"
	e.Text = "Kod: 123456\n.\n..dots\n\n@login.example.com #123456"
	if err := s.Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	raw := srv.received()[0]
	msg, texts := parts(t, raw)
	words := new(mime.WordDecoder)
	want := map[string]string{
		"Auto-Submitted": "auto-generated", "Date": "Wed, 04 Mar 2026 05:06:07 +0000", "Subject": e.Subject, "Mime-Version": "1.0",
		"Message-Id": "<" + idOf(e.ID) + "@example.com>",
	}
	for name, v := range want {
		if got, err := words.DecodeHeader(msg.Header.Get(name)); err != nil || got != v {
			t.Errorf("%s is %q (%v), want %q", name, got, err, v)
		}
	}
	from, err := msg.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Address != "login@example.com" || from[0].Name != e.From { // quotes and commas included
		t.Errorf("From is %v (%v), want the project's name and login@example.com", from, err)
	}
	if raw.from != "login@example.com" || raw.to != "someone@example.org" {
		t.Errorf("the envelope went from %q to %q", raw.from, raw.to)
	}
	for _, banned := range []string{"List-Unsubscribe", "X-Mailer", "User-Agent", "Bcc"} {
		if msg.Header.Get(banned) != "" {
			t.Errorf("the mail has a %s header", banned)
		}
	}
	for i, line := range bytes.Split(raw.data, []byte("\r\n")) {
		if bytes.ContainsAny(line, "\r\n") {
			t.Errorf("line %d has a bare CR or LF: %q", i, line)
		}
		if len(line) > 998 || bytes.ContainsFunc(line, func(r rune) bool { return r > 0x7e }) {
			t.Errorf("line %d is too long or not ASCII: %q", i, line)
		}
	}
	got := strings.ReplaceAll(texts["text/plain"], "\r\n", "\n")
	if strings.TrimRight(got, "\n") != e.Text {
		t.Errorf("the text arrived as %q, want %q", got, e.Text)
	}
	if !strings.Contains(texts["text/html"], "918273") {
		t.Errorf("the HTML part is %q", texts["text/html"])
	}
}

// TestHeaderInjection: foreign text ends up in no header and no command of its own.
func TestHeaderInjection(t *testing.T) {
	t.Parallel()
	srv := serve(t, Plain)
	s := open(t, srv.config(Plain))
	for _, evil := range []string{"x\r\nBcc: evil@example.net", "x\nBcc: evil@example.net", "x\r\n\r\nhello", "x\r\n.\r\nRCPT TO:<evil@example.net>"} {
		e := sendertest.Envelope(email("someone@example.org"), 1)
		e.From, e.Subject, e.ID = evil, evil, evil
		if err := s.Send(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range srv.received() {
		msg, _ := parts(t, m)
		if msg.Header.Get("Bcc") != "" || m.to != "someone@example.org" {
			t.Errorf("a header was injected:\n%s", m.header())
		}
	}
	if n := len(srv.received()); n != 4 {
		t.Errorf("4 messages became %d", n)
	}
	for _, evil := range []string{"a@b.example>\r\nRCPT TO:<evil@example.net", "a@b.example> NOTIFY=SUCCESS", "a b@c.example", "a@b.example\n", "<a@b.example"} {
		e := sendertest.Envelope(email(evil), 1)
		if err := s.Send(t.Context(), e); !errors.Is(err, latchkey.Undeliverable) {
			t.Errorf("an address %q gave %v, want Undeliverable", evil, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to     string
		before func(*server, *Config)
		want   latchkey.Code
	}{
		"spam, said after DATA":   {to: "spam@example.org", want: latchkey.Undeliverable},
		"a letter beyond ASCII":   {to: "jörg@example.org", want: latchkey.Undeliverable},
		"AUTH wanted":             {to: "a@example.org", want: latchkey.Unavailable, before: func(s *server, _ *Config) { s.noInput = true }},
		"wrong password":          {to: "a@example.org", want: latchkey.Unavailable, before: func(_ *server, c *Config) { c.Username, c.Password = "user", "guess" }},
		"server without STARTTLS": {to: "a@example.org", want: latchkey.Unavailable, before: func(_ *server, c *Config) { c.TLS = STARTTLS }},
		"certificate not trusted": {to: "a@example.org", want: latchkey.Unavailable, before: func(s *server, c *Config) { c.RootCAs, c.TLS, c.Port = nil, STARTTLS, -1 }},
		"nobody listens":          {to: "a@example.org", want: latchkey.Unavailable, before: func(s *server, _ *Config) { s.down() }},
		"a phone is not for mail": {to: "", want: latchkey.Undeliverable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t, Plain)
			cfg := srv.config(Plain)
			if c.before != nil {
				c.before(srv, &cfg)
			}
			if cfg.Port == -1 {
				srv = serve(t, STARTTLS)
				cfg.Port = srv.config(STARTTLS).Port
			}
			s := open(t, cfg)
			to := email(c.to)
			if c.to == "" {
				to = latchkey.CanonicalAddress(latchkey.Phone, "+4915123456789")
			}
			err := s.Send(t.Context(), sendertest.Envelope(to, 1))
			if latchkey.CodeOf(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			for _, secret := range []string{to.Value(), "918273", "guess"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows %q: %v", secret, err)
				}
			}
			if n := len(srv.received()); n != 0 {
				t.Errorf("%d mails went out all the same", n)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{Host: "mx.example.net", From: "a@example.com", Now: func() time.Time { return time.Unix(0, 0) }}
	for name, c := range map[string]struct {
		change func(*Config)
		field  string // "" is accepted
	}{
		"the least":                     {change: func(*Config) {}},
		"a name":                        {change: func(c *Config) { c.From = "Demo <a@example.com>" }},
		"no host":                       {change: func(c *Config) { c.Host = "" }, field: "host"},
		"a bad port":                    {change: func(c *Config) { c.Port = 70000 }, field: "port"},
		"an unknown mode":               {change: func(c *Config) { c.TLS = "ssl" }, field: "tls"},
		"no sender":                     {change: func(c *Config) { c.From = "" }, field: "from"},
		"two senders":                   {change: func(c *Config) { c.From = "a@example.com, b@example.com" }, field: "from"},
		"a password in the open":        {change: func(c *Config) { c.TLS, c.Username = Plain, "u" }, field: "tls"},
		"a password in the open, local": {change: func(c *Config) { c.TLS, c.Username, c.Host = Plain, "u", "localhost" }},
		"negative connections":          {change: func(c *Config) { c.Connections = -1 }, field: "connections"},
		"negative timeout":              {change: func(c *Config) { c.Timeout = -1 }, field: "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := good
			c.change(&cfg)
			_, err := New(cfg)
			var e *latchkey.Error
			if c.field == "" && err != nil || c.field != "" && (!errors.As(err, &e) || e.Field != c.field) {
				t.Errorf("got %v, want a complaint about %q", err, c.field)
			}
		})
	}
}

// BenchmarkSend measures mails a second over loopback with 8 connections, the server in the same process.
func BenchmarkSend(b *testing.B) {
	srv := serve(b, Plain)
	srv.discard = true
	s := open(b, srv.config(Plain))
	e := sendertest.Envelope(email("someone@example.org"), 1)
	e.HTML = strings.Repeat("<p style=\"color:#222222\">A line of about the usual length of HTML.</p>\n", 40)
	b.SetParallelism(4)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.Send(b.Context(), e); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}

func BenchmarkCompose(b *testing.B) {
	s, err := New(Config{Host: "localhost", From: "a@example.com", Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	e := sendertest.Envelope(email("someone@example.org"), 1)
	e.HTML = strings.Repeat("<p style=\"color:#222222\">A line of about the usual length of HTML.</p>\n", 40)
	b.ReportAllocs()
	var room []byte
	for b.Loop() {
		m, err := s.compose(room, e)
		if err != nil {
			b.Fatal(err)
		}
		room = m.data
	}
}
