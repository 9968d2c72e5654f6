package oidc

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/cookie"
	"github.com/latchkey-dev/latchkey/internal/form"
	"github.com/latchkey-dev/latchkey/internal/session"
)

// sessionCookie is the cookie of a browser that is signed in to p.
func (s *Server) sessionCookie(p latchkey.Project) cookie.Session {
	return cookie.OfSession(s.PublicURL, p.ID)
}

// knownCookie is the cookie of a browser from which people of p have signed in before.
func (s *Server) knownCookie(p latchkey.Project) cookie.Known {
	return cookie.OfKnown(s.PublicURL, p.ID)
}

// prompted are the words of the parameter prompt (OIDC Core §3.1.2.1, OIDC Prompt Create):
//
//	none             no page, whatever happens
//	login            asks for a code in any case
//	create           the same: an account is made by the first login, and somebody new is not whoever is signed in
//	select_account   shows who is signed in, and goes on after a press
//	consent          the same: that press is the consent. All clients are the project's own, so there is no more to it
func prompted() []string { return []string{"none", "login", "create", "select_account", "consent"} }

// A wish is how a client wants its person to be met.
type wish struct {
	silent bool   // by no page
	fresh  bool   // by the question for a code
	other  bool   // as somebody who was not here before
	choice bool   // by the question who they are
	hint   string // the address that they are likely to use (login_hint)
}

func wishes(f form.Form) wish {
	prompts := strings.Fields(f["prompt"])
	return wish{
		silent: slices.Contains(prompts, "none"),
		fresh:  slices.Contains(prompts, "login") || slices.Contains(prompts, "create") || strings.Trim(f["max_age"], "0") == "" && f["max_age"] != "",
		other:  slices.Contains(prompts, "create"),
		choice: slices.Contains(prompts, "select_account") || slices.Contains(prompts, "consent"),
		hint:   f["login_hint"],
	}
}

// oldest is when the person must have signed in at the latest; zero: whenever.
func (q request) oldest(now time.Time) time.Time {
	if q.MaxAge == nil {
		return time.Time{}
	}
	return now.Add(-time.Duration(*q.MaxAge) * time.Second)
}

// hinted reads an id_token_hint: who the client takes the person for. Only a token that this client was given counts:
// another one's says that it got into the wrong hands.
// Errors: Invalid.
func (s *Server) hinted(r *http.Request, p latchkey.Project, q request, text string) (subject string, err error) {
	if text == "" {
		return "", nil
	}
	h, err := s.Tokens.Hint(r.Context(), p.ID, latchkey.Secret(text))
	switch {
	case err != nil:
		return "", err
	case h.Client != q.Client:
		return "", latchkey.BadField("id_token_hint", "the hint was given to another client")
	}
	return h.User.String(), nil
}

// admit answers a good request. A browser that is signed in goes on at once, if the client is content with that (OIDC Core
// §3.1.2.3). Otherwise a page asks: who the person is where that is in doubt, for a code where nobody is signed in or the
// client wants it anew. Where no page may be shown, the client is told.
func (s *Server) admit(r *http.Request, p latchkey.Project, q request, ask latchkey.Ask, want wish) (view, error) {
	in, err := s.Sessions.Who(r.Context(), p.ID, s.sessionCookie(p).Read(r))
	known := err == nil
	if !known && latchkey.CodeOf(err) != latchkey.LoginRequired {
		return view{}, err
	}
	known = known && (q.Subject == "" || q.Subject == in.User.ID.String())
	good := known && !want.fresh && !in.Session.AuthTime.Before(q.oldest(s.Now()))
	doubt := want.choice || known && another(in, want.hint)
	switch {
	case good && !doubt:
		v, err := s.enter(r, p, q, ask)
		if latchkey.CodeOf(err) != latchkey.LoginRequired { // or else it ended a moment ago
			return v, err
		}
	case good && !want.silent:
		return s.choosePage(r, p, q, in)
	}
	if want.silent {
		return s.refuse(p, q, latchkey.LoginRequired), nil
	}
	typed := want.hint
	if typed == "" && known && !want.choice && !want.other {
		typed = in.Session.To.Value() // the person is to sign in again, and most likely as themselves
	}
	return s.begin(r, p, q, typed), nil
}

// begin shows the first page of a login.
func (s *Server) begin(r *http.Request, p latchkey.Project, q request, typed string) view {
	held, fresh := s.browser(r)
	v := s.addressPage(r, p, pending{request: q}, held, typed, "")
	if fresh {
		v.Cookies = append(v.Cookies, s.cookie(held))
	}
	return v
}

