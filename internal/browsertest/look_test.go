package browsertest_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A screen is a way to look at a page. axe-core judges on two of them: both sizes and both sets of colours are among them.
type screen struct {
	name          string
	width, height int64
	dark          bool
	judged        bool
}

var screens = []screen{
	{"light", 1280, 800, false, true},
	{"dark", 1280, 800, true, false},
	{"phone", 390, 844, false, false},
	{"phone-dark", 390, 844, true, true},
}

// set makes the tab's page be seen like that, without loading it again. Nothing moves, so that a picture is always the same.
func (s screen) set(ctx context.Context, target *chromedp.Target) (none chromedp.Void, err error) {
	scheme := map[bool]string{false: "light", true: "dark"}[s.dark]
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if _, err = cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		return none, err
	}
	var mobile []chromedp.EmulateViewportOption
	if s.width < 500 {
		mobile = append(mobile, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	return chromedp.EmulateViewport(s.width, s.height, mobile...)(ctx, target)
}

// look judges the page that the tab shows and leaves a picture of it on every screen: axe-core finds nothing, nothing is
// wider than the screen, also at twice the size of letters, and the page stays in its language.
func (b *tab) look(name string) {
	b.t.Helper()
	for _, s := range screens {
		b.do("a "+s.name+" screen", s.set)
		if s.judged {
			for _, found := range b.axe() {
				b.t.Errorf("%s, %s: axe-core finds %s", name, s.name, found)
			}
		}
		b.fits(name + ", " + s.name)
		b.shoot(name + "-" + s.name)
	}
	// 200 % zoom is a screen of half the width, and 400 % one of 320 pixels (WCAG 1.4.4, 1.4.10).
	for _, s := range []screen{{"at 200 %", 640, 400, false, false}, {"at 400 %", 320, 256, false, false}} {
		b.do(s.name, s.set)
		b.fits(name + ", " + s.name)
	}
	if raw := eval[string](b, `document.body.innerText.match(/(page|mail|sms)\.[a-z_]+|\{\{.*\}\}|<no value>|%!/)?.[0] ?? ""`); raw != "" {
		b.t.Errorf("%s shows %q, which is no text for people", name, raw)
	}
}

// fits wants nothing to be wider than the screen.
func (b *tab) fits(what string) {
	b.t.Helper()
	if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		b.t.Errorf("%s: the page is %d pixels wider than the screen", what, over)
	}
}

// axe runs axe-core on the page, with every rule, and gives what it found. Frames hold a mail, in which no script runs.
func (b *tab) axe() []string {
	b.t.Helper()
	source, err := axeSource()
	if err != nil {
		b.t.Fatal(err)
	}
	if !eval[bool](b, `"axe" in window`) { // by way of the debugger, which the page's policy does not hold back
		b.do("axe-core", chromedp.Evaluate[chromedp.Void](source))
	}
	return eval[[]string](b, `axe.run(document, { resultTypes: ["violations"], iframes: false }).then(({ violations, passes }) => {
		if (passes.length === 0) throw new Error("axe-core judged nothing");
		return violations.flatMap((v) => v.nodes.map((n) => v.id + " (" + v.impact + "): " + n.html + " " + n.failureSummary));
	})`)
}

// axeSource gives axe-core's code, after `npm ci` if it is not there yet.
var axeSource = sync.OnceValues(func() (string, error) {
	raw, err := fromNPM("axe-core/axe.min.js")
	return string(raw), err
})

// fromNPM gives a file of a package, after `npm ci` if one is not there yet.
func fromNPM(file string) ([]byte, error) {
	if err := npmCI(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join("js/node_modules", file))
}

