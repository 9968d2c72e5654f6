package pages_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
)

// plain takes the direction isolates out of a page, to look for words.
func plain(body string) string { return strings.NewReplacer("\u2068", "", "\u2069", "").Replace(body) }

func TestPageShowsWhoAsksAndNoMore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.from = latchkey.Origin{
		IP: netip.MustParseAddr("198.51.100.23"), UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	}
	_, path := f.start(t, "app://game")
	f.now = noon.Add(100 * time.Second)
	body := plain(f.do("GET", path).Body.String())
	for _, want := range []string{
		"<h1>Sign in to Space &lt;b&gt;Game&lt;/b&gt;?</h1>", "as p•••@example.test.", "Chrome on Windows", "198.51.100.23", "2 minutes ago",
		`<html lang="en" dir="ltr">`, "<main", `name="action" value="approve"`, `name="action" value="deny"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	for _, secret := range []string{"player@", strings.TrimPrefix(path, "/l/"), "<script", "style=", ">page.", "{{", "%!"} {
		if strings.Contains(body, secret) {
			t.Errorf("the page has %q in it:\n%s", secret, body)
		}
	}
}

func TestDeviceThatWaits(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"":                 "An unknown device",
		"curl/8.5.0":       "An unknown device",
		"<b>Your bank</b>": "An unknown device",
		"UnityPlayer/2021.3.16f1 (UnityWebRequest/1.0, libcurl/7.84.0-DEV)": "A game made with Unity",
		"SpaceGame/++UE5+Release-5.3-CL-29314046 Windows/10.0.22621":        "A game made with Unreal Engine, on Windows",
		"okhttp/4.12.0": "An app on Android",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0":                                              "Firefox on Linux",
		"Mozilla/5.0 (PlayStation; PlayStation 5/6.50) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15": "Safari on PlayStation 5",
	} {
		f := newFixture(t)
		f.from.UserAgent = agent
		_, path := f.start(t, "app://game")
		if body := plain(f.do("GET", path).Body.String()); !strings.Contains(body, "<bdi>"+want+"</bdi>") {
			t.Errorf("%q is not shown as %q:\n%s", agent, want, body)
		}
	}
}

func TestHowLongAgo(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(p *latchkey.Project) { p.Codes.Life = latchkey.MaxCodeLife })
	_, path := f.start(t, "app://game")
	for after, want := range map[time.Duration]string{
		-time.Second: "Less than a minute ago", 0: "Less than a minute ago", 59 * time.Second: "Less than a minute ago",
		time.Minute: "1 minute ago", 89 * time.Second: "1 minute ago", 90 * time.Second: "2 minutes ago",
		599 * time.Second: "10 minutes ago",
	} {
		f.now = noon.Add(after)
		if body := f.do("GET", path).Body.String(); !strings.Contains(body, want) {
			t.Errorf("%v after the start the page does not say %q", after, want)
		}
	}
}

func TestPlaceIsCoarseAndOptional(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.from.IP = netip.MustParseAddr("192.0.2.7")
	_, path := f.start(t, "app://game")
	for want, place := range map[string][2]string{
		"Near Berlin, Germany": {"Berlin", "Germany"}, "<bdi>Germany</bdi>": {"", "Germany"}, "": {},
		"Near &lt;i&gt;, Germany": {"<i>", "Germany"},
	} {
		f.pages.Place = func(ip netip.Addr, locale string) (string, string) {
			if ip != f.from.IP || locale != "en" {
				t.Errorf("asked for the place of %s in %s", ip, locale)
			}
			return place[0], place[1]
		}
		body := plain(f.do("GET", path).Body.String())
		if !strings.Contains(body, want) || strings.Contains(body, ">Place<") != (want != "") {
			t.Errorf("the place %q is not shown as %q:\n%s", place, want, body)
		}
	}
	f.pages.Place = nil
	if body := f.do("GET", path).Body.String(); strings.Contains(body, ">Place<") {
		t.Error("without a file of places the page speaks of one")
	}
}

// TestLogoComesFromItsOriginOnly: no other page's policy, and no other origin, lets a picture in.
func TestLogoComesFromItsOriginOnly(t *testing.T) {
	t.Parallel()
	policy := func(f *fixture, path string) string { return f.do("GET", path).Header().Get("Content-Security-Policy") }
	f := newFixture(t, func(p *latchkey.Project) { p.Logo, p.Color = "https://cdn.example.net/a/logo.png?v=2", "#12AB9F" })
	_, path := f.start(t, "app://game")
	if csp := policy(f, path); !strings.Contains(csp, "; img-src 'self' https://cdn.example.net;") {
		t.Errorf("the logo's origin is not let in: %s", csp)
	}
	if csp := policy(f, "/l/unknown"); strings.Contains(csp, "cdn.example.net") {
		t.Errorf("a page without the logo lets its origin in: %s", csp)
	}
	body := f.do("GET", path).Body.String()
	for _, want := range []string{`src="https://cdn.example.net/a/logo.png?v=2" alt=""`, `href="/static/color/12ab9f.css"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
	// Such a URL gets past no command, but into the policy it must not get from anywhere.
	odd := newFixture(t, func(p *latchkey.Project) { p.Logo = "https://cdn.example.net;script-src/logo.png" })
	_, path = odd.start(t, "app://game")
	if csp := policy(odd, path); strings.Contains(csp, "script-src") {
		t.Errorf("a logo adds to the policy: %s", csp)
	}
	bare := newFixture(t)
	_, path = bare.start(t, "app://game")
	if csp := policy(bare, path); !strings.Contains(csp, "img-src 'self';") || strings.Contains(bare.do("GET", path).Body.String(), "/static/color/") {
		t.Errorf("a project without logo and colour: %s", csp)
	}
}

