package valkey

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// pair gives a connection as it is after the greeting, with room for so many calls, and the server's end of it.
func pair(t *testing.T, room int) (*conn, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { _, _ = here.Close(), there.Close() })
	c := &conn{
		raw: here, socket: here, reader: bufio.NewReader(here), patience: time.Hour,
		room: make(chan struct{}, room), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	c.run()
	return c, there
}

// TestTheQueueIsLeftInTime: a call that waits for its place ends with its ctx, takes no place from others, and is never sent.
func TestTheQueueIsLeftInTime(t *testing.T) {
	t.Parallel()
	c, server := pair(t, 1)
	first := make(chan error, 1)
	go func() {
		_, err := c.do(t.Context(), false, []byte("first\r\n"))
		first <- err
	}()
	heard := bufio.NewReader(server)
	expect := func(want string) {
		t.Helper()
		if got, err := heard.ReadString('\n'); err != nil || got != want {
			t.Fatalf("the server is told %q, %v; want %q", got, err, want)
		}
	}
	expect("first\r\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.do(ctx, false, []byte("second\r\n")); !errors.Is(err, context.Canceled) {
		t.Fatalf("while there is no room: %v", err)
	}
	if _, err := io.WriteString(server, "+OK\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
	go func() { // the place is free again
		_, err := c.do(t.Context(), false, []byte("third\r\n"))
		first <- err
	}()
	expect("third\r\n")
	c.end(errClosed)
	if err := <-first; !errors.Is(err, errBroken) {
		t.Errorf("a call of a connection that was given up: %v", err)
	}
	if _, err := c.do(t.Context(), false, []byte("fourth\r\n")); !errors.Is(err, errBroken) || len(c.room) != 0 {
		t.Errorf("a call after that: %v, and %d places are taken", err, len(c.room))
	}
}

// TestGivingUpWaitsForNobody: the server reads nothing, and the goodbye of TLS would wait for it.
func TestGivingUpWaitsForNobody(t *testing.T) {
	t.Parallel()
	c, _ := pair(t, 1)
	c.raw = stuck{c.raw}
	done := make(chan error, 1)
	go func() {
		c.end(errClosed)
		done <- c.reason()
	}()
	select {
	case err := <-done:
		if !errors.Is(err, errClosed) {
			t.Errorf("the reason is %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits for a server that reads nothing")
	}
}

// stuck is a connection whose goodbye never ends.
type stuck struct{ net.Conn }

func (stuck) Close() error { select {} }
