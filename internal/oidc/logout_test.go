package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const afterwards = "https://app.example.test/bye?from=here"

// leavable lets a client lead people to places; to afterwards and an app of its own if none are given.
func (w *world) leavable(id latchkey.ClientID, places ...string) {
	w.t.Helper()
	c, err := w.store.Client(w.t.Context(), id)
	w.must(err)
	if c.LogoutURIs = places; len(places) == 0 {
		c.LogoutURIs = []string{afterwards, "app.example:/bye"}
	}
	w.must(w.store.UpdateClient(w.t.Context(), c, latchkey.Event{At: w.clock.Now(), Kind: latchkey.ClientUpdated, Project: w.project, Client: id}))
}

// leave goes to the logout endpoint as a client leads there. pairs are its parameters.
func (b *browser) leave(pairs ...string) {
	b.w.t.Helper()
	b.visit(b.w.issuer + "/logout?" + params(pairs...).Encode())
}

func params(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q
}

// pressAt presses a button of a page of ours that posts to path.
func (b *browser) pressAt(path string, f url.Values) {
	b.w.t.Helper()
	b.take(b.w.post(path, f, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie))
}

// signedIn asks the server whether the browser is.
func (b *browser) signedIn() bool {
	b.w.t.Helper()
	copied := *b
	copied.ask("prompt", "none")
	return copied.ends("a look whether somebody is signed in").Get("error") == ""
}

// leadsTo wants a 303.
func (b *browser) leadsTo(what, want string) {
	b.w.t.Helper()
	if got := b.page.header.Get("Location"); b.page.status != http.StatusSeeOther || got != want {
		b.w.t.Errorf("%s: %d to %q, want 303 to %q: %s", what, b.page.status, got, want, b.page.body)
	}
}

// TestRPInitiatedLogout: a client that shows the ID token of who is signed in signs them out at once; the cookie goes, and what
// came of the session without refresh tokens dies with it.
func TestRPInitiatedLogout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ pairs, want string }{
		"back to the client": {"post_logout_redirect_uri=" + url.QueryEscape(afterwards) + "&state=a+%26+b", "https://app.example.test/bye?state=a%20%26%20b&from=here"},
		"without a state":    {"post_logout_redirect_uri=" + url.QueryEscape(afterwards), afterwards},
		"to an app":          {"post_logout_redirect_uri=app.example:/bye&client_id=1", "app.example:/bye"},
		"to a page of ours":  {"ui_locales=he&logout_hint=" + stranger, ""},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			w := newWorld(t)
			w.leavable(publicID)
			b, got := w.in("scope", "openid profile")
			value := b.jar[sessionCookie(w.project)]
			w.clock.move(2 * time.Hour) // the ID token has run out, which does not matter
			q, err := url.ParseQuery(c.pairs)
			w.must(err)
			q.Set("id_token_hint", got.ID)
			if method == http.MethodPost {
				b.take(w.post("/logout", q, "Sec-Fetch-Site", "same-site", "Cookie", b.cookie))
			} else {
				b.visit(w.issuer + "/logout?" + q.Encode())
			}
			switch {
			case c.want != "":
				b.leadsTo(method+" "+name, c.want)
			case b.page.status != 200 || b.page.header.Get("Content-Language") != "he":
				t.Errorf("%s %s: %d %s", method, name, b.page.status, b.page.body)
			}
			if b.jar[sessionCookie(w.project)] != "" {
				t.Errorf("%s %s: the cookie is still there", method, name)
			}
			b.keep(&http.Cookie{Name: sessionCookie(w.project), Value: value, HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode, Path: "/"})
			if b.signedIn() {
				t.Errorf("%s %s: the cookie was taken away and the session lives on", method, name)
			}
		}
	}
}

// TestLogoutEndsWhatHasNoRefreshTokens: what was asked for to be used in the person's absence stays (OIDC Core §11).
func TestLogoutEndsWhatHasNoRefreshTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, short := w.in("scope", "openid")
	b.ask("scope", "openid offline_access")
	long := b.enters("a client that wants refresh tokens")
	b.leave("id_token_hint", short.ID)
	w.get("/userinfo", "Authorization", "Bearer "+short.Access).fails("without refresh tokens", 401, "invalid_token")
	var who map[string]any
	w.get("/userinfo", "Authorization", "Bearer "+long.Access).ok(&who)
}

