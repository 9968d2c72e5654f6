package pages

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/cookie"
)

// show is GET /l/{token}: the page of the state that the challenge is in. It changes nothing.
//
//	waiting          200  who asks, from what and where, and the buttons
//	approved         200  go back
//	denied           200  what it means, what to do
//	spent, expired   410
//	unknown          404
func (s *Server) show(r *http.Request) (view, error) {
	return s.page(r, "")
}

// page is show with something to say above the buttons, if they are still there: a key of the catalogue.
func (s *Server) page(r *http.Request, alert string) (view, error) {
	link, err := s.Login.Page(r.Context(), latchkey.Secret(r.PathValue("token")))
	if code := latchkey.CodeOf(err); code == latchkey.NotFound || code == latchkey.ProjectNotFound {
		return s.plain(r).unknown(), nil
	}
	if err != nil {
		return view{}, err
	}
	c := link.Challenge
	say := s.speak(r, c, link.Project)
	switch {
	case c.State == latchkey.Spent:
		return say.used(), nil
	case c.State == latchkey.Denied:
		return say.denied(r.URL.Query().Has(wrongNumber)), nil
	case !c.Live(s.Now()):
		return say.expired(), nil
	case c.State == latchkey.Approved:
		return say.done(c.LinkURL), nil
	}
	v := say.ask(link.Choices, s.facts(say, c))
	v.FormTo = formTarget(c.LinkURL)
	if alert != "" {
		v.Status, v.Alert = http.StatusUnprocessableEntity, say.text(alert)
	}
	return v, nil
}

// wrongNumber marks the address of a link that a wrong number denied, so that the page can say so. Whoever puts it there
// by hand reads other words and changes nothing.
const wrongNumber = "number"

// maxForm is what a form of ours can have: an action or a number.
const maxForm = 1 << 10

// press is POST /l/{token}: one of the buttons. Only the page itself may press it; a page of somebody else's that knows
// the link may not. A form that is sent without a button, as a script can, does nothing.
//
// Every answer but a refusal is a 303 (RFC 9700 §4.12), so that to reload or to go back presses nothing again; pressing
// again leads where the first press led.
func (s *Server) press(r *http.Request) (view, error) {
	if !s.sameOrigin(r) {
		return s.plain(r).page("stop", http.StatusForbidden, "page.foreign_title", "page.foreign"), nil
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	token := latchkey.Secret(r.PathValue("token"))
	action, picked := r.PostFormValue("action"), r.PostFormValue("number")
	pick, _ := strconv.Atoi(picked)
	switch {
	case action == "deny":
		_, err := s.Login.Deny(r.Context(), token, s.origin(r))
		return s.after(r, "", err)
	case action == "approve" || picked != "":
		c, err := s.Login.Approve(r.Context(), token, pick, s.origin(r))
		switch {
		case err != nil:
			return s.after(r, "", err)
		case c.State == latchkey.Denied:
			return s.after(r, "?"+wrongNumber, nil)
		}
		return s.approved(r, c)
	}
	return s.page(r, "page.choose")
}

// approved leads on from a press that let the waiting device in. The browser is known from now on as one of the address's
// owner, whom limits are kinder to.
func (s *Server) approved(r *http.Request, c latchkey.Challenge) (view, error) {
	v, err := s.after(r, "", nil)
	if c.LinkURL != "" {
		v.Goto = c.LinkURL
	}
	held := cookie.OfKnown(s.PublicURL, c.Project)
	// The press is done whatever becomes of this: a browser that is not known is treated as a stranger's, and no worse.
	if marks, failed := s.Login.Remember(r.Context(), c.Project, c.To, held.Read(r)); failed == nil && marks != "" {
		v.Cookies = append(v.Cookies, held.Set(marks))
	}
	return v, err
}

// after leads from a press to the page that shows what became of the challenge.
func (s *Server) after(r *http.Request, query string, err error) (view, error) {
	switch latchkey.CodeOf(err) {
	case "":
		return view{Status: http.StatusSeeOther, Goto: r.URL.EscapedPath() + query}, nil
	case latchkey.NotFound: // too late, or pressed before, or never there: the page says which
		return s.spent(r)
	case latchkey.Missing, latchkey.Invalid:
		return s.page(r, "page.choose")
	}
	return view{}, err
}

// spent is the second of two quick presses: the device that waited may be in already, and then the person goes where
// the first press leads. Any other link that takes no press shows its page.
func (s *Server) spent(r *http.Request) (view, error) {
	link, err := s.Login.Page(r.Context(), latchkey.Secret(r.PathValue("token")))
	c := link.Challenge
	if err == nil && c.State == latchkey.Spent && c.LinkURL != "" && r.PostFormValue("action") != "deny" && s.Now().Before(c.Expires) {
		return view{Status: http.StatusSeeOther, Goto: c.LinkURL}, nil
	}
	return s.show(r)
}

// sameOrigin reports whether the request comes from a page of this server: by Sec-Fetch-Site, which no page can forge,
// or, in browsers from before 2023 that do not send it, by Origin.
func (s *Server) sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return r.Header.Get("Origin") == s.PublicURL
}

// plainSource is what may stand in a Content-Security-Policy without saying more than a place.
var plainSource = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:(//[A-Za-z0-9.:\[\]-]+)?$`)

// formTarget is the origin of a link URL, or the scheme of an app's, as a source expression.
func formTarget(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme == "" {
		return ""
	}
	source := u.Scheme + ":"
	if u.Scheme == "https" || u.Scheme == "http" {
		source += "//" + u.Host
	}
	if !plainSource.MatchString(source) {
		return ""
	}
	return source
}
