package pages_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

// TestLinkPagesHaveALimit: opening and pressing count together; who comes too often reads so, nothing is pressed, and somebody
// else is not kept out.
func TestLinkPagesHaveALimit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	table, err := limits.Default().Override("page-client=1/1h", "all=off")
	if err != nil {
		t.Fatal(err)
	}
	f.pages.Gate = &limits.Gate{Limiter: memory.NewLimiter(1 << 10), Table: table}
	f.pages.ClientIP = func(r *http.Request) netip.Addr {
		if r.Header.Get("X-From") == "" {
			return netip.MustParseAddr("192.0.2.1")
		}
		return netip.MustParseAddr(r.Header.Get("X-From"))
	}
	id, path := f.start(t, "app://game")
	if got := f.do("GET", path); got.Code != 200 || got.Header().Get("RateLimit") != `"page-client";r=0;t=3600` {
		t.Fatalf("the first one: %d, RateLimit %q", got.Code, got.Header().Get("RateLimit"))
	}
	got := f.press(path, "action=approve", "Sec-Fetch-Site", "same-origin")
	if got.Code != 429 || got.Header().Get("Retry-After") != "3600" || !strings.Contains(got.Body.String(), "Too many tries.") {
		t.Errorf("the second one: %d, Retry-After %q:\n%s", got.Code, got.Header().Get("Retry-After"), got.Body)
	}
	if state := f.state(t, id); state != latchkey.Waiting {
		t.Errorf("a press that was refused made the challenge %s", state)
	}
	if strings.Contains(f.log.String(), "page failed") {
		t.Errorf("a flood writes a line of the log each time:\n%s", f.log.String())
	}
	if got := f.press(path, "action=approve", "Sec-Fetch-Site", "same-origin", "X-From", "2001:db8::1"); got.Code != 303 {
		t.Errorf("somebody else: %d, want 303", got.Code)
	}
}
