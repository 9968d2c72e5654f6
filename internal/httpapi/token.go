package httpapi

import (
	"net/http"
	"net/url"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// tokenAnswer is the answer of POST /oauth2/token. The first four are always there: one SDK fails without any of them
// (contract.md §5).
type tokenAnswer struct {
	Access  string `json:"access_token"`
	Life    int64  `json:"expires_in"` // seconds
	Refresh string `json:"refresh_token"`
	Type    string `json:"token_type"`
	ID      string `json:"id_token,omitempty"`
	Scope   string `json:"scope,omitempty"`
}

// giveToken is POST /oauth2/token (contract.md §5).
func (s *Server) giveToken(w http.ResponseWriter, r *http.Request) error {
	tokens, err := s.grant(w, r)
	if err != nil {
		return tokenFailure{err}
	}
	w.Header().Set("Pragma", "no-cache") // RFC 6749 §5.1
	return encode(w, http.StatusOK, tokenAnswer{
		Access: tokens.Access.Reveal(), Life: int64(tokens.Life / time.Second), Refresh: tokens.Refresh.Reveal(),
		Type: "bearer", ID: tokens.ID.Reveal(), Scope: tokens.Scope,
	})
}

// grant reads the request and hands it to the use case of its grant type.
func (s *Server) grant(w http.ResponseWriter, r *http.Request) (token.Tokens, error) {
	f, err := decodeForm(w, r)
	if err != nil {
		return token.Tokens{}, err
	}
	kind, err := f.required("grant_type")
	if err != nil {
		return token.Tokens{}, err
	}
	client, err := credentials(r, f)
	if err != nil {
		return token.Tokens{}, err
	}
	switch kind {
	case "authorization_code":
		return s.redeem(r, f, client)
	case "refresh_token":
		refresh, err := f.required("refresh_token")
		if err != nil {
			return token.Tokens{}, err
		}
		return s.Tokens.Refresh(r.Context(), token.RefreshRequest{
			Client: client, Token: latchkey.Secret(refresh), Scope: f["scope"], From: s.origin(r),
		})
	case "client_credentials":
		return s.Tokens.Server(r.Context(), client)
	}
	return token.Tokens{}, &latchkey.Error{Code: latchkey.UnsupportedGrant, Field: "grant_type"}
}

func (s *Server) redeem(r *http.Request, f form, client token.Credentials) (token.Tokens, error) {
	code, err := f.required("code")
	if err != nil {
		return token.Tokens{}, err
	}
	redirect, err := f.required("redirect_uri")
	if err != nil {
		return token.Tokens{}, err
	}
	return s.Tokens.Redeem(r.Context(), token.RedeemRequest{
		Client: client, Code: latchkey.Secret(code), Redirect: redirect,
		Verifier: latchkey.Secret(f["code_verifier"]), From: s.origin(r),
	})
}

// credentials reads who the client says it is: from the form, or from HTTP Basic, whose two parts are form-encoded
// (RFC 6749 §2.3.1), but never both.
// Errors: Malformed, UnknownClient.
func credentials(r *http.Request, f form) (token.Credentials, error) {
	id, secret := f["client_id"], f["client_secret"]
	if user, password, ok := r.BasicAuth(); ok {
		user, err1 := url.QueryUnescape(user)
		password, err2 := url.QueryUnescape(password)
		switch {
		case err1 != nil || err2 != nil:
			return token.Credentials{}, latchkey.UnknownClient
		case secret != "" || id != "" && id != user:
			return token.Credentials{}, &latchkey.Error{
				Code: latchkey.Malformed, Message: "The client authenticates by HTTP Basic or by form fields, not by both.",
			}
		}
		id, secret = user, password
	}
	if id == "" {
		_, err := f.required("client_id")
		return token.Credentials{}, err
	}
	client, err := parseClient(id)
	return token.Credentials{ID: client, Secret: latchkey.Secret(secret)}, err
}

// keys is GET /projects/{projectId}/keys: a bare array, the signing key first (contract.md §5).
func (s *Server) keys(w http.ResponseWriter, r *http.Request) error {
	id, err := latchkey.ParseProjectID(r.PathValue("projectId"))
	if err != nil {
		return err
	}
	keys, err := s.Tokens.Keys(r.Context(), id)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=60") // well below latchkey.PublishAhead
	return encode(w, http.StatusOK, keys)
}

type validateBody struct {
	Token string `json:"token"`
}

// validateToken is POST /token/validate (contract.md §5).
func (s *Server) validateToken(w http.ResponseWriter, r *http.Request) error {
	body, err := decode[validateBody](w, r, latchkey.JWT)
	if err != nil {
		return err
	}
	if body.Token == "" {
		return latchkey.NoField("token")
	}
	_, err = s.Accounts.Authenticate(r.Context(), latchkey.Secret(body.Token), s.origin(r))
	if latchkey.CodeOf(err) == latchkey.BadBearer {
		return &latchkey.Error{Code: latchkey.BadUserToken, Err: err} // it came in a body
	}
	if err != nil {
		return err
	}
	return noContent(w)
}
