package httpapi

import (
	"net/http"
	"strconv"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/login"
)

// startBody is the body of a start call by email (contract.md §2). The one by phone differs in a tag only, so that
// each call passes over the other's member.
type startBody struct {
	Address   string `json:"email"`
	SendLink  bool   `json:"send_link"`
	LinkURL   string `json:"link_url"`
	Operation string `json:"operation_id"`
	Solution  string `json:"altcha"` // of a CAPTCHA
}

type startBodyPhone struct {
	Address   string `json:"phone_number"`
	SendLink  bool   `json:"send_link"`
	LinkURL   string `json:"link_url"`
	Operation string `json:"operation_id"`
	Solution  string `json:"altcha"`
}

type operation struct {
	ID    string `json:"operation_id"`
	Match string `json:"match_number"` // two digits, where the project approves by number
}

// start is the four POST …/request (contract.md §2).
func (s *Server) start(p latchkey.Protocol, ch latchkey.Channel) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		q := parseQuery(r)
		req := login.StartRequest{Protocol: p, AcceptLanguage: r.Header.Get("Accept-Language"), From: s.origin(r)}
		if p == latchkey.OAuth2 {
			q.startOAuth2(&req)
		} else {
			q.startJWT(&req)
		}
		req.Locale = q.text("locale")
		if q.err != nil {
			return q.err
		}
		body, err := decodeStart(w, r, p, ch)
		if err != nil {
			return err
		}
		req.To, err = readAddress(p, ch, body.Address)
		if err != nil {
			return err
		}
		if err := s.limitStart(w, r, s.called(r.Context(), req.Project, req.Client), req.To, solution(r, body)); err != nil {
			return err
		}
		req.SendLink, req.LinkURL, req.Operation = body.SendLink, body.LinkURL, body.Operation
		op, err := s.Login.Start(r.Context(), req)
		if err != nil {
			return err
		}
		if op.Match == 0 {
			return encodeOne(w, "operation_id", op.ID.String())
		}
		return encode(w, http.StatusOK, operation{ID: op.ID.String(), Match: strconv.Itoa(op.Match)})
	}
}

func (q *query) startJWT(req *login.StartRequest) {
	req.Project = q.project()
	req.Redirect = q.text("login_url")
	req.Payload = q.text("payload")
	req.WithLogout = q.flag("with_logout")
}

func (q *query) startOAuth2(req *login.StartRequest) {
	req.Client = q.client()
	req.ResponseType = q.text("response_type")
	req.State = q.text("state")
	req.Redirect = q.text("redirect_uri")
	req.Scope = q.text("scope")
	req.Nonce = q.text("nonce")
	req.CodeChallenge = q.text("code_challenge")
	req.ChallengeMode = q.text("code_challenge_method")
}

func decodeStart(w http.ResponseWriter, r *http.Request, p latchkey.Protocol, ch latchkey.Channel) (startBody, error) {
	if ch == latchkey.Phone {
		body, err := decodeQuickly(w, r, p, func(body string) (startBodyPhone, bool) {
			v, ok := plainStart(body, "phone_number")
			return startBodyPhone(v), ok
		})
		return startBody(body), err
	}
	return decodeQuickly(w, r, p, func(body string) (startBody, bool) { return plainStart(body, "email") })
}

// plainStart reads the body of a start call as eachMember can; address is the name of that member.
func plainStart(body, address string) (v startBody, ok bool) {
	ok = eachMember(body, func(name, value string, flag bool) bool {
		switch {
		case name == "send_link" && flag:
			v.SendLink = value == "true"
		case flag:
			return false
		case name == address:
			v.Address = value
		case name == "link_url":
			v.LinkURL = value
		case name == "operation_id":
			v.Operation = value
		case name == "altcha":
			v.Solution = value
		default:
			return false
		}
		return true
	})
	return v, ok
}

// confirmBody is the body of a complete call by email (contract.md §3); confirmBodyPhone of one by phone.
type confirmBody struct {
	Address   string `json:"email"`
	Code      string `json:"code"`
	Operation string `json:"operation_id"`
}

type confirmBodyPhone struct {
	Address   string `json:"phone_number"`
	Code      string `json:"code"`
	Operation string `json:"operation_id"`
}

// confirm is the four POST …/confirm (contract.md §3).
func (s *Server) confirm(p latchkey.Protocol, ch latchkey.Channel) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		url, err := s.complete(w, r, p, ch)
		if s.Verdict != nil {
			s.Verdict(ch, p, verdict(err))
		}
		if err != nil {
			return err
		}
		return encodeOne(w, "login_url", url)
	}
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request, p latchkey.Protocol, ch latchkey.Channel) (string, error) {
	q := parseQuery(r)
	req := login.CompleteRequest{Protocol: p, From: s.origin(r)}
	if p == latchkey.OAuth2 {
		req.Client = q.client()
	} else {
		req.Project = q.project()
	}
	if q.err != nil {
		return "", q.err
	}
	body, err := decodeConfirm(w, r, p, ch)
	if err != nil {
		return "", err
	}
	if req.To, err = readAddress(p, ch, body.Address); err != nil {
		return "", err
	}
	for _, m := range [...]struct{ name, value string }{{"code", body.Code}, {"operation_id", body.Operation}} {
		if m.value == "" {
			return "", mistake(p, latchkey.Missing, m.name, "")
		}
		if !plain(m.value) {
			return "", latchkey.BadField(m.name, "The value has a NUL in it.")
		}
	}
	if err := s.limit(w, r, s.Gate.Confirm, s.counted(r.Context(), req.Project, req.Client)); err != nil {
		return "", err
	}
	req.Code, req.Operation = latchkey.Secret(body.Code), body.Operation
	return s.Login.Complete(r.Context(), req)
}

func decodeConfirm(w http.ResponseWriter, r *http.Request, p latchkey.Protocol, ch latchkey.Channel) (confirmBody, error) {
	if ch == latchkey.Phone {
		body, err := decodeQuickly(w, r, p, func(body string) (confirmBodyPhone, bool) {
			v, ok := plainConfirm(body, "phone_number")
			return confirmBodyPhone(v), ok
		})
		return confirmBody(body), err
	}
	return decodeQuickly(w, r, p, func(body string) (confirmBody, bool) { return plainConfirm(body, "email") })
}

// plainConfirm is plainStart for a complete call.
func plainConfirm(body, address string) (v confirmBody, ok bool) {
	ok = eachMember(body, func(name, value string, flag bool) bool {
		switch {
		case flag:
			return false
		case name == address:
			v.Address = value
		case name == "code":
			v.Code = value
		case name == "operation_id":
			v.Operation = value
		default:
			return false
		}
		return true
	})
	return v, ok
}

// readAddress reads what a person typed. Errors: those of mistake for an absent one; Invalid, InvalidPhone.
func readAddress(p latchkey.Protocol, ch latchkey.Channel, typed string) (latchkey.Address, error) {
	switch {
	case typed == "" && ch == latchkey.Phone:
		return latchkey.Address{}, mistake(p, latchkey.Missing, "phone_number", "")
	case typed == "":
		return latchkey.Address{}, mistake(p, latchkey.Missing, "email", "")
	case ch == latchkey.Phone:
		return address.ParsePhone(typed)
	}
	return address.ParseEmail(typed)
}
