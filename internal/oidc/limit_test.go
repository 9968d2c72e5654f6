package oidc_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

// limit gives the server these limits and no others. A call says by the header X-From where it comes from.
func (w *world) limit(entries ...string) {
	w.t.Helper()
	table, err := limits.Default().Override(append(entries, "all=off")...)
	w.must(err)
	w.server.Gate = &limits.Gate{Limiter: memory.NewLimiter(1 << 12), Table: table, Key: w.secrets.LimiterKey()}
	w.server.ClientIP = func(r *http.Request) netip.Addr {
		ip, err := netip.ParseAddr(r.Header.Get("X-From"))
		if err != nil {
			return netip.MustParseAddr("192.0.2.7")
		}
		return ip
	}
	w.http.Transport = &wire{w.t, w.server.Handler()}
}

// TestASVS_6_6_3_EachStandardCallHasALimit: refused in the words of the RFCs, from the network that used it up and from no other.
func TestASVS_6_6_3_EachStandardCallHasALimit(t *testing.T) {
	t.Parallel()
	client := func(f url.Values) url.Values {
		f.Set("client_id", "2")
		f.Set("client_secret", secret)
		return f
	}
	for _, tt := range []struct {
		path, policy, word string
		form               url.Values
	}{
		{"/token", "token-client", "temporarily_unavailable", client(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}})},
		{"/token", "token-client", "slow_down", client(url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {"x"}})},
		{"/revoke", "token-client", "temporarily_unavailable", client(url.Values{"token": {"x"}})},
		{"/introspect", "token-client", "temporarily_unavailable", client(url.Values{"token": {"x"}})},
		{"/userinfo", "token-client", "temporarily_unavailable", url.Values{"access_token": {"x"}}},
		{"/par", "token-client", "temporarily_unavailable", client(url.Values{"response_type": {"code"}})},
		{"/device_authorization", "page-client", "temporarily_unavailable", client(url.Values{})},
		{"/wait", "poll-client", "temporarily_unavailable", url.Values{"request": {"x"}}},
	} {
		w := newWorld(t)
		w.limit(tt.policy + "=1/1h")
		for _, network := range []struct{ first, second, other string }{
			{"192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"}, {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"},
		} {
			if r := w.post(tt.path, tt.form, "X-From", network.first); r.status == http.StatusTooManyRequests {
				t.Fatalf("%s: the first call is refused: %s", tt.path, r.body)
			}
			r := w.post(tt.path, tt.form, "X-From", network.second)
			r.fails(tt.path, 429, tt.word)
			for name, want := range map[string]string{
				"Retry-After": "3600", "RateLimit": `"` + tt.policy + `";r=0;t=3600`, "RateLimit-Policy": `"` + tt.policy + `";q=1;w=3600`,
			} {
				if got := r.header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", tt.path, name, got, want)
				}
			}
			if r := w.post(tt.path, tt.form, "X-From", network.other); r.status == http.StatusTooManyRequests {
				t.Errorf("%s: %s is refused for what %s did", tt.path, network.other, network.first)
			}
		}
	}
}

const (
	waitWords = "Too many tries. Wait a moment, then try again."
	oneAnHour = "=1/1h"
)

// TestPagesHaveALimit: a person reads why, in a page of the project's look, and when to come again stands in the header.
func TestPagesHaveALimit(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/authorize?" + request().Encode(), "/account", "/device", "/logout"} {
		w := newWorld(t)
		w.limit("page-client" + oneAnHour)
		if r := w.get(path); r.status == http.StatusTooManyRequests {
			t.Fatalf("%s: the first one is refused", path)
		}
		b := &browser{w: w}
		b.take(w.get(path))
		b.tells(path, 429, waitWords)
		if got := b.page.header.Get("Retry-After"); got != "3600" {
			t.Errorf("%s: Retry-After is %q", path, got)
		}
		if strings.Contains(string(b.page.body), "client_id") {
			t.Errorf("%s: the page speaks to a developer", path)
		}
	}
}

