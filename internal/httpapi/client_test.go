package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A reply is an answer, read to its end.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

func (w *world) get(path string, q url.Values, header ...string) reply {
	w.t.Helper()
	return w.send(http.MethodGet, path, q, "", "", header...)
}

func (w *world) post(path string, q url.Values, b body, header ...string) reply {
	w.t.Helper()
	raw, err := json.Marshal(b)
	w.must(err)
	return w.send(http.MethodPost, path, q, "application/json", string(raw), header...)
}

func (w *world) form(f url.Values, header ...string) reply {
	w.t.Helper()
	return w.send(http.MethodPost, "/api/oauth2/token", nil, "application/x-www-form-urlencoded", f.Encode(), header...)
}

// send sends anything. header is pairs.
func (w *world) send(method, path string, q url.Values, contentType, raw string, header ...string) reply {
	w.t.Helper()
	target := "http://127.0.0.1" + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, target, strings.NewReader(raw))
	w.must(err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return w.do(r)
}

func (w *world) do(r *http.Request) reply {
	w.t.Helper()
	answer, err := w.http.Do(r)
	w.must(err)
	defer func() { _ = answer.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(answer.Body); err != nil {
		w.t.Fatal(err)
	}
	return reply{w.t, answer.StatusCode, answer.Header, b.Bytes()}
}

// ok wants a 200 and decodes it.
func (r reply) ok(v any) {
	r.t.Helper()
	if r.status != http.StatusOK {
		r.t.Fatalf("status %d, want 200: %s", r.status, r.body)
	}
	if err := json.Unmarshal(r.body, v); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
}

// is wants a status without a body.
func (r reply) is(status int) {
	r.t.Helper()
	if r.status != status || len(r.body) > 0 {
		r.t.Fatalf("status %d, want %d and no body: %s", r.status, status, r.body)
	}
}

// fails wants an envelope and gives its details.
func (r reply) fails(status int, code string) map[string]string {
	r.t.Helper()
	var e struct {
		Error struct {
			Code    string
			Details map[string]string
		}
	}
	if err := json.Unmarshal(r.body, &e); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
	if r.status != status || e.Error.Code != code {
		r.t.Fatalf("status %d with code %q, want %d with %q: %s", r.status, e.Error.Code, status, code, r.body)
	}
	return e.Error.Details
}
