package oidc_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/oidc"
)

// pages are answers of every door that a browser opens, in every state that a link can lead to. Whoever is asked for is
// signed in or not, and the request is good or bad.
func (w *world) pages(t *testing.T) map[string]reply {
	t.Helper()
	b := w.open()
	b.signIn(player)
	out := map[string]reply{}
	for _, route := range (&oidc.Server{}).Routes() {
		if route.Method != http.MethodGet || strings.Contains(route.Path, "well-known") || strings.HasSuffix(route.Path, "/userinfo") || strings.HasSuffix(route.Path, "/qr") {
			continue
		}
		target := publicURL + strings.ReplaceAll(route.Path, "{projectId}", w.project.String())
		good, bad := request().Encode(), request("redirect_uri", "https://evil.test/").Encode()
		for name, query := range map[string]string{
			"good": good, "bad": bad, "choice": request("prompt", "select_account").Encode(), "posted": request("prompt", "none", "response_mode", "form_post").Encode(),
			"nothing": "", "no query": "%zz", "code": "user_code=WDJB-MJHT",
		} {
			out[route.Path+" "+name+", signed in"] = w.send(http.MethodGet, target+"?"+query, "", "Cookie", b.cookie)
			out[route.Path+" "+name] = w.send(http.MethodGet, target+"?"+query, "")
		}
	}
	c := w.open()
	c.press("address", "address", player)
	out["the code"] = c.page
	w.sentCode()
	c.press("code", "code", "000000")
	out["a wrong code"] = c.page
	out["a form of nobody's"] = c.post(url.Values{"request": {"x"}})
	if len(out) < 30 {
		t.Fatalf("found only %d pages: the list is broken", len(out))
	}
	return out
}

// TestRFC9700_4_16_Clickjacking: no page may stand in somebody else's frame, whatever it says.
func TestRFC9700_4_16_Clickjacking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shown := 0
	for name, r := range w.pages(t) {
		if !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
			continue
		}
		shown++
		if !strings.Contains(r.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || r.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: may be framed: %q, %q", name, r.header.Get("Content-Security-Policy"), r.header.Get("X-Frame-Options"))
		}
	}
	if shown < 20 {
		t.Errorf("only %d of the answers are pages", shown)
	}
}

// TestRFC9700_4_2_Referer: no page tells another site its address, and none loads anything from elsewhere.
func TestRFC9700_4_2_Referer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere := regexp.MustCompile(`(?:src|href)="(?:https?:)?//[^"]*"`)
	for name, r := range w.pages(t) {
		if policy := r.header.Get("Referrer-Policy"); policy != "same-origin" && policy != "no-referrer" {
			t.Errorf("%s: Referrer-Policy is %q", name, policy)
		}
		if found := elsewhere.FindString(string(r.body)); found != "" {
			t.Errorf("%s: leads or loads from elsewhere: %s", name, found)
		}
		if policy := r.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: Content-Security-Policy is %q", name, policy)
		}
	}
}

// TestRFC9700_4_3_NoTokenInAURL: nothing that opens anything for longer than a moment ever stands in an address, where history
// and logs keep it.
func TestRFC9700_4_3_NoTokenInAURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kind := range []string{"token", "id_token", "id_token token", "code token", "code id_token", "code id_token token", "none"} {
		if q := w.open("response_type", kind).ends(kind); q.Get("error") != "unsupported_response_type" || q.Has("access_token") || q.Has("id_token") {
			t.Errorf("response_type %s: %v", kind, q)
		}
	}
	got := w.signIn("openid offline_access")
	if r := w.get("/userinfo?" + url.Values{"access_token": {got.Access}}.Encode()); r.status != http.StatusUnauthorized {
		t.Errorf("an access token in the address: %d %s", r.status, r.body)
	}
	for _, path := range []string{"/token", "/revoke", "/introspect", "/par"} {
		r := w.get(path + "?" + with(refresh(got.Refresh), "token", got.Refresh).Encode())
		r.fails(path+" by GET", 405, "invalid_request")
		r = w.send(http.MethodPost, w.issuer+path+"?"+with(refresh(got.Refresh), "token", got.Refresh).Encode(), "")
		if r.status < 400 {
			t.Errorf("%s takes its parameters from the address: %d", path, r.status)
		}
	}
	w.post("/token", refresh(got.Refresh)).ok(&tokens{})
}

