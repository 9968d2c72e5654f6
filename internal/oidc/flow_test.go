package oidc_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/latchkey-dev/latchkey"
)

// TestHostedLogin: an unmodified Go client, a browser without script, every turn of the way.
func TestHostedLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, latchkey.RS256)
	ctx := gooidc.ClientContext(t.Context(), w.http)
	provider, err := gooidc.NewProvider(ctx, w.issuer)
	w.must(err)
	config := oauth2.Config{ClientID: "1", Endpoint: provider.Endpoint(), RedirectURL: callback, Scopes: []string{"openid", "email", "offline_access"}}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	proof := oauth2.GenerateVerifier()
	b := w.follow(config.AuthCodeURL("a state", gooidc.Nonce("a nonce"), oauth2.S256ChallengeOption(proof), oauth2.SetAuthURLParam("login_hint", "other@example.test")))
	b.shows("the first page", 200, "address")
	if hint := b.input("address", "value"); hint != "other@example.test" {
		t.Errorf("the field begins with %q, want the login_hint", hint)
	}
	b.press("address", "address", "nobody")
	b.shows("what is no address", 200, "address")
	b.press("address", "address", "other@example.test")
	b.shows("an address", 200, "code")
	if b.input("code", "autocomplete") != "one-time-code" || b.input("code", "inputmode") != "numeric" {
		t.Error("the code field is not one that phones fill in")
	}
	w.sentCode()
	b.press("change")
	b.shows("another address", 200, "address")
	b.press("address", "address", " Player@Example.test ")
	first := w.sentCode()
	b.press("code", "code", "000000")
	b.shows("a wrong code", 200, "code")
	if b.input("code", "aria-invalid") != "true" {
		t.Error("after a wrong code the field does not say so")
	}
	b.press("again")
	b.shows("once more", 200, "code")
	if again := w.sentCode(); again != first {
		t.Error("the message that was sent again has another code: the first one, still on its way, would be of no use")
	}
	spent := *b
	b.press("code", "code", first[:3]+" "+first[3:])
	q := b.ends("the right code")
	if q.Get("state") != "a state" {
		t.Errorf("state is %q", q.Get("state"))
	}
	got, err := config.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(proof))
	w.must(err)
	raw, _ := got.Extra("id_token").(string)
	id, err := provider.Verifier(&gooidc.Config{ClientID: "1", Now: w.clock.Now}).Verify(ctx, raw)
	w.must(err)
	who, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(got))
	w.must(err)
	if id.Nonce != "a nonce" || who.Subject != id.Subject || who.Email != player {
		t.Errorf("nonce %q, subject %s, userinfo %+v", id.Nonce, id.Subject, who)
	}
	spent.press("code", "code", first)
	spent.shows("the same code again (ASVS 6.5.1)", 200, "code")
}

// TestPhone: the same field takes a phone number.
func TestPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.open()
	b.press("address", "address", "+1 202 555 0123")
	b.shows("a phone number", 200, "code")
	b.press("code", "code", w.sentCode())
	b.ends("the code")
}

// TestTriesRunOut: five wrong codes, and the right one comes too late; a new one may be had on the same page.
func TestTriesRunOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.open()
	b.press("address", "address", player)
	code := w.sentCode()
	for range 5 {
		b.press("code", "code", "000000")
	}
	b.press("code", "code", code)
	b.shows("the right code after five wrong ones", 200, "request")
	b.press("again")
	fresh := w.sentCode()
	if fresh == code {
		t.Fatal("the worn-out code was sent again")
	}
	b.press("code", "code", fresh)
	b.ends("the new code")
}

