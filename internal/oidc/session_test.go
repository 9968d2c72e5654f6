package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/token"
)

const stranger = "somebody.else@example.test"

// sessionCookie is the name of the cookie of p's sessions.
func sessionCookie(p latchkey.ProjectID) string { return "__Host-latchkey-session-" + p.String() }

// in gives a browser in which the player signed in to the public client, and the tokens that the client got.
func (w *world) in(change ...string) (*browser, tokens) {
	w.t.Helper()
	b := w.open(change...)
	b.signIn(player)
	return b, w.redeemed(b.ends("the first login"))
}

// redeemed turns the code of an answer to the public client into tokens.
func (w *world) redeemed(q url.Values) (got tokens) {
	w.t.Helper()
	w.post("/token", redeem(q.Get("code"))).ok(&got)
	return got
}

// enters wants a code at once, and gives what it is worth.
func (b *browser) enters(what string) tokens {
	b.w.t.Helper()
	q := b.ends(what)
	if q.Get("code") == "" || len(b.w.outbox) > 0 {
		b.w.t.Fatalf("%s: no code at once: %v", what, q)
	}
	return b.w.redeemed(q)
}

// subject is who an ID token is about.
func subject(t *testing.T, got tokens) string {
	t.Helper()
	sub, _ := part(t, got.ID, 1)["sub"].(string)
	return sub
}

// TestSingleSignOn: a second client of the project signs the person in without a code; both learn when the code was given.
func TestSingleSignOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, first := w.in()
	signedIn := w.clock.Now().Unix()
	w.clock.move(time.Hour)
	b.ask("client_id", "2", "state", "another state", "nonce", "another nonce", "code_challenge", "", "code_challenge_method", "")
	q := b.ends("the second client")
	if q.Get("code") == "" || q.Get("state") != "another state" {
		t.Fatalf("the second client got %v", q)
	}
	f := url.Values{"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {callback}}
	var second tokens
	w.post("/token", f, "Authorization", basic(confidentialID, secret)).ok(&second)
	claims := part(t, second.ID, 1)
	if subject(t, second) != subject(t, first) || claims["nonce"] != "another nonce" || claims["auth_time"] != float64(signedIn) {
		t.Errorf("the ID token says %v, want subject %s, auth_time %d", claims, subject(t, first), signedIn)
	}
	b.ask("response_mode", "form_post")
	if b.page.status != 200 || b.input("code", "value") == "" {
		t.Errorf("by form_post: %d %s", b.page.status, b.page.body)
	}
	b.ask("prompt", "none")
	b.enters("without a page")
	fresh := w.open("prompt", "none")
	if q := fresh.ends("another browser"); q.Get("error") != "login_required" {
		t.Errorf("another browser, without a page: %v", q)
	}
	b.ask("redirect_uri", "https://evil.example.test/cb")
	b.shows("a redirect URI that is not registered", 400, "")
}

