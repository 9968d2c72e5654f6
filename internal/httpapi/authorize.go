package httpapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-dev/latchkey"
)

// asked are the parameters that an authorization request may have (RFC 6749, RFC 7636, OIDC Core). What SDKs add to every
// query stays behind.
var asked = [...]string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
	"response_mode", "prompt", "max_age", "login_hint", "ui_locales", "id_token_hint", "request", "request_uri",
}

// authorize is GET /oauth2/auth (contract.md §7): the browser goes on to the hosted login of the client's project, which
// judges the rest. It is where a browser is sent, not a call, so the answer is a redirect; but a client that does not exist
// has no page to be sent to, and gets the envelope. Of a repeated parameter the first counts: one SDK sends response_type
// twice, which the standard endpoint would refuse (RFC 6749 §3.1).
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	q := parseQuery(r)
	id := q.client()
	if q.err != nil {
		return q.err
	}
	c, err := s.Store.Client(r.Context(), id)
	if err != nil {
		return err
	}
	on := url.Values{}
	for _, name := range asked {
		if v := q.get(name); v != "" {
			on.Set(name, v)
		}
	}
	if locale := q.get("locale"); locale != "" && !on.Has("ui_locales") {
		on.Set("ui_locales", strings.ReplaceAll(locale, "_", "-"))
	}
	if only, err := c.Redirect(""); err == nil && !on.Has("redirect_uri") {
		on.Set("redirect_uri", only) // the standard endpoint wants it named, /api does not
	}
	h := w.Header()
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", latchkey.Issuer(s.Login.PublicURL, c.Project)+"/authorize?"+on.Encode())
	w.WriteHeader(http.StatusFound)
	return nil
}
