package oidc

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/catalog"
)

// An addressForm is the first page of a login: one field for an email or a phone number, whichever the project takes.
type addressForm struct {
	Project      latchkey.ProjectID // what the script remembers the address by
	Label        string
	Typed        string // what stands in the field
	Keys         string // inputmode
	Autocomplete string
	Button       string

	// For the script.
	ByEmail, ByPhone    string // how the code comes
	Regions             string // address.Regions; empty: no phones
	Chosen              string // the country that was chosen for a number without one; may be empty
	Region              string // the country that the browser's languages name; may be empty
	Country             string // the label of the choice
	Remember, Forgotten string
}

// A codeForm is the second page: the code, or, where the code is dead, a new one.
type codeForm struct {
	Project     latchkey.ProjectID
	To          string // the address
	ByPhone     bool
	Label       string
	Digits      []struct{} // one for each, to be drawn
	Button      string
	Over        bool // the code is dead, and only a new one helps
	New         string
	Again       string
	Change      string
	Lasts       string // how long the code works, for whoever has no clock on the page
	Match       int    // the number that whoever approves the link picks; 0: none is asked for
	MatchHow    string
	OrLink      string // the link will do too
	Left, Pause int    // seconds: of the code, and until it can be sent again

	// For the script: a text with {{time}} in it is filled as the time goes by.
	Runs, AgainIn, Gone, Opened string
}

// resendPause is for how long the page does not offer to send the code again at the least: mail and SMS take so long. Whoever
// asks all the same is served by the rules of Challenge.Resend.
const resendPause = 30 * time.Second

// addressPage asks for an address.
func (s *Server) addressPage(r *http.Request, p latchkey.Project, at pending, cookie latchkey.Secret, typed, alert string) view {
	say := s.speak(r, p, at.Locale, latchkey.Address{})
	v := say.page(p, http.StatusOK, "mail.title", "page.login_intro")
	if own, ok := say.own(p); ok {
		v.Own = true
		if own.Title != "" {
			v.Title = own.Title
		}
		if own.Intro != "" {
			v.Texts = []string{own.Intro}
		}
	}
	v.Alert = say.text(alert)
	v.Address = &addressForm{
		Project: p.ID, Label: say.text("page.login_address"), Typed: typed, Keys: "email", Autocomplete: "username",
		Button: say.text("page.login_next"), Chosen: at.Region, Country: say.text("page.login_country"),
		Remember: say.text("page.login_remember"), Forgotten: say.text("page.login_not_you"),
	}
	f := v.Address
	f.Region = catalog.Region(r.Header.Get("Accept-Language"))
	switch email, phone := p.Has(latchkey.Email), p.Offers(latchkey.Phone); {
	case email && !phone:
		f.Label, f.Autocomplete = say.text("page.login_email"), "email"
	case !email && p.Has(latchkey.Phone):
		f.Label, f.Keys, f.Autocomplete, f.Regions = say.text("page.login_phone"), "tel", "tel", address.Regions()
		f.ByPhone = say.text("page.login_by_phone")
	default:
		f.ByEmail, f.ByPhone, f.Regions = say.text("page.login_by_email"), say.text("page.login_by_phone"), address.Regions()
	}
	return s.sealed(r, p, v, at, cookie)
}

// wrongAddress names what is wrong with what was typed, by what it looks like and what the project takes.
func wrongAddress(p latchkey.Project, typed string) string {
	email, phone := p.Has(latchkey.Email), p.Offers(latchkey.Phone)
	switch likePhone := strings.ContainsAny(typed, "0123456789") && !strings.Contains(typed, "@"); {
	case email && !phone:
		return "page.login_bad_email"
	case !email || likePhone:
		return "page.login_bad_phone"
	}
	return "page.login_bad_address"
}

// noSMS says that no code goes to a phone number, and what to do instead where there is something.
func noSMS(p latchkey.Project) string {
	if p.Has(latchkey.Email) {
		return "page.login_no_sms_but_email"
	}
	return "page.login_no_sms"
}

// own gives the project's own words in the language that is spoken, or else for every language.
func (s speaker) own(p latchkey.Project) (latchkey.LookTexts, bool) {
	language, _, _ := strings.Cut(s.locale, "_")
	for _, key := range slices.Sorted(maps.Keys(p.Look.Texts)) {
		if strings.HasPrefix(strings.ToLower(key), language) && s.catalog.Match(key, "", "") == s.locale {
			return p.Look.Texts[key], true
		}
	}
	own, ok := p.Look.Texts[""]
	return own, ok
}

// codePage asks for the code. The address stands in full: it is the person's own, and shows a slip. said is what was done.
func (s *Server) codePage(r *http.Request, p latchkey.Project, at pending, cookie latchkey.Secret, alert, said string) view {
	say := s.speak(r, p, at.Locale, at.to())
	v := say.page(p, http.StatusOK, "page.login_code_title", "page.login_code_sent")
	now := s.Now()
	left := max(0, at.Expires.Sub(now))
	if left == 0 && alert == "page.login_wrong_code" {
		alert = "page.login_over"
	}
	v.Alert, v.Said = say.text(alert), say.text(said)
	v.Code = &codeForm{
		Project: p.ID, To: at.Address, ByPhone: at.to().Channel() == latchkey.Phone,
		Label: say.text("page.login_code"), Digits: make([]struct{}, s.Login.Digits(p, at.to())), Button: say.text("page.login_enter"),
		Over: left == 0 || alert == "page.login_no_tries", New: say.text("page.login_new"), Again: say.text("page.login_again"),
		Change: say.text("page.login_change"), Lasts: s.Catalog.Lasts(say.locale, left), Match: at.Match,
		MatchHow: say.text("page.login_match"), OrLink: say.text("page.login_or_link"),
		Left: seconds(left), Pause: seconds(at.Sent.Add(at.Again).Sub(now)),
		Runs: say.text("page.login_runs"), AgainIn: say.text("page.login_again_in"), Gone: say.text("page.login_over"),
		Opened: say.text("page.login_opened"),
	}
	return s.sealed(r, p, v, at, cookie)
}

// seconds rounds up, so that nothing is over before it is.
func seconds(d time.Duration) int { return max(0, int((d+time.Second-1)/time.Second)) }

// Clock shows the time that is left before a script does.
func (f codeForm) Clock(text string, seconds int) string {
	return strings.ReplaceAll(text, "{{time}}", fmt.Sprintf("\u2068%d:%02d\u2069", seconds/60, seconds%60))
}

func (s *Server) sealed(r *http.Request, p latchkey.Project, v view, at pending, cookie latchkey.Secret) view {
	box, err := s.seal(p.ID, cookie, at)
	if err != nil {
		return s.trouble(r, p, err)
	}
	v.Box, v.FormTo = box, source(at.Redirect)
	return v
}