// TestRFC9700_4_11_OpenRedirection: whatever is asked for, a browser is led to a registered place or to a page of ours.
func TestRFC9700_4_11_OpenRedirection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const evil = "https://evil.test/"
	for name, r := range w.pages(t) {
		to := r.header.Get("Location")
		if to != "" && !strings.HasPrefix(to, callback+"?") && !strings.HasPrefix(to, w.issuer+"/") {
			t.Errorf("%s leads to %s", name, to)
		}
	}
	tricks := url.Values{}
	for _, name := range []string{
		"next", "url", "goto", "return", "return_to", "returnUrl", "continue", "target", "then", "redirect", "redirect_url", "dest", "post_logout_redirect_uri", "target_link_uri", "iss",
		"login_url", "link_url", "request_uri",
	} {
		tricks.Set(name, evil)
	}
	for _, target := range []string{"/authorize?", "/logout?", "/account?", "/device?", "/login?"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := w.send(method, w.issuer+target+tricks.Encode(), "")
			if to := r.header.Get("Location"); strings.Contains(to, "evil") || strings.Contains(string(r.body), evil) {
				t.Errorf("%s %s leads to %q: %s", method, target, to, r.body)
			}
		}
	}
}

// TestRFC9700_4_12_RedirectsForgetThePost: every redirect after a form is a 303, so that no browser posts what was typed, or
// asked for, once more to somewhere else.
func TestRFC9700_4_12_RedirectsForgetThePost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[string]int{}
	look := func(what string, r reply) {
		t.Helper()
		if to := r.header.Get("Location"); to == "" {
			t.Errorf("%s: no redirect: %d %s", what, r.status, r.body)
		} else if r.status != http.StatusSeeOther {
			t.Errorf("%s: redirects by %d, want 303", what, r.status)
		}
		seen[what] = r.status
	}
	b := w.open()
	b.signIn(player)
	look("the code", b.page)
	b.ask("prompt", "select_account")
	b.press("go")
	look("the choice", b.page)
	look("a request that was posted from elsewhere", w.send(http.MethodPost, w.issuer+"/authorize", request().Encode(), "Sec-Fetch-Site", "cross-site"))
	look("an error", w.post("/authorize", request("response_type", "token")))
	b.visit(w.issuer + "/logout?client_id=" + strconv.Itoa(publicID))
	f := b.form("stay")
	look("a logout that is thought better of", w.post("/logout", f, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie))
	if len(seen) != 5 {
		t.Errorf("looked at %v", seen)
	}
}

// TestRFC9700_4_13_HeadersOfAProxy: neither Host nor what a proxy could have set changes where anything leads, or who is the
// issuer.
func TestRFC9700_4_13_HeadersOfAProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	spoofed := []string{
		"Host", "evil.test", "X-Forwarded-Host", "evil.test", "X-Forwarded-Proto", "http", "X-Forwarded-Port", "81", "Forwarded", "host=evil.test;proto=http", "X-Original-URL", "/evil",
		"X-Rewrite-URL", "/evil", "X-Forwarded-Prefix", "/evil", "X-HTTP-Method-Override", "GET",
	}
	for _, path := range []string{"/.well-known/openid-configuration", "/authorize?" + request().Encode(), "/authorize?" + request("prompt", "none").Encode(), "/logout", "/account"} {
		plain, r := w.get(path), w.get(path, spoofed...)
		if r.status != plain.status || r.header.Get("Location") != plain.header.Get("Location") || strings.Contains(string(r.body), "evil") {
			t.Errorf("%s: %d to %q, want %d to %q: %s", path, r.status, r.header.Get("Location"), plain.status, plain.header.Get("Location"), r.body)
		}
		for _, c := range (&http.Response{Header: r.header}).Cookies() {
			if !c.Secure || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") {
				t.Errorf("%s: the cookie %v", path, c)
			}
		}
	}
}

// TestRFC9700_4_17_NoMessagesBetweenWindows: answers come by redirect or form only, so that no window has to be trusted.
func TestRFC9700_4_17_NoMessagesBetweenWindows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, mode := range []string{"web_message", "fragment", "form_post.jwt", "query.jwt", "jwt", "okta_post_message"} {
		if q := w.open("response_mode", mode).ends(mode); q.Get("error") != "invalid_request" {
			t.Errorf("response_mode %s: %v", mode, q)
		}
	}
	for name, r := range w.pages(t) {
		if text := string(r.body); strings.Contains(text, "postMessage") || strings.Contains(text, "opener") {
			t.Errorf("%s talks to other windows: %s", name, text)
		}
	}
}

