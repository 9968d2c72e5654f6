package polls_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/latchkey-dev/latchkey/internal/front"
)

// transports are the ways in which a poll may come; what is promised is promised by each.
var transports = map[string]func(*hall){
	"plain":       func(*hall) {},
	"TLS":         secure,
	"asked again": func(h *hall) { h.again = true },
	"again, TLS":  func(h *hall) { secure(h); h.again = true },
}

func byEach(t *testing.T, test func(t *testing.T, by func(*hall))) {
	t.Helper()
	for name, by := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, by)
		})
	}
}

// TestTheSameBytes: what waited in the lobby is answered as net/http would have.
func TestTheSameBytes(t *testing.T) {
	t.Parallel()
	head := func(unaided bool, request, text string) []string {
		h := newHall(t, func(h *hall) { h.unaided = unaided })
		c := h.dial(request)
		w := <-h.waits
		w.tell(text)
		<-w.done
		var lines []string
		for {
			line, err := c.r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if date, ok := strings.CutPrefix(line, "Date: "); ok {
				if _, err := http.ParseTime(strings.TrimSpace(date)); err != nil {
					t.Error(err)
				}
				line = "Date: \r\n"
			}
			if line == "\r\n" {
				break
			}
			lines = append(lines, line)
		}
		slices.Sort(lines[1:])
		body := make([]byte, len(text))
		if _, err := c.r.Read(body); err != nil {
			t.Fatal(err)
		}
		return append(lines, string(body))
	}
	for _, request := range []string{poll, strings.Replace(poll, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)} {
		want, got := head(true, request, "a word\n"), head(false, request, "a word\n")
		if !slices.Equal(got, want) {
			t.Errorf("from the lobby:\n%q\nfrom net/http:\n%q", got, want)
		}
	}
}

// TestOneConnectionForManyPolls: it goes into the lobby and back, with other calls in between.
func TestOneConnectionForManyPolls(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		h := newHall(t, by)
		c := h.dial("")
		for range 50 {
			c.send(poll)
			(<-h.waits).tell("a word")
			c.expect(200, "a word", false)
			c.send(other)
			a, from := c.answer()
			if from != c.LocalAddr().String() {
				t.Fatalf("the connection is from %s now, it was from %s", from, c.LocalAddr())
			}
			if want := map[bool]string{true: "yes", false: "no"}[h.config != nil]; a.Header.Get("Secure") != want {
				t.Fatalf("came by TLS: %q, want %q", a.Header.Get("Secure"), want)
			}
		}
	})
}

// TestWhatComesTooEarlyIsKept: requests behind a poll, sent with it or while it waits, are answered after it and in order.
func TestWhatComesTooEarlyIsKept(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		h := newHall(t, by)
		c := h.dial(poll + poll + other + poll)
		c.send(other) // perhaps before the first is parked, perhaps after
		(<-h.waits).tell("first")
		c.expect(200, "first", false)
		second := <-h.waits
		c.send(other)
		second.tell("second")
		c.expect(200, "second", false)
		c.expect(200, c.LocalAddr().String(), false)
		(<-h.waits).tell("third")
		c.expect(200, "third", false)
		c.expect(200, c.LocalAddr().String(), false)
		c.expect(200, c.LocalAddr().String(), false)
		if len(h.waits) != 0 {
			t.Errorf("%d polls more than were sent", len(h.waits))
		}
	})
}

