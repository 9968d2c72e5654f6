package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/polls"
)

const pollRoute = "/api/otc/code"

type otcCode struct {
	Code string `json:"code"`
}

// waitForLink is GET /otc/code (contract.md §4). While it holds, nothing of the request is kept here but its words.
func (s *Server) waitForLink(w http.ResponseWriter, r *http.Request) error {
	req, err := readPoll(r)
	if err != nil {
		return err
	}
	if err := s.limit(w, r, s.Gate.Poll, latchkey.ProjectID{}); err != nil {
		return err
	}
	from := latchkey.NetworkOf(s.clientIP(r))
	if err := s.Polls.Enter(w, r, from); err != nil {
		return err
	}
	if g := s.Lobby.Guest(w, r); g != nil {
		return s.receive(w, r, g, req, from)
	}
	defer s.Polls.Leave(from)
	code, err := s.Login.Wait(r.Context(), req)
	if err != nil {
		return err
	}
	return encode(w, http.StatusOK, otcCode{code.Reveal()})
}

// A held is a poll in the lobby: what its answer needs, and nothing of the request.
type held struct {
	s     *Server
	poll  *login.Poll
	from  latchkey.Network
	id    string // of the request
	began time.Time
}

// errParked is no answer: the lobby writes it later.
var errParked = errors.New("parked")

// receive answers at once, or has the poll wait in the lobby.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, g *polls.Guest, req login.WaitRequest, from latchkey.Network) error {
	h := &held{s: s, poll: s.Login.Poll(req, g.Wake), from: from}
	if own, ok := w.(*response); ok {
		h.id, h.began = own.id, own.began
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
		err = latchkey.DeadlineExceeded // nothing can be had of the connection: the client asks again
	}
	if err != nil {
		return err
	}
	return encode(w, http.StatusOK, otcCode{code.Reveal()})
}

// answer is polls.Answer: what waitForLink and serve do after the wait.
func (h *held) answer(rw http.ResponseWriter, over bool) (done bool) {
	code, err := h.look(over)
	if code == "" && err == nil {
		return false
	}
	h.leave()
	w := &response{ResponseWriter: rw, id: h.id, began: h.began}
	if err == nil {
		err = encode(w, http.StatusOK, otcCode{code.Reveal()})
	}
	h.s.end(w, nobodys, pollRoute, err)
	return true
}

// nobodys stands for the request of a held poll, of which nothing is kept. It is only read.
var nobodys = &http.Request{Method: http.MethodGet, URL: &url.URL{}}

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

// readPoll decodes a poll. A login or a project that cannot be one is held like any other that does not match the
// operation: the answer tells nothing. Errors: Missing.
func readPoll(r *http.Request) (req login.WaitRequest, err error) {
	q := parseQuery(r)
	for _, name := range [...]string{"projectId", "login", "operation_id"} {
		if q.get(name) == "" {
			return req, latchkey.NoField(name)
		}
	}
	req.Project, _ = latchkey.ParseProjectID(q.get("projectId"))
	req.To, _ = address.Parse(q.get("login"))
	req.Operation = q.get("operation_id")
	return req, nil
}
