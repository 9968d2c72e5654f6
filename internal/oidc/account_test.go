package oidc_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/latchkey-dev/latchkey"
)

// account opens the account page, which must be there.
func (b *browser) account() {
	b.w.t.Helper()
	b.visit(b.w.issuer + "/account")
	if b.page.status != 200 || b.box() == "" || b.input("address", "name") != "" {
		b.w.t.Fatalf("no account page: %d %s", b.page.status, b.page.body)
	}
}

// buttons gives what the buttons of the account page end.
func (b *browser) buttons() (out []string) {
	doc, err := html.Parse(strings.NewReader(string(b.page.body)))
	b.w.must(err)
	for n := range doc.Descendants() {
		if n.Data == "button" && attribute(n, "name") == "end" {
			out = append(out, attribute(n, "value"))
		}
	}
	return out
}

// end presses a button of the account page.
func (b *browser) end(what string) {
	b.w.t.Helper()
	b.pressAt("/account", url.Values{"request": {b.box()}, "end": {what}})
}

// markup is what stands between the words of a page, and isolates them from each other.
var markup = regexp.MustCompile("<[^>]*>|[\u2068\u2069]")

// says looks for words on the page.
func (b *browser) says(words ...string) {
	b.w.t.Helper()
	text := markup.ReplaceAllString(string(b.page.body), "")
	for _, w := range words {
		if !strings.Contains(text, w) {
			b.w.t.Errorf("the page does not say %q:\n%s", w, text)
		}
	}
}

// TestAccountPage: whoever is not signed in signs in first, and then sees their addresses, browsers and apps.
func TestAccountPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server.Place = func(netip.Addr, string) (city, country string) { return "Ghent", "Belgium" }
	phone := w.follow(w.issuer + "/account")
	phone.signIn(player)
	phone.leadsTo("the login", w.issuer+"/account")
	w.clock.move(5 * 24 * time.Hour)
	b, _ := w.in("scope", "openid")
	b.ask("scope", "openid offline_access", "client_id", "2", "code_challenge", "", "code_challenge_method", "")
	var held tokens
	f := url.Values{"grant_type": {"authorization_code"}, "code": {b.ends("the second client").Get("code")}, "redirect_uri": {callback}}
	w.post("/token", f, "Authorization", basic(confidentialID, secret)).ok(&held)
	w.clock.move(3 * time.Minute)
	b.account()
	b.says(player, "This browser", "Last used: 3 minutes ago", "Last used: 5 days ago", "Near Ghent, Belgium", "page", "web", "Signed in: 3 minutes ago", "Stays signed in while you are away")
	got := b.buttons()
	if len(got) != 5 || !strings.HasPrefix(got[0], "session ") || !strings.HasPrefix(got[1], "session ") || !strings.HasPrefix(got[2], "grant ") || got[4] != "all" {
		t.Fatalf("the buttons end %q", got)
	}
	other := w.open()
	other.signIn(stranger)
	other.account()
	if n := len(other.buttons()); n != 2 && n != 3 {
		t.Errorf("somebody else sees %q", other.buttons())
	}
	if strings.Contains(string(other.page.body), player) {
		t.Error("somebody else sees the player's address")
	}
}

// TestASVS_7_5_2_PersonEndsSessions: each button ends what it names and nothing else, at once; the answer is a 303.
func TestASVS_7_5_2_PersonEndsSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere, _ := w.in("scope", "openid offline_access")
	b, got := w.in("scope", "openid offline_access")
	alive := func() bool {
		return w.get("/userinfo", "Authorization", "Bearer "+got.Access).status == http.StatusOK
	}
	b.account()
	buttons := b.buttons()
	b.end(buttons[1])
	b.leadsTo("another browser", w.issuer+"/account")
	if elsewhere.signedIn() || !b.signedIn() || !alive() {
		t.Fatalf("after the other browser was ended: it is in: %v, this one: %v, the app: %v", elsewhere.signedIn(), b.signedIn(), alive())
	}
	b.account()
	for _, what := range b.buttons() {
		if strings.HasPrefix(what, "grant ") {
			b.end(what)
			b.leadsTo("an app", w.issuer+"/account")
			b.account()
		}
	}
	if alive() || !b.signedIn() {
		t.Fatalf("after the apps were ended: the app is in: %v, this browser: %v", alive(), b.signedIn())
	}
	b.says("No app is signed in right now.")
	b.end(b.buttons()[0])
	b.leadsTo("this browser", w.issuer+"/logout")
	if b.jar[sessionCookie(w.project)] != "" || b.signedIn() {
		t.Error("this browser is still signed in")
	}
}