// TestLooks: a ring is worth a look, whenever it comes, and no more than that.
func TestLooks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hold   time.Duration
		before func(w *wait)
		looked func(w *wait)
		after  func(w *wait)
		status int
		body   string
	}{
		"woken before it is parked": {hold: time.Hour, before: func(w *wait) { w.tell("a word") }, status: 200, body: "a word"},
		"woken for nothing":         {hold: 300 * time.Millisecond, after: func(w *wait) { w.tell("") }, status: 408, body: "over\n"},
		"woken for nothing, and then for something": {
			hold: time.Hour, after: func(w *wait) { w.tell(""); w.tell(""); w.tell("a word") }, status: 200, body: "a word",
		},
		"woken while it looks": { // which has seen nothing by then
			hold: time.Hour, before: func(w *wait) { w.tell("") },
			looked: func(w *wait) {
				if !w.told {
					w.told = true
					w.tell("a word")
				}
			},
			status: 200, body: "a word",
		},
		"never woken":                  {hold: 50 * time.Millisecond, status: 408, body: "over\n"},
		"its time is over as it looks": {hold: 50 * time.Millisecond, before: func(w *wait) { w.tell("") }, looked: func(*wait) { time.Sleep(100 * time.Millisecond) }, status: 408, body: "over\n"},
	} {
		byEach(t, func(t *testing.T, by func(*hall)) {
			h := newHall(t, by, func(h *hall) { h.hold, h.before, h.looked = tt.hold, tt.before, tt.looked })
			began := time.Now()
			c := h.dial(poll)
			w := <-h.waits
			if tt.after != nil {
				tt.after(w)
			}
			c.expect(tt.status, tt.body, false)
			if took := time.Since(began); tt.status == 408 && took < tt.hold {
				t.Errorf("%s: it was let go after %v, before %v", name, took, tt.hold)
			}
			w.tell("late") // after the answer: nothing happens
			c.send(other)
			c.expect(200, c.LocalAddr().String(), false)
		})
	}
}

// TestWhoLeavesIsFreed, however.
func TestWhoLeavesIsFreed(t *testing.T) {
	t.Parallel()
	reset := func(c *client) {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
	byEach(t, func(t *testing.T, by func(*hall)) {
		for name, leave := range map[string]func(*client){
			"closed": func(c *client) { _ = c.Close() }, "reset": reset, "closed with a request on the way": func(c *client) { c.send(other); _ = c.Close() },
		} {
			h := newHall(t, by)
			c := h.dial(poll)
			<-h.waits
			leave(c)
			if over := <-h.ended; !over {
				t.Errorf("%s: the poll ended with an answer", name)
			}
			h.none()
			idle := h.dial(poll)
			(<-h.waits).tell("a word")
			idle.expect(200, "a word", false)
			leave(idle)
			h.none()
		}
	})
}

// TestHalfClosed: a client that has nothing more to say is answered and let go, as by net/http.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.dial(poll)
	<-h.waits
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.expect(408, "over\n", true)
	c.ends()
	h.none()
}

// TestNotForTheLobby: who could not be answered from there as from net/http stays with net/http.
func TestNotForTheLobby(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"HTTP/1.0":            "GET /poll HTTP/1.0\r\n\r\n",
		"HEAD":                "HEAD /poll HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET with a body":     "GET /poll HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345",
		"a body in part read": "POST /poll HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n1234567",
		"PUT with a body":     "PUT /poll HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345",
	} {
		h := newHall(t)
		c := h.dial(request)
		w := <-h.waits
		if h.open.Load() != 0 {
			t.Errorf("%s: it is in the lobby", name)
		}
		w.tell("a word")
		if a, err := http.ReadResponse(c.r, &http.Request{Method: strings.Fields(request)[0]}); err != nil || a.StatusCode != 200 {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
	h := newHall(t)
	c := h.dial("POST /poll HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345" + other)
	w := <-h.waits
	if h.open.Load() != 1 {
		t.Error("a POST whose body was read to its end is not in the lobby")
	}
	w.tell("a word")
	c.expect(200, "a word", false)
	c.expect(200, c.LocalAddr().String(), false)
}

// TestLastRequest: a client that wants its connection closed after the answer has that.
func TestLastRequest(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		h := newHall(t, by)
		for _, more := range []string{"", other} { // what comes after the last request is not answered, and takes no answer away
			c := h.dial("GET /poll HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + more)
			(<-h.waits).tell("a word")
			c.expect(200, "a word", true)
			c.ends()
		}
		h.none()
	})
}

// TestIdle: a connection is kept for so long after an answer, and not at all where files run short.
func TestIdle(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		h := newHall(t, by, func(h *hall) { h.idle = 50 * time.Millisecond })
		c := h.dial(poll)
		(<-h.waits).tell("a word")
		c.expect(200, "a word", false)
		c.ends()

		h = newHall(t, by)
		idle, held := h.dial(poll), h.dial("")
		(<-h.waits).tell("a word")
		idle.expect(200, "a word", false)
		held.send(poll)
		w := <-h.waits
		h.lobby.KeepAlive(false)
		idle.ends()
		w.tell("a word")
		held.expect(200, "a word", true)
		held.ends()
		h.none()
		h.lobby.KeepAlive(true)
		again := h.dial(poll)
		(<-h.waits).tell("a word")
		again.expect(200, "a word", false)

		// Files run short while an answer is made that promises to keep its connection.
		var first *client
		h = newHall(t, by, func(h *hall) {
			h.looked = func(w *wait) {
				if first != nil {
					h.lobby.KeepAlive(false)
					first.ends() // those that are idle have been seen to
				}
			}
		})
		before := h.dial(poll)
		(<-h.waits).tell("a word")
		before.expect(200, "a word", false)
		kept := h.dial(poll)
		first = before
		(<-h.waits).tell("a word")
		kept.expect(200, "a word", false)
		kept.ends()
	})
}

