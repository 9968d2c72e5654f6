package browsertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// What a test knows of the hosted login page.
const (
	typed    = `main form input[name="address"]`
	entered  = `main form input[name="code"]`
	goOn     = `main form button.primary:not([hidden])`
	again    = `main form button[value="again"]:not([hidden])`
	change   = `main form button[value="change"]`
	alerted  = `document.querySelector("main .alert:not([hidden])")`
	atCode   = `document.readyState === "complete" && document.querySelector('main form input[name="code"]')`
	atStart  = `document.readyState === "complete" && document.querySelector('main form input[name="address"]')`
	arrived  = `location.pathname === "/demo/callback"`
	focused  = `document.readyState === "complete" && document.activeElement && document.activeElement !== document.body` // comes with the first picture
	scripted = `document.documentElement.classList.contains("js")`
)

// A site is a client of a project, and with it a hosted login page to come to.
type site struct {
	*server
	project, client string
}

// demoSite is the demonstration's public client.
func (s *server) demoSite() site { return site{s, demoProject, "1"} }

// site makes a project with these flags, and a client of it.
func (s *server) site(name string, flags ...string) site {
	s.t.Helper()
	out := site{s, s.project(name, flags...), ""}
	var made struct {
		ID int `json:"id"`
	}
	raw := s.command("client", "create", "Web site", "--json", "--project", out.project, "--redirect-uri", s.url+"/demo/callback")
	if err := json.Unmarshal(raw, &made); err != nil || made.ID == 0 {
		s.t.Fatalf("client create gave no id: %v", err)
	}
	out.client = strconv.Itoa(made.ID)
	return out
}

// authorize opens the hosted login page. more is more parameters, as pairs.
func (s site) authorize(b *tab, more ...string) {
	b.t.Helper()
	b.open(s.start(more...))
}

func (s site) start(more ...string) string {
	q := url.Values{
		"client_id": {s.client}, "redirect_uri": {s.url + "/demo/callback"}, "response_type": {"code"}, "state": {"a state"}, "scope": {"openid"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return s.url + "/p/" + s.project + "/authorize?" + q.Encode()
}

// ask goes to the code page for an address, and gives the message that came of it.
func (s site) ask(b *tab, address string, more ...string) message {
	b.t.Helper()
	s.authorize(b, more...)
	b.write(typed, address)
	b.press(goOn)
	b.until("the code to be asked for", atCode)
	return s.message(address)
}

// turn waits for the page that a step leads to, whatever the page before it shows.
func (b *tab) turn(what string, step func()) {
	b.t.Helper()
	b.do("mark the page", chromedp.Evaluate[chromedp.Void](`document.documentElement.dataset.left = "yes"`))
	step()
	b.until(what, `document.readyState === "complete" && document.documentElement && !document.documentElement.dataset.left`)
}

// without is the tab without script, from the next page on. The debugger still runs what it is told to.
func (b *tab) without(what string) *tab {
	b.t.Helper()
	b.do("no "+what, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return chromedp.Void{}, err
	})
	return b
}

// TestHostedLogin: cookie, policy and redirect hold in a browser as they stand, with script and without.
func TestHostedLogin(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script %v", script), func(t *testing.T) {
			t.Parallel()
			needBrowser(t)
			s := startDev(t)
			b := newTab(t, "en")
			if !script {
				b.without("script")
			}
			sent := s.demoSite().ask(b, "ann@example.test")
			if got := eval[bool](b, scripted); got != script {
				t.Fatalf("the page's script ran: %v", got)
			}
			b.write(entered, sent.Code)
			if !script {
				b.press(goOn)
			}
			b.until("the way back to the client", arrived)
			for name, want := range map[string]string{"state": "a state", "iss": s.url + "/p/" + demoProject} {
				// Where the browser was led, whatever the page there made of its own address since.
				if got := eval[string](b, `new URL(performance.getEntriesByType("navigation")[0].name).searchParams.get("`+name+`") ?? ""`); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

// An answer by form_post leaves the page by itself: its policy lets that one script run.
func TestHostedLoginFormPost(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "en")
	s.demoSite().authorize(b, "response_mode", "form_post", "prompt", "none")
	b.until("the form to be posted", arrived)
}

// TestScriptIsOptional: what the page's script asks for is there, and nothing that it needs is missing without it.
func TestLoginPageWithoutScript(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "de-AT,de").without("script")
	s.demoSite().authorize(b)
	for _, hidden := range []string{"#remember", "#how", "#region", "#forget"} {
		if eval[bool](b, `document.querySelector("`+hidden+`").checkVisibility()`) {
			t.Errorf("%s is shown, and does nothing without a script", hidden)
		}
	}
	b.write(typed, "nobody")
	b.press(goOn)
	b.until("the address to be refused", alerted)
	b.write(typed, "0664 1234567") // of the country that the browser's language names
	b.press(goOn)
	b.until("the code to be asked for", atCode)
	sent := s.message("+436641234567")
	for _, hidden := range []string{"#left", "#link", "#gone", "#new", ".boxes > span"} {
		if eval[bool](b, `document.querySelector("`+hidden+`").checkVisibility()`) {
			t.Errorf("%s is shown, and does nothing without a script", hidden)
		}
	}
	if !eval[bool](b, `document.querySelector("noscript").innerText.includes("3")`) {
		t.Error("nothing says how long the code works")
	}
	b.write(entered, wrongCode(sent.Code))
	b.press(goOn)
	b.until("the code to be refused", alerted)
	b.press(again)
	b.until("the code to be sent again", `document.querySelector("#said")`)
	b.press(change)
	b.until("the first page", atStart)
	if got := eval[string](b, `document.querySelector('`+typed+`').value`); got != "+436641234567" {
		t.Errorf("the address to change is %q", got)
	}
	b.press(goOn)
	b.until("the code to be asked for", atCode)
	var fresh message
	eventually(t, "a new message", func() bool { fresh = s.message("+436641234567"); return fresh.ID != sent.ID && fresh.Code != sent.Code })
	b.write(entered, fresh.Code[:3]+" "+fresh.Code[3:])
	b.press(goOn)
	b.until("the way back to the client", arrived)
}

// TestEveryFileOfTheLoginPageIsThere: a page that asks for what is not there is slower, and says so in the console.
func TestEveryFileOfTheLoginPageIsThere(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "en")
	s.site("Star Harbour", "--color", "#7a1fa2", "--dark-color", "#ffd23f").authorize(b)
	files := eval[[]string](b, `performance.getEntriesByType("resource").map((r) => r.name)`)
	if len(files) < 3 {
		t.Fatalf("the page loads %q", files)
	}
	for _, file := range files {
		res, err := http.Get(file)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", file, res.StatusCode)
		}
	}
}
