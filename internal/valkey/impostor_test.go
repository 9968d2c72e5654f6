package valkey_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/valkey"
)

// An impostor is a server that says what a test wants, when it wants it.
type impostor struct {
	t      *testing.T
	addr   string
	visits chan *visit
	came   atomic.Int32 // connections
}

// A visit is one connection to an impostor.
type visit struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

// patient is for what comes at once, or never where the client is broken.
const patient = 20 * time.Second

func pretend(t *testing.T) *impostor {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := &impostor{t: t, addr: listener.Addr().String(), visits: make(chan *visit, 100)}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			s.came.Add(1)
			t.Cleanup(func() { _ = c.Close() })
			_ = c.SetDeadline(time.Now().Add(patient))
			s.visits <- &visit{t, c, bufio.NewReader(c)}
		}
	}()
	return s
}

func (s *impostor) url() string { return "valkey://" + s.addr + "?timeout=30s" }

// visit waits for the next connection, which is not greeted yet.
func (s *impostor) visit() *visit {
	s.t.Helper()
	select {
	case v := <-s.visits:
		return v
	case <-time.After(patient):
		s.t.Fatal("nobody comes")
		return nil
	}
}

// greeted waits for the next connection and greets it, as a server of this mode.
func (s *impostor) greeted(mode string) *visit {
	s.t.Helper()
	v := s.visit()
	v.hears("HELLO")
	v.says("*2\r\n+mode\r\n+" + mode + "\r\n")
	return v
}

// next reads one command.
func (v *visit) next() ([]string, error) {
	number := func(mark string) (int, error) {
		line, err := v.r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), mark))
	}
	n, err := number("*")
	if err != nil {
		return nil, err
	}
	words := make([]string, n)
	for i := range words {
		size, err := number("$")
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(v.r, text); err != nil {
			return nil, err
		}
		words[i] = string(text[:size])
	}
	return words, nil
}

// hears reads one command, which begins with verb, and gives its words.
func (v *visit) hears(verb string) []string {
	v.t.Helper()
	words, err := v.next()
	if err != nil || words[0] != verb {
		v.t.Fatalf("the server is told %q, %v; want %s", words, err, verb)
	}
	return words
}

func (v *visit) says(text string) {
	v.t.Helper()
	if _, err := io.WriteString(v, text); err != nil {
		v.t.Fatal(err)
	}
}

// gone waits until the client has closed the connection, and fails if it asks for something more.
func (v *visit) gone() {
	v.t.Helper()
	if b, err := v.r.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		v.t.Errorf("the connection is open: %q, %v", b, err)
	}
}

// before is the script's answer for one key whose burst is whole after so many minutes.
func before(minutes int) string {
	return fmt.Sprintf("*1\r\n:%d\r\n", noon.Add(time.Duration(minutes)*time.Minute).UnixMicro())
}

// A told is what became of a Take.
type told struct {
	tally []latchkey.Tally
	err   error
}

// taking begins a Take of one key.
func taking(t *testing.T, l *valkey.Limiter, key string) chan told {
	out := make(chan told, 1)
	go func() {
		tally, err := l.Take(t.Context(), []latchkey.Take{{Key: key, Rate: three}}, noon)
		out <- told{tally, err}
	}()
	return out
}

// has waits for a Take that leaves so many units.
func has(t *testing.T, got chan told, remaining int) {
	t.Helper()
	if g := <-got; g.err != nil || len(g.tally) != 1 || !g.tally[0].Allowed || g.tally[0].Remaining != remaining {
		t.Errorf("Take: %+v, %v; want %d left", g.tally, g.err, remaining)
	}
}
