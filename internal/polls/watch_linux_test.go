package polls

import (
	"net"
	"testing"
	"time"
)

// connected gives both ends of a connection.
func connected(t *testing.T) (here, there *net.TCPConn) {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled, err := net.DialTCP("tcp", nil, listener.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	if here, err = listener.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = here.Close(), dialled.Close() })
	return here, dialled
}

// TestWatcher: each connection is spoken of by the number that it was given last, once for each time that it was added, and not any
// more when it is closed, although its file's number goes to another one.
func TestWatcher(t *testing.T) {
	t.Parallel()
	w, err := newWatcher()
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan sighting, 1000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run(func(all []sighting) {
			for _, s := range all {
				told <- s
			}
		})
	}()
	next := func(what string) sighting {
		t.Helper()
		select {
		case s := <-told:
			return s
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: nothing is told", what)
			return sighting{}
		}
	}
	expect := func(what string, n uint64, gone bool) {
		t.Helper()
		if s := next(what); s != (sighting{n, gone}) {
			t.Errorf("%s: told of %x, gone %v; want %x, %v", what, s.n, s.gone, n, gone)
		}
	}
	add := func(c net.Conn, n uint64, bytes, known bool) {
		t.Helper()
		if err := w.add(c, n, bytes, known); err != nil {
			t.Fatal(err)
		}
	}
	send := func(c net.Conn) {
		t.Helper()
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	const big = 0xfedcba98fedcba98 // every part of a number counts
	first, client := connected(t)
	other, otherClient := connected(t)
	if err := w.add(first, big, true, true); err == nil {
		t.Error("a connection that was never watched is watched differently, and nothing is said of it")
	}
	add(first, big, true, false)
	add(other, big+1, false, false)
	send(otherClient) // of which nobody wants to know
	send(client)
	expect("bytes", big, false)
	send(client) // once is enough
	_ = otherClient.CloseWrite()
	expect("the end of the other one", big+1, true)
	add(first, 7, true, true)
	expect("bytes that are there already, under another number", 7, false)
	add(first, 8, false, true)
	_ = client.SetLinger(0)
	_ = client.Close()
	expect("a reset", 8, true)

	raw := func(c *net.TCPConn) (fd uintptr) {
		s, err := c.SyscallConn()
		if err == nil {
			err = s.Control(func(n uintptr) { fd = n })
		}
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	again := 0
	for n := uint64(100); n < 1100 && again < 20; n += 2 { // until some have had the number of a file that was closed
		first, client := connected(t)
		add(first, n, true, false)
		fd := raw(first)
		_, _ = first.Close(), client.Close()
		second, secondClient := connected(t)
		add(second, n+1, true, false)
		send(secondClient)
		s := next("bytes after others")
		if s.n == n { // what had happened to the first before it was closed may be said
			s = next("bytes after others")
		}
		if s != (sighting{n + 1, false}) {
			t.Fatalf("told of %d, gone %v; want %d", s.n, s.gone, n+1)
		}
		if raw(second) == fd {
			again++
		}
	}
	w.close()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("it goes on after it was closed")
	}
}
