package polls

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
)

// This file is about the next request of a guest that was answered. Mostly its client asks the same again, in the same
// bytes. net/http has read these very bytes on this very connection before, found nothing wrong with them and called the
// handler for them: what it would do with them is known. So the handler is called without it, and everything else about
// a request (limits, counting, logging, the answer) is as it was. What differs in one byte, or comes in pieces, goes to net/http.
//
// Bytes are compared by their SHA-256, which nobody can find two requests for; behind a proxy, one connection carries the
// requests of many.

// mostAsked is the longest request that is compared; in bytes. Longer ones go to net/http.
const mostAsked = 4 << 10

// mostRecord is the room for what such a request comes in by TLS, with what crypto/tls wants to have behind it; in bytes.
const mostRecord = mostAsked + 1<<10

// hear reads what came on the connection of g, and answers or parks it if it is the same request as before.
func (h *hand) hear(g *Guest, last bool) outcome {
	t, secret := g.conn.(*tls.Conn)
	n, whole := h.read(g.conn, t)
	if n == 0 {
		return lost
	}
	asked := h.in[:n]
	if !whole || sha256.Sum256(asked) != g.asked { // something else, or more behind it
		g.before = bytes.Clone(asked)
		return foreign
	}
	h.bytes.Reset(asked)
	h.lines.Reset(&h.bytes)
	r, err := http.ReadRequest(h.lines)
	if err != nil {
		g.before = bytes.Clone(asked)
		return foreign
	}
	r.RemoteAddr = g.conn.RemoteAddr().String()
	if secret {
		h.state = t.ConnectionState()
		r.TLS = &h.state
	}
	w := h.reply.begin(g, nil)
	if !h.serve(w, r) {
		return lost
	}
	if w.parked {
		return parked
	}
	return g.write(w, last)
}

// read reads what came on c, which t is if it is by TLS: then by way of a room of the hand's own, so that none is made for each
// request and kept with each connection. It reports whether that is all, as far as one can know. That c ended, or was cut, is
// nothing to tell anybody.
func (h *hand) read(c net.Conn, t *tls.Conn) (n int, whole bool) {
	if t == nil {
		n, _ = c.Read(h.in[:])
		return n, true
	}
	if h.room == nil {
		h.room = make([]byte, mostRecord)
	}
	in := h.lobby.places.of(t)
	in.lend(h.room)
	n, _ = t.Read(h.in[:])
	if whole = in.slim(); !whole {
		h.room = nil // the connection goes on with it
	}
	return n, whole
}

// serve calls the handler. It gives false for a panic, which ends the connection as in net/http.
func (h *hand) serve(w *reply, r *http.Request) (done bool) {
	server := h.lobby.Server
	defer func() {
		p := recover()
		if err, ok := p.(error); p != nil && !(ok && errors.Is(err, http.ErrAbortHandler)) && server.ErrorLog != nil {
			server.ErrorLog.Printf("panic serving %s: %v\n%s", r.RemoteAddr, p, debug.Stack())
		}
	}()
	server.Handler.ServeHTTP(w, r)
	return true
}

// returned is a connection that was in the Lobby, on its way back to net/http: its Read gives what was read already first.
type returned struct {
	net.Conn
	before []byte
	sum    [sha256.Size]byte // of before, as it was

	more  bool // something was read after before; its reader's own
	wrote bool // something was written; its writer's own
	alone bool // before is one request, and nothing else was read or written: set by visit
}

// A visitor is a returned, by TLS or not.
type visitor interface{ visit() *returned }

// visit takes it back from net/http, which is done with it. A request that was read in one piece, is answered with nothing
// yet and has nothing behind it, is before.
func (c *returned) visit() *returned {
	c.alone = !c.more && !c.wrote
	return c
}

// Read implements net.Conn.
func (c *returned) Read(p []byte) (int, error) {
	if len(c.before) == 0 {
		n, err := c.Conn.Read(p)
		c.more = c.more || n > 0
		return n, err
	}
	n := copy(p, c.before)
	if c.before = c.before[n:]; len(c.before) == 0 {
		c.before = nil
	}
	return n, nil
}

// Write implements net.Conn.
func (c *returned) Write(p []byte) (int, error) {
	c.wrote = true
	return c.Conn.Write(p)
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
	r := &returned{Conn: g.conn, before: g.before, sum: sha256.Sum256(g.before)}
	if t, ok := g.conn.(*tls.Conn); ok {
		return secured{r, t}
	}
	return r
}
