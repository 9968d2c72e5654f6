package smtp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"regexp"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/latchkey-dev/latchkey"
)

// A conn is one connection to the server, greeted, encrypted and authenticated. One goroutine uses it at a time.
type conn struct {
	raw      net.Conn // below TLS: closing it ends whatever hangs
	text     *textproto.Conn
	pipeline bool        // RFC 2920
	chunks   bool        // RFC 3030
	utf8     bool        // RFC 6531
	chunked  bool        // it took a mail in a chunk
	noChunks bool        // it offered to, and failed at it
	out      []byte      // room for what is said next
	retire   *time.Timer // runs while the connection is idle
}

// dial makes a connection that is ready for mail. The go-mail client is made anew each time: it remembers what the
// last server offered.
func (s *Sender) dial(ctx context.Context) (*conn, error) {
	c := &conn{}
	client, err := gomail.NewClient(s.cfg.Host, s.options(c)...)
	if err != nil {
		return nil, unavailable("configuration refused", err)
	}
	hangUp := func() {
		s.mu.Lock() // of c.raw: go-mail sets it while ctx may end
		defer s.mu.Unlock()
		if c.raw != nil {
			_ = c.raw.Close()
		}
	}
	stop := context.AfterFunc(ctx, hangUp)
	talk, err := client.DialToSMTPClientWithContext(ctx)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		hangUp()
		return nil, unavailable("connection failed", discreet(err))
	}
	c.text = talk.Text
	c.pipeline, _ = talk.Extension("PIPELINING")
	c.chunks, _ = talk.Extension("CHUNKING")
	c.utf8, _ = talk.Extension("SMTPUTF8")
	if err := c.raw.SetDeadline(time.Time{}); err != nil { // from here on ctx alone ends a wait
		c.close()
		return nil, unavailable("connection failed", err)
	}
	return c, nil
}

// options are what go-mail needs to know. c learns of the bare connection as soon as there is one.
func (s *Sender) options(c *conn) []gomail.Option {
	trust := &tls.Config{ServerName: s.cfg.Host, MinVersion: tls.VersionTLS12, RootCAs: s.cfg.RootCAs}
	opts := []gomail.Option{
		gomail.WithPort(s.cfg.Port), gomail.WithHELO(s.cfg.HELO), gomail.WithTimeout(s.cfg.Timeout), gomail.WithTLSConfig(trust),
		gomail.WithDialContextFunc(func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			s.mu.Lock()
			c.raw = raw
			s.mu.Unlock()
			if s.cfg.TLS != TLS {
				return raw, nil
			}
			secure := tls.Client(raw, trust)
			return secure, secure.HandshakeContext(ctx)
		}),
	}
	if s.cfg.TLS == STARTTLS {
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	} else {
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.cfg.Username == "" {
		return opts
	}
	// The strongest that the server offers. Over an unencrypted line, which New allows on loopback only, PLAIN and
	// LOGIN must be asked for by another name.
	plain, login := gomail.SMTPAuthPlain, gomail.SMTPAuthLogin
	if s.cfg.TLS == Plain {
		plain, login = gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc
	}
	return append(opts, gomail.WithUsername(s.cfg.Username), gomail.WithPassword(s.cfg.Password.Reveal()),
		gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthCramMD5, plain, login))
}

// close hangs up, with a QUIT for politeness that nobody waits for.
func (c *conn) close() {
	_ = c.say(step{line: "QUIT"})
	_ = c.raw.Close()
}

// errNoChunks says that a server offered to take chunks and refused one, and that it took no mail.
var errNoChunks = errors.New("CHUNKING offered and not kept")

// A step is a command of a mail transaction: what it says, with what follows its line, the answer that lets it go on, and
// whether a 5yz is about the message and not about us.
type step struct {
	name, line string
	body       []byte
	want       int
	final      bool
	chunk      bool // body is a chunk (RFC 3030)
}

// send carries out one mail transaction. keep says that the connection can be used again.
func (c *conn) send(ctx context.Context, m message) (keep bool, err error) {
	if m.utf8 && !c.utf8 {
		return true, undeliverable("no support for this address", nil)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.raw.Close() })
	defer func() { keep = stop() && keep }()
	suffix := ""
	if m.utf8 {
		suffix = " SMTPUTF8"
	}
	steps := [...]step{
		{name: "MAIL", line: "MAIL FROM:<" + m.from + ">" + suffix, want: 25},
		{name: "RCPT", line: "RCPT TO:<" + m.to + ">", want: 25, final: true},
		{name: "DATA", line: "DATA", want: 354, final: true},
	}
	if c.chunks {
		steps[2] = step{
			name: "BDAT", line: "BDAT " + strconv.Itoa(len(m.data)) + " LAST", body: m.data, want: 25, final: true, chunk: true,
		}
		return c.run(steps[:])
	}
	if keep, err = c.run(steps[:]); err != nil {
		return keep, err
	}
	return c.run([]step{{name: "end of DATA", body: m.stuffed(), want: 25, final: true}})
}

