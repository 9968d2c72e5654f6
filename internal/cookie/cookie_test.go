package cookie

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestKnown: the cookie of a known browser is named, held and read as that of a session is, for its time, and is not that one.
func TestKnown(t *testing.T) {
	t.Parallel()
	p := latchkey.ProjectID{UUID: latchkey.UUID{0xaa, 15: 1}}
	for url, name := range map[string]string{
		"https://login.example.test": "__Host-latchkey-known-" + p.String(), "http://127.0.0.1:8080": "latchkey-known-" + p.String(),
	} {
		held := OfKnown(url, p)
		set := held.Set("marks")
		if set.Name != name || set.Secure != strings.HasPrefix(url, "https") || !set.HttpOnly || set.SameSite != http.SameSiteLaxMode || set.Path != "/" || set.Domain != "" {
			t.Errorf("%s: %v", url, set)
		}
		if set.MaxAge != 180*24*60*60 {
			t.Errorf("%s: it is held for %d s, want 180 days", url, set.MaxAge)
		}
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.AddCookie(set)
		if got := held.Read(r).Reveal(); got != "marks" {
			t.Errorf("%s: read %q", url, got)
		}
		if OfKnown(url, latchkey.ProjectID{}).Read(r) != "" || OfSession(url, p).Read(r) != "" {
			t.Errorf("%s: it is read as another project's, or as a session", url)
		}
	}
}

// TestSession: what is set is read again, under the name that browsers take on that kind of host, and goes when it is to go.
func TestSession(t *testing.T) {
	t.Parallel()
	p := latchkey.ProjectID{UUID: latchkey.UUID{0xaa, 15: 1}}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		url, name string
		secure    bool
	}{
		{"https://login.example.test", "__Host-latchkey-session-" + p.String(), true},
		{"http://127.0.0.1:8080", "latchkey-session-" + p.String(), false},
	} {
		held := OfSession(c.url, p)
		set, gone := held.Set("a secret", now.Add(time.Hour), now), held.Gone()
		for what, got := range map[string]*http.Cookie{"set": set, "gone": gone} {
			if got.Name != c.name || got.Secure != c.secure || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.Path != "/" || got.Domain != "" {
				t.Errorf("%s, %s: %v", c.url, what, got)
			}
		}
		if set.MaxAge != 3600 || gone.MaxAge >= 0 || gone.Value != "" {
			t.Errorf("%s: set for %d s, gone for %d s with %q", c.url, set.MaxAge, gone.MaxAge, gone.Value)
		}
		if late := held.Set("a secret", now, now); late.MaxAge < 1 {
			t.Errorf("%s: a session that ends now is set for %d s, which is until the browser is closed", c.url, late.MaxAge)
		}
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		if got := held.Read(r); got != "" {
			t.Errorf("%s: no cookie is read as %d letters", c.url, len(got))
		}
		r.AddCookie(set)
		if got := held.Read(r).Reveal(); got != "a secret" {
			t.Errorf("%s: read %q", c.url, got)
		}
		if got := OfSession(c.url, latchkey.ProjectID{}).Read(r); got != "" {
			t.Errorf("%s: another project reads the cookie", c.url)
		}
	}
}
