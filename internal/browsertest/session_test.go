package browsertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// pkceVerifier is what the challenge of site.start was made of (RFC 7636, appendix B).
const pkceVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// signsIn goes all the way from the page that asks for an address.
func (s *server) signsIn(b *tab, address string) {
	b.t.Helper()
	b.until("the first page", atStart)
	b.write(typed, address)
	b.press(goOn)
	b.until("the code to be asked for", atCode)
	b.write(entered, s.message(address).Code)
}

// answer gives what the client was told, and leads the browser away from there.
func (b *tab) answer() url.Values {
	b.t.Helper()
	b.until("the way back to the client", arrived)
	at, err := url.Parse(eval[string](b, `performance.getEntriesByType("navigation")[0].name`))
	if err != nil {
		b.t.Fatal(err)
	}
	return at.Query()
}

// enters wants the client to get its code at once.
func (s site) enters(b *tab, what string, more ...string) url.Values {
	b.t.Helper()
	s.authorize(b, more...)
	q := b.answer()
	if q.Get("code") == "" {
		b.t.Fatalf("%s: the client got %v", what, q)
	}
	return q
}

// redeem turns a code of the demonstration's public client into an ID token.
func (s *server) redeem(code string) (idToken string) {
	s.t.Helper()
	res, err := http.PostForm(s.url+"/p/"+demoProject+"/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"1"}, "code": {code}, "redirect_uri": {s.url + "/demo/callback"}, "code_verifier": {pkceVerifier},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct {
		ID string `json:"id_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.ID == "" {
		s.t.Fatalf("no ID token: status %d, %v", res.StatusCode, err)
	}
	return got.ID
}

// user gives the id of the demonstration's user who has an address.
func (s *server) user(address string) string {
	s.t.Helper()
	var found []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(s.command("user", "list", "--json", "--project", demoProject, "--address", address), &found); err != nil || len(found) != 1 {
		s.t.Fatalf("%d users have the address: %v", len(found), err)
	}
	return found[0].ID
}

// What a test knows of the pages of sessions.
const (
	leaving   = `main form button[value="out"]`
	staying   = `main form button[value="stay"]`
	going     = `main form button[value="go"]`
	onAccount = `document.readyState === "complete" && document.querySelector("main form.account")`
)

// TestOneLoginForEveryClient: the second client of a project signs the person in without a code, in this browser and no other;
// the account page ends the session elsewhere; the logout ends it here. Every page in every state is looked at.
func TestOneLoginForEveryClient(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	first, second := s.demoSite(), site{s, demoProject, "2"}
	for language, direction := range map[string]string{"en": "en ltr", "ar": "ar rtl"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			s := *s
			s.t = t
			b := newTab(t, language)
			look := func(state string) {
				t.Helper()
				if got := eval[string](b, `document.documentElement.lang + " " + getComputedStyle(document.body).direction`); got != direction {
					t.Errorf("%s: the page is %s, want %s", state, got, direction)
				}
				b.look("session-" + language + "-" + state)
			}
			who := "ann-" + language + "@example.test"
			issuer := s.url + "/p/" + demoProject
			first.authorize(b)
			s.signsIn(b, who)
			s.redeem(b.answer().Get("code"))
			second.enters(b, "the second client")
			second.enters(b, "the second client, without a page", "prompt", "none")
			id := s.redeem(first.enters(b, "refresh tokens", "scope", "openid offline_access").Get("code"))

			first.authorize(b, "prompt", "select_account")
			b.until("a choice", `document.querySelector('`+going+`')`)
			look("choose")
			b.press(going)
			if q := b.answer(); q.Get("code") == "" {
				t.Errorf("after the choice the client got %v", q)
			}

			other := newTab(t, "de")
			first.authorize(other, "prompt", "none")
			if q := other.answer(); q.Get("error") != "login_required" {
				t.Errorf("another browser: %v", q)
			}
			other.open(issuer + "/account")
			s.signsIn(other, who)
			other.until("the account page", onAccount)

			b.open(issuer + "/account")
			b.until("the account page", onAccount)
			look("account")
			b.press(`main form li:nth-child(2) button[value^="session "]`)
			b.until("the other browser to be gone", onAccount+` && document.querySelectorAll('button[value^="session "]').length === 1`)
			first.authorize(other, "prompt", "none")
			if q := other.answer(); q.Get("error") != "login_required" {
				t.Errorf("the other browser after it was ended: %v", q)
			}
			for n := 2; n > 0; n-- {
				b.until("the apps", onAccount+fmt.Sprintf(` && document.querySelectorAll('button[value^="grant "]').length === %d`, n))
				b.press(`main form button[value^="grant "]`)
			}
			b.until("no app", onAccount+` && !document.querySelector('button[value^="grant "]')`)
			look("account-without-apps")
			b.do("a form that is not the page's", chromedp.Evaluate[chromedp.Void](`document.forms[0].request.value = "x"`))
			b.press(`main form button[value="all"]`)
			b.until("the press to be refused", onAccount+" && "+alerted)
			look("account-nothing-done")

			b.open(issuer + "/logout?" + url.Values{"client_id": {"1"}, "post_logout_redirect_uri": {"https://evil.example.test/"}}.Encode())
			look("logout-refused")
			b.open(issuer + "/logout")
			b.until("the question", `document.querySelector('`+leaving+`')`)
			look("logout")
			b.press(staying)
			b.until("the account page", onAccount)
			b.open(issuer + "/logout")
			b.press(leaving)
			b.until("the end", settled)
			look("signed-out")
			first.authorize(b, "prompt", "none")
			if q := b.answer(); q.Get("error") != "login_required" {
				t.Errorf("after the logout: %v", q)
			}

			first.authorize(b)
			s.signsIn(b, who)
			b.answer()
			b.open(issuer + "/logout?" + url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {s.url + "/demo"}, "state": {"bye"}}.Encode())
			b.until("the way back to the client", `location.pathname === "/demo"`)
			first.authorize(b, "prompt", "none")
			if q := b.answer(); q.Get("error") != "login_required" {
				t.Errorf("after the logout by the client: %v", q)
			}

			b.open(issuer + "/account")
			s.signsIn(b, who)
			b.until("the account page", onAccount)
			b.press(`main form button[value="all"]`)
			b.until("the end", settled+` && location.pathname.endsWith("/logout")`)
			first.authorize(b, "prompt", "none")
			if q := b.answer(); q.Get("error") != "login_required" {
				t.Errorf("after the logout everywhere: %v", q)
			}

			s.command("user", "ban", s.user(who))
			b.open(issuer + "/account")
			s.signsIn(b, who)
			b.until("the refusal", settled)
			look("banned")
		})
	}
}

// TestFormOfAnotherSite: a browser keeps a Lax cookie back from what another site posts. The server has the form come back as a
// GET, and the browser then sends it along: a client may post its request and still find its person signed in, and out.
func TestFormOfAnotherSite(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	client := s.demoSite()
	var target string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		at, _ := url.Parse(target)
		at.RawQuery, target = "", at.RawQuery
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>elsewhere</title><form method="post" action="%s">`, at)
		q, _ := url.ParseQuery(target)
		for name := range q {
			fmt.Fprintf(w, `<input type="hidden" name="%s" value="%s">`, name, q.Get(name))
		}
		fmt.Fprint(w, `<button>go</button></form>`)
	}))
	defer elsewhere.Close()
	b := newTab(t, "en")
	client.authorize(b)
	s.signsIn(b, "ann@example.test")
	id := s.redeem(b.answer().Get("code"))

	page := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1) // another name is another site
	target = client.start("prompt", "none")
	b.open(page)
	b.press("button")
	if q := b.answer(); q.Get("code") == "" {
		t.Errorf("a request by POST from another site: %v", q)
	}
	target = s.url + "/p/" + demoProject + "/logout?" + url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {s.url + "/demo"}}.Encode()
	b.open(page)
	b.press("button")
	b.until("the way back to the client", `location.pathname === "/demo"`)
	client.authorize(b, "prompt", "none")
	if q := b.answer(); q.Get("error") != "login_required" {
		t.Errorf("after a logout by POST from another site: %v", q)
	}
}
