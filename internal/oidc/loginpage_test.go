package oidc_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
)

// change changes the project's settings.
func (w *world) change(f func(*latchkey.Project)) {
	w.t.Helper()
	p, err := w.store.Project(w.t.Context(), w.project)
	w.must(err)
	f(&p)
	w.must(p.Validate())
	w.must(w.store.UpdateProject(w.t.Context(), p, latchkey.Event{At: w.clock.Now(), Kind: latchkey.ProjectUpdated, Project: p.ID}))
}

// node gives the first element that has an attribute of this value; nil without one.
func (b *browser) node(attribute, value string) *html.Node {
	b.w.t.Helper()
	doc, err := html.Parse(strings.NewReader(string(b.page.body)))
	b.w.must(err)
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			if a.Key == attribute && a.Val == value {
				return n
			}
		}
	}
	return nil
}

// attr gives an attribute of the element with an id; empty without one.
func (b *browser) attr(id, attribute string) string {
	b.w.t.Helper()
	if n := b.node("id", id); n != nil {
		for _, a := range n.Attr {
			if a.Key == attribute {
				return a.Val
			}
		}
	}
	return ""
}

// contains wants texts in the page.
func (b *browser) contains(what string, texts ...string) {
	b.w.t.Helper()
	for _, text := range texts {
		if !strings.Contains(string(b.page.body), text) {
			b.w.t.Errorf("%s: the page lacks %q:\n%s", what, text, b.page.body)
		}
	}
}

// TestPolicyOfALoginPage: not one word more. A page without a form has no script.
func TestPolicyOfALoginPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(func(p *latchkey.Project) { p.Logo = "https://cdn.example.net/a/logo.png" })
	const want = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; script-src 'self'; connect-src 'self'; " +
		"img-src 'self' https://cdn.example.net; form-action 'self' https://app.example.test"
	b := w.open()
	if got := b.page.header.Get("Content-Security-Policy"); got != want {
		t.Errorf("the policy is\n%s, want\n%s", got, want)
	}
	if got := w.open("redirect_uri", "https://evil.example.test/").page.header.Get("Content-Security-Policy"); strings.Contains(got, "script-src") || strings.Contains(got, "connect-src") {
		t.Errorf("a page without a form lets scripts run: %s", got)
	}
	b.press("address", "address", player)
	if inline := regexp.MustCompile(`(?i)<script(?:>| (?:[^s]|s[^r]))|\son[a-z]+=|\sstyle=|<style|javascript:`).Find(b.page.body); inline != nil {
		t.Errorf("the page has %q in it, which its policy keeps from working", inline)
	}
}

// TestLoginPageInEveryLanguage: no key shows through, no placeholder stays, and the page says what it is written in.
func TestLoginPageInEveryLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(func(p *latchkey.Project) {
		p.Approval = latchkey.ByNumber
		p.Look.Terms, p.Look.Privacy = "https://app.example.test/terms", "https://app.example.test/privacy"
	})
	raw := regexp.MustCompile(`(page|mail|sms)\.[a-z_]+|\{\{|<no value>|%!`)
	for _, tag := range catalog.Locales() {
		b := w.open("ui_locales", catalog.BCP47(tag))
		whole := func(state string) {
			t.Helper()
			doc, err := html.Parse(strings.NewReader(string(b.page.body)))
			w.must(err)
			for n := range doc.Descendants() {
				if found := raw.FindString(n.Data); n.Type == html.TextNode && found != "" {
					t.Errorf("%s, %s: the page shows %q", tag, state, found)
				}
			}
			b.contains(tag+", "+state, `<html lang="`+catalog.BCP47(tag)+`" dir="`+w.server.Catalog.Dir(tag)+`"`)
		}
		whole("the first page")
		b.press("address", "address", "nobody")
		whole("what is no address")
		b.press("address", "address", tag[:2]+"@example.test")
		whole("the code")
		w.sentCode()
		for _, id := range []string{"left", "again"} {
			if text := b.attr(id, "data-text"); strings.Count(text, "{{time}}") != 1 {
				t.Errorf("%s: %s counts down by %q", tag, id, text)
			}
		}
		b.press("code", "code", "1")
		whole("a wrong code")
	}
}

