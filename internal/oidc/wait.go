package oidc

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/polls"
)

const waitRoute = "/p/{projectId}/wait"

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
	if g := s.Lobby.Guest(w, r); g != nil {
		return s.receive(w, r, g, q, from)
	}
	defer s.Polls.Leave(from)
	code, err := s.Login.Wait(r.Context(), q)
	return tellCode(w, code, err)
}

// tellCode answers with what came of a wait.
func tellCode(w http.ResponseWriter, code latchkey.Secret, err error) error {
	switch latchkey.CodeOf(err) {
	case "":
		return encode(w, http.StatusOK, waited{code.Reveal()})
	case latchkey.DeadlineExceeded:
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return err
}

// A held is a wait in the lobby: what its answer needs, and nothing of the request.
type held struct {
	s     *Server
	poll  *login.Poll
	from  latchkey.Network
	began time.Time
}

// errParked is no answer: the lobby writes it later.
var errParked = errors.New("parked")

// receive answers at once, or has the page wait in the lobby.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, g *polls.Guest, q login.WaitRequest, from latchkey.Network) error {
	h := &held{s: s, poll: s.Login.Poll(q, g.Wake), from: from}
	if own, ok := w.(*response); ok {
		h.began = own.began
	}
	stays := false
	defer func() {
		if !stays {
			h.leave()
		}
	}()
	code, err := h.poll.Look(r.Context())
	if code == "" && err == nil {
		if stays = g.Park(w, s.Login.Hold, h.answer); stays {
			return errParked
		}
		err = latchkey.DeadlineExceeded // nothing can be had of the connection: the page asks again
	}
	return tellCode(w, code, err)
}

// answer is polls.Answer: what wait and serve do after the wait.
func (h *held) answer(rw http.ResponseWriter, over bool) (done bool) {
	code, err := h.look(over)
	if code == "" && err == nil {
		return false
	}
	h.leave()
	w := &response{ResponseWriter: rw, began: h.began}
	h.s.end(w, &http.Request{Method: http.MethodPost}, waitRoute, tellCode(w, code, err))
	return true
}

func (h *held) look(over bool) (code latchkey.Secret, err error) {
	if over {
		return "", latchkey.DeadlineExceeded
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return h.poll.Look(context.Background()) // of no request any more; the store has its own patience
}

func (h *held) leave() {
	h.poll.End()
	h.s.Polls.Leave(h.from)
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
