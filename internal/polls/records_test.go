package polls_test

import (
	"bufio"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"
)

// A packer writes what it is given in one piece, when it is told to.
type packer struct {
	net.Conn
	waits bool
	held  []byte
}

func (p *packer) Write(b []byte) (int, error) {
	if p.waits {
		p.held = append(p.held, b...)
		return len(b), nil
	}
	return p.Conn.Write(b)
}

// TestTwoRecordsAtOnce: by TLS, a request may come together with the one before it, in a record of its own. The system then has
// nothing more to say about it, and it is answered all the same.
func TestTwoRecordsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHall(t, secure)
	c, p := h.dialPacked()
	for range 5 { // from the third time on the Lobby knows the poll
		p.waits = true
		c.send(poll)
		c.send(other)
		p.waits = false
		if _, err := p.Write(p.held); err != nil {
			t.Fatal(err)
		}
		p.held = nil
		(<-h.waits).tell("a word")
		c.expect(200, "a word", false)
		c.expect(200, c.LocalAddr().String(), false)
		for range 2 { // alone
			c.send(poll)
			(<-h.waits).tell("a word")
			c.expect(200, "a word", false)
		}
	}
}

// TestHalfARecordBehind: what came of a record stays where it is until the rest comes, whoever is served meanwhile.
func TestHalfARecordBehind(t *testing.T) {
	t.Parallel()
	h := newHall(t, secure)
	c, p := h.dialPacked()
	h.warm(c, poll)
	p.waits = true
	c.send(poll)
	c.send(other)
	p.waits = false
	half := len(p.held) - 30
	if _, err := p.Write(p.held[:half]); err != nil {
		t.Fatal(err)
	}
	w := <-h.waits // by net/http: there is more behind it
	busy, long := h.dial(""), strings.Replace(poll, "\r\n\r\n", "\r\nX-Why: "+strings.Repeat("because ", 50)+"\r\n\r\n", 1)
	h.warm(busy, long)
	ask := func() {
		t.Helper()
		for range 10 { // each hand hears some
			busy.send(long)
			(<-h.waits).tell("meanwhile")
			busy.expect(200, "meanwhile", false)
		}
	}
	ask()
	w.tell("a word")
	c.expect(200, "a word", false)
	ask()
	if _, err := p.Write(p.held[half:]); err != nil {
		t.Fatal(err)
	}
	c.expect(200, c.LocalAddr().String(), false)
}

// dialPacked opens a connection whose records can be held back.
func (h *hall) dialPacked() (*client, *packer) {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	p := &packer{Conn: conn}
	secured := tls.Client(p, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err := secured.Handshake(); err != nil {
		h.t.Fatal(err)
	}
	return &client{h.t, secured, bufio.NewReader(secured)}, p
}
