package browsertest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// in puts the tab's clock into a time zone.
func (b *tab) in(zone string) *tab {
	b.t.Helper()
	b.do("the zone "+zone, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone})
		return chromedp.Void{}, err
	})
	return b
}

// runOut lets the time of the code on the page be over, without waiting for it: the server said how much is left.
func (b *tab) runOut() {
	b.t.Helper()
	b.do("the code's time to be over", chromedp.Evaluate[chromedp.Void](`document.getElementById("login").dataset.left = 0`))
	b.until("the page to say so", `document.querySelector("#gone") && !document.querySelector("#gone").hidden`)
}

// TestEveryStateOfTheLoginPage walks through all that the page can show, from left to right and from right to left.
func TestEveryStateOfTheLoginPage(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	plain := s.demoSite()
	number := s.site("Number game", "--link-approval", "number")
	long := s.site("The Extraordinarily Long-Named Fellowship of the Northern Star Harbour and Associated Lighthouses 2", "--code-digits", "10",
		"--terms", "https://game.example.test/terms", "--privacy", "https://game.example.test/privacy")
	for language, direction := range map[string]string{"en": "en ltr", "ar": "ar rtl"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			who := language + "@example.test"
			var b *tab
			look := func(state string) {
				t.Helper()
				if got := eval[string](b, `document.documentElement.lang + " " + getComputedStyle(document.body).direction`); got != direction {
					t.Errorf("%s: the page is %s, want %s", state, got, direction)
				}
				b.look("login-" + language + "-" + state)
			}
			fresh := func() { t.Helper(); b = newTab(t, language).in("Europe/Berlin") }

			fresh()
			plain.authorize(b)
			look("address")
			b.write(typed, who)
			look("address-email")
			b.write(typed, "0151 2345")
			look("address-number")
			b.turn("refuse the number", func() { b.press(goOn) })
			look("bad-phone")
			b.write(typed, "nobody")
			b.turn("refuse the address", func() { b.press(goOn) })
			look("bad-address")

			sent := plain.ask(b, who)
			look("code")
			b.turn("refuse the code", func() { b.write(entered, wrongCode(sent.Code)) })
			look("wrong-code")
			b.keys("123")
			look("half-a-code")
			b.runOut()
			look("over")
			b.turn("send a new code", func() { b.press(goOn) })
			look("sent-again")
			for eval[bool](b, `Boolean(`+atCode+`)`) { // one try is gone already
				b.turn("refuse the code", func() { b.write(entered, "000000") })
			}
			look("no-tries")

			fresh()
			number.ask(b, who)
			look("number")
			fresh()
			long.authorize(b)
			look("long-name")
			long.ask(b, "somebody.with.a.rather.long.name.indeed@department.of.something.example.test")
			b.keys("1234567")
			look("ten-digits")

			fresh()
			plain.authorize(b, "redirect_uri", "https://evil.example.test/")
			look("stranger")
			fresh()
			plain.authorize(b)
			b.do("another browser's page", chromedp.Evaluate[chromedp.Void](`document.forms[0].request.value = "x"`))
			b.write(typed, who)
			b.turn("have the person start again", func() { b.press(goOn) })
			look("lost")
			b = newTab(t, language).without("script")
			plain.authorize(b)
			b.shoot("login-" + language + "-address-without-script")
			plain.ask(b, "plain-"+who)
			b.shoot("login-" + language + "-code-without-script")
		})
	}
}

// TestLoginPageOfAProject: its colours by day and by night, its own theme, words and notices, in what the browser makes of
// them.
func TestLoginPageOfAProject(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	words := []string{"--text", "title=Come aboard", "--text", "intro=One account for every harbour.", "--text", "de.title=Willkommen an Bord",
		"--terms", "https://game.example.test/terms", "--privacy", "https://game.example.test/privacy"}
	both := []string{"--color", "#0b7a4b", "--dark-color", "#ffd23f"}
	dark, light := screen{"dark", 390, 844, true, false}, screen{"light", 390, 844, false, false}
	for name, c := range map[string]struct {
		flags                   []string
		onLight, onDark, ground string // the button by day and by night, and the ground by night
	}{
		"pale":   {[]string{"--color", "#fff7d6"}, "rgb(255, 247, 214)", "rgb(255, 247, 214)", "rgb(16, 18, 26)"},
		"both":   {both, "rgb(11, 122, 75)", "rgb(255, 210, 63)", "rgb(16, 18, 26)"},
		"always": {append([]string{"--theme", "light"}, both...), "rgb(11, 122, 75)", "rgb(11, 122, 75)", "rgb(243, 244, 248)"},
		"never":  {append([]string{"--theme", "dark"}, both...), "rgb(255, 210, 63)", "rgb(255, 210, 63)", "rgb(16, 18, 26)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTab(t, "en")
			at := s.site("Star Harbour "+name, append(c.flags, words...)...)
			at.authorize(b)
			button := `getComputedStyle(document.querySelector("main .primary")).backgroundColor`
			b.do("by day", light.set)
			if got := eval[string](b, button); got != c.onLight {
				t.Errorf("by day the button is %s, want %s", got, c.onLight)
			}
			b.do("by night", dark.set)
			if got := eval[string](b, button+` + " on " + getComputedStyle(document.body).backgroundColor`); got != c.onDark+" on "+c.ground {
				t.Errorf("by night the button is %s, want %s on %s", got, c.onDark, c.ground)
			}
			if got := eval[string](b, `document.querySelector("h1").textContent + " " + document.querySelector("h1 + p").textContent`); got != "Come aboard One account for every harbour." {
				t.Errorf("the page says %q", got)
			}
			b.look("login-look-" + name)
			at.ask(b, name+"@example.test")
			b.look("login-look-" + name + "-code")
		})
	}
}

// TestLoginPageInEveryLanguage: nothing is wider than the narrowest phone, in either state.
func TestLoginPageInEveryLanguage(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t)
	at := s.site("Star Harbour", "--link-approval", "number", "--code-digits", "8", "--terms", "https://game.example.test/terms", "--privacy", "https://game.example.test/privacy")
	for _, language := range strings.Fields("ar bg cs de en es fr he it ja ko pl pt ro ru th tr vi zh-CN zh-TW") {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			b := newTab(t, language).in("Europe/London") // of a country with a long name
			b.do("a narrow phone", screen{"narrow", 320, 640, false, false}.set)
			at.authorize(b)
			b.write(typed, "020 7946 0018")
			b.fits("login-lang-" + language + "-address")
			b.shoot("login-lang-" + language + "-address")
			at.ask(b, "somebody@"+strings.ToLower(language)+".example.test")
			b.fits("login-lang-" + language + "-code")
			b.shoot("login-lang-" + language + "-code")
			if got := eval[string](b, `document.documentElement.lang`); got != language {
				t.Errorf("the page is in %s", got)
			}
		})
	}
}