// TestPolicyOfALinkPage: not one word more.
func TestPolicyOfALinkPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, path := f.start(t, "https://game.example.com/in")
	const want = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; img-src 'self'; form-action 'self' https://game.example.com"
	if got := f.do("GET", path).Header().Get("Content-Security-Policy"); got != want {
		t.Errorf("the policy is\n%s, want\n%s", got, want)
	}
}

// TestValuesKeepTheirDirection: neither a name nor an address turns the words around it, in any language.
func TestValuesKeepTheirDirection(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(p *latchkey.Project) { p.Name = "لعبة" })
	_, path := f.start(t, "app://game")
	body := f.do("GET", path).Body.String()
	for _, want := range []string{"as \u2068p•••@example.test\u2069.", "Sign in to \u2068لعبة\u2069?", "<bdi>لعبة</bdi>"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, "IP address") || strings.Contains(body, "invalid") {
		t.Errorf("the page shows an address that is not known:\n%s", body)
	}
}

func TestFormMayLeadToTheLinkURL(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]string{"https://game.example.com/in": "form-action 'self' https://game.example.com", "app://game": "form-action 'self' app:"} {
		f := newFixture(t)
		_, path := f.start(t, link)
		if csp := f.do("GET", path).Header().Get("Content-Security-Policy"); !strings.HasSuffix(csp, want) {
			t.Errorf("a browser will hold back the redirect to %s: %s", link, csp)
		}
		f.press(path, "action=approve")
		w := f.do("GET", path)
		if !strings.Contains(w.Body.String(), `href="`+link+`"`) {
			t.Errorf("the page afterwards has no way to %s:\n%s", link, w.Body)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasSuffix(csp, "form-action 'self'") {
			t.Errorf("a page without a form lets one lead elsewhere: %s", csp)
		}
	}
}

