package oidc_test

import (
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestNoPhoneWithoutSMS: where no SMS go, the page asks for an email alone, and says so to whoever types a number.
func TestNoPhoneWithoutSMS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(func(p *latchkey.Project) { p.Defence.SMS.Countries = nil })
	b := w.open("ui_locales", "en")
	b.contains("a project without SMS", "Email address<")
	b.press("address", "address", "+12025550123")
	b.shows("a phone number", 200, "address")
	b.contains("a phone number", "No text message can be sent to this number. Use your email address instead.")
	if len(w.outbox) > 0 {
		t.Error("a message was made for a number that gets none")
	}
}

// TestNoSMSToThisNumber: the page asks for both, and says which it cannot be.
func TestNoSMSToThisNumber(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		channels []latchkey.Channel
		says     string
	}{
		"both channels": {[]latchkey.Channel{latchkey.Email, latchkey.Phone}, "No text message can be sent to this number. Use your email address instead."},
		"phones only":   {[]latchkey.Channel{latchkey.Phone}, "No text message can be sent to this number.<"},
	} {
		w := newWorld(t)
		w.change(func(p *latchkey.Project) { p.Channels, p.Defence.SMS.Countries = c.channels, []string{"DE"} })
		b := w.open("ui_locales", "en")
		b.press("address", "address", "+12025550123")
		b.shows(name, 200, "address")
		b.contains(name, c.says)
	}
}

// TestTrippedBreakerOnThePage: it says to use the email, and for how long; a code that was sent before is still good.
func TestTrippedBreakerOnThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(func(p *latchkey.Project) { p.Defence.SMS.Budget = 1 })
	b := w.open("ui_locales", "en")
	b.press("address", "address", "+12025550123")
	b.shows("the code that trips it", 200, "code")
	code := w.sentCode()
	other := w.open("ui_locales", "en")
	other.press("address", "address", "+12025550124")
	other.shows("another number", 429, "address")
	other.contains("another number", "No text message can be sent to this number. Use your email address instead.")
	b.press("again")
	b.shows("once more", 429, "code")
	b.contains("once more", "Use your email address instead.")
	b.press("code", "code", code)
	if b.page.status >= 400 {
		t.Errorf("the code that was sent before is refused: %d", b.page.status)
	}
}
