package polls_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// knows asks a poll until the Lobby knows it, and once more to make sure.
func (h *hall) knows(c *client, text string) {
	h.t.Helper()
	h.warm(c, text)
	if before, by := h.fresh.Load(), h.asked(c, text); by != before {
		h.t.Fatal("the same request, asked for the third time, goes to net/http")
	}
}

// asked asks and has the answer, and gives how many connections net/http was given by then.
func (h *hall) asked(c *client, text string) int64 {
	h.t.Helper()
	c.send(text)
	(<-h.waits).tell("a word")
	c.expect(200, "a word", false)
	return h.fresh.Load()
}

// TestAskedAgain: what the handler sees is what it saw by net/http, and so does the client.
func TestAskedAgain(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"GET":         "GET /poll?x=%20y&z HTTP/1.1\r\nHost: x:1\r\nA: b\r\na:  c \r\nAccept: */*\r\nCookie: a=b\r\n\r\n",
		"a whole URL": "GET http://y/poll HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST":        "POST /poll HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345",
		"4,000 bytes": "GET /poll HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("b", 4000-len("GET /poll HTTP/1.1\r\nHost: x\r\nA: \r\n\r\n")) + "\r\n\r\n",
	} {
		byEach(t, func(t *testing.T, by func(*hall)) {
			seen := make(chan string, 100)
			h := newHall(t, by, func(h *hall) {
				h.atOnce = func(_ http.ResponseWriter, r *http.Request) bool {
					body := "none"
					if r.Body != http.NoBody {
						b, err := io.ReadAll(r.Body)
						body = fmt.Sprintf("%q %v", b, err)
					}
					seen <- fmt.Sprint(r.Method, r.URL, r.Proto, r.Header, r.Host, r.RequestURI, r.RemoteAddr, r.ContentLength, r.TransferEncoding, r.Close, r.TLS != nil, body)
					return false
				}
			})
			c := h.dial("")
			for range 10 {
				h.asked(c, text)
			}
			first := <-seen
			for range 9 {
				if again := <-seen; again != first {
					t.Errorf("%s: asked again it is\n%s\nand was\n%s", name, again, first)
				}
			}
			if n := h.fresh.Load(); n != 2 {
				t.Errorf("%s: net/http was given a connection %d times for 10 polls, want 2", name, n)
			}
		})
	}
}

// TestAskedOtherwise: what is not the same to the byte, in one piece and alone, is net/http's, and forgets nothing.
func TestAskedOtherwise(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		for name, text := range map[string]string{
			"another path":     strings.Replace(poll, "/poll", "/pole", 1),
			"another letter":   strings.Replace(poll, "Host: x", "Host: y", 1),
			"another case":     strings.Replace(poll, "Host", "host", 1),
			"a header more":    strings.Replace(poll, "\r\n\r\n", "\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n", 1),
			"a body":           strings.Replace(poll, "\r\n\r\n", "\r\nContent-Length: 1\r\n\r\nx", 1),
			"without \\r":      strings.ReplaceAll(poll, "\r", ""),
			"twice":            poll + poll,
			"with another":     poll + other,
			"and half of one":  poll + poll[:9],
			"half of it":       poll[:9],
			"more than can be": "GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("b", 5000) + "\r\n\r\n",
			"nothing of HTTP":  "\x16\x03\x01\r\n\r\n",
		} {
			h := newHall(t, by)
			c := h.dial("")
			h.knows(c, poll)
			before := h.fresh.Load()
			c.send(text)
			for end := time.Now().Add(10 * time.Second); h.fresh.Load() == before; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%s: it is not given to net/http", name)
				}
			}
		}
	})
}

// TestInOrder: whatever follows a poll that is known, sent with it or in pieces, has its answers in order, and the poll is known
// again later.
func TestInOrder(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		h := newHall(t, by)
		c := h.dial("")
		h.knows(c, poll)
		for range 3 { // two requests in one piece are not the one that is known, however often they come
			c.send(poll + other)
			(<-h.waits).tell("a word")
			c.expect(200, "a word", false)
			c.expect(200, c.LocalAddr().String(), false)
		}
		for range 3 {
			c.send(other + poll)
			c.expect(200, c.LocalAddr().String(), false)
			(<-h.waits).tell("a word")
			c.expect(200, "a word", false)
		}
		h.knows(c, poll)
		for cut := range poll { // at every place
			c.send(poll[:cut])
			c.send(poll[cut:])
			(<-h.waits).tell("a word")
			c.expect(200, "a word", false)
		}
		h.knows(c, poll)
		for range 20 {
			c.send(poll)
			w := <-h.waits
			c.send(poll) // while it waits
			w.tell("first")
			c.expect(200, "first", false)
			(<-h.waits).tell("second")
			c.expect(200, "second", false)
			h.asked(c, poll) // it is listened to as before
		}
	})
}

