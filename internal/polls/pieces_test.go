package polls_test

import (
	"testing"
	"time"
)

// TestAPieceIsNotTakenForTheWhole: what the Lobby knows again is one request, all of it and nothing else. A head whose body comes later,
// and a request with another one before it, are net/http's however often they come the same.
func TestAPieceIsNotTakenForTheWhole(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		h := newHall(t, by)
		c := h.dial("")
		sent := func(text string) { // once the server has it
			t.Helper()
			before := h.fresh.Load()
			c.send(text)
			for end := time.Now().Add(10 * time.Second); h.fresh.Load() == before; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%q is taken for a whole request", text)
				}
			}
		}
		h.knows(c, poll)
		for range 3 {
			sent("POST /poll HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
			c.send("12345")
			(<-h.waits).tell("a word")
			c.expect(200, "a word", false)
		}
		for range 3 {
			sent(other + poll)
			c.expect(200, c.LocalAddr().String(), false)
			(<-h.waits).tell("a word")
			c.expect(200, "a word", false)
		}
		h.knows(c, poll)
	})
}
