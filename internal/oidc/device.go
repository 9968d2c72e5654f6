package oidc

import (
	"net/http"
	"net/url"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// deviceAnswer is RFC 8628 §3.2.
type deviceAnswer struct {
	Device   string `json:"device_code"`
	User     string `json:"user_code"`        // WDJB-MJHT
	At       string `json:"verification_uri"` // where the person types it
	Complete string `json:"verification_uri_complete"`
	Life     int64  `json:"expires_in"` // seconds
	Interval int64  `json:"interval"`   // seconds
}

// authorizeDevice is POST {issuer}/device_authorization: a device without a keyboard wants its person signed in.
func (s *Server) authorizeDevice(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
	f, client, err := s.client(w, r, p)
	if err != nil {
		return err
	}
	a, err := s.Tokens.StartDevice(r.Context(), token.DeviceRequest{Client: client, Scope: known(f["scope"]), From: s.origin(r)})
	if err != nil {
		return err
	}
	at, shown := latchkey.Issuer(s.PublicURL, p.ID)+"/device", latchkey.ShowUserCode(a.UserCode).Reveal()
	return encode(w, http.StatusOK, deviceAnswer{
		Device: a.Code.Reveal(), User: shown, At: at, Complete: at + "?" + url.Values{"user_code": {shown}}.Encode(),
		Life: int64(a.Life / time.Second), Interval: int64(a.Interval / time.Second),
	})
}
