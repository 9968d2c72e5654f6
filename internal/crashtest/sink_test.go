package crashtest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// A sink takes mails as a provider does. After limit mails (0: never) it goes on reading but answers no more, so that
// messages pile up at the server; release ends that.
type sink struct {
	addr  string
	limit int

	mu       sync.Mutex
	accepted int
	codes    map[string][]string // by recipient, in the order of arrival
	came     map[string]chan struct{}
	stalled  chan struct{} // nil while it answers; closed to let go of what it holds
	problems []error
}

// newSink starts a sink that ends with the test.
func newSink(t *testing.T, limit int) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &sink{addr: l.Addr().String(), limit: limit, codes: map[string][]string{}, came: map[string]chan struct{}{}}
	if limit > 0 {
		k.stalled = make(chan struct{})
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{sink: k}, nil }))
	s.ErrorLog = log.New(io.Discard, "", 0) // a killed client is what the test is about
	go s.Serve(l)
	t.Cleanup(func() {
		k.release()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx) // its Close would race with mails that it is taking
	})
	return k
}

// release lets a stalled sink answer again: what it held is refused, what comes is taken.
func (k *sink) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stalled != nil {
		close(k.stalled)
		k.stalled = nil
	}
}

// arrived gives a channel that is closed when the address has its first mail.
func (k *sink) arrived(to string) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.bell(to)
}

// bell makes the channel of an address. k.mu is held.
func (k *sink) bell(to string) chan struct{} {
	if k.came[to] == nil {
		k.came[to] = make(chan struct{})
	}
	return k.came[to]
}

// code gives the newest code that an address got; empty without one.
func (k *sink) code(to string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if got := k.codes[to]; len(got) > 0 {
		return got[len(got)-1]
	}
	return ""
}

// distinct gives how many different codes an address got: a message sent twice brings the same one.
func (k *sink) distinct(to string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	set := map[string]bool{}
	for _, c := range k.codes[to] {
		set[c] = true
	}
	return len(set)
}

func (k *sink) deliver(to, code string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.problems = append(k.problems, err)
		return
	}
	if len(k.codes[to]) == 0 {
		close(k.bell(to))
	}
	k.codes[to] = append(k.codes[to], code)
}

// complaints gives what was wrong with whole mails.
func (k *sink) complaints() []error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.problems)
}

// take counts one mail in, or gives what to wait for when the sink answers no more.
func (k *sink) take() (stalled <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stalled != nil && k.accepted >= k.limit {
		return k.stalled
	}
	k.accepted++
	return nil
}

// A session is one SMTP conversation.
type session struct {
	sink *sink
	to   string
}

func (s *session) Reset()                                    { s.to = "" }
func (s *session) Logout() error                             { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error      { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error { s.to = to; return nil }

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err // cut off by the kill: no mail, and nobody to tell
	}
	code, err := readCode(raw)
	if stalled := s.sink.take(); stalled != nil {
		<-stalled
		return &smtp.SMTPError{Code: 451, Message: "try again"}
	}
	s.sink.deliver(s.to, code, err)
	return nil
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// readCode finds the code in the text part of a mail.
func readCode(raw []byte) (string, error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextPart() // decodes quoted-printable
		if err != nil {
			return "", errors.New("a mail without a text part")
		}
		if !strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") {
			continue
		}
		text, err := io.ReadAll(p)
		if err != nil {
			return "", err
		}
		if code := sixDigits.Find(text); code != nil {
			return string(code), nil
		}
		return "", errors.New("a mail without a code in its text")
	}
}
