package oidc_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

func knownCookie(p latchkey.ProjectID) string { return "__Host-latchkey-known-" + p.String() }

// defaults gives the server the limits that it has out of the box, with what it knows of browsers and networks.
func (w *world) defaults() {
	w.t.Helper()
	w.limit()
	w.server.Gate = &limits.Gate{
		Limiter: memory.NewLimiter(1 << 16), Table: limits.Default(), Key: w.secrets.LimiterKey(),
		Known: func(ctx context.Context, s limits.Sign) (bool, error) {
			return w.login.Known(ctx, s.Project, s.To, latchkey.Origin{IP: s.IP}, s.Browser)
		},
	}
	w.http.Transport = &wire{w.t, w.server.Handler()}
}

// bomb asks for n codes for the player, each from another network.
func (w *world) bomb(n int) {
	w.t.Helper()
	for i := range n {
		_, _ = w.server.Gate.Start(w.t.Context(), limits.Sign{
			Caller: limits.Caller{IP: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), Project: w.project}, To: latchkey.CanonicalAddress(latchkey.Email, player),
			Captcha: latchkey.CaptchaSuspicious,
		}, w.clock.Now())
	}
}

// starts gives the status of the answer to a start from a network, in a browser that shows the first page and holds these cookies
// besides its own.
func (b *browser) starts(address, from string, cookies ...string) int {
	b.w.t.Helper()
	f := b.form("address", "address", address)
	b.take(b.post(f, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie+strings.Join(cookies, "; "), "X-From", from))
	return b.page.status
}

// TestABomberDoesNotStopAKnownBrowser: after 10,000 starts from everywhere the owner's browser gets its code at once, from a
// network where nobody knows it; another browser there is asked for a CAPTCHA.
func TestABomberDoesNotStopAKnownBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.defaults()
	owner, _ := w.in()
	w.clock.move(24 * time.Hour)
	w.bomb(10_000)
	b := w.open()
	b.jar, b.cookie = owner.jar, owner.cookie
	b.ask("prompt", "login")
	if got := b.starts(player, "198.51.100.9"); got != 200 {
		t.Fatalf("the owner's browser, on another network: %d, want the code", got)
	}
	b.press("code", "code", w.sentCode())
	b.ends("the owner's login")
	if got := w.open().starts(player, "198.51.100.10"); got != http.StatusTooManyRequests {
		t.Errorf("a browser that nobody knows: %d, want a CAPTCHA", got)
	}
	if got := w.open().starts(player, "192.0.2.7"); got != 200 {
		t.Errorf("the network of the first login: %d, want the code", got)
	}
}

// TestAKnownBrowserHasItsOwnBounds: a cookie that was stolen gives what an address gets on a network of its own, five messages in
// an hour, and signs nobody in.
func TestAKnownBrowserHasItsOwnBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.defaults()
	owner, _ := w.in()
	stolen := knownCookie(w.project) + "=" + owner.jar[knownCookie(w.project)]
	w.clock.move(24 * time.Hour)
	w.bomb(100)
	sent := 0
	for range 100 {
		if w.open().starts(player, "203.0.113.1", stolen) == 200 {
			sent++
			_ = w.sentCode()
		}
		w.clock.move(30 * time.Second)
	}
	if sent != 4 { // of the five in any hour one comes with its end
		t.Errorf("a stolen cookie got %d messages in 50 minutes, want 4", sent)
	}
	r := w.get("/account", "Cookie", stolen)
	if r.status != 200 || !strings.Contains(string(r.body), `name="address"`) {
		t.Errorf("the account page with a stolen cookie: %d %s", r.status, r.body)
	}
	if got := w.open().starts(stranger, "203.0.113.9", stolen); got != 200 {
		t.Errorf("for an address that nothing happened to: %d", got)
	}
}

// TestKnownBrowsersEnd: whoever was banned, ended all sessions or is gone has no known browser any more, nor does another project,
// another address or a time long after.
func TestKnownBrowsersEnd(t *testing.T) {
	t.Parallel()
	admins := func(w *world) *admin.Service { return &admin.Service{Store: w.store, Now: w.clock.Now} }
	user := func(w *world) latchkey.User {
		us, err := w.store.Users(w.t.Context(), w.project, latchkey.CanonicalAddress(latchkey.Email, player), latchkey.UserID{}, 1)
		w.must(err)
		return us[0]
	}
	for name, tt := range map[string]struct {
		change func(w *world, held string) string // gives the cookie to come with
		status int
	}{
		"nothing": {func(_ *world, held string) string { return held }, 200},
		"banned": {func(w *world, held string) string {
			w.must(admins(w).Ban(w.t.Context(), user(w).ID, time.Time{}, "cheating"))
			return held
		}, 429},
		"all sessions ended": {func(w *world, held string) string {
			w.must(w.store.EndSessions(w.t.Context(), user(w).ID, latchkey.Event{At: w.clock.Now(), Kind: latchkey.UserLoggedOut}))
			return held
		}, 429},
		"long after": {func(w *world, held string) string {
			w.clock.move(latchkey.KnownBrowserLife)
			return held
		}, 429},
		"under another project's name": {func(w *world, held string) string {
			return strings.ReplaceAll(held, w.project.String(), w.other.String())
		}, 429},
		"without it": {func(*world, string) string { return "" }, 429},
		"forged": {func(_ *world, held string) string {
			return held[:len(held)-4] + "AAAA"
		}, 429},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.defaults()
			owner, _ := w.in()
			held := tt.change(w, knownCookie(w.project)+"="+owner.jar[knownCookie(w.project)])
			w.bomb(100)
			if got := w.open().starts(player, "198.51.100.9", held); got != tt.status {
				t.Errorf("the browser gets %d, want %d", got, tt.status)
			}
		})
	}
}

// TestKnownBrowserIsSetByALogin: one cookie, after a login and not before, the same for every address that was typed; the family's
// stay in it.
func TestKnownBrowserIsSetByALogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.open()
	b.press("address", "address", player)
	_ = w.sentCode()
	b.press("code", "code", "000000")
	if b.jar[knownCookie(w.project)] != "" {
		t.Error("a browser is known before the login")
	}
	for i := range 7 {
		b = &browser{w: w, jar: b.jar, cookie: b.cookie}
		b.ask("prompt", "login")
		b.signIn(fmt.Sprintf("p%d@example.test", i))
		b.ends("a login")
		if got := len(b.jar[knownCookie(w.project)]); got != 32*min(i+1, 5) {
			t.Errorf("after %d people the cookie has %d letters", i+1, got)
		}
	}
}
