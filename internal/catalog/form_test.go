package catalog

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// plainly writes a mail without any form.
func plainly(c *Catalog, m latchkey.Message, p latchkey.Project, code, link string) (subject, text, page string) {
	key, game := formKey{locale: c.localeOf(m, p), host: host, linkFirst: m.LinkFirst}, oneLine(p.Name)
	unit, n := lasts(m, p)
	life := c.Count(key.locale, unit, n)
	return c.Text(key.locale, "mail.subject", "code", code, "game", game), c.mailText(key, game, life, code, link),
		c.mailPage(key, game, life, code, link)
}

// TestFormsChangeNothing holds what is filled into a form to the same mail written plainly, byte for byte: for names that would
// like to be a mark, a placeholder or an element, in every language, for every kind of mail, the first and the second time.
func TestFormsChangeNothing(t *testing.T) {
	t.Parallel()
	c := open(t)
	names := []string{
		"Demo", "\x00code\x00", "\x00link\x00 code \x00", "{{code}} {{link}} {{life}}", "<b>&\"'</b>", "x\r\nBcc: evil@example.net", "Żabka 游戏 \u202e",
		"123456", "code", "",
	}
	n := 0
	for _, locale := range append(Locales(), "xx", "de-AT") {
		for _, name := range names {
			for kind := range 12 {
				m, p := message(latchkey.Email), project(name)
				m.Locale, m.LinkFirst = locale, kind&2 != 0
				code, link := latchkey.Secret(fmt.Sprint(123456+n)), latchkey.Secret("")
				if kind&1 != 0 {
					link = latchkey.Secret(fmt.Sprintf("https://login.example.com/a'b&c/l/%d", n))
				}
				p.Codes.Life = []time.Duration{3 * time.Minute, time.Minute, 20 * time.Second}[kind/4]
				for range 2 {
					n++
					e, err := c.Render(m, p, code, link, host)
					if err != nil {
						t.Fatal(err)
					}
					subject, text, page := plainly(c, m, p, code.Reveal(), link.Reveal())
					if e.Subject != subject || e.Text != text || e.HTML != page {
						t.Fatalf("%q in %s, kind %d: got\n%s\n%s\n%s\nwant\n%s\n%s\n%s", name, locale, kind,
							e.Subject, e.Text, e.HTML, subject, text, page)
					}
				}
			}
		}
	}
	if len(c.forms.known) > maxForms {
		t.Errorf("%d forms are remembered, want %d at most", len(c.forms.known), maxForms)
	}
}

// TestARenamedProjectHasItsName: at once, and back again.
func TestARenamedProjectHasItsName(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, name := range []string{"Demo", "Other", "Demo"} {
		e, err := c.Render(message(latchkey.Email), project(name), "123456", link, host)
		if err != nil {
			t.Fatal(err)
		}
		if e.From != name || !strings.Contains(e.Subject, name) || strings.Count(e.Text, name) != 2 || strings.Count(e.HTML, name) < 3 {
			t.Errorf("the mail of %s is from %s, about %q:\n%s", name, e.From, e.Subject, e.Text)
		}
	}
}

// TestAFormIsOfOneHost: the code is bound to the host that the caller names.
func TestAFormIsOfOneHost(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, host := range []string{"a.example.com", "b.example.com"} {
		e, err := c.Render(message(latchkey.Email), project("Demo"), "123456", link, host)
		if err != nil || !strings.HasSuffix(e.Text, "\n@"+host+" #123456") {
			t.Errorf("%v: the mail for %s ends otherwise:\n%s", err, host, e.Text)
		}
	}
}

// TestFormsAreFilledTogether is for the race detector, and for codes that end up in another's mail.
func TestFormsAreFilledTogether(t *testing.T) {
	t.Parallel()
	c := open(t)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 300 {
				code := latchkey.Secret(fmt.Sprint(100000 + 1000*g + i))
				e, err := c.Render(message(latchkey.Email), project(fmt.Sprint("Demo ", i%250)), code, "", host)
				if err != nil || strings.Count(e.Text, code.Reveal()) != 2 || !strings.Contains(e.HTML, code.Reveal()) {
					t.Errorf("%v: the mail with %s is\n%s", err, code, e.Text)
				}
			}
		})
	}
	all.Wait()
}

// TestAMailIsFilledIn runs alone, because it counts allocations.
func TestAMailIsFilledIn(t *testing.T) {
	c := open(t)
	m, p := message(latchkey.Email), project("Demo")
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Render(m, p, "123456", link, host) }); n > 8 {
		t.Errorf("a mail takes %v allocations: it is written anew", n)
	}
}
