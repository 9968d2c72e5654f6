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

// encodeOne answers with an object of one member whose name needs no escape, byte for byte as encode would.
func encodeOne(w http.ResponseWriter, name, value string) error {
	if !plainly(value) {
		return encode(w, http.StatusOK, map[string]string{name: value})
	}
	p := borrowPage()
	defer p.giveBack()
	b := append(append(append(p.AvailableBuffer(), `{"`...), name...), `":"`...)
	b = append(append(b, value...), "\"}\n"...)
	_, _ = p.Write(b) // never fails
	write(w, http.StatusOK, "application/json", p.Bytes())
	return nil
}

// measured is the length in bytes from which on an answer has to say by itself how long it is; net/http says it of shorter ones,
// which it holds back until the handler is done, and with a ninth head its map of heads would cost twice as much.
const measured = 2 << 10

// write answers with body, which is all of the answer. What the connection says about it is of no use to anybody: the caller is gone.
func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	put(w, "Content-Type", contentType)
	if len(body) >= measured {
		put(w, "Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// put sets a head. Its name is written as CanonicalHeaderKey has it.
func put(w http.ResponseWriter, name, value string) {
	r, ok := w.(*response)
	if !ok || r.heads == len(r.room) {
		w.Header()[name] = []string{value}
		return
	}
	i := r.heads
	r.heads++
	r.room[i] = value
	w.Header()[name] = r.room[i : i+1 : i+1] // who adds to it moves away from the others
}

// noContent answers with 204.
func noContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}
