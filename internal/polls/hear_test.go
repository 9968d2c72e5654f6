package polls

import (
	"bufio"
	"net"
	"testing"
)

// TestEachKeepsWhatItSaid: a hand hears one guest after the other in the same memory, and what it passes on is still the first one's.
func TestEachKeepsWhatItSaid(t *testing.T) {
	t.Parallel()
	h := &hand{lobby: &Lobby{}}
	h.lines = bufio.NewReaderSize(&h.bytes, mostAsked)
	said := func(text string) *Guest {
		here, there := net.Pipe()
		t.Cleanup(func() { _, _ = here.Close(), there.Close() })
		go func() { _, _ = there.Write([]byte(text)) }()
		g := &Guest{lobby: h.lobby, conn: here}
		if o := h.hear(g, false); o != foreign || string(g.before) != text {
			t.Errorf("of %q %q is passed on, as %v", text, g.before, o)
		}
		return g
	}
	first, second := said("GET /a HTTP/1.1\r\n"), said("GET /b HTTP/1.1\r\n")
	if string(first.before) != "GET /a HTTP/1.1\r\n" || string(second.before) != "GET /b HTTP/1.1\r\n" {
		t.Errorf("%q and %q are passed on", first.before, second.before)
	}
}