// TestClosing: everybody is answered, who comes then too, and once the server stops nobody is left.
func TestClosing(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		const many = 100
		h := newHall(t, by)
		idle := h.dial(poll)
		(<-h.waits).tell("a word")
		idle.expect(200, "a word", false)
		var held []*client
		for range many {
			held = append(held, h.dial(poll))
			<-h.waits
		}
		close(h.closing)
		for _, c := range held {
			c.expect(408, "over\n", true)
			c.ends()
		}
		late := h.dialBehind("")
		late.send(poll)
		late.expect(408, "over\n", true)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := h.server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		h.lobby.Wait(ctx)
		select {
		case <-h.ran:
		case <-ctx.Done():
			t.Error("Run does not end after the shutdown")
		}
		idle.ends()
		h.none()
	})
}

// TestWhoIsSlowHoldsNobodyUp: answers that take long, more of them than are made at once, delay no other.
func TestWhoIsSlowHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	h := newHall(t, func(h *hall) {
		h.looked = func(w *wait) {
			if !w.told {
				<-release
			}
		}
	})
	var slow []*client
	for range 70 {
		slow = append(slow, h.dial(poll))
		(<-h.waits).tell("late")
	}
	c := h.dial(poll)
	w := <-h.waits
	w.told = true
	w.tell("a word")
	c.expect(200, "a word", false)
	close(release)
	for _, c := range slow {
		c.expect(200, "late", false)
	}
}

// TestCountedOnce: a connection counts as one of its network through its whole life, and is still from whom its proxy said.
func TestCountedOnce(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		proxies, _ := front.ParseNetwork("127.0.0.1")
		bound := &front.Connections{PerClient: 2, Proxies: front.Proxies{}}
		h := newHall(t, by, func(h *hall) {
			h.wrap = func(l net.Listener) net.Listener {
				return bound.Bound(front.BehindProxies(l, front.Proxies{proxies}, time.Second))
			}
		})
		const from = "203.0.113.1"
		open := func() *client { return h.dialBehind("PROXY TCP4 " + from + " 127.0.0.1 4711 80\r\n") }
		first, second := open(), open()
		for range 5 {
			for _, c := range []*client{first, second} {
				c.send(poll)
				(<-h.waits).tell("a word")
				c.expect(200, "a word", false)
				c.send(other)
				c.expect(200, from+":4711", false)
			}
		}
		if open().served() {
			t.Error("a third connection is served, where two are allowed")
		}
		_ = second.Close()
		for end := time.Now().Add(10 * time.Second); !open().served(); { // until the server has seen it
			if time.Now().After(end) {
				t.Fatal("there is never room again")
			}
		}
		if open().served() {
			t.Error("closing one made room for two")
		}
	})
}

// TestNothingIsLeft: 2,000 polls of all fates leave no goroutine and no file behind.
func TestNothingIsLeft(t *testing.T) { // not parallel: every goroutine and file is one of this test
	none := goleak.IgnoreCurrent()
	files := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("needs /proc to count files")
		}
		return len(all)
	}
	before := files()
	t.Run("2,000 polls", func(t *testing.T) {
		h := newHall(t)
		for range 20 {
			var held []*client
			for range 100 {
				held = append(held, h.dial(poll))
			}
			for i := range held {
				w := <-h.waits
				if i%2 == 0 {
					w.tell("a word")
					<-w.done
				}
			}
			for _, c := range held {
				_ = c.Close()
			}
			h.none()
		}
	})
	goleak.VerifyNone(t, none)
	if after := files(); after > before {
		t.Errorf("%d files are open, %d were before", after, before)
	}
}