// TestRFC6749_4_1_2_1_ErrorsByRedirect: what is wrong with a request whose client and redirect URI are good.
func TestRFC6749_4_1_2_1_ErrorsByRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		change []string
		word   string
	}{
		"no response type":          {[]string{"response_type", ""}, "invalid_request"},
		"implicit (ASVS 10.4.4)":    {[]string{"response_type", "token"}, "unsupported_response_type"},
		"hybrid":                    {[]string{"response_type", "code id_token"}, "unsupported_response_type"},
		"no PKCE":                   {[]string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
		"PKCE plain (RFC 9700)":     {[]string{"code_challenge_method", "plain"}, "invalid_request"},
		"PKCE without a method":     {[]string{"code_challenge_method", ""}, "invalid_request"},
		"a short challenge":         {[]string{"code_challenge", "x"}, "invalid_request"},
		"prompt=none":               {[]string{"prompt", "none"}, "login_required"},
		"prompt=none login":         {[]string{"prompt", "none login"}, "invalid_request"},
		"max_age of words":          {[]string{"max_age", "soon"}, "invalid_request"},
		"response_mode=fragment":    {[]string{"response_mode", "fragment"}, "invalid_request"},
		"a request object":          {[]string{"request", "x.y.z"}, "request_not_supported"},
		"a request URI":             {[]string{"request_uri", "https://app.example.test/r"}, "request_uri_not_supported"},
		"a nonce beyond all bounds": {[]string{"nonce", strings.Repeat("x", 501)}, "invalid_request"},
	} {
		q := w.open(c.change...).ends(name)
		if q.Get("error") != c.word || q.Get("state") != "s p&a=c" || q.Has("code") {
			t.Errorf("%s: %v, want %s", name, q, c.word)
		}
	}
	twice := w.issuer + "/authorize?" + url.Values{"client_id": {"1"}, "redirect_uri": {callback}, "scope": {"a", "b"}}.Encode()
	if q := w.follow(twice).ends("a parameter twice"); q.Get("error") != "invalid_request" {
		t.Errorf("a parameter twice: %v", q)
	}
	for name, change := range map[string][]string{
		"no state": {"state", ""}, "a short state": {"state", "x"}, "prompt=login": {"prompt", "login"}, "max_age": {"max_age", "0"},
		"an unknown scope": {"scope", "openid groups"}, "unknown parameters": {"display", "touch"}, "languages": {"ui_locales", "de-AT en"},
	} {
		w.open(change...).shows(name, 200, "address")
	}
}

// TestRFC9700_4_1_RedirectTricks: what is not registered, byte for byte, is never gone to; nor is anything if the client
// is not known (RFC 6749 §4.1.2.1).
func TestRFC9700_4_1_RedirectTricks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, change := range map[string][]string{
		"no client":                    {"client_id", ""},
		"an unknown client":            {"client_id", "77"},
		"a client of another issuer":   {"client_id", "4"},
		"a server client":              {"client_id", "3"},
		"no redirect URI":              {"redirect_uri", ""},
		"another host":                 {"redirect_uri", "https://evil.example.test/cb"},
		"a suffix of the host":         {"redirect_uri", "https://app.example.test.evil.test/cb"},
		"userinfo":                     {"redirect_uri", "https://app.example.test@evil.test/cb"},
		"a longer path":                {"redirect_uri", callback + "/x"},
		"a slash more":                 {"redirect_uri", callback + "/"},
		"an encoded slash":             {"redirect_uri", "https://app.example.test%2fcb"},
		"a step up":                    {"redirect_uri", "https://app.example.test/x/../cb"},
		"another case":                 {"redirect_uri", "https://App.example.test/cb"},
		"a port":                       {"redirect_uri", "https://app.example.test:8443/cb"},
		"the default port":             {"redirect_uri", "https://app.example.test:443/cb"},
		"a fragment":                   {"redirect_uri", callback + "#x"},
		"a query":                      {"redirect_uri", callback + "?x=y"},
		"another scheme":               {"redirect_uri", "http://app.example.test/cb"},
		"a letter that looks the same": {"redirect_uri", "https://аpp.example.test/cb"},
		"a backslash":                  {"redirect_uri", `https://app.example.test\@evil.test/cb`},
		"a line break":                 {"redirect_uri", callback + "\r\nSet-Cookie: a=b"},
		"a script":                     {"redirect_uri", "javascript:alert(1)//https://app.example.test/cb"},
		"loopback, not registered":     {"redirect_uri", "http://127.0.0.1:4711/cb"},
	} {
		for _, more := range [][]string{nil, {"prompt", "none"}, {"response_type", "token"}, {"response_mode", "form_post"}} {
			b := w.open(append(change, more...)...)
			b.shows(name, 400, "")
			if b.page.header.Get("Location") != "" || strings.Contains(string(b.page.body), "<form") {
				t.Errorf("%s: led on to somewhere", name)
			}
		}
	}
	for _, name := range []string{"client_id", "redirect_uri"} {
		q := url.Values{"client_id": {"1"}, "redirect_uri": {callback}, "response_type": {"code"}}
		q.Add(name, q.Get(name))
		w.follow(w.issuer+"/authorize?"+q.Encode()).shows(name+" twice", 400, "")
	}
	w.follow(w.issuer+"/authorize?%zz").shows("what is no query", 400, "")
}

