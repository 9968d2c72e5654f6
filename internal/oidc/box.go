package oidc

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A pending is a login under way: what the client asked for and how far the person is. It is kept nowhere: it stands in
// a hidden field of the page, sealed.
type pending struct {
	request
	Channel   string        `json:"channel,omitempty"`
	Address   string        `json:"address,omitempty"` // canonical; empty before it is given
	Region    string        `json:"region,omitempty"`  // the country that was chosen for a number without one
	Operation string        `json:"operation,omitempty"`
	Choice    string        `json:"choice,omitempty"` // the user that the page offers to go on as; empty: none
	Match     int           `json:"match,omitempty"`  // the number that the page shows; 0 without number matching
	Sent      time.Time     `json:"sent,omitzero"`    // when the code was sent last
	Again     time.Duration `json:"again,omitempty"`  // until it can be sent again, from then
	Expires   time.Time     `json:"expires,omitzero"`
	Made      time.Time     `json:"made"` // of the page
}

// to is the address, or zero.
func (at pending) to() latchkey.Address {
	return latchkey.CanonicalAddress(latchkey.Channel(at.Channel), at.Address)
}

// pageLife is how long a page may lie before its form is posted.
const pageLife = time.Hour

// seal prints at for a hidden field. Only the browser with this cookie can hand it back, and only to this issuer.
func (s *Server) seal(p latchkey.ProjectID, cookie latchkey.Secret, at pending) (string, error) {
	at.Made = s.Now().UTC()
	return s.wrap(sealContext("login", p, cookie), at)
}

// open reverses seal. ok is false for a box of another browser, another issuer, from too long ago, or of no one's.
func (s *Server) open(p latchkey.ProjectID, cookie latchkey.Secret, box string) (at pending, ok bool) {
	ok = s.unwrap(sealContext("login", p, cookie), box, &at)
	return at, ok && s.fresh(at.Made)
}

// fresh reports whether a page that was made then may still be gone on with.
func (s *Server) fresh(made time.Time) bool { return s.Now().Before(made.Add(pageLife)) }

// wrap prints v, sealed for a context.
func (s *Server) wrap(context []byte, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	var nonce [12]byte
	rand.Read(nonce[:]) // never fails: the process dies without entropy
	return base64.RawURLEncoding.EncodeToString(s.Secrets.Seal(plain, context, nonce)), nil
}

// unwrap reverses wrap. ok is false for what was not wrapped here, for this context.
func (s *Server) unwrap(context []byte, box string, v any) (ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(box)
	if err != nil {
		return false
	}
	plain, err := s.Secrets.Open(sealed, context)
	return err == nil && json.Unmarshal(plain, v) == nil
}

// sealContext binds a box to its purpose, its issuer and a secret of its browser.
func sealContext(purpose string, p latchkey.ProjectID, cookie latchkey.Secret) []byte {
	h := latchkey.HashSecret(cookie)
	return append(append([]byte("oidc "+purpose+"\x00"), p.UUID[:]...), h[:]...)
}

// browser gives the secret that the cookie of r holds, or, for a browser without one, a fresh one to be set.
func (s *Server) browser(r *http.Request) (secret latchkey.Secret, fresh bool) {
	if c, err := r.Cookie(s.cookieName()); err == nil && len(c.Value) == 43 {
		return latchkey.Secret(c.Value), false
	}
	var b [32]byte
	rand.Read(b[:])
	return latchkey.Secret(base64.RawURLEncoding.EncodeToString(b[:])), true
}

// cookie is the one of a browser with a login under way. Lax, because a client leads here from elsewhere; __Host-, so
// that no neighbouring host can plant one of its own (session fixation). It ends with the browser.
func (s *Server) cookie(secret latchkey.Secret) *http.Cookie {
	return &http.Cookie{
		Name: s.cookieName(), Value: secret.Reveal(), Path: "/", HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode,
	}
}

// cookieName lacks the prefix on plain http, which is for development on loopback: browsers refuse it there.
func (s *Server) cookieName() string {
	if s.secure() {
		return "__Host-latchkey-login"
	}
	return "latchkey-login"
}

func (s *Server) secure() bool { return strings.HasPrefix(s.PublicURL, "https://") }
