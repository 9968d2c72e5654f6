package oidc_test

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// A browser is one that runs no script: it keeps cookies and fills in the form of the page that it is on.
type browser struct {
	w      *world
	jar    map[string]string
	cookie string // the jar, as a header
	page   reply
}

// open goes to the authorization endpoint with a fresh browser. change is changes to a good request, as pairs; "" takes a
// parameter out.
func (w *world) open(change ...string) *browser {
	w.t.Helper()
	b := &browser{w: w}
	b.ask(change...)
	return b
}

// ask is open in this browser.
func (b *browser) ask(change ...string) {
	b.w.t.Helper()
	b.visit(b.w.issuer + "/authorize?" + request(change...).Encode())
}

// request is a good one with changes.
func request(change ...string) url.Values {
	q := url.Values{
		"client_id": {"1"}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"s p&a=c"}, "scope": {"openid email"},
		"nonce": {"a nonce"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(change); i += 2 {
		if q.Del(change[i]); change[i+1] != "" {
			q.Set(change[i], change[i+1])
		}
	}
	return q
}

func (w *world) follow(target string) *browser {
	w.t.Helper()
	b := &browser{w: w}
	b.visit(target)
	return b
}

// visit goes to a page as a client leads there.
func (b *browser) visit(target string) {
	b.w.t.Helper()
	b.take(b.w.send(http.MethodGet, target, "", "Cookie", b.cookie, "Sec-Fetch-Site", "cross-site"))
}

// signIn goes through a login that the page begins.
func (b *browser) signIn(address string) {
	b.w.t.Helper()
	b.shows("the first page of a login", 200, "address")
	b.press("address", "address", address)
	b.press("code", "code", b.w.sentCode())
}

// take looks at an answer as every page of the login must be.
func (b *browser) take(r reply) {
	b.w.t.Helper()
	b.page = r
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		b.keep(c)
	}
	if policy := r.header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "default-src 'none'") {
		b.w.t.Errorf("Content-Security-Policy is %q", policy)
	}
	if r.header.Get("X-Frame-Options") != "DENY" || r.header.Get("Cache-Control") != "no-store" {
		b.w.t.Errorf("a page that may be framed or kept: %v", r.header)
	}
}

// keep takes a cookie, which must be one that stays where it belongs.
func (b *browser) keep(c *http.Cookie) {
	b.w.t.Helper()
	if !strings.HasPrefix(c.Name, "__Host-latchkey-") || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		b.w.t.Errorf("the cookie is %v", c)
	}
	if b.jar == nil {
		b.jar = map[string]string{}
	}
	if b.jar[c.Name] = c.Value; c.MaxAge < 0 {
		delete(b.jar, c.Name)
	}
	b.cookie = ""
	for name, value := range b.jar {
		b.cookie += name + "=" + value + "; "
	}
}

// press fills in the form and presses the button of a step. fields are pairs.
func (b *browser) press(step string, fields ...string) {
	b.w.t.Helper()
	b.take(b.post(b.form(step, fields...), "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie))
}

func (b *browser) form(step string, fields ...string) url.Values {
	f := url.Values{"request": {b.box()}, "step": {step}}
	for i := 0; i < len(fields); i += 2 {
		f.Set(fields[i], fields[i+1])
	}
	return f
}

func (b *browser) post(f url.Values, header ...string) reply {
	b.w.t.Helper()
	return b.w.post("/login", f, header...)
}

// box is the sealed request in the page.
func (b *browser) box() string { return b.input("request", "value") }

// input gives an attribute of a field of the page; empty without one.
func (b *browser) input(name, attribute string) string {
	doc, err := html.Parse(strings.NewReader(string(b.page.body)))
	b.w.must(err)
	for n := range doc.Descendants() {
		attrs := map[string]string{}
		for _, a := range n.Attr {
			attrs[a.Key] = a.Val
		}
		if n.Data == "input" && attrs["name"] == name {
			return attrs[attribute]
		}
	}
	return ""
}

// shows wants a page with a status and a field.
func (b *browser) shows(what string, status int, field string) {
	b.w.t.Helper()
	if b.page.status != status || field != "" && b.input(field, "name") == "" || field == "" && b.box() != "" {
		b.w.t.Fatalf("%s: status %d, want %d with the field %q:\n%s", what, b.page.status, status, field, b.page.body)
	}
}

// ends wants the way back to the client and gives what it was told.
func (b *browser) ends(what string) url.Values {
	b.w.t.Helper()
	to, found := strings.CutPrefix(b.page.header.Get("Location"), callback+"?")
	if b.page.status != http.StatusSeeOther || !found {
		b.w.t.Fatalf("%s: status %d to %q, want 303 to %s:\n%s", what, b.page.status, b.page.header.Get("Location"), callback, b.page.body)
	}
	q, err := url.ParseQuery(to)
	b.w.must(err)
	if q.Get("iss") != b.w.issuer {
		b.w.t.Errorf("%s: iss is %q (RFC 9207)", what, q.Get("iss"))
	}
	return q
}
