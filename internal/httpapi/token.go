package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
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
	Issued  string `json:"issued_token_type,omitempty"` // RFC 8693 §2.2.1
}

// giveToken is POST /oauth2/token (contract.md §5).
func (s *Server) giveToken(w http.ResponseWriter, r *http.Request) error {
	tokens, err := s.grant(w, r)
	if err != nil {
		return tokenFailure{err}
	}
	put(w, "Pragma", "no-cache") // RFC 6749 §5.1
	return tokenAnswer{
		Access: tokens.Access.Reveal(), Life: int64(tokens.Life / time.Second), Refresh: tokens.Refresh.Reveal(),
		Type: "bearer", ID: tokens.ID.Reveal(), Scope: tokens.Scope, Issued: tokens.Issued,
	}.encode(w)
}

// encode answers with a, by hand where nothing in it needs an escape.
func (a tokenAnswer) encode(w http.ResponseWriter) error {
	for _, text := range [...]string{a.Access, a.Refresh, a.ID, a.Scope, a.Issued} {
		if !plainly(text) {
			return encode(w, http.StatusOK, a)
		}
	}
	p := borrowPage()
	defer p.giveBack()
	_, _ = p.Write(a.append(p.AvailableBuffer())) // never fails
	write(w, http.StatusOK, "application/json", p.Bytes())
	return nil
}

// append writes a byte for byte as encoding/json would, and a line break.
func (a tokenAnswer) append(b []byte) []byte {
	b = append(append(b, `{"access_token":"`...), a.Access...)
	b = strconv.AppendInt(append(b, `","expires_in":`...), a.Life, 10)
	b = append(append(b, `,"refresh_token":"`...), a.Refresh...)
	b = append(append(b, `","token_type":"`...), a.Type...)
	for _, m := range [...]struct{ name, value string }{{"id_token", a.ID}, {"scope", a.Scope}, {"issued_token_type", a.Issued}} {
		if m.value != "" {
			b = append(append(append(append(b, `","`...), m.name...), `":"`...), m.value...)
		}
	}
	return append(b, "\"}\n"...)
}

// grant decodes the request and hands it to the use case.
func (s *Server) grant(w http.ResponseWriter, r *http.Request) (token.Tokens, error) {
	f, err := form.Read(w, r)
	if err != nil {
		return token.Tokens{}, err
	}
	client, err := credentials(r, f)
	if err != nil {
		return token.Tokens{}, err
	}
	if err := s.limitToken(w, r, client); err != nil {
		if latchkey.CodeOf(err) == latchkey.RateLimited && f["grant_type"] == form.DeviceGrant {
			err = slower(err)
		}
		return token.Tokens{}, err
	}
	return s.Tokens.Grant(r.Context(), token.ReadGrant(f, client, s.origin(r)))
}

func credentials(r *http.Request, f form.Form) (token.Credentials, error) {
	c, err := f.Client(r)
	return token.Credentials{ID: c.ID, Secret: c.Secret, Assertion: c.Assertion}, err
}

// slower tells a device to go on asking whether its person has answered, but slower (RFC 8628 §3.5).
func slower(err error) error {
	out := &latchkey.Error{Code: latchkey.SlowDown, Err: err}
	var e *latchkey.Error
	if errors.As(err, &e) {
		out.RetryAfter = e.RetryAfter
	}
	return out
}

// limitToken is limit for a call of a client.
func (s *Server) limitToken(w http.ResponseWriter, r *http.Request, client token.Credentials) error {
	return s.limit(w, r, s.Gate.Token, s.counted(r.Context(), latchkey.ProjectID{}, client.ID))
}

// inquiry reads the form of the two calls about a token.
func (s *Server) inquiry(w http.ResponseWriter, r *http.Request) (token.Inquiry, error) {
	f, err := form.Read(w, r)
	if err != nil {
		return token.Inquiry{}, err
	}
	client, err := credentials(r, f)
	if err != nil {
		return token.Inquiry{}, err
	}
	text, err := f.Required("token")
	if err == nil {
		err = s.limitToken(w, r, client)
	}
	return token.Inquiry{Client: client, Token: latchkey.Secret(text), From: s.origin(r)}, err
}

// revoke is POST /oauth2/token/revoke (RFC 7009): 200 for any text that is no token, too.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) error {
	q, err := s.inquiry(w, r)
	if err == nil {
		err = s.Tokens.Revoke(r.Context(), q)
	}
	if err != nil {
		return tokenFailure{err}
	}
	return encode(w, http.StatusOK, struct{}{})
}

// introspect is POST /oauth2/introspect (RFC 7662).
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) error {
	q, err := s.inquiry(w, r)
	if err != nil {
		return tokenFailure{err}
	}
	out, err := s.Tokens.Introspect(r.Context(), q)
	if err != nil {
		return tokenFailure{err}
	}
	return encode(w, http.StatusOK, out)
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
	if err := s.limit(w, r, s.Gate.Token, latchkey.ProjectID{}); err != nil {
		return err
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