// TestOIDCCore_3_1_2_1_Prompt: what becomes of a browser that is signed in.
func TestOIDCCore_3_1_2_1_Prompt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.in()
	w.clock.move(10 * time.Minute)
	const enter, ask, choose = "enter", "ask", "choose"
	for name, c := range map[string]struct {
		change []string
		want   string // or an error's word
	}{
		"nothing said":                         {nil, enter},
		"none":                                 {[]string{"prompt", "none"}, enter},
		"login":                                {[]string{"prompt", "login"}, ask},
		"create":                               {[]string{"prompt", "create"}, ask},
		"select_account":                       {[]string{"prompt", "select_account"}, choose},
		"consent":                              {[]string{"prompt", "consent"}, choose},
		"login and select_account":             {[]string{"prompt", "login select_account"}, ask},
		"consent and select_account":           {[]string{"prompt", "consent select_account"}, choose},
		"none and login":                       {[]string{"prompt", "none login"}, "invalid_request"},
		"none twice":                           {[]string{"prompt", "none none"}, "invalid_request"},
		"a word that there is not":             {[]string{"prompt", "fingerprint"}, "invalid_request"},
		"in capitals":                          {[]string{"prompt", "LOGIN"}, "invalid_request"},
		"an age that is kept":                  {[]string{"max_age", "600"}, enter},
		"an age that is not":                   {[]string{"max_age", "599"}, ask},
		"no age at all":                        {[]string{"max_age", "0"}, ask},
		"no age at all, twice":                 {[]string{"max_age", "00"}, ask},
		"an age beyond all bounds":             {[]string{"max_age", strings.Repeat("9", 40)}, enter},
		"an age that is not, without a page":   {[]string{"max_age", "599", "prompt", "none"}, "login_required"},
		"no age, without a page":               {[]string{"max_age", "0", "prompt", "none"}, "login_required"},
		"an age below zero":                    {[]string{"max_age", "-1"}, "invalid_request"},
		"their own address":                    {[]string{"login_hint", " PLAYER@example.test"}, enter},
		"another address":                      {[]string{"login_hint", stranger}, choose},
		"another phone":                        {[]string{"login_hint", "+12025550123"}, choose},
		"another address, without a page":      {[]string{"login_hint", stranger, "prompt", "none"}, "login_required"},
		"another address, to sign in as":       {[]string{"login_hint", stranger, "prompt", "login"}, ask},
		"a hint that is no address":            {[]string{"login_hint", "player 1"}, enter},
		"what may be passed over":              {[]string{"display", "popup", "acr_values", "a b", "claims_locales", "de", "claims", "{}"}, enter},
		"a select_account that has to be late": {[]string{"prompt", "select_account", "max_age", "5"}, ask},
	} {
		b.ask(c.change...)
		got := b.page.status
		switch c.want {
		case enter:
			b.enters(name)
		case ask:
			b.shows(name, 200, "address")
		case choose:
			b.shows(name, 200, "request")
			if b.input("address", "name") != "" || !strings.Contains(string(b.page.body), player) {
				t.Errorf("%s: no choice: %s", name, b.page.body)
			}
		default:
			if q := b.ends(name); q.Get("error") != c.want || q.Has("code") {
				t.Errorf("%s: %d %v, want %s", name, got, q, c.want)
			}
		}
	}
}

// TestPromptLoginNeverSkips: no form of a page that asks for a login leads on without one.
func TestPromptLoginNeverSkips(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.in()
	for _, change := range [][]string{{"prompt", "login"}, {"max_age", "0"}, {"prompt", "create"}} {
		b.ask(change...)
		b.press("go")
		b.shows("a press of a button that the page has not", 200, "address")
	}
	for prompt, want := range map[string]string{"login": player, "create": "", "login select_account": ""} {
		if b.ask("prompt", prompt); b.input("address", "value") != want {
			t.Errorf("prompt=%s: the field begins with %q, want %q", prompt, b.input("address", "value"), want)
		}
	}
	b.ask("prompt", "login", "state", "fresh")
	w.clock.move(30 * time.Minute)
	b.signIn(player)
	claims := part(t, w.redeemed(b.ends("the login")).ID, 1)
	if claims["auth_time"] != float64(w.clock.Now().Unix()) {
		t.Errorf("auth_time is %v, want that of the new login, %d", claims["auth_time"], w.clock.Now().Unix())
	}
	b.ask("max_age", "60")
	b.enters("within max_age of the new login")
}

// TestChoice: going on as who is signed in takes a press, and means who stood on the page.
func TestChoice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, first := w.in()
	b.ask("prompt", "select_account", "state", "the state")
	page := *b
	b.press("go")
	q := b.ends("going on")
	if q.Get("state") != "the state" || subject(t, w.redeemed(q)) != subject(t, first) {
		t.Errorf("went on as somebody else: %v", q)
	}
	*b = page
	b.press("other")
	b.shows("somebody else", 200, "address")
	if b.input("address", "value") != "" {
		t.Error("the address of the one who is signed in is filled in for somebody else")
	}
	b.signIn(stranger)
	if subject(t, w.redeemed(b.ends("somebody else"))) == subject(t, first) {
		t.Error("somebody else signed in and is the same person")
	}
	page.jar, page.cookie = b.jar, b.cookie // the same browser: the page lay open in another tab
	page.press("go")
	page.shows("a press of a page about who was signed in before", 200, "address")
	late, _ := w.in()
	late.ask("prompt", "select_account", "max_age", "60")
	w.clock.move(2 * time.Minute)
	late.press("go")
	late.shows("a press that comes too late for max_age", 200, "address")
}

