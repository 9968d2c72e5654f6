package oidc_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// The attacks of RFC 9700 §4, one test each. Where they stand:
//
//	4.1      redirect URIs               TestRFC9700_4_1_RedirectTricks (flow_test.go), …_OtherPlaces
//	4.2      Referer                     browser_rfc9700_test.go
//	4.3      history and logs            browser_rfc9700_test.go
//	4.4      mix-up                      here
//	4.5      code injection              here
//	4.6, 4.9 tokens where they are not for    token_rfc9700_test.go
//	4.7      CSRF, session fixation      TestRFC9700_4_7_LoginCSRF (flow_test.go), browser_rfc9700_test.go
//	4.8      PKCE downgrade              here
//	4.11     open redirection            browser_rfc9700_test.go
//	4.12     307                         browser_rfc9700_test.go
//	4.13     headers of a proxy          browser_rfc9700_test.go
//	4.14     refresh tokens              TestRFC9700_4_14_2_ReplayedRefreshToken (token_test.go), token_rfc9700_test.go
//	4.15     a client that looks like a person    token_rfc9700_test.go
//	4.16     clickjacking                browser_rfc9700_test.go
//	4.17     messages between windows    browser_rfc9700_test.go

// with is a form with changes, as pairs; "" takes a parameter out.
func with(f url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for name := range f {
		out.Set(name, f.Get(name))
	}
	for i := 0; i < len(pairs); i += 2 {
		if out.Del(pairs[i]); pairs[i+1] != "" {
			out.Set(pairs[i], pairs[i+1])
		}
	}
	return out
}

// TestRFC9700_4_1_OtherPlaces: the tricks of redirect URIs at the other doors: a pushed request, the logout, and the rule that
// an app may have any port of the loopback interface.
func TestRFC9700_4_1_OtherPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, err := w.store.Client(t.Context(), publicID)
	w.must(err)
	c.RedirectURIs = append(c.RedirectURIs, "http://127.0.0.1/cb", "http://[::1]:1/cb", "http://localhost/cb", "app://xlogin.com.studio.game")
	c.LogoutURIs = []string{callback}
	w.must(w.store.UpdateClient(t.Context(), c, latchkey.Event{At: w.clock.Now(), Kind: latchkey.ClientUpdated, Project: w.project, Client: c.ID}))
	for _, good := range []string{"http://127.0.0.1/cb", "http://127.0.0.1:4711/cb", "http://[::1]:4711/cb", "app://xlogin.com.studio.game"} {
		w.open("redirect_uri", good).shows(good, 200, "address")
	}
	for _, evil := range []string{
		"http://127.0.0.1:4711@evil.test/cb", "http://127.0.0.1@evil.test/cb", "http://127.0.0.1:4711/cb/../x", "http://127.0.0.1:4711/cb?x", "http://127.0.0.1:4711/cb#x",
		"http://127.0.0.1:4711/CB", "http://127.0.0.1.evil.test/cb", "http://127.0.0.1:x/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:123456/cb", `http://127.0.0.1:4711\cb`,
		"http://127.0.0.1:4711%2fcb", "https://127.0.0.1:4711/cb", "http://127.1:4711/cb", "http://2130706433/cb", "http://localhost:4711/cb", "http://0.0.0.0:4711/cb",
		"app://xlogin.com.studio.game/", "app://xlogin.com.studio.game.evil", "APP://xlogin.com.studio.game", "app:xlogin.com.studio.game", "app://xlogin.com.studio.game?x",
		"//app.example.test/cb", "/cb", "https:app.example.test/cb", "https:///app.example.test/cb", " " + callback, callback + " ", callback + "\x00", callback + "%00",
		"https://app%2eexample.test/cb", "https://app.example.test%5c@evil.test/cb", "https://evil.test/?" + callback, "https://ａpp.example.test/cb", "https://app。example.test/cb",
	} {
		b := w.open("redirect_uri", evil)
		b.shows(evil, 400, "")
		if to := b.page.header.Get("Location"); to != "" {
			t.Errorf("%q: led to %s", evil, to)
		}
		if r := w.post("/par", request("redirect_uri", evil)); r.status != 400 {
			t.Errorf("%q was pushed: %d %s", evil, r.status, r.body)
		}
		bye := w.get("/logout?" + url.Values{"client_id": {strconv.Itoa(publicID)}, "post_logout_redirect_uri": {evil}}.Encode())
		if bye.status != 400 || bye.header.Get("Location") != "" {
			t.Errorf("the logout leads to %q: %d %q", evil, bye.status, bye.header.Get("Location"))
		}
	}
}