// TestLoginPageTooOften: whoever is sent no more codes, or may try no more, stays on the page that they are on and can go on
// from there, and does nobody else any harm.
func TestLoginPageTooOften(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit("start-client-address" + oneAnHour)
	b := w.open()
	b.press("address", "address", player)
	b.shows("the code", 200, "code")
	code := w.sentCode()
	b.press("again")
	b.shows("sending it again at once", 429, "code")
	b.tells("sending it again at once", 429, waitWords)
	b.press("code", "code", code)
	b.ends("the code that came before")

	other := w.open()
	other.press("address", "address", player)
	other.shows("another login from there", 429, "address")
	if other.input("address", "value") != player || other.page.header.Get("Retry-After") != "3600" {
		t.Errorf("what was typed is gone, or no Retry-After: %v", other.page.header)
	}
	owner := w.open()
	owner.take(owner.post(owner.form("address", "address", player), "Sec-Fetch-Site", "same-origin", "Cookie", owner.cookie, "X-From", "198.51.100.9"))
	owner.shows("the owner, elsewhere", 200, "code")
}

// TestLoginPageAsksForACaptcha: for an address that gets too many messages from everywhere the page has a puzzle, whose
// solution sends the code, once.
func TestLoginPageAsksForACaptcha(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit("start-address" + oneAnHour)
	w.open().press("address", "address", player)
	_ = w.sentCode()
	b := w.open()
	b.press("address", "address", player)
	b.tells("the second login", 429, "We check that a person asks for this code.")
	if policy := b.page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") {
		t.Errorf("the page of the puzzle lets no script of ours run: %s", policy)
	}
	solution := solved(t, string(b.page.body))
	b.press("solve", "altcha", "made up")
	b.tells("a solution that is none", 429, "We check that a person asks for this code.")
	b.press("solve", "altcha", solution)
	b.shows("the solution", 200, "code")
	b.press("code", "code", w.sentCode())
	if b.page.status != 303 {
		t.Errorf("the code of a solved puzzle gives %d", b.page.status)
	}
	again := w.open()
	again.press("address", "address", player)
	again.press("solve", "altcha", solution)
	again.tells("a solution that was used", 429, "We check that a person asks for this code.")
}

// TestLoginPageOfACarefulProject: a project that always asks for a CAPTCHA asks the first visitor for one.
func TestLoginPageOfACarefulProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(func(p *latchkey.Project) { p.Defence.Captcha = latchkey.CaptchaAlways })
	b := w.open()
	b.press("address", "address", player)
	b.tells("a first login", 429, "We check that a person asks for this code.")
	b.press("solve", "altcha", solved(t, string(b.page.body)))
	b.shows("the solution", 200, "code")
}

// solved solves the puzzle of a page as its script does.
func solved(t *testing.T, page string) string {
	t.Helper()
	given := map[string]string{}
	for _, m := range regexp.MustCompile(`data-(algorithm|challenge|salt|signature|max)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		given[m[1]] = html.UnescapeString(m[2])
	}
	most, err := strconv.Atoi(given["max"])
	if err != nil {
		t.Fatalf("the page has no puzzle: %v", given)
	}
	for n := range most + 1 {
		if sum := sha256.Sum256([]byte(given["salt"] + strconv.Itoa(n))); hex.EncodeToString(sum[:]) == given["challenge"] {
			return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"algorithm":%q,"challenge":%q,"number":%d,"salt":%q,"signature":%q}`,
				given["algorithm"], given["challenge"], n, given["salt"], given["signature"]))
		}
	}
	t.Fatalf("no number solves %v", given)
	return ""
}

// TestCodesAreNotTriedOnPages: guesses at codes count, whatever page they are typed into (RFC 8628 §5.1).
func TestCodesAreNotTriedOnPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit("confirm-client" + oneAnHour)
	b := w.open()
	b.press("address", "address", player)
	b.press("code", "code", "000000")
	b.shows("a wrong code", 200, "code")
	b.press("code", "code", "000000")
	b.tells("a second one", 429, waitWords)
	b.shows("a second one", 429, "code")

	w.limit("confirm-client" + oneAnHour)
	tv := &browser{w: w}
	tv.device("")
	tv.answer("find", "user_code", "BCDF-GHJK")
	tv.device("")
	tv.answer("find", "user_code", "BCDF-GHJK")
	tv.tells("a second user code", 429, waitWords)
	tv.device("?user_code=BCDF-GHJK", "Sec-Fetch-Site", "same-origin")
	tv.tells("a user code in the URL", 429, waitWords)
}