// TestWCAG_1_4_3_ButtonsCanBeRead whatever colour a project has.
func TestWCAG_1_4_3_ButtonsCanBeRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for color, want := range map[string]string{
		"ffffff": ":root{--brand:#ffffff;--brand-ink:#000000;--brand-edge:#767b8c}\n@media (prefers-color-scheme:dark){:root:not([data-theme=light]){--brand:#ffffff;--brand-ink:#000000;--brand-edge:#ffffff}}\n",
		"000000": "\n:root[data-theme=dark]{--brand:#000000;--brand-ink:#ffffff;--brand-edge:#7d859e}\n",
		"ffe600": "--brand-ink:#000000;--brand-edge:#767b8c}",
		"3b4fd8": "--brand-ink:#ffffff;--brand-edge:#3b4fd8}",
		"757575": "--brand-ink:#ffffff",
		"777777": "--brand-ink:#000000",

		"000000-ffe600": ":root{--brand:#000000;--brand-ink:#ffffff;--brand-edge:#000000}\n@media (prefers-color-scheme:dark){:root:not([data-theme=light]){--brand:#ffe600;--brand-ink:#000000;--brand-edge:#ffe600}}\n:root[data-theme=dark]{--brand:#ffe600;",
		"-ffe600":       "@media (prefers-color-scheme:dark){:root:not([data-theme=light]){--brand:#ffe600;",
	} {
		w := f.do("GET", "/static/color/"+color+".css")
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) || w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
			t.Errorf("%s: %d %s, want %s", color, w.Code, w.Body, want)
		}
	}
	for _, wrong := range []string{"fff.css", "3b4fd8", "3b4fd8.js", "3b4fd8f.css", "+3b4fd.css", "0x3b4f.css", "_b4fd8.css", "red;}a.css", ".css", "-.css", "3b4fd8-.css", "3b4fd8-fff.css", "3b4fd8-3b4fd8-3b4fd8.css", "3B4FD8.css.css"} {
		if w := f.do("GET", "/static/color/"+wrong); w.Code != 404 {
			t.Errorf("%s: %d, want 404", wrong, w.Code)
		}
	}
}

// TestEveryLanguageHasEveryPage: no key shows through, no placeholder stays, and the page says what it is written in.
func TestEveryLanguageHasEveryPage(t *testing.T) {
	t.Parallel()
	for _, tag := range catalog.Locales() {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, byNumber)
			f.language = strings.ReplaceAll(tag, "_", "-")
			f.pages.Place = func(netip.Addr, string) (string, string) { return "Berlin", "Germany" }
			f.from = latchkey.Origin{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"}
			id, path := f.start(t, "app://game")
			right, others := f.match(t, id)
			bodies := map[string]string{"ask": f.do("GET", path).Body.String(), "choose": f.press(path, "").Body.String()}
			f.press(path, fmt.Sprintf("number=%d", right))
			bodies["done"] = f.do("GET", path).Body.String()
			f.press(path, "action=deny")
			bodies["denied"], bodies["wrong"] = f.do("GET", path).Body.String(), f.do("GET", path+"?number").Body.String()
			id, path = f.start(t, "app://game")
			f.spend(t, id)
			bodies["used"] = f.do("GET", path).Body.String()
			_, path = f.start(t, "app://game")
			f.now = noon.Add(time.Hour)
			bodies["expired"] = f.do("GET", path).Body.String()
			for _, form := range []string{"number=" + fmt.Sprint(others[0])} {
				bodies["foreign"] = f.press(path, form, "Sec-Fetch-Site", "cross-site", "Accept-Language", f.language).Body.String()
			}
			bodies["unknown"] = f.do("GET", "/l/x", "Accept-Language", f.language).Body.String()
			texts, err := catalog.New()
			if err != nil {
				t.Fatal(err)
			}
			spoken := texts.Spoken(tag)
			html := fmt.Sprintf(`<html lang="%s" dir="%s">`, catalog.BCP47(spoken), texts.Dir(spoken))
			for name, body := range bodies {
				if !strings.Contains(body, html) || strings.Contains(body, ">page.") || strings.Contains(body, "{{") || strings.Count(body, "<h1>") != 1 {
					t.Errorf("%s lacks %s, or shows a key or a placeholder:\n%s", name, html, body)
				}
			}
		})
	}
}