// TestLogoutAsks: without a hint that fits, a page asks; its buttons do what they say, once, here.
func TestLogoutAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.leavable(publicID)
	other := w.open()
	other.signIn(stranger)
	theirs := w.redeemed(other.ends("somebody else")).ID
	for name, pairs := range map[string][]string{
		"nothing":              nil,
		"a client":             {"client_id", "1", "post_logout_redirect_uri", afterwards, "state", "s"},
		"somebody else's hint": {"id_token_hint", theirs, "post_logout_redirect_uri", afterwards, "state", "s"},
		"a hint by address":    {"logout_hint", player},
	} {
		b, _ := w.in()
		b.leave(pairs...)
		b.shows(name, 200, "request")
		if !b.signedIn() {
			t.Fatalf("%s: signed out without being asked", name)
		}
		if !strings.Contains(string(b.page.body), player) {
			t.Errorf("%s: the page does not say who is signed in: %s", name, b.page.body)
		}
		f := url.Values{"request": {b.box()}, "step": {"stay"}}
		b.pressAt("/logout", f)
		b.leadsTo(name+", staying", w.issuer+"/account")
		if !b.signedIn() {
			t.Fatalf("%s: signed out by the button that stays", name)
		}
		f.Set("step", "out")
		b.pressAt("/logout", f)
		if len(pairs) > 2 {
			b.leadsTo(name+", leaving", "https://app.example.test/bye?state=s&from=here")
		} else {
			b.shows(name+", leaving", 200, "")
		}
		if b.signedIn() {
			t.Errorf("%s: still signed in", name)
		}
	}
}