// TestIDTokenHint: who the client says must be signed in (OIDC Core §3.1.2.1).
func TestIDTokenHint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, mine := w.in("scope", "openid offline_access")
	other := w.open()
	other.signIn(stranger)
	theirs := w.redeemed(other.ends("somebody else"))
	b.ask("id_token_hint", mine.ID, "prompt", "none")
	b.enters("their own")
	w.clock.move(3 * 24 * time.Hour)
	b.ask("id_token_hint", mine.ID, "prompt", "none")
	b.enters("their own, expired")
	b.ask("id_token_hint", theirs.ID, "prompt", "none")
	if q := b.ends("somebody else's"); q.Get("error") != "login_required" {
		t.Errorf("somebody else's, without a page: %v", q)
	}
	b.ask("id_token_hint", theirs.ID, "login_hint", player)
	b.signIn(player)
	if q := b.ends("a login as another one"); q.Get("error") != "login_required" || q.Has("code") {
		t.Errorf("a login as another one than the hint's: %v", q)
	}
	b.ask("id_token_hint", theirs.ID)
	b.signIn(stranger)
	if got := w.redeemed(b.ends("a login as the one")); subject(t, got) != subject(t, theirs) {
		t.Error("signed in as somebody else")
	}
	api, err := w.server.Tokens.Redeem(t.Context(), token.RedeemRequest{
		Client: token.Credentials{ID: publicID}, Code: latchkey.Secret(w.code(ask{client: publicID, scope: "openid"})), Redirect: callback,
	})
	w.must(err)
	for name, hint := range map[string]string{
		"nonsense": "x.y.z", "a changed one": changed(mine.ID), "an access token": mine.Access, "a refresh token": mine.Refresh,
		"an access token of /api, whose audience is the client too": api.Access.Reveal(), "a server token": w.serverToken().Access,
	} {
		b.ask("id_token_hint", hint)
		if q := b.ends(name); q.Get("error") != "invalid_request" {
			t.Errorf("%s for a hint: %v", name, q)
		}
	}
	b.ask("client_id", "2", "id_token_hint", mine.ID)
	if q := b.ends("another client's"); q.Get("error") != "invalid_request" {
		t.Errorf("an ID token that another client was given: %v", q)
	}
}

// TestASVS_7_2_4_SessionFixation: a cookie that somebody planted is not gone on with: a login makes a new one, and the old
// one is worth nothing to whoever knows it.
func TestASVS_7_2_4_SessionFixation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	attacker, _ := w.in()
	planted := attacker.jar[sessionCookie(w.project)]
	for name, value := range map[string]string{"a session of the attacker's own": planted, "a made-up one": strings.Repeat("A", 64)} {
		victim := w.open("prompt", "login")
		victim.jar[sessionCookie(w.project)] = value
		victim.cookie += "; " + sessionCookie(w.project) + "=" + value
		victim.signIn(stranger)
		victim.ends(name)
		if got := victim.jar[sessionCookie(w.project)]; got == value || got == "" {
			t.Errorf("%s: after the login the cookie is %q", name, got)
		}
	}
	attacker.ask("prompt", "none")
	if q := attacker.ends("the attacker"); q.Get("error") != "login_required" {
		t.Errorf("the attacker is in by the cookie that they planted: %v", q)
	}
}

// TestSessionCookie: it holds 128 bits and more that are new with every login, and ends with the session's longest life.
func TestSessionCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.in()
	seen := []string{b.jar[sessionCookie(w.project)]}
	for range 3 {
		b.ask("prompt", "login")
		b.signIn(player)
		value := b.jar[sessionCookie(w.project)]
		if slices.Contains(seen, value) || len(value) < 43 {
			t.Errorf("the cookie after another login is %q", value)
		}
		seen = append(seen, value)
		for _, c := range (&http.Response{Header: b.page.header}).Cookies() {
			if life := 30 * 24 * time.Hour; c.Name == sessionCookie(w.project) && time.Duration(c.MaxAge)*time.Second != life {
				t.Errorf("the cookie lives %d s, want %v", c.MaxAge, life)
			}
		}
	}
}

// TestSessionOfOneProject: a session of one project is nothing in another one, whatever the cookie is called.
func TestSessionOfOneProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.in()
	value := b.jar[sessionCookie(w.project)]
	b.cookie += "; " + sessionCookie(w.other) + "=" + value
	foreign := latchkey.Issuer(publicURL, w.other) + "/authorize?" + request("client_id", strconv.Itoa(foreignID), "prompt", "none").Encode()
	r := w.send(http.MethodGet, foreign, "", "Cookie", b.cookie)
	if to, _ := url.Parse(r.header.Get("Location")); r.status != 303 || to.Query().Get("error") != "login_required" {
		t.Errorf("with the session of another project: %d %v", r.status, to)
	}
	for _, path := range []string{"/account", "/logout"} {
		r := w.send(http.MethodGet, latchkey.Issuer(publicURL, w.other)+path, "", "Cookie", b.cookie)
		if strings.Contains(string(r.body), player) || path == "/logout" && strings.Contains(string(r.body), "<form") {
			t.Errorf("%s knows the session of another project: %s", path, r.body)
		}
	}
}

