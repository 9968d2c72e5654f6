package catalog

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"html"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/latchkey-dev/latchkey"
)

//go:embed mail.html
var mailHTML string

//go:embed button.html
var buttonHTML string

// Render writes m in its language. host is what the last line binds the code to: host or host:port of the public URL,
// without the port that goes without saying. link is empty for a message without one.
//
// The project's name is foreign text: it can break out of neither a header, a line nor the HTML.
// Errors: Internal when there is no code to write.
func (c *Catalog) Render(m latchkey.Message, p latchkey.Project, code, link latchkey.Secret, host string) (latchkey.Envelope, error) {
	if code == "" || host == "" {
		return latchkey.Envelope{}, &latchkey.Error{Code: latchkey.Internal, Message: "a message without code or host"}
	}
	locale := c.localeOf(m, p)
	e := latchkey.Envelope{ID: EnvelopeID(m), To: m.To, Locale: BCP47(locale), Code: code, Link: link, Dies: m.Dies}
	if m.To.Channel() == latchkey.Phone {
		e.From = oneLine(p.Name)
		e.Text = c.sms(m, locale, e.From, code, link, host)
		return e, nil
	}
	key := formKey{locale: locale, name: p.Name, host: host, link: link != "", linkFirst: m.LinkFirst}
	key.unit, key.left = lasts(m, p)
	f := c.forms.get(key, c.form)
	args := []string{"code", code.Reveal(), "link", link.Reveal()}
	e.From, e.Subject, e.Text = f.game, f.subject.fill(args), f.text.fill(args)
	args[1], args[3] = escape(args[1]), escape(args[3])
	e.HTML = f.page.fill(args)
	return e, nil
}

// EnvelopeID names a message for providers and logs: the same for every try, another for a resend. It is a hash: the
// id of a challenge is for whoever started it alone, and a Message-ID is read by everybody on the way.
func EnvelopeID(m latchkey.Message) string {
	sum := sha256.Sum256([]byte("message " + m.Challenge.String() + " " + strconv.Itoa(m.Resend)))
	return hex.EncodeToString(sum[:16])
}

// form writes the mail of key once, with marks where code and link belong, and cuts it there. No name holds a mark.
func (c *Catalog) form(key formKey) (formKey, form) {
	game := oneLine(key.name)
	life := c.Count(key.locale, key.unit, key.left)
	link := ""
	if key.link {
		link = linkMark
	}
	return key, form{
		game:    game,
		subject: cutAtMarks(c.Text(key.locale, "mail.subject", "code", codeMark, "game", game)),
		text:    cutAtMarks(c.mailText(key, game, life, codeMark, link)),
		page:    cutAtMarks(c.mailPage(key, game, life, codeMark, link)),
	}
}

func (c *Catalog) mailText(key formKey, game, life, code, link string) string {
	paragraphs := []string{c.Text(key.locale, "mail.code", "code", code, "game", game), life}
	if link != "" {
		how := c.Text(key.locale, "mail.link")
		if key.linkFirst {
			how = c.Text(key.locale, "mail.link_first")
		}
		paragraphs = append(paragraphs, how+"\n"+link)
	}
	paragraphs = append(paragraphs, c.Text(key.locale, "mail.ignore", "game", game), originBound(key.host, code))
	return strings.Join(paragraphs, "\n\n")
}

// mailPage fills the HTML of a mail. Every value goes through escape on its way in, and every placeholder of mail.html
// and button.html stands in text or in a quoted attribute, where that is enough; html/template, which would find out by
// itself, takes ten times as long.
func (c *Catalog) mailPage(key formKey, game, life, code, link string) string {
	enter, button := c.Text(key.locale, "mail.enter"), ""
	if link != "" {
		button = c.button.fill([]string{"link", escape(link), "label", escape(c.Text(key.locale, "mail.button", "game", game))})
		if key.linkFirst {
			enter = c.Text(key.locale, "mail.enter_link_first")
		}
	}
	spoken := c.Spoken(key.locale)
	return c.mail.fill([]string{
		"lang", BCP47(spoken), "dir", c.Dir(spoken), "title", escape(c.Text(key.locale, "mail.title", "game", game)),
		"enter", escape(enter), "code", escape(code), "life", escape(life), "button", button,
		"ignore", escape(c.Text(key.locale, "mail.ignore", "game", game)),
	})
}

func escape(s string) string { return html.EscapeString(s) }

// lasts says how long the code still works. A resend near the end of a challenge's longest life works for less than
// the project's setting; when the message was taken up, its lease tells.
func lasts(m latchkey.Message, p latchkey.Project) (unit string, n int) {
	left := p.Codes.Life
	if taken := m.NextTry.Add(-latchkey.MessageLease); !m.NextTry.IsZero() && m.Dies.Sub(taken) < left {
		left = m.Dies.Sub(taken)
	}
	return rounded(left)
}

// Lasts says how long a code still works, rounded as people do.
func (c *Catalog) Lasts(locale string, left time.Duration) string {
	unit, n := rounded(left)
	return c.Count(locale, unit, n)
}

// rounded gives the key of a text that counts, and its number.
func rounded(left time.Duration) (unit string, n int) {
	left += 5 * time.Second // 2 min 58 s are 3 minutes to a person
	if left < time.Minute {
		return "mail.seconds", max(10, int(left/(10*time.Second))*10)
	}
	return "mail.minutes", int(left / time.Minute)
}

// sms is one message of 160 GSM-7 characters wherever the name can be cut to make it so: a second part costs as much
// again. A text that GSM-7 cannot spell goes as it is.
func (c *Catalog) sms(m latchkey.Message, locale, game string, code, link latchkey.Secret, host string) string {
	key, tail := "sms.code", "\n\n"+originBound(host, code.Reveal())
	if link != "" {
		tail = "\n" + link.Reveal() + tail
		if m.LinkFirst {
			key = "sms.link_first"
		}
	}
	write := func(game string) string { return c.Text(locale, key, "code", code.Reveal(), "game", game) + tail }
	rest, ok := septets(write(""))
	name, known := septets(game)
	if !ok || !known || rest+name <= smsLength {
		return write(game)
	}
	return write(shorten(game, max(smsLength-rest, shortestName)))
}

// smsLength is what one SMS holds, in septets (3GPP TS 23.038). A name is not cut below shortestName, or nobody would
// know it; a host that leaves less pays for a second part.
const (
	smsLength    = 160
	shortestName = 8
)

// originBound is the last line of a message by which phones fill the code in on the right site only (WICG
// sms-one-time-codes).
func originBound(host, code string) string { return "@" + host + " #" + code }

// The GSM-7 default alphabet, and what it spells with two septets (3GPP TS 23.038 §6.2.1).
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡" +
		"ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "^{}\\[~]|€"
)

// septets gives the length of s in GSM-7; ok is false when it cannot be spelled in it.
func septets(s string) (n int, ok bool) {
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', strings.ContainsRune(gsmBasic, r):
			n++
		case strings.ContainsRune(gsmExtended, r):
			n += 2
		default:
			return 0, false
		}
	}
	return n, true
}

// shorten cuts s, all of GSM-7, to room septets, three of them dots.
func shorten(s string, room int) string {
	used := 0
	for i, r := range s {
		n, _ := septets(string(r))
		if used+n > room-3 {
			return strings.TrimRight(s[:i], " ") + "..."
		}
		used += n
	}
	return s
}

// oneLine makes foreign text fit for a header and a line: no control characters, no line or paragraph separators, and
// no marks that turn the direction of what follows.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == unicode.ReplacementChar:
			return ' '
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
