package httpapi

import (
	"errors"
	"net/http"

	"github.com/latchkey-dev/latchkey"
)

// puzzleBody is what the widget of ALTCHA reads. Without a puzzle it says whose script makes one.
type puzzleBody struct {
	Provider  latchkey.CaptchaProvider `json:"provider"`
	SiteKey   string                   `json:"site_key,omitempty"`
	Algorithm string                   `json:"algorithm,omitempty"`
	Challenge string                   `json:"challenge,omitempty"`
	Max       int64                    `json:"maxnumber,omitempty"`
	Salt      string                   `json:"salt,omitempty"`
	Signature string                   `json:"signature,omitempty"`
}

// puzzle is GET /api/captcha: a new puzzle for the project, or the client's.
func (s *Server) puzzle(w http.ResponseWriter, r *http.Request) error {
	q := parseQuery(r)
	var id latchkey.ProjectID
	var client latchkey.ClientID
	if q.text("client_id") != "" {
		client = q.client()
	} else {
		id = q.project()
	}
	if q.err != nil {
		return q.err
	}
	if err := s.limit(w, r, s.Gate.Page, latchkey.ProjectID{}); err != nil {
		return err
	}
	if client != 0 {
		c, err := s.Store.Client(r.Context(), client)
		if err != nil {
			return err
		}
		id = c.Project
	}
	if _, err := s.Store.Project(r.Context(), id); err != nil {
		return err
	}
	p, err := s.Captcha.Puzzle(id)
	if err != nil {
		return err
	}
	return encode(w, http.StatusOK, puzzleBody{
		Provider: p.Provider, SiteKey: p.SiteKey, Algorithm: p.Algorithm, Challenge: p.Challenge, Max: p.Max, Salt: p.Salt,
		Signature: p.Signature,
	})
}

// solution reads what came with a start call: the body's member, as a form with ALTCHA's widget has it, or the header of
// contract.md §1.5.
func solution(r *http.Request, body startBody) string {
	if body.Solution != "" {
		return body.Solution
	}
	return r.Header.Get("X-Captcha-Output")
}

// puzzled marks a start that must come with a solution, with the project whose puzzle it is.
type puzzled struct {
	error
	project latchkey.ProjectID
}

// Unwrap gives the error itself.
func (e puzzled) Unwrap() error { return e.error }

// puzzleDetails say where a puzzle comes from: a URL of ours, or the provider's own script with a site key.
type puzzleDetails struct {
	Provider latchkey.CaptchaProvider `json:"captcha,omitempty"`
	URL      string                   `json:"challenge_url,omitempty"`
	SiteKey  string                   `json:"site_key,omitempty"`
}

// wherePuzzles gives the details of a start that was refused for the want of a solution; zero of every other error.
func (s *Server) wherePuzzles(err error) (d puzzleDetails) {
	var e puzzled
	if !errors.As(err, &e) {
		return d
	}
	if d.Provider, d.SiteKey = s.Captcha.Provider(); d.Provider == latchkey.Altcha {
		d.URL = s.Login.PublicURL + "/api/captcha?projectId=" + e.project.String()
	}
	return d
}