// run says the steps, all at once if the server allows it, and gives the first refusal. A chunk that was said is answered
// whatever became of the steps before it (RFC 3030 §2): the server takes its bytes off the line, and refuses it.
func (c *conn) run(steps []step) (keep bool, err error) {
	keep = true
	for i, st := range steps {
		if i == 0 || !c.pipeline {
			said := steps[i : i+1]
			if c.pipeline {
				said = steps
			}
			if err := c.say(said...); err != nil {
				return false, err
			}
		}
		code, answer, bad := c.answer(st.want)
		var refusal *textproto.Error
		switch {
		case bad == nil && err != nil && st.want == 354:
			return false, err // the server waits for a text that has nowhere to go: hang up
		case bad == nil:
			c.chunked = c.chunked || st.chunk && err == nil
			continue
		case !errors.As(bad, &refusal):
			// What stands between may not let chunks through. If it never did, better do without them.
			c.noChunks = st.chunk && err == nil && !c.chunked
			return false, unavailable("connection lost", discreet(bad))
		}
		switch {
		case code == 421:
			keep = false // it is about to hang up
		case st.chunk && err == nil && 500 <= code && code <= 504:
			// A recipient, and no idea what to do with a chunk: the server may take its bytes for commands now.
			c.noChunks, keep = true, false
			err = unavailable("chunk not understood", fmt.Errorf("%w: %w", errNoChunks, st.cause(code, answer)))
		}
		if err == nil {
			err = st.refused(code, answer)
		}
		if !c.pipeline {
			break
		}
	}
	if err != nil && keep {
		keep = c.reset()
	}
	return keep, err
}

// answer reads one answer, as textproto does. The one line that is wanted, which is there whole, needs nobody to make a string of it.
func (c *conn) answer(want int) (code int, text string, err error) {
	if _, err := c.text.R.Peek(1); err == nil {
		there, _ := c.text.R.Peek(c.text.R.Buffered())
		end := bytes.IndexByte(there, '\n')
		if code, ok := oneLineOf(there[:end+1]); ok && (code == want || code/10 == want) {
			_, err = c.text.R.Discard(end + 1)
			return code, "", err
		}
	}
	return c.text.ReadResponse(want)
}

// oneLineOf reads a whole answer of one line: three digits, a space and a text.
func oneLineOf(line []byte) (code int, ok bool) {
	if len(line) < 5 || line[3] != ' ' {
		return 0, false
	}
	for _, d := range line[:3] {
		if d < '0' || d > '9' {
			return 0, false
		}
		code = 10*code + int(d-'0')
	}
	return code, true
}

// say writes the steps, as one write: each costs as much as a short mail's rendering.
func (c *conn) say(steps ...step) error {
	out := c.out[:0]
	for _, st := range steps {
		if st.line != "" {
			out = append(append(out, st.line...), "\r\n"...)
		}
		out = append(out, st.body...)
	}
	c.out = out
	_, err := c.text.W.Write(out)
	if err == nil {
		err = c.text.W.Flush()
	}
	if err != nil {
		return unavailable("connection lost", discreet(err))
	}
	return nil
}

// reset leaves a failed transaction behind.
func (c *conn) reset() bool {
	if c.say(step{line: "RSET"}) != nil {
		return false
	}
	_, _, err := c.text.ReadResponse(25)
	return err == nil
}

// refused says what a refusal means (the table of the package's documentation).
func (st step) refused(code int, answer string) error {
	cause := st.cause(code, answer)
	switch {
	case code >= 500 && st.final && code != 503 && code != 530 && code != 535 && code != 538:
		return undeliverable("message refused", cause)
	case code == 421:
		return unavailable("connection closing", cause)
	}
	return unavailable("message not taken now", cause)
}

func (st step) cause(code int, answer string) error {
	return fmt.Errorf("%s answered %d %s", st.name, code, enhanced(answer))
}

// enhanced gives the enhanced status code of an answer (RFC 3463), the one part of its text that quotes nobody.
func enhanced(answer string) string {
	return regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}`).FindString(answer)
}

// discreet keeps of an error what cannot quote the message: an SMTP answer shrinks to its code, and what is no answer to a word.
func discreet(err error) error {
	var answer *textproto.Error
	var noise textproto.ProtocolError // quotes the line
	switch {
	case errors.As(err, &answer):
		return fmt.Errorf("SMTP %d %s", answer.Code, enhanced(answer.Msg))
	case errors.As(err, &noise):
		return errors.New("an answer that is not SMTP")
	}
	return err
}

var _ latchkey.Sender = (*Sender)(nil)