// TestLoginPageLook: theme, colours, picture, notices and words of a project.
func TestLoginPageLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open().contains("ours", `<meta name="color-scheme" content="light dark">`, `<span class="logo" aria-hidden="true">G</span>`, "<title>Sign in to \u2068Game\u2069</title>")
	w.change(func(p *latchkey.Project) {
		p.Color, p.Logo = "#7A1FA2", "https://cdn.example.net/logo.png"
		p.Look = latchkey.Look{
			Theme: latchkey.DarkTheme, DarkColor: "#FFD23F", Terms: "https://app.example.test/terms?a=1&b=2",
			Texts: map[string]latchkey.LookTexts{
				"":      {Title: "Come <b>in</b>", Intro: "For everybody."},
				"de":    {Title: "Komm herein"},
				"pt_BR": {Intro: "Para todos."},
				"zh_TW": {Title: "請進"},
			},
		}
	})
	b := w.open("ui_locales", "en")
	b.contains("in English", `data-theme="dark"`, `<meta name="color-scheme" content="dark">`, `href="/static/color/7a1fa2-ffd23f.css"`,
		`src="https://cdn.example.net/logo.png"`, `<h1 dir="auto">Come &lt;b&gt;in&lt;/b&gt;</h1>`, `<p dir="auto">For everybody.</p>`,
		`<a href="https://app.example.test/terms?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">Terms of use</a>`)
	if strings.Contains(string(b.page.body), ">Privacy<") {
		t.Error("the page leads to a notice that there is not")
	}
	w.open("ui_locales", "de-AT").contains("in German", "Komm herein", "Wir senden dir einen Code.")
	w.open("ui_locales", "pt").contains("in Portuguese", "Entrar em \u2068Game\u2069", "Para todos.")
	w.open("ui_locales", "zh-Hant").contains("in Chinese", "請進")
	w.open("ui_locales", "zh-Hans").contains("in the other Chinese", "Come &lt;b&gt;in")
	b.press("address", "address", player)
	w.change(func(p *latchkey.Project) { p.Look.Texts = map[string]latchkey.LookTexts{"sv": {Title: "Kom in"}} })
	w.open("ui_locales", "sv").contains("in a language that the pages do not speak", "Sign in to")
	b.contains("the second page", `data-theme="dark"`, "Terms of use", "<h1>Enter your code</h1>", "<title>Enter your code · Game</title>")
}

// TestNationalNumber: a number without a country is of the one that the page chose, or that the browser's languages name;
// without either its owner is asked for it.
func TestNationalNumber(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ typed, region, language, want string }{
		"chosen":                        {"0151 12345678", "DE", "en-US", "+4915112345678"},
		"of the browser's languages":    {"0664 1234567", "", "de-AT,de;q=0.9", "+436641234567"},
		"with its own":                  {"+43 664 1234567", "DE", "de-DE", "+436641234567"},
		"of no country":                 {"0151 12345678", "", "de", ""},
		"of another one":                {"0151 12345678", "US", "de-DE", ""},
		"of a country that there isn't": {"0151 12345678", "<b>", "de-DE", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.open("ui_locales", "en")
			b.take(b.post(b.form("address", "address", c.typed, "region", c.region), "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie, "Accept-Language", c.language))
			if c.want != "" {
				b.shows(name, 200, "code")
				if got := b.attr("login", "data-address"); got != c.want {
					t.Errorf("the code goes to %s, want %s", got, c.want)
				}
				return
			}
			b.shows(name, 200, "address")
			b.contains(name, "There is no such phone number.")
			if got := b.attr("region", "data-chosen"); got != c.region {
				t.Errorf("the choice %q came back as %q", c.region, got)
			}
		})
	}
}

