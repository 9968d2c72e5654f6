// Package form is the room that reads what OAuth 2.0 clients post: form bodies, and who the client says it is. The ways in
// that speak OAuth 2.0 (httpapi, oidc) share it, so that a request means the same to both. It keeps nothing.
package form

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey"
)

// maxBody is the largest body that is read, in bytes (design.md §8).
const maxBody = 64 << 10

// DeviceGrant is the grant type of a device that asks whether its person has answered (RFC 8628 §3.4).
const DeviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// A Form is the parameters of a form body, or of a query, that have a value.
type Form map[string]string

// Read reads an application/x-www-form-urlencoded body. A parameter without a value counts as absent, and none may come
// twice (RFC 6749 §3.2). A body without a type is taken for the right one.
//
// Errors: UnsupportedMedia, TooLarge, Malformed.
func Read(w http.ResponseWriter, r *http.Request) (Form, error) {
	body, err := read(w, r)
	if err != nil {
		return nil, err
	}
	if f, ok := plain(body); ok {
		return f, nil
	}
	values, err := parse(body)
	if err != nil {
		return nil, err
	}
	return Of(values)
}

// Values is Read for whoever must look at a form with a parameter that comes twice.
// Errors: UnsupportedMedia, TooLarge, Malformed.
func Values(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	body, err := read(w, r)
	if err != nil {
		return nil, err
	}
	return parse(body)
}

// bodies are buffers to reuse: one for every form that is being read.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func read(w http.ResponseWriter, r *http.Request) (string, error) {
	const want = "application/x-www-form-urlencoded"
	given, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if given = strings.TrimSpace(given); given != "" && !strings.EqualFold(given, want) {
		return "", &latchkey.Error{Code: latchkey.UnsupportedMedia, Message: "The content type of this call is " + want + "."}
	}
	if r.ContentLength > maxBody {
		return "", latchkey.TooLarge
	}
	buf, _ := bodies.Get().(*bytes.Buffer) // the pool holds nothing else
	defer bodies.Put(buf)
	buf.Reset()
	body := r.Body
	if r.ContentLength < 0 { // of a length that is known net/http gives no more than that
		body = http.MaxBytesReader(w, body, maxBody)
	}
	_, err := buf.ReadFrom(body)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return "", latchkey.TooLarge
	}
	if err != nil {
		return "", malformed("The body could not be read to its end.")
	}
	return buf.String(), nil
}

func parse(body string) (url.Values, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, malformed("The body is not a form.")
	}
	return values, nil
}

// plain reads a body of the kind that clients send, a few parameters with a value, each once, without the lists and the second map
// that url.ParseQuery and Of make. It gives up, with false, at anything else: what is allowed and what a mistake is called follow
// from those two alone.
func plain(body string) (Form, bool) {
	const most = 16
	if strings.Count(body, "&") >= most || strings.IndexByte(body, ';') >= 0 {
		return nil, false
	}
	f := Form{}
	for body != "" {
		var part string
		part, body, _ = strings.Cut(body, "&")
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || f[name] != "" {
			return nil, false
		}
		if value, err = url.QueryUnescape(value); err != nil || value == "" || !storable(value) {
			return nil, false
		}
		f[name] = value
	}
	return f, true
}

// storable reports text that every store and every message can carry: UTF-8 without NUL.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Of gives the parameters of values, by the same rules.
// Errors: Malformed.
func Of(values url.Values) (Form, error) {
	f := Form{}
	for name, all := range values {
		switch {
		case len(all) > 1:
			return nil, malformed("A parameter comes twice.")
		case !storable(all[0]):
			return nil, malformed("A value is not UTF-8, or has a NUL in it.")
		case all[0] != "":
			f[name] = all[0]
		}
	}
	return f, nil
}

// Required gives a parameter. Errors: Malformed.
func (f Form) Required(name string) (string, error) {
	if f[name] == "" {
		return "", &latchkey.Error{Code: latchkey.Malformed, Field: name, Message: "This parameter is required."}
	}
	return f[name], nil
}

// A Client is who the client says it is, and how it means to prove it.
type Client struct {
	ID        latchkey.ClientID // zero where only an assertion tells
	Secret    latchkey.Secret   // empty: none presented
	Assertion latchkey.Secret   // a JWT that the client signed (RFC 7523 §2.2); empty: none presented
}

// assertionType is the one kind of assertion that is known (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Client reads who the client says it is: from the form, from HTTP Basic, whose two parts are form-encoded (RFC 6749
// §2.3.1), or from an assertion, but from one of them only (§2.3).
//
// Errors: Malformed, UnknownClient.
func (f Form) Client(r *http.Request) (Client, error) {
	id, c := f["client_id"], Client{Secret: latchkey.Secret(f["client_secret"]), Assertion: latchkey.Secret(f["client_assertion"])}
	user, password, basic := r.BasicAuth()
	kind := f["client_assertion_type"]
	switch {
	case (kind != "" || c.Assertion != "") && (basic || c.Secret != ""):
		return Client{}, malformed("The client authenticates by an assertion or by a secret, not by both.")
	case kind != "" && kind != assertionType:
		return Client{}, &latchkey.Error{Code: latchkey.UnknownClient, Field: "client_assertion_type", Message: "The type is " + assertionType + "."}
	case (kind == "") != (c.Assertion == ""):
		return Client{}, malformed("client_assertion and client_assertion_type come together.")
	}
	if basic {
		user, err1 := url.QueryUnescape(user)
		password, err2 := url.QueryUnescape(password)
		switch {
		case err1 != nil || err2 != nil:
			return Client{}, latchkey.UnknownClient
		case c.Secret != "" || id != "" && id != user:
			return Client{}, malformed("The client authenticates by HTTP Basic or by form fields, not by both.")
		}
		id, c.Secret = user, latchkey.Secret(password)
	}
	if id == "" && c.Assertion != "" {
		return c, nil // its subject tells (RFC 7521 §4.2)
	}
	if id == "" {
		_, err := f.Required("client_id")
		return Client{}, err
	}
	var err error
	c.ID, err = ParseClient(id)
	return c, err
}

// ParseClient reads a client_id, a positive integer. Errors: UnknownClient.
func ParseClient(s string) (latchkey.ClientID, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n == 0 {
		return 0, latchkey.UnknownClient
	}
	return latchkey.ClientID(n), nil
}

// Bearer gives the token of the Authorization header; empty without one (RFC 6750 §2.1).
func Bearer(r *http.Request) latchkey.Secret {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return latchkey.Secret(strings.TrimSpace(token))
}

func malformed(message string) error {
	return &latchkey.Error{Code: latchkey.Malformed, Message: message}
}
