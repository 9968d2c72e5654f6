package oidc

import (
	"net/http"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// tokenAnswer is RFC 6749 §5.1 and OIDC Core §3.1.3.3.
type tokenAnswer struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Life    int64  `json:"expires_in"` // seconds
	Refresh string `json:"refresh_token,omitempty"`
	ID      string `json:"id_token,omitempty"`
	Scope   string `json:"scope,omitempty"`
	Issued  string `json:"issued_token_type,omitempty"` // RFC 8693 §2.2.1
}

// token is POST {issuer}/token.
func (s *Server) token(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
	tokens, err := s.grant(w, r, p)
	if err != nil {
		return err
	}
	w.Header().Set("Pragma", "no-cache") // RFC 6749 §5.1
	return encode(w, http.StatusOK, tokenAnswer{
		Access: tokens.Access.Reveal(), Type: "Bearer", Life: int64(tokens.Life / time.Second),
		Refresh: tokens.Refresh.Reveal(), ID: tokens.ID.Reveal(), Scope: tokens.Scope, Issued: tokens.Issued,
	})
}

// grant decodes the request and hands it to the use case.
func (s *Server) grant(w http.ResponseWriter, r *http.Request, p latchkey.Project) (token.Tokens, error) {
	f, client, err := s.client(w, r, p)
	if err != nil {
		return token.Tokens{}, err
	}
	if err := s.limit(w, r, s.Gate.Token, p); err != nil {
		return token.Tokens{}, forDevice(f, err)
	}
	return s.Tokens.Grant(r.Context(), token.ReadGrant(f, client, s.origin(r)))
}

// revoke is POST {issuer}/revoke. Any text that is no token gets a 200 too (RFC 7009 §2.2): there is nothing left to do.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
	q, err := s.inquiry(w, r, p)
	if err != nil {
		return err
	}
	if err := s.Tokens.Revoke(r.Context(), q); err != nil {
		return err
	}
	return encode(w, http.StatusOK, struct{}{})
}

// introspect is POST {issuer}/introspect.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
	q, err := s.inquiry(w, r, p)
	if err != nil {
		return err
	}
	out, err := s.Tokens.Introspect(r.Context(), q)
	if err != nil {
		return err
	}
	return encode(w, http.StatusOK, out)
}

// inquiry reads the form of the two calls about a token. token_type_hint is not needed: the two kinds cannot be confused.
func (s *Server) inquiry(w http.ResponseWriter, r *http.Request, p latchkey.Project) (token.Inquiry, error) {
	f, client, err := s.client(w, r, p)
	if err != nil {
		return token.Inquiry{}, err
	}
	text, err := f.Required("token")
	return token.Inquiry{Client: client, Token: latchkey.Secret(text), From: s.origin(r)}, err
}

// client reads a form and who posts it.
func (s *Server) client(w http.ResponseWriter, r *http.Request, p latchkey.Project) (form.Form, token.Credentials, error) {
	f, err := form.Read(w, r)
	if err != nil {
		return nil, token.Credentials{}, err
	}
	c, err := f.Client(r)
	return f, token.Credentials{ID: c.ID, Secret: c.Secret, Assertion: c.Assertion, At: p.ID}, err
}
