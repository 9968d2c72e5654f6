package form_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
)

func post(t *testing.T, kind, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return r
}

func TestRFC6749_3_2_Parameters(t *testing.T) {
	t.Parallel()
	const right = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		kind, body string
		want       form.Form
		code       latchkey.Code
	}{
		"plain":                      {right, "a=1&b=%C3%A9+x", form.Form{"a": "1", "b": "é x"}, ""},
		"a type with a parameter":    {right + "; charset=utf-8", "a=1", form.Form{"a": "1"}, ""},
		"no type":                    {"", "a=1", form.Form{"a": "1"}, ""},
		"no body":                    {right, "", form.Form{}, ""},
		"no value is absent":         {right, "a=&b", form.Form{}, ""},
		"twice":                      {right, "a=1&a=2", nil, latchkey.Malformed},
		"twice, once without value":  {right, "a=&a=2", nil, latchkey.Malformed},
		"twice, in another spelling": {right, "a=1&%61=2", nil, latchkey.Malformed},
		"not UTF-8":                  {right, "a=%ff", nil, latchkey.Malformed},
		"NUL":                        {right, "a=%00", nil, latchkey.Malformed},
		"no form":                    {right, "a=%zz", nil, latchkey.Malformed},
		"semicolons":                 {right, "a=1;b=2", nil, latchkey.Malformed},
		"JSON":                       {"application/json", "{}", nil, latchkey.UnsupportedMedia},
		"too large":                  {right, strings.Repeat("a", 64<<10+1), nil, latchkey.TooLarge},
	} {
		got, err := form.Read(httptest.NewRecorder(), post(t, c.kind, c.body))
		if latchkey.CodeOf(err) != c.code || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, %v; want %v, %q", name, got, err, c.want, c.code)
		}
	}
	unsized := post(t, right, strings.Repeat("a", 64<<10+1))
	unsized.ContentLength = -1
	if _, err := form.Read(httptest.NewRecorder(), unsized); latchkey.CodeOf(err) != latchkey.TooLarge {
		t.Errorf("a body of unknown length: %v, want TooLarge", err)
	}
}

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// TestRFC6749_2_3_1_ClientCredentials: by one way only, and, by Basic, form-decoded. RFC 7523 §2.2 adds the assertion.
func TestRFC6749_2_3_1_ClientCredentials(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		f              form.Form
		user, password string // of Basic; none if both are empty
		id             latchkey.ClientID
		secret         latchkey.Secret
		assertion      latchkey.Secret
		code           latchkey.Code
	}{
		"public":                      {f: form.Form{"client_id": "7"}, id: 7},
		"by form":                     {f: form.Form{"client_id": "7", "client_secret": "s+%"}, id: 7, secret: "s+%"},
		"by Basic, form-encoded":      {user: "7", password: "a%2Bb+c%25", id: 7, secret: "a+b c%"},
		"by Basic, named again":       {f: form.Form{"client_id": "7"}, user: "7", password: "s", id: 7, secret: "s"},
		"by Basic, another named":     {f: form.Form{"client_id": "8"}, user: "7", password: "s", code: latchkey.Malformed},
		"by both":                     {f: form.Form{"client_id": "7", "client_secret": "s"}, user: "7", password: "s", code: latchkey.Malformed},
		"by Basic, not form-encoded":  {user: "7", password: "%zz", code: latchkey.UnknownClient},
		"nobody":                      {code: latchkey.Malformed},
		"zero":                        {f: form.Form{"client_id": "0"}, code: latchkey.UnknownClient},
		"below zero":                  {f: form.Form{"client_id": "-1"}, code: latchkey.UnknownClient},
		"a number beyond every store": {f: form.Form{"client_id": "9223372036854775808"}, code: latchkey.UnknownClient},
		"by assertion":                {f: form.Form{"client_id": "7", "client_assertion": "a", "client_assertion_type": jwtBearer}, id: 7, assertion: "a"},
		"by assertion alone":          {f: form.Form{"client_assertion": "a", "client_assertion_type": jwtBearer}, assertion: "a"},
		"by assertion of no type":     {f: form.Form{"client_id": "7", "client_assertion": "a"}, code: latchkey.Malformed},
		"by no assertion of a type":   {f: form.Form{"client_id": "7", "client_assertion_type": jwtBearer}, code: latchkey.Malformed},
		"by assertion of another type": {
			f: form.Form{"client_id": "7", "client_assertion": "a", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, code: latchkey.UnknownClient,
		},
		"by assertion and secret": {
			f: form.Form{"client_id": "7", "client_assertion": "a", "client_assertion_type": jwtBearer, "client_secret": "s"}, code: latchkey.Malformed,
		},
		"by assertion and Basic": {
			f: form.Form{"client_assertion": "a", "client_assertion_type": jwtBearer}, user: "7", password: "s", code: latchkey.Malformed,
		},
	} {
		r := post(t, "", "")
		if c.user != "" {
			r.SetBasicAuth(c.user, c.password)
		}
		got, err := c.f.Client(r)
		want := form.Client{ID: c.id, Secret: c.secret, Assertion: c.assertion}
		if latchkey.CodeOf(err) != c.code || c.code == "" && got != want {
			t.Errorf("%s: %d, %q, %q, %v; want %d, %q, %q, %q", name,
				got.ID, got.Secret.Reveal(), got.Assertion.Reveal(), err, c.id, c.secret.Reveal(), c.assertion.Reveal(), c.code)
		}
	}
}

// FuzzRead: a form reads as the standard reader has it, whichever way it was read, and what is read prints to a form that reads the
// same.
func FuzzRead(f *testing.F) {
	for _, body := range []string{
		"a=1&b=2", "a=%C3%A9+x&a=", "a=1&a=2", "a=1&%61=2", "a=", "=1", "&&a=1&", "a==1", "a=1;b=2", "a=%00", "a=%ff", "%ff=a", "a=%zz", "%zz=a",
		strings.Repeat("a=1&", 20), "a=1" + strings.Repeat("&", 20), "grant_type=authorization_code&redirect_uri=app%3A%2F%2Fx%3Fa%3Db",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := form.Read(httptest.NewRecorder(), post(t, "", body))
		var want form.Form
		wanted := error(latchkey.Malformed)
		if values, bad := url.ParseQuery(body); bad == nil && len(body) <= 64<<10 {
			want, wanted = form.Of(values)
		}
		if !reflect.DeepEqual(got, want) || (err == nil) != (wanted == nil) {
			t.Errorf("%q reads as %v, %v; the standard reader has %v, %v", body, got, err, want, wanted)
		}
		if err != nil {
			return
		}
		values := url.Values{}
		for name, v := range got {
			values.Set(name, v)
		}
		again, err := form.Of(values)
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%q reads as %v, which reads as %v, %v", body, got, again, err)
		}
	})
}
