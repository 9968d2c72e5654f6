package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
)

// maxBody is the largest body that is read, in bytes (design.md §8).
const maxBody = 64 << 10

// mistake words what is wrong with a body: on the JWT protocol and everywhere else a missing or invalid parameter, on
// OAuth 2.0 calls a malformed request (contract.md §6).
func mistake(p latchkey.Protocol, code latchkey.Code, field, message string) error {
	if p == latchkey.OAuth2 {
		if message == "" && code == latchkey.Missing {
			message = "This member is required."
		}
		code = latchkey.Malformed
	}
	return &latchkey.Error{Code: code, Field: field, Message: message}
}

// decode reads a JSON body into a T. No body is an empty object: what it lacks is then named. Unknown members are
// passed over, those too that are ours in other letters (exactNames); of a repeated one the last counts, and null is the same
// as absent.
//
// Errors: UnsupportedMedia, TooLarge, and those of mistake.
func decode[T any](w http.ResponseWriter, r *http.Request, p latchkey.Protocol) (T, error) {
	return decodeQuickly[T](w, r, p, nil)
}

// decodeQuickly is decode for calls that come often: plain, if there is one, reads a body of the usual kind in full, or gives false.
func decodeQuickly[T any](
	w http.ResponseWriter, r *http.Request, p latchkey.Protocol, plain func(body string) (T, bool),
) (v T, err error) {
	buf := borrowPage()
	defer buf.giveBack()
	if err := readBody(w, r, buf, "application/json", p); err != nil {
		return v, err
	}
	if buf.Len() == 0 {
		return v, nil
	}
	if !utf8.Valid(buf.Bytes()) { // encoding/json would replace what is not, and one text would pass for another
		return v, mistake(p, latchkey.Invalid, "", "The body is not UTF-8.")
	}
	if plain != nil && buf.Len() <= maxPlain {
		if v, ok := plain(buf.String()); ok {
			return v, nil
		}
	}
	return unmarshal[T](buf.Bytes(), p)
}

func unmarshal[T any](body []byte, p latchkey.Protocol) (v T, err error) {
	err = json.Unmarshal(body, &v)
	if !errors.As(err, new(*json.SyntaxError)) && exactNames(body) {
		v = *new(T)
		err = json.Unmarshal(body, &v)
	}
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		return v, mistake(p, latchkey.Invalid, wrongType.Field, "The type of the value is wrong.")
	case err != nil:
		return v, mistake(p, latchkey.Invalid, "", "The body is not one JSON object.")
	}
	return v, nil
}

// readBody reads at most maxBody of a body of the given type into buf. A body without a type is taken for the right
// one.
func readBody(w http.ResponseWriter, r *http.Request, buf *page, want string, p latchkey.Protocol) error {
	given, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if given = strings.TrimSpace(given); given != "" && !strings.EqualFold(given, want) {
		return &latchkey.Error{Code: latchkey.UnsupportedMedia, Message: "The content type of this call is " + want + "."}
	}
	if r.ContentLength > maxBody {
		return latchkey.TooLarge
	}
	body := r.Body
	if r.ContentLength < 0 { // of a length that is known net/http gives no more than that
		body = http.MaxBytesReader(w, body, maxBody)
	}
	if _, err := buf.ReadFrom(body); err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return latchkey.TooLarge
		}
		return mistake(p, latchkey.Invalid, "", "The body could not be read to its end.")
	}
	return nil
}

// plain reports text that every store and every message can carry: UTF-8 without NUL.
func plain(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// A query is the parameters of a URL. It keeps the first mistake, so that a handler reads everything and asks once. Of
// a repeated parameter the first counts; an empty one is absent.
type query struct {
	raw string
	err error
}

func parseQuery(r *http.Request) *query { return &query{raw: r.URL.RawQuery} }

// get gives a parameter as url.ParseQuery would: what is broken is passed over. A call has a few short ones and asks for each once,
// so that a map of all of them costs more than to look.
func (q *query) get(name string) string {
	for part, rest, more := strings.Cut(q.raw, "&"); ; part, rest, more = strings.Cut(rest, "&") {
		key, value, _ := strings.Cut(part, "=")
		if len(key) >= len(name) && !strings.Contains(part, ";") { // decoded it is no longer
			key, wrong := url.QueryUnescape(key)
			if wrong == nil && key == name {
				if value, wrong = url.QueryUnescape(value); wrong == nil {
					return value
				}
			}
		}
		if !more {
			return ""
		}
	}
}

// text gives an optional parameter. Mistakes: Invalid.
func (q *query) text(name string) string {
	v := q.get(name)
	if !plain(v) {
		q.mistake(latchkey.BadField(name, "The value is not UTF-8, or has a NUL in it."))
	}
	return v
}

// required gives a parameter. Mistakes: Missing, Invalid.
func (q *query) required(name string) string {
	v := q.text(name)
	if v == "" {
		q.mistake(latchkey.NoField(name))
	}
	return v
}

// flag gives a parameter that is 0 or 1; absent is 0. Mistakes: Invalid.
func (q *query) flag(name string) bool {
	v := q.text(name)
	if v != "" && v != "0" && v != "1" {
		q.mistake(latchkey.BadField(name, "The value is 0 or 1."))
	}
	return v == "1"
}

// project gives the projectId. Mistakes: Missing, ProjectNotFound.
func (q *query) project() latchkey.ProjectID {
	v := q.get("projectId")
	if v == "" {
		q.mistake(latchkey.NoField("projectId"))
	}
	id, err := latchkey.ParseProjectID(v)
	q.mistake(err)
	return id
}

// client gives the client_id. Mistakes: Missing, UnknownClient.
func (q *query) client() latchkey.ClientID {
	v := q.get("client_id")
	if v == "" {
		q.mistake(latchkey.NoField("client_id"))
	}
	id, err := form.ParseClient(v)
	q.mistake(err)
	return id
}

func (q *query) mistake(err error) {
	if q.err == nil {
		q.err = err
	}
}
