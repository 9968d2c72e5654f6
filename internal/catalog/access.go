package catalog

import (
	_ "embed"
	"strings"

	"github.com/latchkey-dev/latchkey"
)

//go:embed access.html
var accessHTML string

// Access writes an AccessMessage: what somebody gets whose address is nobody's, where sign-up is closed. It has neither code
// nor link. The project's name and its contact are foreign text, as in Render.
func (c *Catalog) Access(m latchkey.Message, p latchkey.Project) latchkey.Envelope {
	locale := c.localeOf(m, p)
	game, contact := oneLine(p.Name), oneLine(p.Defence.SignUp.Contact)
	e := latchkey.Envelope{ID: EnvelopeID(m), To: m.To, From: game, Locale: BCP47(locale), Dies: m.Dies}
	if m.To.Channel() == latchkey.Phone {
		e.Text = c.Text(locale, "sms.access", "game", game, "contact", contact)
		return e
	}
	e.Subject = c.Text(locale, "mail.access_title", "game", game)
	why, how := c.Text(locale, "mail.access", "game", game), c.Text(locale, "mail.access_how", "contact", contact)
	ignore := c.Text(locale, "mail.access_ignore")
	e.Text = strings.Join([]string{why, how, ignore}, "\n\n")
	spoken := c.Spoken(locale)
	e.HTML = c.access.fill([]string{
		"lang", BCP47(spoken), "dir", c.Dir(spoken), "title", escape(e.Subject), "why", escape(why), "how", escape(how),
		"ignore", escape(ignore),
	})
	return e
}

// localeOf is the language of m.
func (c *Catalog) localeOf(m latchkey.Message, p latchkey.Project) string {
	if _, ok := c.texts[m.Locale]; ok {
		return m.Locale
	}
	return c.Match(m.Locale, p.DefaultLocale, "")
}
