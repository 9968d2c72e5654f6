package polls

import (
	"bytes"
	"net/http"
	"strconv"
)

// run does what may take time, on a goroutine that ends with it.
func (g *Guest) run(what func()) { go what() }

// tell makes the answer of g and writes it. Run is told how it went.
func (g *Guest) tell(over, last bool) {
	w := &reply{header: g.unflat(), status: http.StatusOK}
	done, kept := g.answer(w, over), false
	if done {
		_, err := g.conn.Write(w.bytes(g.lobby.Now().UTC().Format(http.TimeFormat), last))
		kept = err == nil && !last
	}
	g.lobby.push(event{kind: told, g: g, done: done, kept: kept})
}

// hangUp closes the connection: by TLS a goodbye is written first, which may wait for the client.
func (g *Guest) hangUp() { g.run(func() { _ = g.conn.Close() }) }

// unflat gives the header back.
func (g *Guest) unflat() http.Header {
	h := make(http.Header, len(g.header)/2)
	for i := 0; i < len(g.header); i += 2 {
		h[g.header[i]] = append(h[g.header[i]], g.header[i+1])
	}
	return h
}

// A reply is an answer that is written in one piece, as net/http would have written it. It is small: what is large is not
// waited for.
type reply struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *reply) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *reply) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
}

// Write implements http.ResponseWriter.
func (w *reply) Write(b []byte) (int, error) {
	w.wrote = true
	return w.body.Write(b)
}

// bytes gives the answer as it goes over the wire (RFC 9112). last says that the connection ends with it.
func (w *reply) bytes(date string, last bool) []byte {
	var out bytes.Buffer
	out.Grow(1 << 10)
	out.WriteString("HTTP/1.1 " + strconv.Itoa(w.status) + " " + http.StatusText(w.status) + "\r\n")
	if w.status != http.StatusNoContent && w.header["Content-Length"] == nil {
		w.header["Content-Length"] = []string{strconv.Itoa(w.body.Len())}
	}
	if w.header["Date"] == nil {
		w.header["Date"] = []string{date}
	}
	if last {
		w.header["Connection"] = []string{"close"}
	}
	_ = w.header.Write(&out) // a buffer takes everything
	out.WriteString("\r\n")
	out.Write(w.body.Bytes())
	return out.Bytes()
}
