package polls

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// A Guest is one poll in the Lobby, from before its handler looks for the first time until its connection goes on.
type Guest struct {
	lobby  *Lobby
	conn   net.Conn
	before []byte   // what came on conn behind the request and was read with it
	header []string // of the answer, as names and values by turns: half the size of a http.Header
	answer Answer

	// Run's own, from when the Guest is parked.
	n       uint64
	state   state
	known   bool // conn was watched before
	armed   bool // conn is watched, and nothing happened since
	early   bool // bytes have come, which are the next request's
	gone    bool // the client has left
	spent   bool // no more waiting
	rung    bool // another look is owed
	last    bool // its client asked for the connection to be closed after the answer
	spilled bool // its answer is not quick, and not counted any more
	turn    uint64
	hold    *time.Timer // how long it waits
	alarm   *time.Timer // how long anything else takes
}

// An Answer writes the answer of a poll and reports true, or writes nothing and reports false, if there is nothing to say yet.
// It is called each time that the poll is woken, and with over when there must be an answer. w has the header as it was when
// the poll was parked.
type Answer func(w http.ResponseWriter, over bool) bool

type state int

const (
	arriving state = iota
	waiting
	due       // to be answered
	answering // elsewhere
	idle      // answered
	leaving   // answered, to be closed in a moment
	left
)

// A sighting is what the system says of a connection.
type sighting int

const (
	moved sighting = iota // bytes came
	gone                  // its client's side ended
)

// Guest gives who can wait here for the answer to r, or nil for whom net/http must keep: whoever speaks something else than
// HTTP/1.1, or has sent a body that was not read to its end.
func (l *Lobby) Guest(w http.ResponseWriter, r *http.Request) *Guest {
	if l == nil || r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.Method == http.MethodHead || !hijackable(w) || w.Header().Get("Connection") != "" {
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
	return &Guest{lobby: l, last: r.Close}
}

// hijackable reports whether there is a connection behind w that can be had.
func hijackable(w http.ResponseWriter) bool {
	for {
		switch v := w.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return false
		}
	}
}

// Wake has the poll look again. It may be called at any time, before Park and after the answer too.
func (g *Guest) Wake() { g.lobby.push(event{kind: woken, g: g}) }

// Park takes the connection of w over, until answer has answered, after hold at the latest. If it gives false, nothing
// happened; else the handler must not touch w any more.
func (g *Guest) Park(w http.ResponseWriter, hold time.Duration, answer Answer) bool {
	header := flat(w.Header())
	conn, unread, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	before, _ := unread.Reader.Peek(unread.Reader.Buffered())
	g.before = bytes.Clone(before)
	if v, ok := conn.(visitor); ok {
		back := v.visit()
		g.known, g.before, conn = true, append(g.before, back.before...), back.Conn
	}
	if t, ok := conn.(*tls.Conn); ok {
		slim(t)
	}
	g.conn, g.header, g.answer = conn, header, answer
	if g.lobby.Holds != nil {
		g.lobby.Holds(+1)
	}
	g.hold = time.AfterFunc(hold, func() { g.lobby.push(event{kind: over, g: g}) })
	g.lobby.push(event{kind: parked, g: g})
	return true
}

// flat gives a header as names and values by turns.
func flat(h http.Header) []string {
	out := make([]string, 0, 2*len(h)+2)
	for name, values := range h {
		for _, v := range values {
			out = append(out, name, v)
		}
	}
	return out
}

// returned is a connection that was in the Lobby, on its way back to net/http: its Read gives what was read too early first.
type returned struct {
	net.Conn
	before []byte
}

// A visitor is a returned, by TLS or not.
type visitor interface{ visit() *returned }

func (c *returned) visit() *returned { return c }

// Read implements net.Conn.
func (c *returned) Read(p []byte) (int, error) {
	if len(c.before) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.before)
	if c.before = c.before[n:]; len(c.before) == 0 {
		c.before = nil
	}
	return n, nil
}

// secured is a returned by TLS, which net/http asks it for.
type secured struct {
	*returned
	tls *tls.Conn
}

// ConnectionState is what becomes of http.Request.TLS.
func (c secured) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// backFrom gives the connection of g as net/http gets it.
func (g *Guest) backFrom() net.Conn {
	r := &returned{g.conn, g.before}
	if t, ok := g.conn.(*tls.Conn); ok {
		return secured{r, t}
	}
	return r
}
