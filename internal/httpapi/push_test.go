package httpapi_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// pushQuery is what GET /otc/push needs to do action to the link of m.
func (w *world) pushQuery(m latchkey.Message, action string) url.Values {
	return url.Values{
		"projectId": {w.project.String()}, "state": {w.linkToken(m).Reveal()}, "action": {action}, "link_url": {linkURL},
	}
}

// byScript is the headers of a script on a page of the project's own.
var byScript = []string{"Origin", origin, "Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "cross-site"}

// state gives where the challenge of m stands.
func (w *world) state(m latchkey.Message) latchkey.State {
	w.t.Helper()
	c, err := w.store.Challenge(w.t.Context(), m.Challenge)
	w.must(err)
	return c.State
}

func TestPushApproves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.startLink(jwtEmail)
	for range 2 { // a double press
		if u := w.loginURL(w.get("/api/otc/push", w.pushQuery(m, "approve"), byScript...)); u.String() != linkURL {
			t.Fatalf("the answer leads to %s, want %s", u, linkURL)
		}
	}
	var out struct{ Code string }
	w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String())).ok(&out)
	w.loginURL(w.confirm(jwtEmail, m.Challenge.String(), out.Code))
	w.get("/api/otc/push", w.pushQuery(m, "approve"), byScript...).fails(404, "003-061")
}

// TestPushDenies: the right code is dead, and the poll tells nobody.
func TestPushDenies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.startLink(jwtEmail)
	w.loginURL(w.get("/api/otc/push", w.pushQuery(m, "deny"), byScript...))
	w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String())).fails(408, "003-061")
	w.confirm(jwtEmail, m.Challenge.String(), w.codeOf(m)).fails(401, "003-039")
	w.get("/api/otc/push", w.pushQuery(m, "approve"), byScript...).fails(404, "003-061")
}

// elsewhere is the headers of what is no script on a page of the project's own.
func elsewhere() map[string][]string {
	with := func(pairs ...string) []string { return append(slices.Clone(byScript), pairs...) }
	return map[string][]string{
		"no headers at all":           nil,
		"no Origin":                   {"Sec-Fetch-Dest", "empty"},
		"no Sec-Fetch-Dest":           {"Origin", origin},
		"another origin":              with("Origin", "https://evil.example.test"),
		"another project's origin":    with("Origin", "https://other.example.test"),
		"an origin that begins alike": with("Origin", origin+".evil.example.test"),
		"an opaque origin":            with("Origin", "null"),
		"a navigation":                with("Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate"),
		"a frame":                     with("Sec-Fetch-Dest", "iframe"),
		"a picture":                   with("Sec-Fetch-Dest", "image"),
		"a script element":            with("Sec-Fetch-Dest", "script"),
		"a prefetch":                  with("Sec-Purpose", "prefetch"),
		"a prerender":                 with("Sec-Purpose", "prefetch;prerender"),
	}
}

// TestPushTakesAScriptOfThePage: everything else that could make a browser or a mail scanner fetch the URL changes
// nothing (contract.md §4).
func TestPushTakesAScriptOfThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.startLink(jwtEmail)
	for name, header := range elsewhere() {
		r := w.get("/api/otc/push", w.pushQuery(m, "approve"), header...)
		if field := r.fails(422, "002-027")["field"]; field != "Origin" && field != "Sec-Fetch-Dest" {
			t.Errorf("%s: the details name %q", name, field)
		}
		if got := w.state(m); got != latchkey.Waiting {
			t.Fatalf("%s made the challenge %s", name, got)
		}
	}
	w.send(http.MethodHead, "/api/otc/push", w.pushQuery(m, "approve"), "", "", byScript...)
	w.send(http.MethodOptions, "/api/otc/push", w.pushQuery(m, "approve"), "", "", byScript...)
	w.send(http.MethodPost, "/api/otc/push", w.pushQuery(m, "approve"), "", "", byScript...).fails(405, "405")
	if got := w.state(m); got != latchkey.Waiting {
		t.Fatalf("HEAD, OPTIONS or POST made the challenge %s", got)
	}
}

func TestPushRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.startLink(jwtEmail)
	old := w.startLink(jwtPhone)
	for name, tt := range map[string]struct {
		change url.Values
		status int
		code   string
		field  string
	}{
		"no project":        {url.Values{"projectId": {""}}, 422, "002-028", "projectId"},
		"an unknown one":    {url.Values{"projectId": {"11111111-1111-4111-8111-111111111111"}}, 404, "003-019", ""},
		"not a project":     {url.Values{"projectId": {"demo"}}, 404, "003-019", ""},
		"no token":          {url.Values{"state": {""}}, 422, "002-028", "state"},
		"an unknown token":  {url.Values{"state": {"AAAAAAAAAAAAAAAAAAAAAA"}}, 404, "003-061", ""},
		"the operation":     {url.Values{"state": {m.Challenge.String()}}, 404, "003-061", ""},
		"no action":         {url.Values{"action": {""}}, 422, "002-028", "action"},
		"an unknown action": {url.Values{"action": {"Approve"}}, 422, "002-027", "action"},
		"no link URL":       {url.Values{"link_url": {""}}, 422, "002-028", "link_url"},
		"another link URL":  {url.Values{"link_url": {callback}}, 422, "010-012", "link_url"},
	} {
		q := w.pushQuery(m, "approve")
		maps.Copy(q, tt.change)
		if field := w.get("/api/otc/push", q, byScript...).fails(tt.status, tt.code)["field"]; field != tt.field {
			t.Errorf("%s: the details name %q, want %q", name, field, tt.field)
		}
		if got := w.state(m); got != latchkey.Waiting {
			t.Fatalf("%s: the challenge is %s", name, got)
		}
	}
	q := w.pushQuery(m, "approve") // from a page of the other project, which names itself
	q.Set("projectId", w.other.String())
	w.get("/api/otc/push", q, "Origin", "https://other.example.test", "Sec-Fetch-Dest", "empty").fails(404, "003-061")
	w.clock.move(180 * time.Second)
	w.get("/api/otc/push", w.pushQuery(old, "approve"), byScript...).fails(404, "003-061")
}

// TestPushPreflight: the client sends x-request-id, so that its browser asks first.
func TestPushPreflight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.send(http.MethodOptions, "/api/otc/push", url.Values{"projectId": {w.project.String()}}, "", "", "Origin", origin,
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x-request-id")
	r.is(204)
	if got := r.header.Get("Access-Control-Allow-Origin"); got != origin {
		t.Errorf("the preflight allows the origin %q, want %q", got, origin)
	}
}

// numberWorld is a world whose project asks for a number.
func numberWorld(t *testing.T) *world {
	w := newWorld(t)
	p, err := w.store.Project(t.Context(), w.project)
	w.must(err)
	p.Approval = latchkey.ByNumber
	w.must(w.admin.UpdateProject(t.Context(), p))
	return w
}

// TestNumberMatching: the start answer has the number that the page asks for; picking it lets the device in, picking
// another one ends the login, and a page of the project's own can only deny.
func TestNumberMatching(t *testing.T) {
	t.Parallel()
	for _, a := range ways {
		t.Run(a.name(), func(t *testing.T) {
			t.Parallel()
			w := numberWorld(t)
			start := func() (latchkey.Message, int) {
				var out struct {
					Match string `json:"match_number"`
				}
				w.post(a.path+"/request", a.query(w), body{a.member: a.address, "send_link": true, "link_url": linkURL}).ok(&out)
				n, err := strconv.Atoi(out.Match)
				if err != nil || n < 10 || n > 99 {
					t.Fatalf("the match_number %q is not two digits", out.Match)
				}
				return w.message(), n
			}
			m, right := start()
			page, err := w.server.Login.Page(t.Context(), w.linkToken(m))
			w.must(err)
			if len(page.Choices) != 3 || !slices.Contains(page.Choices, right) {
				t.Fatalf("the page offers %v, the device shows %d", page.Choices, right)
			}
			w.get("/api/otc/push", w.pushQuery(m, "approve"), byScript...).fails(422, "003-020")
			if _, err := w.server.Login.Approve(t.Context(), w.linkToken(m), right, latchkey.Origin{}); err != nil {
				t.Fatal(err)
			}
			var out struct{ Code string }
			w.get("/api/otc/code", pollQuery(w, a, m.Challenge.String())).ok(&out)
			w.loginURL(w.confirm(a, m.Challenge.String(), out.Code))

			m, right = start()
			page, err = w.server.Login.Page(t.Context(), w.linkToken(m))
			w.must(err)
			wrong := page.Choices[0]
			if wrong == right {
				wrong = page.Choices[1]
			}
			_, err = w.server.Login.Approve(t.Context(), w.linkToken(m), wrong, latchkey.Origin{})
			w.must(err)
			if got := w.state(m); got != latchkey.Denied {
				t.Errorf("a wrong pick made the challenge %s, want denied", got)
			}
			w.get("/api/otc/code", pollQuery(w, a, m.Challenge.String())).fails(408, "003-061")
			w.confirm(a, m.Challenge.String(), w.codeOf(m)).fails(401, "003-039")

			m, _ = start()
			w.loginURL(w.get("/api/otc/push", w.pushQuery(m, "deny"), byScript...))
			if got := w.state(m); got != latchkey.Denied {
				t.Errorf("denying made the challenge %s", got)
			}
		})
	}
}

// TestNoNumberForAButton: SDKs parse the answer of a start, so it has nothing that the project did not ask for.
func TestNoNumberForAButton(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var out map[string]any
	w.post(jwtEmail.path+"/request", jwtEmail.query(w), body{"email": jwtEmail.address}).ok(&out)
	if len(out) != 1 {
		t.Errorf("the answer has %v, want the operation_id alone", out)
	}
}
