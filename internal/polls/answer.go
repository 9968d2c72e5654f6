package polls

import (
	"bytes"
	"net/http"
	"strconv"
)

// tell makes the answer of g and writes it.
func (h *hand) tell(g *Guest, over, last bool) outcome {
	w := h.reply.begin(nil, g.header)
	if !g.answer(w, over) {
		return silent
	}
	return g.write(w, last)
}

// write sends an answer. last says that the connection ends with it.
func (g *Guest) write(w *reply, last bool) outcome {
	g.header, g.answer = g.header[:0], nil
	last = last || w.header.Get("Connection") == "close"
	if _, err := g.conn.Write(w.bytes(g.lobby.Now().UTC().Format(http.TimeFormat), last)); err != nil || last {
		return saidLast
	}
	return said
}

// A reply is an answer that is written in one piece, as net/http would have written it. It is small: what is large is not
// waited for. It is used again and again.
type reply struct {
	guest  *Guest // whose request it answers, if that may be parked instead
	parked bool   // it was

	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
	whole  bytes.Buffer
}

// begin makes w new, with a header of names and values by turns.
func (w *reply) begin(g *Guest, header []string) *reply {
	if w.header == nil {
		w.header = make(http.Header, len(header)/2+4)
	}
	clear(w.header)
	for i := 0; i < len(header); i += 2 {
		w.header[header[i]] = append(w.header[header[i]], header[i+1])
	}
	w.guest, w.parked, w.status, w.wrote = g, false, http.StatusOK, false
	w.body.Reset()
	return w
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

// bytes gives the answer as it goes over the wire (RFC 9112), until w is used again. last says that the connection ends
// with it.
func (w *reply) bytes(date string, last bool) []byte {
	out := &w.whole
	out.Reset()
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
	_ = w.header.Write(out) // a buffer takes everything
	out.WriteString("\r\n")
	out.Write(w.body.Bytes())
	return out.Bytes()
}
