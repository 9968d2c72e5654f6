package oidc

import (
	"errors"
	"net/http"
	"strings"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/catalog"
	"github.com/latchkey-dev/latchkey/internal/form"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/login"
)

// logIn is POST {issuer}/login: the forms of the hosted login page. It needs no script.
//
//	address    an email or a phone     → the code is sent
//	code       what the person typed   → back to the client, or the same page again
//	solve      of a CAPTCHA            → the code is sent
//	again      no more                 → the same code is sent once more
//	change     no more                 → the first page
//	go         no more                 → back to the client, as the person who is signed in
//	other      no more                 → the first page, for somebody else
//
// Only a page of this server may post, and only in the browser that the page was made for: the request is sealed for the
// cookie of that browser. So nobody can have somebody else log in for them (RFC 9700 §4.7), and nothing of the request can
// be changed on the way.
func (s *Server) logIn(w http.ResponseWriter, r *http.Request, p latchkey.Project) (view, error) {
	f, err := form.Read(w, r)
	if err != nil {
		return view{}, err
	}
	cookie, fresh := s.browser(r)
	at, ok := s.open(p.ID, cookie, f["request"])
	if fresh || !ok || !s.sameOrigin(r) {
		return s.lost(r, p), nil
	}
	switch f["step"] {
	case "address":
		return s.giveAddress(w, r, p, at, cookie, f)
	case "code":
		return s.giveCode(w, r, p, at, cookie, latchkey.Secret(address.Digits(f["code"])))
	case "again":
		return s.send(w, r, p, at, cookie, f, "page.login_sent_again")
	case "solve":
		return s.send(w, r, p, at, cookie, f, "")
	case "change":
		typed := at.to().Value()
		at.Channel, at.Address, at.Operation = "", "", ""
		return s.addressPage(r, p, at, cookie, typed, ""), nil
	case "go":
		return s.goOn(r, p, at)
	case "other":
		return s.begin(r, p, at.request, ""), nil
	}
	return s.lost(r, p), nil
}

// giveAddress takes one field for both: what has an @ is an email. A phone number may be typed as people write them: of the
// country that the page chose, or, where it chose none, that the browser's languages name.
func (s *Server) giveAddress(w http.ResponseWriter, r *http.Request, p latchkey.Project, at pending, cookie latchkey.Secret, f form.Form) (view, error) {
	typed, region := f["address"], f["region"]
	if region == "" {
		region = catalog.Region(r.Header.Get("Accept-Language"))
	}
	to, err := address.ParseEmail(typed)
	if !strings.Contains(typed, "@") {
		to, err = address.ParsePhoneIn(typed, region)
	}
	at.Channel, at.Address, at.Operation, at.Region = "", "", "", f["region"]
	if err == nil {
		at.Channel, at.Address = string(to.Channel()), to.Value()
		return s.send(w, r, p, at, cookie, f, "")
	}
	return s.addressPage(r, p, at, cookie, typed, wrongAddress(p, typed)), nil
}

// send starts the login, or sends the message of the one that is under way again.
func (s *Server) send(w http.ResponseWriter, r *http.Request, p latchkey.Project, at pending, cookie latchkey.Secret, f form.Form, note string) (view, error) {
	if at.Address == "" {
		return s.lost(r, p), nil
	}
	again, err := s.limitStart(w, r, p, at.to(), solutionIn(f))
	if err != nil {
		if b := (limits.Blocked{}); errors.As(err, &b) {
			return s.turnedAway(r, p, at, cookie, b, err), nil
		}
		return s.notNow(r, p, at, cookie, err)
	}
	start := at.start(p.ID)
	start.To, start.Operation, start.SendLink = at.to(), at.Operation, true // the link leads to a page that says to come back
	start.AcceptLanguage, start.From = r.Header.Get("Accept-Language"), s.origin(r)
	op, err := s.Login.Start(r.Context(), start)
	switch latchkey.CodeOf(err) {
	case "":
		at.Operation, at.Match, at.Sent, at.Expires = op.ID.String(), op.Match, s.Now().UTC(), op.Expires
		at.Again = max(again, resendPause)
		return s.codePage(r, p, at, cookie, "", note), nil
	case latchkey.CallOff, latchkey.InvalidPhone:
		return s.addressPage(r, p, at, cookie, at.Address, wrongAddress(p, at.Address)), nil
	case latchkey.PhoneCannotSMS:
		return s.addressPage(r, p, at, cookie, at.Address, noSMS(p)), nil
	case latchkey.SMSPaused:
		if at.Operation != "" { // the code that was sent before is still good
			return s.codePage(r, p, at, cookie, noSMS(p), "").tooOften(err), nil
		}
		return s.addressPage(r, p, at, cookie, at.Address, noSMS(p)).tooOften(err), nil
	case latchkey.RateLimited, latchkey.Unavailable, latchkey.Internal:
		return s.notNow(r, p, at, cookie, err)
	}
	return s.stranger(r, p, err), nil // the client was changed or taken away since it asked
}

