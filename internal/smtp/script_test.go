package smtp

import (
	"bufio"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/sendertest"
)

// script is a server of few words: what it answers to each verb, and to the end of a text ("."). It records the verbs,
// with a + on those that came before the answer to the one before was sent. An answer "cut" is none: it hangs up.
type script struct {
	answers map[string]string
	blind   bool // to what a chunk is: its bytes are commands
	mu      sync.Mutex
	heard   []string
	conns   int
	taken   int // mails
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

// sender starts x and gives a Sender for it.
func (x *script) sender(t *testing.T) *Sender {
	t.Helper()
	return open(t, Config{
		Host: "127.0.0.1", Port: x.start(t).Port, TLS: Plain, From: "login@example.com", Now: func() time.Time { return time.Unix(0, 0) },
	})
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
			verb = "RSET-IN-THE-TEXT" // a client that says it here is lost
		}
		answer, ok := x.answers[verb]
		if !ok {
			answer = map[string]string{"DATA": "354 go on", "QUIT": "221 bye"}[verb]
		}
		if answer == "" && strings.ToUpper(verb) != verb {
			answer = "500 what"
		}
		if answer == "" {
			answer = "250 fine"
		}
		x.hear(verb, early, answer)
		if verb == "BDAT" && !x.blind && !discard(r, line) || answer == "cut" {
			return
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

func (x *script) hear(verb, early, answer string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if strings.ToUpper(verb) == verb && verb != "" && verb != "QUIT" {
		x.heard = append(x.heard, early+verb)
	}
	if (verb == "BDAT" || verb == ".") && strings.HasPrefix(answer, "250") {
		x.taken++
	}
}

// discard takes the bytes of a chunk off the line.
func discard(r *bufio.Reader, line string) bool {
	n, err := strconv.Atoi(strings.Fields(line)[1])
	if err == nil {
		_, err = r.Discard(n)
	}
	return err == nil
}

func TestScriptedServers(t *testing.T) {
	t.Parallel()
	pipelining := "250-script\r\n250 PIPELINING"
	chunking := "250-script\r\n250-PIPELINING\r\n250 CHUNKING"
	inOneGo, again := "EHLO MAIL +RCPT +BDAT", " MAIL +RCPT +BDAT"
	for name, c := range map[string]struct {
		answers map[string]string
		blind   bool
		want    latchkey.Code // of each of two sends; "" is accepted
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
		"RFC 3030 offered": {answers: map[string]string{"EHLO": chunking}, heard: inOneGo + again, conns: 1},
		"RFC 3030 offered without RFC 2920": {
			answers: map[string]string{"EHLO": "250-script\r\n250 CHUNKING"},
			heard:   "EHLO MAIL RCPT BDAT MAIL RCPT BDAT", conns: 1,
		},
		"recipient refused, chunk too": {
			answers: map[string]string{"EHLO": chunking, "RCPT": "550 5.1.1 no", "BDAT": "503 no recipient"}, want: latchkey.Undeliverable,
			heard: inOneGo + " RSET" + again + " RSET", conns: 1,
		},
		"recipient refused, chunk by another code": {
			answers: map[string]string{"EHLO": chunking, "RCPT": "550 5.1.1 no", "BDAT": "554 no valid recipients"}, want: latchkey.Undeliverable,
			heard: inOneGo + " RSET" + again + " RSET", conns: 1,
		},
		"recipient put off, chunk refused": {
			answers: map[string]string{"EHLO": chunking, "RCPT": "451 4.7.1 later", "BDAT": "503 no recipient"}, want: latchkey.Unavailable,
			heard: inOneGo + " RSET" + again + " RSET", conns: 1,
		},
		"recipient refused, chunk taken: nobody has it": {
			answers: map[string]string{"EHLO": chunking, "RCPT": "550 5.1.1 no"}, want: latchkey.Undeliverable,
			heard: inOneGo + " RSET" + again + " RSET", conns: 1,
		},
		"sender refused, and all that follows": {
			answers: map[string]string{"EHLO": chunking, "MAIL": "550 5.7.1 not yours", "RCPT": "503 no sender", "BDAT": "503 no sender"},
			want:    latchkey.Unavailable, heard: inOneGo + " RSET" + again + " RSET", conns: 1,
		},
		"recipient refused without chunks or pipelining: the text is not said": {
			answers: map[string]string{"EHLO": "250-script\r\n250 CHUNKING", "RCPT": "550 5.1.1 no"}, want: latchkey.Undeliverable,
			heard: "EHLO MAIL RCPT RSET MAIL RCPT RSET", conns: 1,
		},
		"chunk refused for good": {
			answers: map[string]string{"EHLO": chunking, "BDAT": "554 5.6.0 no"}, want: latchkey.Undeliverable,
			heard: inOneGo + " RSET" + again + " RSET", conns: 1,
		},
		"chunk too large": {
			answers: map[string]string{"EHLO": chunking, "BDAT": "552 5.3.4 too large"}, want: latchkey.Undeliverable,
			heard: inOneGo + " RSET" + again + " RSET", conns: 1,
		},
		"chunk not taken now": {
			answers: map[string]string{"EHLO": chunking, "BDAT": "451 4.3.0 later"}, want: latchkey.Unavailable,
			heard: inOneGo + " RSET" + again + " RSET", conns: 1,
		},
		"closing down at the chunk": {
			answers: map[string]string{"EHLO": chunking, "BDAT": "421 4.3.2 closing"}, want: latchkey.Unavailable,
			heard: inOneGo + " " + inOneGo, conns: 2,
		},
		"chunk not understood, nor taken off the line": {
			answers: map[string]string{"EHLO": chunking, "BDAT": "500 5.5.2 what"}, blind: true,
			heard: inOneGo + " EHLO MAIL +RCPT +DATA . MAIL +RCPT +DATA .", conns: 2,
		},
		"chunk not understood": {
			answers: map[string]string{"EHLO": chunking, "BDAT": "502 5.5.1 not here"},
			heard:   inOneGo + " EHLO MAIL +RCPT +DATA . MAIL +RCPT +DATA .", conns: 2,
		},
		"chunk not understood, text refused": {
			answers: map[string]string{"EHLO": chunking, "BDAT": "502 5.5.1 not here", ".": "554 5.6.0 no"}, want: latchkey.Undeliverable,
			heard: inOneGo + " EHLO MAIL +RCPT +DATA . RSET MAIL +RCPT +DATA . RSET", conns: 2,
		},
		"closing down": {
			answers: map[string]string{"MAIL": "421 4.3.2 closing"}, want: latchkey.Unavailable,
			heard: "EHLO MAIL EHLO MAIL", conns: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := &script{answers: c.answers, blind: c.blind}
			s := x.sender(t)
			for n := range 2 {
				err := s.Send(t.Context(), sendertest.Envelope(email("a@example.org"), n))
				if c.want == "" && err != nil || c.want != "" && !errors.Is(err, c.want) {
					t.Errorf("send %d gave %v, want %q", n+1, err, c.want)
				}
			}
			x.mu.Lock()
			defer x.mu.Unlock()
			if got := strings.Join(x.heard, " "); got != c.heard {
				t.Errorf("the server heard %s\nwant             %s", got, c.heard)
			}
			if x.taken != 2 && c.want == "" {
				t.Errorf("two messages were taken %d times", x.taken)
			}
			if x.conns != c.conns {
				t.Errorf("%d connections, want %d", x.conns, c.conns)
			}
		})
	}
}

// TestDotsByDATA: a line that is a dot does not end the text.
func TestDotsByDATA(t *testing.T) {
	t.Parallel()
	x := &script{}
	e := sendertest.Envelope(email("a@example.org"), 1)
	e.Text = ".\n.\nb\n..c\n.\n"
	if err := x.sender(t).Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if got := strings.Join(x.heard, " "); got != "EHLO MAIL RCPT DATA ." || x.taken != 1 {
		t.Errorf("the server heard %s and took %d mails, want one text and one mail", got, x.taken)
	}
}

// TestChunksThatGetLost: something on the way hangs up at a chunk. The next message goes without one.
func TestChunksThatGetLost(t *testing.T) {
	t.Parallel()
	x := &script{answers: map[string]string{"EHLO": "250-script\r\n250-PIPELINING\r\n250 CHUNKING", "BDAT": "cut"}}
	s := x.sender(t)
	if err := s.Send(t.Context(), sendertest.Envelope(email("a@example.org"), 1)); !errors.Is(err, latchkey.Unavailable) {
		t.Errorf("a chunk that nobody answered gave %v, want Unavailable", err)
	}
	if err := s.Send(t.Context(), sendertest.Envelope(email("a@example.org"), 1)); err != nil {
		t.Errorf("the message after it: %v", err)
	}
	if x.taken != 1 {
		t.Errorf("%d mails taken, want 1", x.taken)
	}
}

// TestAServerThatLosesTheLine: it refuses a recipient, and then takes the chunk's lines for commands. What it answers to those
// must not be taken for answers to the next message.
func TestAServerThatLosesTheLine(t *testing.T) {
	t.Parallel()
	x := &script{blind: true, answers: map[string]string{
		"EHLO": "250-script\r\n250-PIPELINING\r\n250 CHUNKING", "RCPT": "550 5.1.1 no", "BDAT": "503 no recipient",
	}}
	s := x.sender(t)
	for n := range 2 {
		if err := s.Send(t.Context(), sendertest.Envelope(email("a@example.org"), n)); !errors.Is(err, latchkey.Undeliverable) {
			t.Errorf("send %d gave %v, want Undeliverable", n+1, err)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.conns != 2 || x.taken != 0 {
		t.Errorf("%d connections and %d mails taken, want a new connection for the second message, and none taken", x.conns, x.taken)
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
