package oidc_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/captcha"
)

// A judge is another provider, which finds one solution right.
type judge struct{ name latchkey.CaptchaProvider }

func (j judge) Provider() (latchkey.CaptchaProvider, string) { return j.name, `a "key"` }

func (j judge) Puzzle(latchkey.ProjectID, time.Time) (latchkey.Puzzle, error) {
	return latchkey.Puzzle{Provider: j.name, SiteKey: `a "key"`}, nil
}

func (judge) Check(_ context.Context, _ latchkey.ProjectID, solution string, _ netip.Addr, now time.Time) (latchkey.Solution, error) {
	if solution != "right" {
		return latchkey.Solution{}, &latchkey.Error{Code: latchkey.ChallengeRequired, RetryAfter: time.Second}
	}
	return latchkey.Solution{ID: latchkey.HashSecret("right"), Dies: now.Add(time.Minute)}, nil
}

// TestPuzzleOfAnotherProvider: the page lets that provider's script, frame and calls in and nobody else's, gives the script what
// it looks for, and takes the field that it adds.
func TestPuzzleOfAnotherProvider(t *testing.T) {
	t.Parallel()
	for name, tt := range map[latchkey.CaptchaProvider]struct{ class, script, field, policy, styles string }{
		latchkey.Turnstile: {
			"cf-turnstile", "https://challenges.cloudflare.com/turnstile/v0/api.js", "cf-turnstile-response",
			"script-src https://challenges.cloudflare.com/turnstile/v0/ https://challenges.cloudflare.com; " +
				"frame-src https://challenges.cloudflare.com; connect-src https://challenges.cloudflare.com;",
			"style-src 'self';",
		},
		latchkey.HCaptcha: {
			"h-captcha", "https://js.hcaptcha.com/1/api.js", "h-captcha-response",
			"script-src https://js.hcaptcha.com/1/ https://hcaptcha.com https://*.hcaptcha.com; " +
				"frame-src https://hcaptcha.com https://*.hcaptcha.com; connect-src https://hcaptcha.com https://*.hcaptcha.com;",
			"style-src 'self' https://hcaptcha.com https://*.hcaptcha.com;",
		},
	} {
		w := newWorld(t)
		w.server.Captcha = &captcha.Service{Captcha: judge{name}, Store: w.store, Now: w.clock.Now}
		w.change(func(p *latchkey.Project) { p.Defence.Captcha = latchkey.CaptchaAlways })
		b := w.open()
		b.press("address", "address", player)
		b.tells(string(name), http.StatusTooManyRequests, `<div class="`+tt.class+`" data-sitekey="a &#34;key&#34;" data-cdata="`+w.project.String()+`"></div>`)
		b.tells(string(name), http.StatusTooManyRequests, `<script src="`+tt.script+`" async defer></script>`)
		for _, want := range []string{tt.policy, tt.styles, "default-src 'none';"} {
			if policy := b.page.header.Get("Content-Security-Policy"); !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %s: %s", name, want, policy)
			}
		}
		if b.page.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
		b.press("solve", tt.field, "wrong")
		b.tells(string(name)+", wrong", http.StatusTooManyRequests, tt.class)
		if len(w.outbox) > 0 {
			t.Errorf("%s: something is sent for a wrong solution", name)
		}
		b.press("solve", tt.field, "right")
		b.shows(string(name)+", right", http.StatusOK, "code")
		b.press("code", "code", w.sentCode())
		b.ends(string(name))
	}
}
