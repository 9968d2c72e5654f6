package pages

import (
	"errors"
	"html/template"
	"net/http"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
	"github.com/latchkey-dev/latchkey/internal/device"
)

// A view is one page, ready to be written: words only, no noun of the house.
type view struct {
	Status int
	Lang   string // BCP 47
	Dir    string // ltr or rtl
	Title  string
	Kind   string // ask, done, safe, old or stop: the picture
	Who    *who   // who asks; nil before that is known
	Texts  []string
	Facts  []fact
	Ask    *form
	Alert  string // above the buttons
	Next   *next
	Note   string // small, below
	// FormTo is what, besides this server, the form's answer may lead to, for the Content-Security-Policy: browsers hold
	// a redirect after a form against form-action.
	FormTo string
	Goto   string // where a 303 leads instead of a page
	Wait   int    // seconds until it is worth trying again, of a 429

	Cookies []*http.Cookie
}

// who is the project as a person knows it.
type who struct {
	Name    string
	Logo    string // URL of a picture; empty: none
	Initial string // stands for the picture; may be empty too
	Colors  string // the name of a style sheet below /static/color/; empty: ours
	Theme   string // light or dark; empty: as the device has it
}

// A fact is one line of what is known of the device that waits.
type fact struct{ Kind, Name, Value string }

// A form is the buttons. Numbers, if there are any, stand for the approving one.
type form struct {
	Approve, Deny string
	Pick, How     string
	Numbers       []int
}

// next is where to go from here.
type next struct {
	URL  template.URL
	Text string
}

// A speaker has the words for one visitor: the language of the challenge, the game's name, the masked address.
type speaker struct {
	catalog *catalog.Catalog
	locale  string
	project latchkey.Project
	address string
}

func (s *Server) speak(r *http.Request, c latchkey.Challenge, p latchkey.Project) speaker {
	return speaker{
		catalog: s.Catalog, project: p, address: c.To.String(),
		locale: s.Catalog.Match(c.Ask.Locale, p.DefaultLocale, r.Header.Get("Accept-Language")),
	}
}

// plain speaks before it is known of what.
func (s *Server) plain(r *http.Request) speaker {
	return speaker{catalog: s.Catalog, locale: s.Catalog.Match("", "", r.Header.Get("Accept-Language"))}
}

func (s speaker) text(key string, args ...string) string {
	args = append(args, "game", s.project.Name, "address", s.address)
	for i := 1; i < len(args); i += 2 {
		args[i] = isolate(args[i])
	}
	return s.catalog.Text(s.locale, key, args...)
}

// isolate keeps the direction of a value to itself (U+2068 and U+2069): an address inside an Arabic sentence stays in
// order, and a name cannot turn around the words that follow it.
func isolate(s string) string { return "\u2068" + s + "\u2069" }

func (s speaker) page(kind string, status int, title string, texts ...string) view {
	spoken := s.catalog.Spoken(s.locale)
	v := view{
		Status: status, Kind: kind, Title: s.text(title), Lang: catalog.BCP47(spoken), Dir: s.catalog.Dir(spoken),
		Who: s.who(),
	}
	for _, key := range texts {
		v.Texts = append(v.Texts, s.text(key))
	}
	return v
}

func (s speaker) who() *who {
	if s.project.Name == "" {
		return nil
	}
	w := &who{Name: s.project.Name, Logo: s.project.Logo, Colors: s.project.ColorSheet(), Theme: string(s.project.Look.Theme)}
	if r, _ := utf8.DecodeRuneInString(s.project.Name); unicode.IsLetter(r) || unicode.IsDigit(r) {
		w.Initial = string(unicode.ToUpper(r))
	}
	return w
}

func (s speaker) ask(numbers []int, facts []fact) view {
	v := s.page("ask", http.StatusOK, "page.ask_title", "page.ask")
	v.Facts = facts
	v.Ask = &form{Approve: s.text("page.approve"), Deny: s.text("page.deny"), Numbers: numbers}
	if len(numbers) > 0 {
		v.Ask.Pick, v.Ask.How = s.text("page.pick"), s.text("page.pick_note")
	} else {
		v.Note = s.text("page.approve_note")
	}
	return v
}

func (s speaker) done(linkURL string) view {
	v := s.page("done", http.StatusOK, "page.done_title", "page.done")
	v.Note = s.text("page.close")
	if linkURL != "" {
		// A registered URL, which latchkey.ValidateRedirect let in: of a scheme that runs nothing. The template would
		// refuse the schemes of apps.
		v.Next = &next{template.URL(linkURL), s.text("page.return")} //nolint:gosec // see above
	}
	return v
}

func (s speaker) denied(byNumber bool) view {
	if byNumber {
		return s.page("safe", http.StatusOK, "page.wrong_title", "page.wrong", "page.wrong_you", "page.wrong_other")
	}
	v := s.page("safe", http.StatusOK, "page.denied_title", "page.denied", "page.denied_means", "page.denied_todo")
	v.Note = s.text("page.denied_you")
	return v
}

func (s speaker) used() view {
	v := s.page("old", http.StatusGone, "page.used_title", "page.used", "page.used_again")
	v.Note = s.text("page.used_not_you")
	return v
}

func (s speaker) expired() view {
	return s.page("old", http.StatusGone, "page.expired_title", "page.expired", "page.new_code")
}

func (s speaker) unknown() view {
	return s.page("stop", http.StatusNotFound, "page.unknown_title", "page.unknown", "page.new_code")
}

// tooOften is the page of somebody who opens or presses too much.
func (s *Server) tooOften(r *http.Request, err error) view {
	v := s.plain(r).page("old", http.StatusTooManyRequests, "page.trouble_title", "page.login_wait")
	var e *latchkey.Error
	if errors.As(err, &e) {
		v.Wait = int((e.RetryAfter + time.Second - 1) / time.Second)
	}
	return v
}

// trouble is the page of a failure, which says nothing of its cause.
func (s *Server) trouble(r *http.Request, err error) view {
	status := http.StatusInternalServerError
	if latchkey.CodeOf(err) == latchkey.Unavailable {
		status = http.StatusServiceUnavailable
	}
	return s.plain(r).page("stop", status, "page.trouble_title", "page.trouble")
}

// facts is what is known of the device that waits: what it is, where, and since when.
func (s *Server) facts(say speaker, c latchkey.Challenge) []fact {
	out := []fact{{"device", say.text("page.device"), device.Read(c.From.UserAgent).Say(say.text)}}
	if c.From.IP.IsValid() {
		if s.Place != nil {
			if where := say.place(s.Place(c.From.IP, say.locale)); where != "" {
				out = append(out, fact{"place", say.text("page.place"), where})
			}
		}
		out = append(out, fact{"ip", say.text("page.ip"), c.From.IP.String()})
	}
	return append(out, fact{"asked", say.text("page.asked"), say.ago(s.Now().Sub(c.Started))})
}

func (s speaker) place(city, country string) string {
	if city == "" {
		return country
	}
	return s.text("page.place_near", "city", city, "country", country)
}

// ago rounds: nobody counts seconds, and a challenge lives ten minutes at the most.
func (s speaker) ago(d time.Duration) string {
	minutes := int(d.Round(time.Minute) / time.Minute)
	if d < time.Minute || minutes < 1 {
		return s.text("page.asked_now")
	}
	return s.catalog.Count(s.locale, "page.asked_minutes", minutes)
}
