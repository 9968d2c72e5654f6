package smtp

import (
	"bufio"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/sendertest"
)

// script is a server of few words: what it answers to each verb, and to the end of a text ("."). It records the verbs,
// with a + on those that came before the answer to the one before was sent.
type script struct {
	answers map[string]string
	mu      sync.Mutex
	heard   []string
	conns   int
}

func (x *script) start(t *testing.T) *net.TCPAddr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			x.mu.Lock()
			x.conns++
			x.mu.Unlock()
			all.Go(func() { x.talk(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return l.Addr().(*net.TCPAddr)
}

func (x *script) talk(c net.Conn) {
	defer func() { _ = c.Close() }()
	_, _ = c.Write([]byte("220 script\r\n"))
	r := bufio.NewReader(c)
	text, early := false, ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, _, _ := strings.Cut(line, " ")
		if text && line != "." {
			if line != "RSET" {
				continue
			}
			verb = "RSET-in-the-text" // a client that says it here is lost
		}
		x.mu.Lock()
		x.heard = append(x.heard, early+verb)
		x.mu.Unlock()
		answer, ok := x.answers[verb]
		if !ok {
			answer = map[string]string{"DATA": "354 go on", "QUIT": "221 bye"}[verb]
		}
		if answer == "" {
			answer = "250 fine"
		}
		text = strings.HasPrefix(answer, "354")
		early = ""
		if !text && r.Buffered() > 0 {
			early = "+"
		}
		if _, err := c.Write([]byte(answer + "\r\n")); err != nil || strings.HasPrefix(answer, "421") || verb == "QUIT" {
			return
		}
	}
}

func TestScriptedServers(t *testing.T) {
	t.Parallel()
	pipelining := "250-script\r\n250 PIPELINING"
	for name, c := range map[string]struct {
		answers map[string]string
		want    latchkey.Code // of the first of two sends; "" is accepted
		heard   string
		conns   int
	}{
		"RFC 2920 offered": {
			answers: map[string]string{"EHLO": pipelining},
			heard:   "EHLO MAIL +RCPT +DATA . MAIL +RCPT +DATA .", conns: 1,
		},
		"RFC 2920 not offered": {
			heard: "EHLO MAIL RCPT DATA . MAIL RCPT DATA .", conns: 1,
		},
		"no EHLO at all": {
			answers: map[string]string{"EHLO": "502 what"},
			heard:   "EHLO HELO MAIL RCPT DATA . MAIL RCPT DATA .", conns: 1,
		},
		"recipient refused, not pipelined": {
			answers: map[string]string{"RCPT": "550 5.1.1 no"}, want: latchkey.Undeliverable,
			heard: "EHLO MAIL RCPT RSET MAIL RCPT RSET", conns: 1,
		},
		"recipient refused, but the text wanted: hang up": {
			answers: map[string]string{"EHLO": pipelining, "RCPT": "550 5.1.1 no"}, want: latchkey.Undeliverable,
			heard: "EHLO MAIL +RCPT +DATA EHLO MAIL +RCPT +DATA", conns: 2,
		},
		"recipient refused, text too": {
			answers: map[string]string{"EHLO": pipelining, "RCPT": "550 5.1.1 no", "DATA": "503 no recipient"}, want: latchkey.Undeliverable,
			heard: "EHLO MAIL +RCPT +DATA RSET MAIL +RCPT +DATA RSET", conns: 1,
		},
		"sender refused for good is our fault, not the message's": {
			answers: map[string]string{"MAIL": "550 5.7.1 not yours"}, want: latchkey.Unavailable,
			heard: "EHLO MAIL RSET MAIL RSET", conns: 1,
		},
		"mailbox full": {
			answers: map[string]string{"RCPT": "452 4.2.2 full"}, want: latchkey.Unavailable,
			heard: "EHLO MAIL RCPT RSET MAIL RCPT RSET", conns: 1,
		},
		"refused after the text": {
			answers: map[string]string{".": "554 5.6.0 no"}, want: latchkey.Undeliverable,
			heard: "EHLO MAIL RCPT DATA . RSET MAIL RCPT DATA . RSET", conns: 1,
		},
		"closing down": {
			answers: map[string]string{"MAIL": "421 4.3.2 closing"}, want: latchkey.Unavailable,
			heard: "EHLO MAIL EHLO MAIL", conns: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := &script{answers: c.answers}
			addr := x.start(t)
			s := open(t, Config{
				Host: "127.0.0.1", Port: addr.Port, TLS: Plain, From: "login@example.com", Now: func() time.Time { return time.Unix(0, 0) },
			})
			for n := range 2 {
				err := s.Send(t.Context(), sendertest.Envelope(email("a@example.org"), n))
				if c.want == "" && err != nil || c.want != "" && !errors.Is(err, c.want) {
					t.Errorf("send %d gave %v, want %q", n+1, err, c.want)
				}
			}
			x.mu.Lock()
			defer x.mu.Unlock()
			if got := strings.Join(x.heard, " "); strings.ReplaceAll(got, " QUIT", "") != c.heard {
				t.Errorf("the server heard %s\nwant             %s", got, c.heard)
			}
			if x.conns != c.conns {
				t.Errorf("%d connections, want %d", x.conns, c.conns)
			}
		})
	}
}

func TestIdleConnectionsGo(t *testing.T) {
	t.Parallel()
	srv := serve(t, Plain)
	s := open(t, srv.config(Plain))
	if err := s.Send(t.Context(), sendertest.Envelope(email("a@example.org"), 1)); err != nil {
		t.Fatal(err)
	}
	s.drop(s.idle[0]) // what its timer does after idleLife
	if len(s.idle) != 0 {
		t.Error("the connection is still kept")
	}
	if err := s.Send(t.Context(), sendertest.Envelope(email("a@example.org"), 2)); err != nil {
		t.Fatal(err)
	}
	if n := srv.listener.accepted(); n != 2 {
		t.Errorf("%d connections, want a second one", n)
	}
}
