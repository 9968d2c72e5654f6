package httpapi

import (
	"net/http"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/login"
)

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
	defer s.Polls.Leave(from)
	code, err := s.Login.Wait(r.Context(), req)
	if err != nil {
		return err
	}
	return encode(w, http.StatusOK, otcCode{code.Reveal()})
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
