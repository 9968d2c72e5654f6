package oidc

import (
	"net/http"
	"slices"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
	"github.com/latchkey-dev/latchkey/internal/login"
)

// A farewell is what a client asked for at the logout endpoint. It travels through the page that asks, sealed.
type farewell struct {
	Redirect string    `json:"redirect,omitempty"` // a registered one; empty: a page of ours
	State    string    `json:"state,omitempty"`
	Locale   string    `json:"locale,omitempty"`
	Made     time.Time `json:"made"` // of the page

	subject string // who the client takes the person for; empty: it does not say
}

// endSession is GET and POST {issuer}/logout (OIDC RP-Initiated Logout 1.0 §2).
//
//	the ID token of who is signed in    signs out at once
//	nobody is signed in                 nothing to do
//	anything else                       a page asks, because any site can lead a browser here, or embed a picture from here
//
// and then leads back to the client, or says that it is done. Where the client or its URI is not known nothing happens at
// all. logout_hint is passed over: it proves nothing that the cookie does not. Clear-Site-Data is not sent: it would clear the
// cookies of every project of this host, and of its neighbours.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request, p latchkey.Project) (view, error) {
	values, err := parameters(w, r)
	if err != nil {
		return view{}, err
	}
	f, err := form.Of(values)
	if err != nil {
		return s.unknownLeaver(r, p, err), nil
	}
	if r.Method == http.MethodPost && f["request"] != "" {
		return s.pressLogout(r, p, f)
	}
	if again, ok := s.revisit(r, p, "/logout", values); ok {
		return again, nil
	}
	bye, err := s.farewell(r, p, f)
	switch latchkey.CodeOf(err) {
	case "":
	case latchkey.Unavailable, latchkey.Internal:
		return view{}, err
	default:
		return s.unknownLeaver(r, p, err), nil
	}
	in, err := s.Sessions.Who(r.Context(), p.ID, s.sessionCookie(p).Read(r))
	switch {
	case latchkey.CodeOf(err) == latchkey.LoginRequired:
		return s.signedOut(r, p, bye), nil
	case err != nil:
		return view{}, err
	case bye.subject == in.User.ID.String() && meant(r):
		return s.signOut(r, p, bye)
	}
	return s.logoutPage(r, p, bye, in.Session.To)
}

// meant reports whether somebody follows the request, and is not just fetching ahead or asking for headers.
func meant(r *http.Request) bool {
	return r.Method != http.MethodHead && r.Header.Get("Sec-Purpose") == ""
}

// farewell reads what a client asks for.
// Errors: Invalid, Missing, UnknownClient, CallbackUnknown.
func (s *Server) farewell(r *http.Request, p latchkey.Project, f form.Form) (farewell, error) {
	bye := farewell{Redirect: f["post_logout_redirect_uri"], State: f["state"], Locale: favourite(f["ui_locales"])}
	var client latchkey.ClientID
	if text := f["id_token_hint"]; text != "" {
		h, err := s.Tokens.Hint(r.Context(), p.ID, latchkey.Secret(text))
		if err != nil {
			return bye, err
		}
		client, bye.subject = h.Client, h.User.String()
	}
	if text := f["client_id"]; text != "" {
		named, err := form.ParseClient(text)
		switch {
		case err != nil:
			return bye, err
		case client != 0 && client != named:
			return bye, latchkey.BadField("client_id", "the hint was given to another client")
		}
		client = named
	}
	switch {
	case client == 0 && bye.Redirect == "":
		return bye, nil
	case client == 0: // whose URI it would be, nobody says
		return bye, latchkey.NoField("client_id")
	}
	c, err := s.Store.Client(r.Context(), client)
	switch {
	case err != nil:
		return bye, err
	case c.Project != p.ID:
		return bye, latchkey.UnknownClient
	case bye.Redirect != "" && !slices.Contains(c.LogoutURIs, bye.Redirect):
		return bye, &latchkey.Error{Code: latchkey.CallbackUnknown, Field: "post_logout_redirect_uri"}
	}
	return bye, nil
}

// logoutPage asks whether to sign out. Its box opens only for the session that it asks about.
func (s *Server) logoutPage(r *http.Request, p latchkey.Project, bye farewell, to latchkey.Address) (view, error) {
	bye.Made = s.Now().UTC()
	box, err := s.wrap(sealContext("logout", p.ID, s.sessionCookie(p).Read(r)), bye)
	if err != nil {
		return view{}, err
	}
	say := s.speak(r, p, bye.Locale, latchkey.Address{})
	v := say.page(p, http.StatusOK, "page.logout_title")
	v.Template, v.Box, v.FormTo = "press.html", box, source(bye.Redirect)
	v.More = press{"logout", to.Value(), []button{{"out", say.text("page.logout_out"), true}, {"stay", say.text("page.logout_stay"), false}}}
	return v, nil
}

// pressLogout is the press of a button of logoutPage.
func (s *Server) pressLogout(r *http.Request, p latchkey.Project, f form.Form) (view, error) {
	var bye farewell
	if !s.sameOrigin(r) || !s.unwrap(sealContext("logout", p.ID, s.sessionCookie(p).Read(r)), f["request"], &bye) || !s.fresh(bye.Made) {
		return s.lost(r, p), nil
	}
	if f["step"] != "out" {
		return s.on(p, request{Then: accountPath}), nil
	}
	return s.signOut(r, p, bye)
}

// signOut ends the session of the browser.
func (s *Server) signOut(r *http.Request, p latchkey.Project, bye farewell) (view, error) {
	if err := s.Sessions.End(r.Context(), p.ID, s.sessionCookie(p).Read(r), "the person signed out", s.origin(r)); err != nil {
		return view{}, err
	}
	return s.signedOut(r, p, bye), nil
}

// signedOut leads back to the client, or says that it is done. A cookie that is still there goes.
func (s *Server) signedOut(r *http.Request, p latchkey.Project, bye farewell) view {
	v := view{Status: http.StatusSeeOther, Goto: bye.Redirect}
	switch {
	case bye.Redirect == "":
		v = s.speak(r, p, bye.Locale, latchkey.Address{}).page(p, http.StatusOK, "page.logout_done_title", "page.logout_done")
	case bye.State != "":
		v.Goto = login.WithQuery(bye.Redirect, "state", bye.State)
	}
	if held := s.sessionCookie(p); held.Read(r) != "" {
		v.Cookies = append(v.Cookies, held.Gone())
	}
	return v
}

// unknownLeaver is the page for a logout that cannot be done as it was asked for. The note is for the client's developer.
func (s *Server) unknownLeaver(r *http.Request, p latchkey.Project, err error) view {
	v := s.speak(r, p, "", latchkey.Address{}).page(p, http.StatusBadRequest, "page.logout_stranger_title", "page.logout_stranger")
	v.Note = describe(err)
	return v
}