var npmCI = sync.OnceValue(func() error {
	for _, name := range []string{"axe-core", "jsqr", "altcha", "altcha-2"} {
		if _, err := os.Stat(filepath.Join("js/node_modules", name)); err == nil {
			continue
		}
		out, err := exec.Command("npm", "ci", "--prefix", "js", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
		if err != nil {
			return fmt.Errorf("npm ci --prefix internal/browsertest/js: %w\n%s", err, out)
		}
		return nil
	}
	return nil
})

// shoot leaves a picture of the whole page.
func (b *tab) shoot(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	whole := chromedp.FullScreenshot(100)
	if eval[bool](b, `document.documentElement.scrollHeight <= innerHeight`) {
		whole = chromedp.CaptureScreenshot() // the other one moves what is written from right to left
	}
	picture, err := chromedp.Run(ctx, whole)
	if err != nil {
		b.t.Fatalf("picture of %s: %v", name, err)
	}
	dir := os.Getenv("LATCHKEY_SCREENSHOTS")
	if dir == "" {
		dir = filepath.Join("..", "..", "screenshots") // not committed
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// An old link is one that runs out while a tab shows it.
type old struct {
	server *server
	device *device
	tab    *tab
}

// TestEveryPageOfTheLinkInEveryState walks through all that a link can show.
func TestEveryPageOfTheLinkInEveryState(t *testing.T) {
	needBrowser(t)
	// The shortest life that a code can have runs out while other tests are at work, so it begins before them.
	links := map[string]old{}
	for _, language := range []string{"en", "ar"} {
		s := startDev(t)
		b := newTab(t, language)
		d := s.signIn(s.project("Star Harbour", "--code-life", "30s"), "eve@example.test", language)
		b.open(d.mail.Link)
		links[language] = old{s, d, b}
	}
	t.Parallel()
	for language, direction := range map[string]string{"en": "en ltr", "ar": "ar rtl"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			expiring := links[language]
			s := expiring.server
			s.t, expiring.tab.t = t, t
			button := s.project("Star Harbour", "--color", "#ffd23f")
			number := s.project("Star Harbour", "--link-approval", "number")
			login := func(project, who string) *device { return s.signIn(project, who+"@example.test", language) }
			b := newTab(t, language)
			look := func(state string) {
				t.Helper()
				if got := eval[string](b, `document.documentElement.lang + " " + getComputedStyle(document.body).direction`); got != direction {
					t.Errorf("%s: the page is %s, want %s", state, got, direction)
				}
				b.look("link-" + language + "-" + state)
			}
			see := func(d *device, state string) {
				t.Helper()
				b.open(d.mail.Link)
				look(state)
			}

			see(login(demoProject, "plain"), "ask-demo")
			asked := login(button, "ann")
			b.open(s.url + "/dev/inbox/html?id=" + asked.mail.ID)
			for _, screen := range screens {
				b.do("a "+screen.name+" screen", screen.set)
				b.shoot("mail-" + language + "-" + screen.name)
			}
			see(asked, "ask")
			b.press(approve)
			b.until("link_url", `location.pathname === "/demo/callback"`)
			see(asked, "approved")
			asked.confirm()
			see(asked, "used")

			denied := login(button, "bob")
			b.open(denied.mail.Link)
			b.press(deny)
			b.until("the page of a denial", settled)
			look("denied")

			matched := login(number, "cid")
			see(matched, "ask-number")
			b.do("press nothing, as no browser would", chromedp.Evaluate[chromedp.Void](`(() => {
				const form = document.querySelector("main form").cloneNode();
				document.body.append(form);
				form.submit();
			})()`))
			b.until("an answer", `performance.getEntriesByType("navigation")[0].responseStatus >= 400`)
			look("nothing-picked")
			b.open(matched.mail.Link)
			b.press(`main form button[name=number]:not([value="` + matched.number + `"])`)
			b.until("the page of a denial", settled)
			look("wrong-number")

			b.open(s.url + "/l/AAAAAAAAAAAAAAAAAAAAAA")
			look("never-existed")

			b.open("about:blank")
			b.do("a form from elsewhere", chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(() => {
				const form = document.createElement("form");
				Object.assign(form, { method: "post", action: %q });
				document.body.append(form);
				form.submit();
			})()`, login(button, "dan").mail.Link)))
			b.until("a refusal", `location.pathname.startsWith("/l/") && performance.getEntriesByType("navigation")[0].responseStatus === 403`)
			look("from-elsewhere")

			eventuallyWithin(t, time.Minute, "the link to expire", func() bool {
				res, err := http.Get(expiring.device.mail.Link)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				return res.StatusCode == http.StatusGone
			})
			b = expiring.tab // the page was open all the while
			b.press(approve)
			b.until("the page of an expired link", settled)
			look("expired")
			if n := s.happened(expiring.device.operation, "challenge.approved"); n != 0 {
				t.Error("an expired link was approved")
			}
		})
	}
}

// TestEveryPageOfDevelopment walks through the demonstration page and the inbox.
func TestEveryPageOfDevelopment(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	b := newTab(t, "en")
	b.open(s.url + "/dev/inbox")
	b.until("the inbox to be live", `document.querySelector("#state").textContent.startsWith("live")`)
	b.look("inbox-empty")
	b.open(s.url + "/demo/callback")
	b.until("the landing", `!document.querySelector("#landed").hidden`)
	b.look("demo-landed")
	b.open(s.url + "/demo/callback?code=nonsense&state=nonsense")
	b.until("the failure", `!document.querySelector("#failed").hidden`)
	b.look("demo-failed")
	b.open(s.url + "/demo/calls")
	b.look("demo-start")

	b = demo(t, s, "ann@example.test")
	b.look("demo-code")
	mail := s.message("ann@example.test")
	b.write("#otp", wrongCode(mail.Code))
	b.until("the refusal", `!document.querySelector("#code-error").hidden`)
	b.look("demo-wrong-code")
	b.write("#otp", mail.Code)
	b.isIn("ann@example.test")
	b.look("demo-in")

	s.signIn(demoProject, "+12025550123", "")
	b.open(s.url + "/dev/inbox")
	b.until("both messages", `document.querySelectorAll("article.message").length === 2`)
	b.look("inbox")
	b.do("open what folds", chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach((d) => { d.open = true; })`))
	b.until("the mail's frame", `performance.getEntriesByType("resource").some((r) => r.name.includes("/dev/inbox/html") && r.responseEnd > 0)`)
	b.look("inbox-open") // the mail's frame is a process of its own, which a picture of the whole page leaves white

	s.command("project", "update", demoProject, "--link-approval", "number", "--json")
	eventually(t, "the setting to be read again", func() bool { return s.signIn(demoProject, "bob@example.test", "").number != "" })
	b = demo(t, s, "cid@example.test")
	b.look("demo-number")
}

// wrongCode gives another code of the same length.
func wrongCode(code string) string {
	return string('0'+(code[0]-'0'+1)%10) + code[1:]
}
