package clustertest_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// A sink takes mails as a provider does, for all nodes.
type sink struct {
	addr string

	mu    sync.Mutex
	mails map[string][]letter // guarded by mu; by recipient, in the order of arrival
	taken int                 // guarded by mu
	mood  mood                // guarded by mu
	held  chan struct{}       // guarded by mu; closed to let go of what is held
	holds int                 // guarded by mu; how many mails that is
}

// A mood is how a sink answers a mail.
type mood int

const (
	taking   mood = iota // 250
	refusing             // 451: try again
	holding              // it takes the mail, and does not say so until its mood changes
)

// A letter is what a mail says.
type letter struct{ code, link, id string }

// newSink starts a sink that ends with the test.
func newSink(t *testing.T) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &sink{addr: l.Addr().String(), mails: map[string][]letter{}, held: make(chan struct{})}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &conversation{sink: k}, nil }))
	s.ErrorLog = log.New(io.Discard, "", 0) // a killed client is what the tests are about
	go s.Serve(l)
	t.Cleanup(func() {
		k.become(refusing)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx) // its Close would race with mails that it is taking
	})
	return k
}

// become changes the mood. What is held is answered.
func (k *sink) become(m mood) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mood = m
	close(k.held)
	k.held, k.holds = make(chan struct{}), 0
}

// holding is how many mails wait for their answer.
func (k *sink) holding() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.holds
}

// to gives what a person got.
func (k *sink) to(p person) []letter {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]letter(nil), k.mails[p.email]...)
}

// all is how many mails were taken, for everybody.
func (k *sink) all() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.taken
}

// letter waits for the first mail to a person.
func (k *sink) letter(t *testing.T, p person) letter {
	t.Helper()
	eventually(t, "a mail to "+p.email, func() bool { return len(k.to(p)) > 0 })
	return k.to(p)[0]
}

// take takes a mail, or does not. wait, unless nil, is what to wait for before saying so.
func (k *sink) take(to string, l letter) (taken bool, wait <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.mood == refusing {
		return false, nil
	}
	k.mails[to] = append(k.mails[to], l)
	k.taken++
	if k.mood == taking {
		return true, nil
	}
	k.holds++
	return true, k.held
}

// A conversation is one SMTP session.
type conversation struct {
	sink *sink
	to   string
}

func (c *conversation) Reset()                                    { c.to = "" }
func (c *conversation) Logout() error                             { return nil }
func (c *conversation) Mail(string, *smtp.MailOptions) error      { return nil }
func (c *conversation) Rcpt(to string, _ *smtp.RcptOptions) error { c.to = to; return nil }

func (c *conversation) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err // cut off by a kill: no mail, and nobody to tell
	}
	taken, wait := c.sink.take(c.to, read(raw))
	if wait != nil {
		<-wait
	}
	if !taken {
		return &smtp.SMTPError{Code: 451, Message: "try again"}
	}
	return nil
}

var (
	sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)
	linkLine  = regexp.MustCompile(`/l/([A-Za-z0-9_-]{22})`)
)

// read finds code and link in the text part of a mail; a mail without them gives none, which tests see.
func read(raw []byte) (l letter) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return l
	}
	l.id = m.Header.Get("Message-Id")
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return l
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextPart() // decodes quoted-printable
		if err != nil {
			return l
		}
		if !strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") {
			continue
		}
		text, err := io.ReadAll(p)
		if err != nil {
			return l
		}
		l.code = string(sixDigits.Find(text))
		if found := linkLine.FindSubmatch(text); found != nil {
			l.link = string(found[1])
		}
		return l
	}
}