// TestRFC9700_4_7_SessionFixation: a session that somebody planted in a browser is nobody's after a login there, and every
// login makes a new one.
func TestRFC9700_4_7_SessionFixation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held := func(b *browser) (name, value string) {
		for name, value := range b.jar {
			if strings.HasPrefix(name, "__Host-latchkey-session-") {
				return name, value
			}
		}
		t.Fatalf("a login left no session in %v", b.jar)
		return "", ""
	}
	thief := w.open()
	thief.signIn("thief@example.test")
	name, planted := held(thief)

	victim := w.open("prompt", "login")
	victim.jar[name] = planted
	victim.cookie += name + "=" + planted
	victim.signIn(player)
	victim.ends("the victim's login")
	if _, now := held(victim); now == planted {
		t.Error("the victim goes on with the session that was planted")
	}
	thief.ask("prompt", "none")
	if q := thief.ends("the thief, with the planted session"); q.Get("error") != "login_required" {
		t.Errorf("the planted session is somebody's: %v", q)
	}
	_, before := held(victim)
	victim.ask("prompt", "login")
	victim.signIn(player)
	if _, after := held(victim); after == before {
		t.Error("the second login kept the session of the first")
	}
	for _, made := range []string{"x", strings.Repeat("A", 43), planted + "A", strings.ToLower(planted)} {
		b := &browser{w: w, jar: map[string]string{}, cookie: name + "=" + made}
		b.ask("prompt", "none")
		if q := b.ends("a session that was made up"); q.Get("error") != "login_required" {
			t.Errorf("a session that was made up: %v", q)
		}
	}
}

// TestRFC9700_4_7_LogoutCSRF: no other site can sign a person out.
func TestRFC9700_4_7_LogoutCSRF(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, thief := w.open(), w.open()
	b.signIn(player)
	thief.signIn("thief@example.test")
	q := thief.ends("the thief's login")
	var got tokens
	w.post("/token", redeem(q.Get("code"))).ok(&got)
	thief.visit(w.issuer + "/logout")
	foreign := thief.form("out")
	b.visit(w.issuer + "/logout")
	own := b.form("out")
	for name, r := range map[string]reply{
		"a link":                     w.send(http.MethodGet, w.issuer+"/logout", "", "Cookie", b.cookie, "Sec-Fetch-Site", "cross-site"),
		"a link with another's hint": w.get("/logout?id_token_hint="+got.ID, "Cookie", b.cookie, "Sec-Fetch-Site", "cross-site"),
		"a picture":                  w.get("/logout?client_id=1", "Cookie", b.cookie, "Sec-Fetch-Dest", "image", "Sec-Fetch-Mode", "no-cors"),
		"a form of another site":     w.post("/logout", own, "Cookie", b.cookie, "Sec-Fetch-Site", "cross-site"),
		"a form of a neighbour":      w.post("/logout", own, "Cookie", b.cookie, "Sec-Fetch-Site", "same-site"),
		"a form from nowhere":        w.post("/logout", own, "Cookie", b.cookie),
		"a form of another origin":   w.post("/logout", own, "Cookie", b.cookie, "Origin", origin),
		"the thief's form":           w.post("/logout", foreign, "Cookie", b.cookie, "Sec-Fetch-Site", "same-origin"),
		"no form at all":             w.post("/logout", url.Values{"step": {"out"}, "request": {"x"}}, "Cookie", b.cookie, "Sec-Fetch-Site", "same-origin"),
	} {
		b.ask("prompt", "none")
		if q := b.ends(name); q.Get("code") == "" {
			t.Errorf("%s signed the person out (%d): %v", name, r.status, q)
		}
	}
	w.post("/logout", own, "Cookie", b.cookie, "Sec-Fetch-Site", "same-origin")
	b.ask("prompt", "none")
	if q := b.ends("after the person's own press"); q.Get("error") != "login_required" {
		t.Errorf("the person's own press did not sign them out, so the others prove nothing: %v", q)
	}
}
