package httpapi

import (
	"net/http"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/cookie"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/session"
)

// signOn is GET /oauth2/sso: a client of the project gets its code without a one-time code, if the browser is signed in. The
// query is that of a start call. Errors: LoginRequired.
func (s *Server) signOn(w http.ResponseWriter, r *http.Request) error {
	if err := onlyGet(w, r); err != nil {
		return err
	}
	q := parseQuery(r)
	req := login.StartRequest{Protocol: latchkey.OAuth2}
	q.startOAuth2(&req)
	if q.err != nil {
		return q.err
	}
	if err := s.limit(w, r, s.Gate.Page, latchkey.ProjectID{}); err != nil {
		return err
	}
	p, ask, err := s.Login.Check(r.Context(), req)
	if err != nil {
		return err
	}
	if err := s.fromPage(r, p.ID); err != nil {
		return err
	}
	code, err := s.Sessions.Enter(r.Context(), session.EnterRequest{
		Project: p, Cookie: s.sessionCookie(p.ID).Read(r), Ask: ask, From: s.origin(r),
	})
	if err != nil {
		return err
	}
	return encodeOne(w, "login_url", login.WithQuery(ask.Redirect, "code", code.Reveal(), "state", ask.State))
}

// signOff is GET /oauth2/clear_sso: the browser is signed out of the project that projectId names, as the npm client calls it,
// or client_id. A browser that is not signed in gets the same answer.
func (s *Server) signOff(w http.ResponseWriter, r *http.Request) error {
	if err := onlyGet(w, r); err != nil {
		return err
	}
	id, err := s.leaving(r)
	if err != nil {
		return err
	}
	if err := s.limit(w, r, s.Gate.Page, latchkey.ProjectID{}); err != nil {
		return err
	}
	if err := s.fromPage(r, id); err != nil {
		return err
	}
	held := s.sessionCookie(id)
	if err := s.Sessions.End(r.Context(), id, held.Read(r), "a page of the project asked", s.origin(r)); err != nil {
		return err
	}
	http.SetCookie(w, held.Gone())
	return noContent(w)
}

// leaving gives the project that signOff is about. Errors: Missing, ProjectNotFound, UnknownClient.
func (s *Server) leaving(r *http.Request) (latchkey.ProjectID, error) {
	q := parseQuery(r)
	if q.text("projectId") != "" || q.text("client_id") == "" {
		return q.project(), q.err
	}
	id := q.client()
	if q.err != nil {
		return latchkey.ProjectID{}, q.err
	}
	c, err := s.Store.Client(r.Context(), id)
	return c.Project, err
}

// onlyGet keeps HEAD, which comes here too, from doing what only a GET means.
func onlyGet(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodGet {
		return nil
	}
	w.Header().Set("Allow", "GET, OPTIONS")
	return latchkey.MethodNotAllowed
}

func (s *Server) sessionCookie(p latchkey.ProjectID) cookie.Session {
	return cookie.OfSession(s.Login.PublicURL, p)
}