// enter leads the person into the client by the browser's session.
// Errors: LoginRequired.
func (s *Server) enter(r *http.Request, p latchkey.Project, q request, ask latchkey.Ask) (view, error) {
	code, err := s.Sessions.Enter(r.Context(), session.EnterRequest{
		Project: p, Cookie: s.sessionCookie(p).Read(r), Ask: ask, Oldest: q.oldest(s.Now()), From: s.origin(r),
	})
	if err != nil {
		return view{}, err
	}
	return s.back(p, q, "code", code.Reveal(), "state", q.State), nil
}

// another reports whether a login_hint is the address of somebody else: then going on would silently be as the wrong
// person. What is no address is a hint that says nothing.
func another(in session.Signed, hint string) bool {
	parse := address.ParsePhone
	if strings.Contains(hint, "@") {
		parse = address.ParseEmail
	}
	to, err := parse(hint)
	return err == nil && to != in.User.Email && to != in.User.Phone
}

// choosePage asks whether to go on as the person who is signed in. The address stands in full: whoever holds the browser
// is that person.
func (s *Server) choosePage(r *http.Request, p latchkey.Project, q request, in session.Signed) (view, error) {
	held, fresh := s.browser(r)
	box, err := s.seal(p.ID, held, pending{request: q, Choice: in.User.ID.String()})
	if err != nil {
		return view{}, err
	}
	say := s.speak(r, p, q.Locale, latchkey.Address{})
	v := say.page(p, http.StatusOK, "page.choose_title")
	v.Template, v.Box, v.FormTo = "press.html", box, source(q.Redirect)
	v.More = press{"login", in.Session.To.Value(), []button{{"go", say.text("page.choose_go"), true}, {"other", say.text("page.login_change"), false}}}
	if fresh {
		v.Cookies = append(v.Cookies, s.cookie(held))
	}
	return v, nil
}

// A press is the form of press.html: who it is about, buttons, and no field to fill in.
type press struct {
	Action  string // relative to the page
	Address string
	Buttons []button
}

type button struct {
	Step, Text string
	Main       bool
}

// goOn is the press of the first button of choosePage. It leads on only as the person whose address stood there: somebody
// else may have signed in since, in another tab.
func (s *Server) goOn(r *http.Request, p latchkey.Project, at pending) (view, error) {
	in, err := s.Sessions.Who(r.Context(), p.ID, s.sessionCookie(p).Read(r))
	if err == nil && at.Choice == in.User.ID.String() {
		var ask latchkey.Ask
		if _, ask, err = s.Login.Check(r.Context(), at.start(p.ID)); err == nil {
			var v view
			if v, err = s.enter(r, p, at.request, ask); err == nil {
				return v, nil
			}
		}
	}
	switch latchkey.CodeOf(err) {
	case "", latchkey.LoginRequired:
		return s.begin(r, p, at.request, ""), nil
	case latchkey.Unavailable, latchkey.Internal:
		return view{}, err
	}
	return s.stranger(r, p, err), nil // the client was changed or taken away since it asked
}

// revisit turns a form that another site posted into a GET of the same. A browser sends a Lax cookie along with that one,
// which it kept back from the post; so a client may post its request (OIDC Core §3.1.2.1) and still find its person signed
// in. It makes nothing possible that a link does not. A form too large for a URL goes on without the cookie.
func (s *Server) revisit(r *http.Request, p latchkey.Project, path string, values url.Values) (view, bool) {
	const longest = 6 << 10 // proxies take 8 KiB of headers
	query := values.Encode()
	if r.Method != http.MethodPost || r.Header.Get("Sec-Fetch-Site") != "cross-site" || len(query) > longest {
		return view{}, false
	}
	return view{Status: http.StatusSeeOther, Goto: latchkey.Issuer(s.PublicURL, p.ID) + path + "?" + query}, true
}

// A page is one of ours that needs its person signed in, below the issuer. It is one of these and never what a caller says,
// so that no login leads anywhere else.
type page string

const (
	accountPath page = "account"
	devicePath  page = "device"
)

// signInFor shows the login that ends at a page of ours. userCode is what the device page was opened with; empty without.
func (s *Server) signInFor(r *http.Request, p latchkey.Project, to page, userCode string) view {
	return s.begin(r, p, request{Then: to, UserCode: userCode}, "")
}

// on is where a login for a page of ours leads.
func (s *Server) on(p latchkey.Project, q request) view {
	to := latchkey.Issuer(s.PublicURL, p.ID) + "/" + string(q.Then)
	if q.UserCode != "" {
		to += "?" + url.Values{"user_code": {q.UserCode}}.Encode()
	}
	return view{Status: http.StatusSeeOther, Goto: to}
}
