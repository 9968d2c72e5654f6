package catalog

import (
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestAccessInEveryLanguage: who is not let in learns how to ask, in words that need no code and show none.
func TestAccessInEveryLanguage(t *testing.T) {
	t.Parallel()
	c := open(t)
	p := project("De<b>mo")
	p.Defence.SignUp.Contact = "admin@example.com & co"
	for _, tag := range Locales() {
		for _, ch := range []latchkey.Channel{latchkey.Email, latchkey.Phone} {
			m := message(ch)
			m.Locale, m.Kind = tag, latchkey.AccessMessage
			e := c.Access(m, p)
			if !strings.Contains(e.Text, p.Defence.SignUp.Contact) || strings.Contains(e.Text+e.Subject+e.HTML, "{{") {
				t.Errorf("%s: the %s lacks the contact, or shows a placeholder:\n%s\n%s", tag, ch, e.Text, e.HTML)
			}
			if e.Code != "" || e.Link != "" || e.ID != EnvelopeID(m) || e.To != m.To || e.Locale != BCP47(tag) || !e.Dies.Equal(m.Dies) {
				t.Errorf("%s: the envelope of the %s is %+v", tag, ch, e)
			}
			if n, gsm := septets(e.Text); ch == latchkey.Phone && gsm && n > smsLength {
				t.Errorf("%s: %d characters, want one SMS: %s", tag, n, e.Text)
			}
			if ch == latchkey.Phone {
				continue
			}
			if !strings.Contains(e.HTML, "admin@example.com &amp; co") || !strings.Contains(e.HTML, "De&lt;b&gt;mo") || strings.Contains(e.HTML, "<b>") {
				t.Errorf("%s: the HTML lacks the contact, or a name breaks out of it:\n%s", tag, e.HTML)
			}
			if !strings.Contains(e.Subject, "De<b>mo") || e.From != "De<b>mo" {
				t.Errorf("%s: subject %q, from %q", tag, e.Subject, e.From)
			}
		}
	}
}