// TestLogoutCSRF: no other page, browser, session or issuer can press the button, and nobody is signed out by a picture, a
// prefetch or a question for headers.
func TestLogoutCSRF(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, got := w.in()
	b.leave()
	good := url.Values{"request": {b.box()}, "step": {"out"}}
	other := w.open()
	other.signIn(stranger)
	other.leave()
	foreign := *w
	foreign.issuer = latchkey.Issuer(publicURL, w.other)
	bad := url.Values{"request": {"A" + b.box()[1:]}, "step": {"out"}}
	for name, r := range map[string]reply{
		"from another site":        w.post("/logout", good, "Sec-Fetch-Site", "cross-site", "Cookie", b.cookie),
		"from a neighbouring host": w.post("/logout", good, "Sec-Fetch-Site", "same-site", "Cookie", b.cookie),
		"from another origin":      w.post("/logout", good, "Origin", origin, "Cookie", b.cookie),
		"from nowhere":             w.post("/logout", good, "Cookie", b.cookie),
		"without a cookie":         w.post("/logout", good, "Sec-Fetch-Site", "same-origin"),
		"of another session":       w.post("/logout", good, "Sec-Fetch-Site", "same-origin", "Cookie", other.cookie),
		"changed":                  w.post("/logout", bad, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
		"of a login":               w.post("/logout", url.Values{"request": {w.open().box()}, "step": {"out"}}, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
		"at another issuer":        foreign.post("/logout", good, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
	} {
		if r.status != http.StatusBadRequest || strings.Contains(string(r.body), "<form") || len(r.header["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	hinted := w.issuer + "/logout?" + params("id_token_hint", got.ID).Encode()
	w.send(http.MethodHead, hinted, "", "Cookie", b.cookie)
	w.send(http.MethodGet, hinted, "", "Cookie", b.cookie, "Sec-Purpose", "prefetch;prerender")
	w.send(http.MethodGet, w.issuer+"/logout?client_id=1", "", "Cookie", b.cookie, "Sec-Fetch-Dest", "image")
	if !b.signedIn() || !other.signedIn() {
		t.Fatal("somebody was signed out")
	}
	w.clock.move(time.Hour)
	b.pressAt("/logout", good)
	b.shows("a page that is too old", 400, "")
	b.leave()
	b.take(w.post("/logout", url.Values{"request": {b.box()}, "step": {"out"}}, "Origin", publicURL, "Cookie", b.cookie))
	b.shows("from our own page in an old browser", 200, "")
	if b.signedIn() {
		t.Error("still signed in")
	}
}

// TestLogoutOpenRedirect: nothing is redirected to what the named client has not registered, byte for byte, and then nobody is
// signed out either.
func TestLogoutOpenRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const elsewhere = "https://web.example.test/bye"
	w.leavable(publicID)
	w.leavable(confidentialID, elsewhere)
	w.leavable(foreignID, afterwards)
	b, got := w.in()
	for name, pairs := range map[string][]string{
		"a hint and another client":    {"id_token_hint", got.ID, "client_id", "2", "post_logout_redirect_uri", elsewhere},
		"a hint and a URI of another":  {"id_token_hint", got.ID, "post_logout_redirect_uri", elsewhere},
		"a URI and nothing else":       {"post_logout_redirect_uri", afterwards},
		"an unknown client":            {"client_id", "77", "post_logout_redirect_uri", afterwards},
		"no client's id":               {"client_id", "x", "post_logout_redirect_uri", afterwards},
		"a client of another issuer":   {"client_id", "4", "post_logout_redirect_uri", afterwards},
		"another client's URI":         {"client_id", "2", "post_logout_redirect_uri", afterwards},
		"a redirect URI of logins":     {"id_token_hint", got.ID, "post_logout_redirect_uri", callback},
		"another host":                 {"id_token_hint", got.ID, "post_logout_redirect_uri", "https://evil.example.test/bye?from=here"},
		"without its query":            {"id_token_hint", got.ID, "post_logout_redirect_uri", "https://app.example.test/bye"},
		"with more":                    {"id_token_hint", got.ID, "post_logout_redirect_uri", afterwards + "&x=y"},
		"another case":                 {"id_token_hint", got.ID, "post_logout_redirect_uri", strings.ToUpper(afterwards)},
		"a script":                     {"id_token_hint", got.ID, "post_logout_redirect_uri", "javascript:alert(1)"},
		"a hint of another client":     {"id_token_hint", got.ID, "client_id", "2", "post_logout_redirect_uri", afterwards},
		"a hint that somebody changed": {"id_token_hint", changed(got.ID), "post_logout_redirect_uri", afterwards},
		"a changed hint and a client":  {"id_token_hint", changed(got.ID), "client_id", "1", "post_logout_redirect_uri", afterwards},
		"an access token":              {"id_token_hint", got.Access},
	} {
		b.leave(pairs...)
		b.shows(name, 400, "")
		if b.page.header.Get("Location") != "" || strings.Contains(string(b.page.body), "<form") || len(b.page.header["Set-Cookie"]) > 0 {
			t.Errorf("%s: something was done", name)
		}
		nobody := w.follow(w.issuer + "/logout?" + params(pairs...).Encode())
		nobody.shows(name+", nobody signed in", 400, "")
	}
	b.visit(w.issuer + "/logout?client_id=1&client_id=2")
	b.shows("a parameter twice", 400, "")
	if !b.signedIn() {
		t.Error("signed out all the same")
	}
}

// TestLogoutOfNobody: there is nothing to ask; the way back is open.
func TestLogoutOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.leavable(publicID)
	b := w.follow(w.issuer + "/logout")
	b.shows("nobody", 200, "")
	b.leave("client_id", "1", "post_logout_redirect_uri", afterwards, "state", "s")
	b.leadsTo("nobody, with a way back", "https://app.example.test/bye?state=s&from=here")
	b, _ = w.in()
	w.clock.move(7 * 24 * time.Hour)
	b.leave()
	b.shows("a session that has run out", 200, "")
	if b.jar[sessionCookie(w.project)] != "" {
		t.Error("the cookie of a session that has run out stays")
	}
}

// TestLogoutByPostOfAnotherSite: the form comes back as a GET, which has the cookie along.
func TestLogoutByPostOfAnotherSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.leavable(publicID)
	b, got := w.in()
	f := params("id_token_hint", got.ID, "post_logout_redirect_uri", afterwards)
	r := w.post("/logout", f, "Sec-Fetch-Site", "cross-site")
	if r.status != 303 || r.header.Get("Location") != w.issuer+"/logout?"+f.Encode() || len(r.header["Set-Cookie"]) > 0 {
		t.Fatalf("%d %v", r.status, r.header)
	}
	b.visit(r.header.Get("Location"))
	b.leadsTo("the GET", afterwards)
	if b.signedIn() {
		t.Error("still signed in")
	}
}
