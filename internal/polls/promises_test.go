package polls_test

import (
	"net"
	"net/http"
	"testing"
	"time"
)

// TestDateIsNow, in the one zone that HTTP has, wherever the server stands.
func TestDateIsNow(t *testing.T) {
	t.Parallel()
	h := newHall(t, func(h *hall) {
		h.wrap = func(l net.Listener) net.Listener {
			h.lobby.Now = func() time.Time { return time.Now().In(time.FixedZone("far", 5*60*60)) }
			return l
		}
	})
	c := h.dial(poll)
	(<-h.waits).tell("a word")
	a, _ := c.answer()
	date, err := http.ParseTime(a.Header.Get("Date"))
	if off := time.Since(date); err != nil || off < -time.Minute || off > time.Minute {
		t.Errorf("the Date is %q, %v from now (%v)", a.Header.Get("Date"), off, err)
	}
}

// blind is a listener whose connections nobody can watch: no system knows what they are.
type blind struct{ net.Listener }

func (l blind) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return struct{ net.Conn }{c}, err
}

// TestWhatCannotBeWatchedDoesNotWait: nobody would see its client leave.
func TestWhatCannotBeWatchedDoesNotWait(t *testing.T) {
	t.Parallel()
	h := newHall(t, func(h *hall) { h.wrap = func(l net.Listener) net.Listener { return blind{l} } })
	c := h.dial(poll)
	c.expect(408, "over\n", true)
	c.ends()
	h.none()
}

// TestFarewell: where something came behind the last request, the connection ends only when the answer has had time to arrive:
// the end would come as a reset, which may overtake it.
func TestFarewell(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.dial("GET /poll HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + other) // is not answered any more
	w := <-h.waits
	began := time.Now()
	w.tell("a word")
	c.expect(200, "a word", true)
	if b, err := c.r.ReadByte(); err == nil {
		t.Errorf("the connection goes on with %q", b)
	}
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("it ended %v after the answer", took)
	}
	h.none()
}

// TestOneConnectionIsNotTakenForAnother: the system gives the number of a file that was closed to the next one. What is still said of
// the first is not done to the second.
func TestOneConnectionIsNotTakenForAnother(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	for range 300 {
		first := h.dial(poll)
		left := <-h.waits
		_ = first.Close()
		left.wake()
		next := h.dial(poll)
		w := <-h.waits
		left.wake()
		w.tell("a word")
		next.expect(200, "a word", false)
		left.wake()
		next.send(other)
		next.expect(200, next.LocalAddr().String(), false)
		_ = next.Close()
	}
	h.none()
}

// TestOfNoMoreUse: what an answered poll waited for does nothing to its connection once that is net/http's again.
func TestOfNoMoreUse(t *testing.T) {
	t.Parallel()
	h := newHall(t, func(h *hall) { h.hold, h.idle = 300*time.Millisecond, 300*time.Millisecond })
	c := h.dial(poll)
	w := <-h.waits
	w.tell("a word")
	c.expect(200, "a word", false)
	began := time.Now()
	c.send(other[:len(other)-2]) // goes to net/http, which waits for the rest
	time.Sleep(time.Until(began.Add(700 * time.Millisecond)))
	w.wake()
	c.send(other[len(other)-2:])
	c.expect(200, c.LocalAddr().String(), false)
	h.none()
}

// TestAnswerToNobody: a client that leaves while its answer is made leaves nothing behind, and holds nobody up.
func TestAnswerToNobody(t *testing.T) {
	t.Parallel()
	byEach(t, func(t *testing.T, by func(*hall)) {
		h := newHall(t, by)
		for range 20 {
			c := h.dial(poll)
			w := <-h.waits
			go func() { _ = c.Close() }()
			w.tell("a word") // perhaps before the client is seen to leave, perhaps after
			<-w.done
		}
		h.none()
		c := h.dial(poll)
		(<-h.waits).tell("a word")
		c.expect(200, "a word", false)
		c.send(other)
		c.expect(200, c.LocalAddr().String(), false)
	})
}
