package pages_test

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestApprovalMakesABrowserKnown: the browser in which somebody's link is approved is one of theirs; the one in which it is opened
// or denied is not, and who has no account yet has no browser.
func TestApprovalMakesABrowserKnown(t *testing.T) {
	t.Parallel()
	to := latchkey.CanonicalAddress(latchkey.Email, "player@example.test")
	elsewhere := latchkey.Origin{IP: netip.MustParseAddr("203.0.113.5")}
	for name, tt := range map[string]struct {
		form string
		user bool // somebody has the address
		want bool
	}{
		"approved":                     {"action=approve", true, true},
		"denied":                       {"action=deny", true, false},
		"neither":                      {"", true, false},
		"approved, before the account": {"action=approve", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if tt.user {
				id, path := f.start(t, "app://game")
				f.press(path, "action=approve")
				f.spend(t, id)
			}
			for _, linkURL := range []string{"https://game.example.com/in", "app://game"} {
				_, path := f.start(t, linkURL)
				if got := f.do("GET", path).Header().Get("Set-Cookie"); got != "" {
					t.Errorf("opening the link sets %q", got)
				}
				w := f.press(path, tt.form)
				var held latchkey.Secret
				for _, c := range (&http.Response{Header: w.Header()}).Cookies() {
					if c.Name != "__Host-latchkey-known-"+project.String() || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
						t.Errorf("the cookie is %v", c)
					}
					held = latchkey.Secret(c.Value)
				}
				if got, err := f.service.Known(t.Context(), project, to, elsewhere, held); err != nil || got != tt.want || (held != "") != tt.want {
					t.Errorf("link URL %q: %d, known is %v, %v, want %v", linkURL, w.Code, got, err, tt.want)
				}
				f.now = f.now.Add(time.Minute)
			}
		})
	}
}