// TestRFC9700_4_4_MixUp: every answer says whose it is, and nothing that one issuer gave is worth anything at another one of
// the same server.
func TestRFC9700_4_4_MixUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var doc map[string]any
	w.get("/.well-known/openid-configuration").ok(&doc)
	if doc["authorization_response_iss_parameter_supported"] != true {
		t.Error("the discovery document does not say that answers name their issuer: clients would not look")
	}
	if iss := w.open("prompt", "none").ends("an error").Get("iss"); iss != w.issuer {
		t.Errorf("an error's iss is %q", iss)
	}
	if iss := w.open("prompt", "none", "response_mode", "form_post").input("iss", "value"); iss != w.issuer {
		t.Errorf("the iss of an error by form_post is %q", iss)
	}
	b := w.open("scope", "openid offline_access")
	b.signIn(player)
	q := b.ends("a login")
	other := *w
	other.issuer = latchkey.Issuer(publicURL, w.other)
	f := redeem(q.Get("code"))
	other.post("/token", f).fails("a code at another issuer, by its client", 401, "invalid_client")
	other.post("/token", with(f, "client_id", strconv.Itoa(foreignID))).fails("a code at another issuer, by a client there", 400, "invalid_grant")
	var got tokens
	w.post("/token", f).ok(&got)
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}, "client_id": {strconv.Itoa(foreignID)}}
	other.post("/token", refresh).fails("a refresh token at another issuer", 400, "invalid_grant")
	other.get("/userinfo", "Authorization", "Bearer "+got.Access).fails("an access token at another issuer", 401, "invalid_token")
	if r := other.send(http.MethodGet, other.issuer+"/account", "", "Cookie", b.cookie); strings.Contains(string(r.body), player) {
		t.Error("the session of one issuer shows its person at another")
	}
	uri := w.push(wanted())
	if r := other.bring(strconv.Itoa(foreignID), uri); r.status != 400 {
		t.Errorf("a pushed request at another issuer: %d", r.status)
	}
}

// TestRFC9700_4_5_CodeInjection: a stolen code is put into the thief's own session at the same client, at another client, or
// redeemed by the thief: it is worth nothing, and stays good for whom it was meant.
func TestRFC9700_4_5_CodeInjection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.open("nonce", "of the victim")
	b.signIn(player)
	stolen := redeem(b.ends("the victim's login").Get("code"))
	const own = "the-verifier-of-the-thief-s-own-session-at-the-client"
	for name, f := range map[string]url.Values{
		"in another session of the client":     with(stolen, "code_verifier", own),
		"with no verifier":                     with(stolen, "code_verifier", ""),
		"with the challenge for a verifier":    with(stolen, "code_verifier", challenge),
		"at another client":                    with(stolen, "client_id", strconv.Itoa(confidentialID), "client_secret", secret),
		"from another place":                   with(stolen, "redirect_uri", "https://evil.example.test/cb"),
		"from a place that looks like the one": with(stolen, "redirect_uri", callback+"/"),
	} {
		w.post("/token", f).fails(name, 400, "invalid_grant")
	}
	var got tokens
	w.post("/token", stolen).ok(&got)
	if nonce := part(t, got.ID, 1)["nonce"]; nonce != "of the victim" {
		t.Errorf("the nonce is %v: a client could not tell whose session the code is from", nonce)
	}
}

// TestRFC9700_4_8_PKCEDowngrade: who can change the request in the browser cannot take the proof out of it.
func TestRFC9700_4_8_PKCEDowngrade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, change := range map[string][]string{
		"no challenge, by a public client": {"code_challenge", "", "code_challenge_method", ""},
		"a method without a challenge":     {"code_challenge", ""},
		"a challenge without a method":     {"code_challenge_method", ""},
		"the method plain":                 {"code_challenge_method", "plain"},
		"a method that there is not":       {"code_challenge_method", "s256"},
		"an empty challenge":               {"code_challenge", " "},
	} {
		if q := w.open(change...).ends(name); q.Get("error") != "invalid_request" || q.Has("code") {
			t.Errorf("%s: %v", name, q)
		}
	}
	// A confidential client may do without. Then a verifier says that the challenge was taken out on the way.
	mine := []string{"Authorization", basic(confidentialID, secret)}
	b := w.open("client_id", strconv.Itoa(confidentialID), "code_challenge", "", "code_challenge_method", "")
	b.signIn(player)
	f := with(redeem(b.ends("without PKCE").Get("code")), "client_id", "")
	w.post("/token", f, mine...).fails("a verifier without a challenge", 400, "invalid_grant")
	w.post("/token", with(f, "code_verifier", ""), mine...).ok(&tokens{})
	// And where there was a challenge, the verifier cannot be left out.
	b = w.open("client_id", strconv.Itoa(confidentialID))
	b.signIn(player)
	f = with(redeem(b.ends("with PKCE").Get("code")), "client_id", "", "code_verifier", "")
	w.post("/token", f, mine...).fails("a challenge without a verifier", 400, "invalid_grant")
}