// TestLoginPageTakesWhatTheProjectDoes and says so.
func TestLoginPageTakesWhatTheProjectDoes(t *testing.T) {
	t.Parallel()
	for channel, c := range map[latchkey.Channel]struct{ label, keys, wrong, alert string }{
		latchkey.Email: {"Email address<", "email", "+12025550123", "That does not look like an email address."},
		latchkey.Phone: {"Phone number<", "tel", player, "There is no such phone number."},
	} {
		w := newWorld(t)
		w.change(func(p *latchkey.Project) { p.Channels = []latchkey.Channel{channel} })
		b := w.open("ui_locales", "en")
		b.contains(string(channel), c.label, `inputmode="`+c.keys+`"`)
		b.press("address", "address", c.wrong)
		b.shows("the other channel", 200, "address")
		b.contains("the other channel", c.alert)
	}
}

// TestCodeAsItIsCopied: without a script too, a code may have around it what people copy along, and the digits of any script.
func TestCodeAsItIsCopied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, form := range []func(code string) string{
		func(code string) string { return " " + code[:3] + "-" + code[3:] + "\u00a0" },
		func(code string) string { return "\u2068" + code + "\u2069." },
		func(code string) string {
			return strings.Map(func(r rune) rune { return r - '0' + '٠' }, code)
		},
	} {
		b := w.open()
		b.press("address", "address", player)
		code := w.sentCode()
		b.press("code", "code", form(code))
		b.ends(form(code))
	}
}

// TestTheClockOfTheCode: what is left comes from the server, on every page anew, and a page whose code is dead offers
// another one.
func TestTheClockOfTheCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.open("ui_locales", "en")
	b.press("address", "address", player)
	first := w.sentCode()
	left := func(what, life, pause string) {
		t.Helper()
		if got := b.attr("login", "data-left") + " " + b.attr("login", "data-pause"); got != life+" "+pause {
			t.Errorf("%s: %s seconds are left of the code and until it is sent again, want %s %s", what, got, life, pause)
		}
	}
	left("at first", "180", "30")
	b.contains("without a script", "<noscript><p class=\"note\">It works for 3 minutes.</p></noscript>")
	w.clock.move(10*time.Second + 400*time.Millisecond)
	b.press("code", "code", "000000")
	left("ten seconds later", "170", "20")
	b.press("again")
	left("sent again", "180", "30")
	w.sentCode()
	w.clock.move(3 * time.Minute)
	b.press("code", "code", first)
	b.shows("after its time", 200, "request")
	b.contains("after its time", "The code has run out.", `value="again" autofocus`)
	if b.input("code", "name") != "" {
		t.Error("a dead code is still asked for")
	}
	b.press("again")
	left("a new one", "180", "30")
	fresh := w.sentCode()
	if fresh == first {
		t.Error("the dead code was sent once more")
	}
	b.press("code", "code", fresh)
	b.ends("the new code")
}

// TestNumberMatching: the page shows the number that the link asks for, on every page of the code, and only where one is
// asked for.
func TestNumberMatching(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.open()
	b.press("address", "address", player)
	w.sentCode()
	if b.node("id", "match") != nil {
		t.Error("a number is shown that nobody asks for")
	}
	w.change(func(p *latchkey.Project) { p.Approval = latchkey.ByNumber })
	b = w.open()
	b.press("address", "address", player)
	m, token := w.link()
	match, _ := w.secrets.Match(m.Challenge, m.Project, m.To)
	number := func(what string) {
		t.Helper()
		shown := regexp.MustCompile(`<output[^>]*>(\d+)</output>`).FindSubmatch(b.page.body)
		if shown == nil || string(shown[1]) != strconv.Itoa(match.Number) {
			t.Errorf("%s: the page shows the number %s, want %d", what, shown, match.Number)
		}
	}
	number("at first")
	b.press("code", "code", "000000")
	number("after a wrong code")
	_, err := w.login.Approve(t.Context(), token, match.Number, latchkey.Origin{})
	w.must(err)
	var told struct{ Code string }
	b.wait().ok(&told)
	b.press("code", "code", told.Code)
	b.ends("the number")
}