// TestSignOutEverywhere: every browser, every app, every token.
func TestSignOutEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere, first := w.in("scope", "openid offline_access")
	other := w.open()
	other.signIn(stranger)
	other.ends("somebody else")
	b, second := w.in("scope", "openid")
	b.account()
	b.end("all")
	b.leadsTo("everywhere", w.issuer+"/logout")
	if elsewhere.signedIn() || b.signedIn() || !other.signedIn() {
		t.Errorf("signed in: the other browser %v, this one %v, somebody else %v", elsewhere.signedIn(), b.signedIn(), other.signedIn())
	}
	for _, got := range []tokens{first, second} {
		w.get("/userinfo", "Authorization", "Bearer "+got.Access).fails("a token", 401, "invalid_token")
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {"1"}, "refresh_token": {first.Refresh}}
	w.post("/token", refresh).fails("a refresh token", 400, "invalid_grant")
}

// TestAccountCSRF: the buttons work on the page itself, in the session that it was made for, and end what is the person's own.
func TestAccountCSRF(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, got := w.in("scope", "openid offline_access")
	b.account()
	other := w.open()
	other.signIn(stranger)
	other.ends("somebody else")
	other.account()
	good := url.Values{"request": {b.box()}, "end": {"all"}}
	for name, r := range map[string]reply{
		"from another site":        w.post("/account", good, "Sec-Fetch-Site", "cross-site", "Cookie", b.cookie),
		"from a neighbouring host": w.post("/account", good, "Sec-Fetch-Site", "same-site", "Cookie", b.cookie),
		"from another origin":      w.post("/account", good, "Origin", origin, "Cookie", b.cookie),
		"from nowhere":             w.post("/account", good, "Cookie", b.cookie),
	} {
		if r.status != http.StatusBadRequest || strings.Contains(string(r.body), "<form") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	for name, box := range map[string]string{"somebody else's form": other.box(), "a login's form": w.open().box(), "no form": "", "nonsense": "AAAA"} {
		b.pressAt("/account", url.Values{"request": {box}, "end": {"all"}})
		b.shows(name, 200, "request")
		b.says("Nothing has been done yet.")
	}
	b.account()
	b.end("everything")
	b.shows("a button that there is not", 200, "request")
	for _, theirs := range append(other.buttons(), "session nonsense", "session ", "grant ") {
		if theirs != "all" {
			b.account()
			b.end(theirs)
		}
	}
	b.account()
	for _, mine := range b.buttons() {
		if id, found := strings.CutPrefix(mine, "grant "); found { // an id of one kind is not taken for the other
			b.end("session " + id)
			b.account()
		}
	}
	if !other.signedIn() || !b.signedIn() || w.get("/userinfo", "Authorization", "Bearer "+got.Access).status != 200 {
		t.Error("something was ended")
	}
	page := *b
	w.clock.move(time.Hour)
	page.end("all")
	page.says("Nothing has been done yet.")
	b.leave("id_token_hint", got.ID)
	page.end("all")
	page.leadsTo("a press after the session ended", w.issuer+"/account")
	page.visit(w.issuer + "/account")
	page.shows("the page after the session ended", 200, "address")
}

// TestHostedLoginLeadsNowhereElse: a login for a page of ours ends there, and is no login to a client.
func TestHostedLoginLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.follow(w.issuer + "/account?then=https://evil.example.test&redirect_uri=https://evil.example.test&next=//evil.example.test")
	b.signIn(player)
	b.leadsTo("the login", w.issuer+"/account")
	if !b.signedIn() {
		t.Error("the login left no session behind")
	}
	id, err := latchkey.ParseUserID(subject(t, b.tokens()))
	w.must(err)
	w.must(w.store.SetBan(t.Context(), id, latchkey.Ban{From: w.clock.Now()}, latchkey.Event{At: w.clock.Now(), Kind: latchkey.UserBanned, Project: w.project}))
	b = w.follow(w.issuer + "/account")
	b.signIn(player)
	b.shows("somebody who is banned", 403, "")
	if b.jar[sessionCookie(w.project)] != "" {
		t.Error("somebody who is banned has a session")
	}
}

// tokens are what the public client gets without a page.
func (b *browser) tokens() tokens {
	b.w.t.Helper()
	copied := *b
	copied.ask("prompt", "none")
	return copied.enters("without a page")
}