// TestRFC9700_4_7_LoginCSRF: a form works in the browser that got the page, and from a page of ours, and nowhere else; and
// nothing of it can be changed.
func TestRFC9700_4_7_LoginCSRF(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, victim := w.open(), w.open()
	if b.cookie == victim.cookie {
		t.Fatal("two browsers have one cookie")
	}
	good := b.form("address", "address", player)
	changed := b.form("address", "address", player)
	changed.Set("request", "A"+b.box()[1:])
	foreign := *w
	foreign.issuer = latchkey.Issuer(publicURL, w.other)
	for name, r := range map[string]reply{
		"from another site":             b.post(good, "Sec-Fetch-Site", "cross-site", "Cookie", b.cookie),
		"from a neighbouring host":      b.post(good, "Sec-Fetch-Site", "same-site", "Cookie", b.cookie),
		"from nowhere":                  b.post(good, "Cookie", b.cookie),
		"from another origin":           b.post(good, "Origin", origin, "Cookie", b.cookie),
		"without a cookie":              b.post(good, "Sec-Fetch-Site", "same-origin"),
		"in another browser (fixation)": b.post(good, "Sec-Fetch-Site", "same-origin", "Cookie", victim.cookie),
		"changed":                       b.post(changed, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
		"without a request":             b.post(url.Values{"step": {"address"}, "address": {player}}, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
		"at another issuer (mix-up)":    foreign.post("/login", good, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
		"a step back at another issuer": foreign.post("/login", b.form("change"), "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
		"a code before there is any":    b.post(b.form("again"), "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
		"a step that there is not":      b.post(b.form("x"), "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
	} {
		if r.status != http.StatusBadRequest || strings.Contains(string(r.body), "<form") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if len(w.outbox) > 0 {
		t.Error("a code was sent all the same")
	}
	if r := b.post(good, "Origin", publicURL, "Cookie", b.cookie); r.status != 200 {
		t.Errorf("from our own page in an old browser: %d", r.status)
	}
	w.clock.move(time.Hour)
	b.press("address", "address", player)
	b.shows("after an hour", 400, "")
}

// TestFormPost: the answer comes by a page that posts itself, without a script too, and nothing in it is markup.
func TestFormPost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.open("response_mode", "form_post", "state", `"><script>alert(1)</script>`)
	b.press("address", "address", player)
	b.press("code", "code", w.sentCode())
	if b.page.status != 200 || b.input("code", "value") == "" || b.input("iss", "value") != w.issuer || b.input("state", "value") != `"><script>alert(1)</script>` {
		t.Fatalf("%d\n%s", b.page.status, b.page.body)
	}
	action := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(string(b.page.body))
	if len(action) != 2 || action[1] != callback || !strings.Contains(string(b.page.body), "<noscript><button") {
		t.Errorf("the form: %s", b.page.body)
	}
	if policy := b.page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' "+origin) || !strings.Contains(policy, "script-src 'sha256-") {
		t.Errorf("Content-Security-Policy is %q", policy)
	}
	if strings.Count(string(b.page.body), "<script>") != 1 {
		t.Errorf("the state became markup: %s", b.page.body)
	}
	e := w.open("response_mode", "form_post", "prompt", "none")
	if e.input("error", "value") != "login_required" || e.input("code", "name") != "" {
		t.Errorf("an error: %s", e.page.body)
	}
}

// TestAuthorizeByPost: OIDC Core §3.1.2.1.
func TestOIDCCore_3_1_2_1_AuthorizeByPost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := &browser{w: w}
	b.take(w.post("/authorize", url.Values{"client_id": {"2"}, "redirect_uri": {callback}, "response_type": {"code"}, "ui_locales": {"he"}}))
	b.shows("the first page", 200, "address")
	if b.page.header.Get("Content-Language") != "he" || !strings.Contains(string(b.page.body), `dir="rtl"`) {
		t.Errorf("asked for Hebrew, got %q", b.page.header.Get("Content-Language"))
	}
	b.press("address", "address", player)
	b.press("code", "code", w.sentCode())
	if q := b.ends("the code"); q.Has("state") {
		t.Errorf("a state that nobody gave: %v", q)
	}
}
