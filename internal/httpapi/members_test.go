package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestUsualBodiesAreReadPlainly: what SDKs send takes the short way, and what is in the least unusual is left to encoding/json.
func TestUsualBodiesAreReadPlainly(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"email":"ann@example.test"}`: true,
		" {\t\"email\" : \"ann@example.test\" ,\r\n \"send_link\":false, \"link_url\":\"https://game.example.test/\"}\n": true,
		`{"email":"änn@example.test","send_link":true,"operation_id":"","altcha":"e30="}`:                                true,
		`{}`:                               true,
		`{"email":"a","email":"b"}`:        true,
		`{"Email":"a"}`:                    false,
		`{"email":null}`:                   false,
		`{"email":true}`:                   false,
		`{"send_link":"true"}`:             false,
		`{"email":"a\u0041"}`:              false,
		"{\"email\":\"a\n\"}":              false,
		`{"email":"a",}`:                   false,
		`{"email":"a"}{}`:                  false,
		`{"email":"a"`:                     false,
		`{"email":"a" "send_link":true}`:   false,
		`{,"email":"a"}`:                   false,
		`{"email":"a","sdk":{"name":"x"}}`: false,
		`{"email":7}`:                      false,
		`["email"]`:                        false,
		`{"send_link":trueish}`:            false,
		``:                                 false,
		`{`:                                false,
		`{"`:                               false,
	} {
		if _, ok := plainStart(body, "email"); ok != want {
			t.Errorf("%s: read plainly: %v, want %v", body, ok, want)
		}
	}
}

// FuzzPlainBodies: what is read plainly is read alike the long way.
func FuzzPlainBodies(f *testing.F) {
	for _, seed := range []string{
		`{"email":"ann@example.test","send_link":true,"link_url":"x","operation_id":"y","altcha":"z"}`,
		`{"code":"123456" , "email":"a","operation_id":"b","code":"c"}`, `{"send_link":false,"send_link":true}`,
		`{"phone_number":"+12025550123"}`, "{\"email\":\"\x7f\u2028\"}", `{ }`, `{"email":"a"} x`, `{"email":"a",}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if strings.ToValidUTF8(body, "") != body {
			return
		}
		if got, ok := plainStart(body, "email"); ok {
			alike(t, body, got)
		}
		if got, ok := plainStart(body, "phone_number"); ok {
			alike(t, body, startBodyPhone(got))
		}
		if got, ok := plainConfirm(body, "email"); ok {
			alike(t, body, got)
		}
		if got, ok := plainConfirm(body, "phone_number"); ok {
			alike(t, body, confirmBodyPhone(got))
		}
	})
}

func alike[T comparable](t *testing.T, body string, got T) {
	t.Helper()
	if want, err := unmarshal[T]([]byte(body), latchkey.JWT); err != nil || got != want {
		t.Errorf("%q is read as %+v; the long way gives %+v, %v", body, got, want, err)
	}
}

// FuzzQuery: a parameter is what url.ParseQuery takes for its first value.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"projectId=1&state=a+b%20c&state=second", "%73tate=x", "state=%zz&state=y", "state;=a&state=b", "&&state&=&state=", "stat=a&states=b",
		"st%61te=%&state=ok;no&state=ok",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if strings.Count(raw, "&") >= 10_000 { // more than url.ParseQuery reads, and than the head of a request has room for
			return
		}
		q := query{raw: raw}
		want, _ := url.ParseQuery(raw) // what is broken is passed over
		for _, name := range []string{"state", "projectId", "a"} {
			if got := q.get(name); got != want.Get(name) {
				t.Errorf("%s of %q is %q, want %q", name, raw, got, want.Get(name))
			}
		}
	})
}

// TestOneMemberIsEncodedAlike: the short way writes what encoding/json writes.
func TestOneMemberIsEncodedAlike(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "https://game.example.test/in?a=<b>&c=d", `"`, `\`, "ä", "\u2028", "\x7f", "\xff", "a\nb"} {
		var want strings.Builder
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(map[string]string{"login_url": value}); err != nil {
			t.Fatal(err)
		}
		w := &response{ResponseWriter: httptest.NewRecorder()}
		if err := encodeOne(w, "login_url", value); err != nil {
			t.Fatal(err)
		}
		if got := w.ResponseWriter.(*httptest.ResponseRecorder).Body.String(); got != want.String() {
			t.Errorf("%q is written as %q, want %q", value, got, want.String())
		}
	}
}

// TestTokensAreEncodedAlike: so does that of the token call.
func TestTokensAreEncodedAlike(t *testing.T) {
	t.Parallel()
	for _, scope := range []string{"", "offline <openid>", `"`, "ä"} {
		for _, id := range []string{"", "a.b.c"} {
			for _, issued := range []string{"", "urn:ietf:params:oauth:token-type:access_token"} {
				a := tokenAnswer{Access: "x.y.z", Life: 3600, Refresh: "r-_", Type: "bearer", ID: id, Scope: scope, Issued: issued}
				var want strings.Builder
				e := json.NewEncoder(&want)
				e.SetEscapeHTML(false)
				if err := e.Encode(a); err != nil {
					t.Fatal(err)
				}
				w := httptest.NewRecorder()
				if err := a.encode(w); err != nil {
					t.Fatal(err)
				}
				if got := w.Body.String(); got != want.String() {
					t.Errorf("%+v is written as %q, want %q", a, got, want.String())
				}
			}
		}
	}
}

// TestAnswersHaveALength: none comes in chunks, whoever says how long it is.
func TestAnswersHaveALength(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		write(w, http.StatusOK, "text/plain", make([]byte, n))
	}))
	t.Cleanup(s.Close)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, n := range []int{1, 100, measured - 1, measured, measured + 1, 16 * measured} {
			r, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/?n="+strconv.Itoa(n), nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := s.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if res.ContentLength != int64(n) || len(res.TransferEncoding) > 0 {
				t.Errorf("%s of %d bytes: Content-Length %d, Transfer-Encoding %q", method, n, res.ContentLength, res.TransferEncoding)
			}
		}
	}
}

// TestHeadsKeepApart: heads that share their room do not write over each other, nor run out of it.
func TestHeadsKeepApart(t *testing.T) {
	t.Parallel()
	w := &response{ResponseWriter: httptest.NewRecorder()}
	for i := range 12 {
		put(w, string(rune('A'+i)), string(rune('a'+i)))
	}
	w.Header().Add("A", "more")
	w.Header().Set("C", "else")
	for i := range 12 {
		want := string(rune('a' + i))
		if i == 2 {
			want = "else"
		}
		if got := w.Header()[string(rune('A'+i))]; got[0] != want || len(got) != 1 && i != 0 {
			t.Errorf("head %c is %q, want %q", 'A'+i, got, want)
		}
	}
}
