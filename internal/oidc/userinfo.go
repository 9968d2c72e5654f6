package oidc

import (
	"net/http"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
)

// userinfo is GET and POST {issuer}/userinfo: who signed in, as far as the scope says. The token comes in the header or,
// by POST, in the form (RFC 6750 §2.1, §2.2), and never in the URL, which ends up in logs.
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
	access, err := presented(w, r)
	if err != nil {
		return err
	}
	profile, err := s.Accounts.Profile(r.Context(), p.ID, access, s.origin(r))
	if err != nil {
		return tokenFailure{err, access != ""}
	}
	return encode(w, http.StatusOK, profile)
}

// presented gives the bearer token of a request; empty without one. Errors: Malformed for two of them, and those of
// form.Read.
func presented(w http.ResponseWriter, r *http.Request) (latchkey.Secret, error) {
	access := form.Bearer(r)
	if r.Method != http.MethodPost || r.ContentLength == 0 {
		return access, nil
	}
	f, err := form.Read(w, r)
	switch {
	case err != nil:
		return "", err
	case access != "" && f["access_token"] != "":
		return "", &latchkey.Error{Code: latchkey.Malformed, Message: "The token comes in the header or in the body, not in both."}
	case access == "":
		access = latchkey.Secret(f["access_token"])
	}
	return access, nil
}
