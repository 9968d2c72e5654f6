package httpapi

import (
	"net/http"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/login"
)

// push is GET /otc/push (contract.md §4): the link's button on a page of the project's own.
func (s *Server) push(w http.ResponseWriter, r *http.Request) error {
	if err := onlyGet(w, r); err != nil { // what asks for headers presses no button
		return err
	}
	q := parseQuery(r)
	req := login.PushRequest{
		Project: q.project(), Token: latchkey.Secret(q.required("state")), Action: q.required("action"),
		LinkURL: q.required("link_url"), From: s.origin(r),
	}
	if q.err != nil {
		return q.err
	}
	if err := s.limit(w, r, s.Gate.Page, latchkey.ProjectID{}); err != nil {
		return err
	}
	if err := s.fromPage(r, req.Project); err != nil {
		return err
	}
	url, err := s.Login.Push(r.Context(), req)
	if err != nil {
		return err
	}
	return encodeOne(w, "login_url", url)
}

// fromPage accepts what a script on an allowed page of the project asked for, and nothing else: this call changes
// something and is a GET. Whoever follows a link, embeds a picture or is redirected sends another Sec-Fetch-Dest; a
// prefetch says that it is one; mail scanners and other programs send neither header. A page cannot forge them.
// Errors: Invalid; ProjectNotFound.
func (s *Server) fromPage(r *http.Request, id latchkey.ProjectID) error {
	p, err := s.Store.Project(r.Context(), id)
	switch {
	case err != nil:
		return err
	case !p.AllowsOrigin(r.Header.Get("Origin")):
		return latchkey.BadField("Origin", "The call comes from a page whose origin the project allows.")
	case r.Header.Get("Sec-Fetch-Dest") != "empty" || r.Header.Get("Sec-Purpose") != "":
		return latchkey.BadField("Sec-Fetch-Dest", "The call is made by a script of the page, with fetch or XMLHttpRequest.")
	}
	return nil
}