// TestASVS_7_4_SessionsEnd: a session lets nobody in after its idle time, its whole life, a ban, a logout everywhere, or the
// end of the person's account.
func TestASVS_7_4_SessionsEnd(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	event := func(w *world, kind latchkey.Kind) latchkey.Event {
		return latchkey.Event{At: w.clock.Now(), Kind: kind, Project: w.project}
	}
	for name, end := range map[string]func(w *world, b *browser, id latchkey.UserID){
		"idle": func(w *world, _ *browser, _ latchkey.UserID) { w.clock.move(7 * day) },
		"used all its life": func(w *world, b *browser, _ latchkey.UserID) {
			for range 5 {
				w.clock.move(6*day - time.Second)
				b.ask("prompt", "none")
				b.enters("before the end of its life")
			}
			w.clock.move(5 * time.Second)
		},
		"a ban": func(w *world, _ *browser, id latchkey.UserID) {
			w.must(w.store.SetBan(t.Context(), id, latchkey.Ban{From: w.clock.Now()}, event(w, latchkey.UserBanned)))
		},
		"a logout everywhere": func(w *world, _ *browser, id latchkey.UserID) {
			w.must(w.store.EndSessions(t.Context(), id, event(w, latchkey.UserLoggedOut)))
		},
		"the end of the account": func(w *world, _ *browser, id latchkey.UserID) {
			w.must(w.store.DeleteUser(t.Context(), id, event(w, latchkey.UserDeleted)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b, got := w.in()
			id, err := latchkey.ParseUserID(subject(t, got))
			w.must(err)
			b.ask("prompt", "none")
			b.enters("before")
			b.ask("prompt", "select_account")
			choice := *b
			end(w, b, id)
			b.ask("prompt", "none")
			if q := b.ends(name); q.Get("error") != "login_required" {
				t.Errorf("after %s: %v", name, q)
			}
			b.ask()
			b.shows("a request after "+name, 200, "address")
			choice.press("go")
			if choice.page.status == 303 {
				t.Error("a page from before leads on")
			}
		})
	}
}

// TestAuthorizeByPostOfAnotherSite: browsers keep a Lax cookie back from a form that another site posts. It comes back as a GET,
// with the cookie and everything that was asked for.
func TestAuthorizeByPostOfAnotherSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.in()
	asked := request("prompt", "none")
	r := w.post("/authorize", asked, "Sec-Fetch-Site", "cross-site")
	if want := w.issuer + "/authorize?" + asked.Encode(); r.status != 303 || r.header.Get("Location") != want {
		t.Fatalf("%d %q, want 303 to %q", r.status, r.header.Get("Location"), want)
	}
	b.visit(r.header.Get("Location"))
	b.enters("the GET")
	b.take(w.post("/authorize", asked, "Sec-Fetch-Site", "same-site", "Cookie", b.cookie))
	b.enters("a form of the same site")
	asked.Set("nonce", strings.Repeat("x", 400))
	asked.Set("padding", strings.Repeat("x", 8000))
	b.take(w.post("/authorize", asked, "Sec-Fetch-Site", "cross-site"))
	if q := b.ends("a form too large for a URL"); q.Get("error") != "login_required" {
		t.Errorf("a form too large for a URL: %v", q)
	}
}

// TestBannedInBrowser: a login of somebody who is banned leaves no session behind.
func TestBannedInBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, got := w.in()
	id, err := latchkey.ParseUserID(subject(t, got))
	w.must(err)
	w.must(w.store.SetBan(t.Context(), id, latchkey.Ban{From: w.clock.Now()}, latchkey.Event{At: w.clock.Now(), Kind: latchkey.UserBanned, Project: w.project}))
	b := w.open()
	b.signIn(player)
	if q := b.ends("the login"); q.Get("error") != "access_denied" || b.jar[sessionCookie(w.project)] != "" {
		t.Errorf("the login of somebody who is banned ended with %v and the cookies %v", q, b.jar)
	}
}
