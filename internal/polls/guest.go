package polls

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

// A Guest is one poll in the Lobby, from before its handler looks for the first time until its connection goes on. When its
// client asks again it is the same Guest.
type Guest struct {
	lobby  *Lobby
	conn   net.Conn
	before []byte            // what came on conn behind the request and was read with it
	asked  [sha256.Size]byte // of the request, every byte of it; zero if nobody has seen them
	hold   time.Duration
	header []string // of the answer, as names and values by turns: half the size of a http.Header; then room for the next one's
	answer Answer   // nil once it is given

	// Under the Lobby's lock, from when the Guest is parked.
	n     uint64
	state state
	known bool // conn was watched before
	armed bool // conn is watched, and nothing happened since
	early bool // bytes have come, which are the next request's
	gone  bool // the client has left
	spent bool // no more waiting
	rung  bool // another look is owed
	last  bool // its client asked for the connection to be closed after the answer
	alarm alarm
}

// An Answer writes the answer of a poll and reports true, or writes nothing and reports false, if there is nothing to say yet.
// It is called each time that the poll is woken, and with over when there must be an answer. w has the header as it was when
// the poll was parked.
type Answer func(w http.ResponseWriter, over bool) bool

// An alarm is when something is late, in a line of others that have as long.
type alarm struct {
	at    time.Time
	line  *list.List
	place *list.Element // nil: there is none
}

// Guest gives who can wait here for the answer to r, or nil for whom net/http must keep: whoever speaks something else than
// HTTP/1.1, or has sent a body that was not read to its end.
func (l *Lobby) Guest(w http.ResponseWriter, r *http.Request) *Guest {
	behind, ok := behind(w)
	if l == nil || !ok || r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.Method == http.MethodHead || w.Header().Get("Connection") != "" {
		return nil
	}
	if r.TLS != nil && !l.transparent {
		return nil
	}
	if r.Body != http.NoBody {
		if r.Method != http.MethodPost { // of others nobody has read it, and to try could take long
			return nil
		}
		if n, err := r.Body.Read(make([]byte, 1)); n > 0 || err != io.EOF {
			return nil
		}
	}
	if behind != nil {
		return behind.guest
	}
	return &Guest{lobby: l, last: r.Close}
}

// behind gives what w writes to: a reply of ours when a guest asks again, and nil when it is a connection of net/http that
// can be had.
func behind(w http.ResponseWriter) (again *reply, ok bool) {
	for {
		switch v := w.(type) {
		case *reply:
			return v, v.guest != nil
		case http.Hijacker:
			return nil, true
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil, false
		}
	}
}

// Wake has the poll look again. It may be called at any time, before Park and after the answer too.
func (g *Guest) Wake() {
	l := g.lobby
	l.mu.Lock()
	defer l.mu.Unlock()
	g.rung = true
	l.turnTo(g)
}

// Park takes the connection of w over, until answer has answered, after hold at the latest. If it gives false, nothing
// happened; else the handler must not touch w any more.
func (g *Guest) Park(w http.ResponseWriter, hold time.Duration, answer Answer) bool {
	header := flat(g.header[:0], w.Header())
	again, _ := behind(w)
	if again == nil && !g.takeOver(w) {
		return false
	}
	g.header, g.answer, g.hold = header, answer, hold
	if again != nil {
		again.parked = true // whoever has called the handler goes on with that
	} else {
		g.lobby.welcome(g)
	}
	return true
}

// takeOver gets the connection from net/http, with what was read of it and not used.
func (g *Guest) takeOver(w http.ResponseWriter) bool {
	conn, unread, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	before, _ := unread.Reader.Peek(unread.Reader.Buffered())
	g.before = bytes.Clone(before)
	if v, ok := conn.(visitor); ok {
		back := v.visit()
		if back.alone { // with more behind it, it goes back to net/http
			g.asked = back.sum
		}
		g.known, g.before, conn = true, append(g.before, back.before...), back.Conn
	}
	g.early = len(g.before) > 0
	if t, ok := conn.(*tls.Conn); ok && !g.lobby.places.of(t).slim() {
		g.early = true
	}
	g.conn = conn
	return true
}

// flat gives a header as names and values by turns, in out if there is room.
func flat(out []string, h http.Header) []string {
	out = slices.Grow(out, 2*len(h))
	for name, values := range h {
		for _, v := range values {
			out = append(out, name, v)
		}
	}
	return out
}
