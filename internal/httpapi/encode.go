package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
)

// A page is a reusable buffer with its encoder. HTML is not escaped: & stands as itself in a login_url, for people who
// read it off a terminal.
type page struct {
	bytes.Buffer
	json *json.Encoder
}

// pages are buffers to reuse: one for every call in flight.
var pages = sync.Pool{New: func() any {
	p := &page{}
	p.json = json.NewEncoder(&p.Buffer)
	p.json.SetEscapeHTML(false)
	return p
}}

// maxKept is the largest buffer that goes back to the pool, in bytes.
const maxKept = 64 << 10

func borrowPage() *page {
	p := pages.Get().(*page) // nothing else is put in
	p.Reset()
	return p
}

func (p *page) giveBack() {
	if p.Cap() <= maxKept {
		pages.Put(p)
	}
}

// encode answers with v as JSON. An error means that nothing was written.
func encode(w http.ResponseWriter, status int, v any) error {
	p := borrowPage()
	defer p.giveBack()
	if err := p.json.Encode(v); err != nil {
		return err
	}
	write(w, status, "application/json", p.Bytes())
	return nil
}

// write answers with body. What the connection says about it is of no use to anybody: the caller is gone.
func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	put(w.Header(), "Content-Type", contentType, "Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// put sets heads, given by turns as name and value, in one allocation. The names are written as CanonicalHeaderKey has them.
func put(h http.Header, pairs ...string) {
	values := make([]string, len(pairs)/2)
	for i := range values {
		values[i] = pairs[2*i+1]
		h[pairs[2*i]] = values[i : i+1 : i+1] // who adds to one moves away from the others
	}
}

// noContent answers with 204.
func noContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}