// turnedAway is the first page again, for somebody who gets no code.
func (s *Server) turnedAway(r *http.Request, p latchkey.Project, at pending, cookie latchkey.Secret, b limits.Blocked, err error) view {
	switch b.What {
	case limits.BlockedNetwork:
		return s.addressPage(r, p, at, cookie, at.Address, "page.login_no_network").tooOften(err)
	case limits.BlockedMailbox:
		return s.addressPage(r, p, at, cookie, at.Address, "page.login_no_mail")
	}
	return s.addressPage(r, p, at, cookie, at.Address, "page.login_not_taken")
}

// notNow is the page of somebody who tries too often: the one they are on, so that they can go on from there: the code that is on
// its way is still good. Every other error it gives back.
func (s *Server) notNow(r *http.Request, p latchkey.Project, at pending, cookie latchkey.Secret, err error) (view, error) {
	switch latchkey.CodeOf(err) {
	case latchkey.ChallengeRequired:
		return s.puzzlePage(r, p, at, cookie, err)
	case latchkey.RateLimited:
	default:
		return view{}, err
	}
	if at.Operation != "" {
		return s.codePage(r, p, at, cookie, "page.login_wait", "").tooOften(err), nil
	}
	return s.addressPage(r, p, at, cookie, at.Address, "page.login_wait").tooOften(err), nil
}

// giveCode ends the login, or asks again. The browser stays signed in, under a new secret: whatever its cookie held before,
// perhaps because somebody planted it, is worth nothing from now on (session fixation, ASVS 7.2.4).
func (s *Server) giveCode(w http.ResponseWriter, r *http.Request, p latchkey.Project, at pending, cookie, typed latchkey.Secret) (view, error) {
	if err := s.limit(w, r, s.Gate.Confirm, p); err != nil {
		return s.notNow(r, p, at, cookie, err)
	}
	a, err := s.Login.Authorize(r.Context(), login.CompleteRequest{
		Protocol: at.start(p.ID).Protocol, Project: p.ID, Client: at.Client, To: at.to(), Code: typed, Operation: at.Operation,
		Browser: login.Browser{Stay: true, Old: s.sessionCookie(p).Read(r), Known: s.knownCookie(p).Read(r)}, From: s.origin(r),
	})
	switch latchkey.CodeOf(err) {
	case "":
		return s.signedIn(r, p, at, a)
	case latchkey.WrongCode:
		return s.codePage(r, p, at, cookie, "page.login_wrong_code", ""), nil
	case latchkey.TriesExhausted:
		return s.codePage(r, p, at, cookie, "page.login_no_tries", ""), nil
	case latchkey.RateLimited:
		return s.notNow(r, p, at, cookie, err)
	case latchkey.Banned:
		return s.keptOut(r, p, at, err), nil
	}
	return view{}, err
}

// signedIn leads on after a login. A client that named its person by an ID token learns that somebody else came (OIDC Core
// §3.1.2.2), and gets no code.
func (s *Server) signedIn(r *http.Request, p latchkey.Project, at pending, a login.Authorization) (view, error) {
	var v view
	switch {
	case at.Then != "":
		v = s.on(p, at.request)
	case at.Subject == "":
		v = s.back(p, at.request, "code", a.Code.Reveal(), "state", a.State)
	default:
		in, err := s.Sessions.Who(r.Context(), p.ID, a.Session)
		switch {
		case err != nil:
			return view{}, err
		case in.User.ID.String() != at.Subject:
			v = s.refuse(p, at.request, latchkey.LoginRequired)
		default:
			v = s.back(p, at.request, "code", a.Code.Reveal(), "state", a.State)
		}
	}
	v.Cookies = append(v.Cookies, s.sessionCookie(p).Set(a.Session, a.SessionLast, s.Now()), s.knownCookie(p).Set(a.Known))
	return v, nil
}

// keptOut tells the client that the person is banned, or, where there is no client, the person.
func (s *Server) keptOut(r *http.Request, p latchkey.Project, at pending, err error) view {
	if at.Then == "" {
		return s.refuse(p, at.request, err)
	}
	return s.speak(r, p, at.Locale, at.to()).page(p, http.StatusForbidden, "page.account_banned_title", "page.account_banned")
}

// sameOrigin reports whether the request comes from a page of this server: by Sec-Fetch-Site, which no page can forge,
// or, in browsers from before 2023 that do not send it, by Origin.
func (s *Server) sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return r.Header.Get("Origin") == s.PublicURL
}
