package browsertest_test

import (
	"net/url"
	"testing"
)

// What a test knows of the hosted login page.
const (
	typed   = `main form input[name="address"]`
	entered = `main form input[name="code"]`
	goOn    = `main form button.primary`
)

// authorize opens the hosted login page of the demonstration's public client. more is more parameters, as pairs.
func (s *server) authorize(b *tab, more ...string) {
	b.t.Helper()
	q := url.Values{
		"client_id": {"1"}, "redirect_uri": {s.url + "/demo/callback"}, "response_type": {"code"}, "state": {"a state"}, "scope": {"openid"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	b.open(s.url + "/p/" + demoProject + "/authorize?" + q.Encode())
}

// A person signs in on the hosted page: cookie, policy and redirect hold in a browser as they stand, and every state of the
// page is one that axe-core finds nothing in.
func TestHostedLogin(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "ar"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			needBrowser(t)
			s := startDev(t)
			b := newTab(t, language)
			s.authorize(b)
			b.look("login-address-" + language)
			b.write(typed, "nobody")
			b.press(goOn)
			b.until("the address to be refused", `document.querySelector("main .alert")`)
			b.look("login-bad-address-" + language)
			b.write(typed, "ann@example.test")
			b.press(goOn)
			b.until("the code to be asked for", `document.querySelector('`+entered+`')`)
			b.look("login-code-" + language)
			b.write(entered, "000000")
			b.press(goOn)
			b.until("the code to be refused", `document.querySelector("main .alert")`)
			b.look("login-wrong-code-" + language)
			b.write(entered, s.message("ann@example.test").Code)
			b.press(goOn)
			b.until("the way back to the client", `location.pathname === "/demo/callback"`)
			for name, want := range map[string]string{"state": "a state", "iss": s.url + "/p/" + demoProject} {
				// Where the browser was led, whatever the page there made of its own address since.
				if got := eval[string](b, `new URL(performance.getEntriesByType("navigation")[0].name).searchParams.get("`+name+`") ?? ""`); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			s.authorize(b, "redirect_uri", "https://evil.example.test/")
			b.until("a page that leads nowhere", `document.querySelector("main h1") && !document.querySelector("main form")`)
			b.look("login-stranger-" + language)
		})
	}
}

// An answer by form_post leaves the page by itself: its policy lets that one script run.
func TestHostedLoginFormPost(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "en")
	s.authorize(b, "response_mode", "form_post", "prompt", "none")
	b.until("the form to be posted", `location.pathname === "/demo/callback"`)
}
