package oidc

import (
	"net/http"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
	"github.com/latchkey-dev/latchkey/internal/login"
)

type waited struct {
	Code string `json:"code"`
}

// wait is POST {issuer}/wait: the question of the login page's script whether the link in the message was opened. It holds
// as GET /otc/code does and takes a place among the same polls; the answer is 204 where nothing happened, because a browser
// asks again by itself, and shows an error, where it finds 408.
//
// Only the page whose login it is can ask: what it posts is the sealed request, from this origin, in this browser. So the
// code of a link reaches nobody but the browser that asked for it, and that browser could have been told it anyway.
//
// While it holds, nothing of the request is kept here but its words.
func (s *Server) wait(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
	q, err := s.readWait(w, r, p)
	if err != nil {
		return err
	}
	from := latchkey.NetworkOf(s.ClientIP(r))
	if err := s.Polls.Enter(w, r, from); err != nil {
		return err
	}
	defer s.Polls.Leave(from)
	code, err := s.Login.Wait(r.Context(), q)
	switch latchkey.CodeOf(err) {
	case "":
		return encode(w, http.StatusOK, waited{code.Reveal()})
	case latchkey.DeadlineExceeded:
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return err
}

// readWait decodes the question. Errors: those of form.Read; Invalid for a page that cannot be gone on with.
func (s *Server) readWait(w http.ResponseWriter, r *http.Request, p latchkey.Project) (q login.WaitRequest, err error) {
	f, err := form.Read(w, r)
	if err != nil {
		return q, err
	}
	cookie, fresh := s.browser(r)
	at, ok := s.open(p.ID, cookie, f["request"])
	if fresh || !ok || !s.sameOrigin(r) || at.Operation == "" {
		return q, latchkey.BadField("request", "this page is too old, or of another browser")
	}
	return login.WaitRequest{Project: p.ID, To: at.to(), Operation: at.Operation}, nil
}
