package siteverify

import (
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestWhereTheServicesAre, as their documentation says; the secret goes nowhere else, and not in plain text.
func TestWhereTheServicesAre(t *testing.T) {
	t.Parallel()
	for p, want := range map[latchkey.CaptchaProvider]string{
		latchkey.Turnstile: "https://challenges.cloudflare.com/turnstile/v0/siteverify", latchkey.HCaptcha: "https://api.hcaptcha.com/siteverify",
	} {
		c, err := New(Config{Provider: p, SiteKey: "site", Secret: "secret"})
		if err != nil || c.cfg.URL != want {
			t.Errorf("%s is asked at %s, %v; want %s", p, c.cfg.URL, err, want)
		}
	}
}