// TestBodyInAPieceOfItsOwn: what net/http was given to begin with is not all of the request, and not taken for it the next time.
func TestBodyInAPieceOfItsOwn(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		bodies := make(chan string, 10)
		h := newHall(t, by, func(h *hall) {
			h.atOnce = func(_ http.ResponseWriter, r *http.Request) bool {
				b, err := io.ReadAll(r.Body)
				bodies <- fmt.Sprintf("%s %v", b, err)
				return false
			}
		})
		c := h.dial("")
		h.warm(c, poll)
		<-bodies
		<-bodies
		for range 3 {
			before := h.fresh.Load()
			c.send("POST /poll HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
			for end := time.Now().Add(10 * time.Second); h.fresh.Load() == before; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("the request is not given to net/http; its body is %q", <-bodies)
				}
			}
			c.send("12345")
			if got := <-bodies; got != "12345 <nil>" {
				t.Errorf("the body is %q", got)
			}
			(<-h.waits).tell("a word")
			c.expect(200, "a word", false)
		}
	})
}

// TestAnsweredAtOnce: a poll that is known need not be parked: it is answered as by net/http, and may say that the
// connection ends.
func TestAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		for name, tt := range map[string]struct {
			do     func(rw http.ResponseWriter)
			closes bool
		}{
			"stays": {func(http.ResponseWriter) {}, false},
			"ends":  {func(rw http.ResponseWriter) { rw.Header().Set("Connection", "close") }, true},
		} {
			var now bool
			h := newHall(t, by, func(h *hall) {
				h.atOnce = func(rw http.ResponseWriter, r *http.Request) bool {
					if now && r.URL.Path == "/poll" {
						tt.do(rw)
						rw.Header().Set("Retry-After", "5")
						rw.WriteHeader(http.StatusTooManyRequests)
						_, _ = io.WriteString(rw, "no")
					}
					return now
				}
			})
			c := h.dial("")
			h.knows(c, poll)
			before := h.fresh.Load()
			now = true
			c.send(poll)
			if a, body := c.answer(); a.StatusCode != 429 || body != "no" || a.Header.Get("Retry-After") != "5" || a.Close != tt.closes || a.Header.Get("Date") == "" {
				t.Errorf("%s: answered %v %q", name, a, body)
			}
			if tt.closes {
				c.ends()
				h.none()
				continue
			}
			now = false
			if h.asked(c, poll) != before {
				t.Errorf("%s: net/http was needed", name)
			}
		}
	})
}

// TestHandlerHangsUp: a handler that panics ends its connection, and nothing else.
func TestHandlerHangsUp(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		var now bool
		h := newHall(t, by, func(h *hall) {
			h.atOnce = func(http.ResponseWriter, *http.Request) bool {
				if now {
					panic(http.ErrAbortHandler)
				}
				return false
			}
		})
		c := h.dial("")
		h.knows(c, poll)
		now = true
		c.send(poll)
		c.ends()
		h.none()
		now = false
		h.knows(h.dial(""), poll)
	})
}

// TestHalfARecord: whoever sends by TLS what cannot be read yet holds nobody up, and may take as long as for any request.
func TestHalfARecord(t *testing.T) {
	t.Parallel()
	const many = 70 // more than are served at once
	h := newHall(t, secure, func(h *hall) { h.read = 2 * time.Second })
	c := h.dial("")
	h.knows(c, poll)
	half := make([]*client, many)
	for i := range half {
		half[i] = h.dial("")
		h.knows(half[i], poll)
	}
	for _, c := range half {
		if _, err := c.Conn.(*tls.Conn).NetConn().Write([]byte{23, 3, 3, 0, 100, 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		h.asked(c, poll)
	}
	for _, c := range half {
		c.ends()
	}
	h.asked(c, poll)
}

// TestSomethingElseAtTheEnd: a request that is for net/http, and whole only after the server has begun to close, ends its connection.
func TestSomethingElseAtTheEnd(t *testing.T) {
	t.Parallel()
	h := newHall(t, secure)
	c, p := h.dialPacked()
	h.knows(c, poll)
	beside := h.dial("")
	h.knows(beside, poll)
	p.waits = true
	c.send(other)
	p.waits = false
	half := len(p.held) / 2
	if _, err := p.Write(p.held[:half]); err != nil {
		t.Fatal(err)
	}
	h.asked(beside, poll) // by now a hand reads the half
	if err := h.lobby.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(p.held[half:]); err != nil {
		t.Fatal(err)
	}
	c.ends()
	h.none()
	<-h.ran
}
