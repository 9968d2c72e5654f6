package oidc

import (
	"context"
	"net/http"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/form"
	"github.com/latchkey-dev/latchkey/internal/limits"
)

// An ask is a method of limits.Gate.
type ask func(ctx context.Context, c limits.Caller, now time.Time) (limits.Standing, error)

// limit lets a call to the issuer of p go on, or gives the error that ends it. The answer says how the caller's network stands.
func (s *Server) limit(w http.ResponseWriter, r *http.Request, may ask, p latchkey.Project) error {
	standing, err := may(r.Context(), limits.Caller{IP: s.ClientIP(r), Project: p.ID}, s.Now())
	tell(w, standing)
	return err
}

// limitStart is limit for a message to an address. again is until the next one may be asked for. solution is that of a CAPTCHA;
// empty: none came.
func (s *Server) limitStart(w http.ResponseWriter, r *http.Request, p latchkey.Project, to latchkey.Address, solution string) (again time.Duration, err error) {
	ip := s.ClientIP(r)
	_, test := s.Login.TestIdentity(p, to)
	standing, err := s.Gate.Start(r.Context(), limits.Sign{
		Caller: limits.Caller{IP: ip, Project: p.ID}, To: to, Country: address.Country(to), Test: test,
		Captcha: s.Captcha.Policy(p), Solution: s.Captcha.Solution(p.ID, solution, ip),
		Browser: s.knownCookie(p).Read(r),
	}, s.Now())
	tell(w, standing)
	return standing.Again, err
}

// tell sets the RateLimit fields, if there is anything to say. Of a call that passes two policies the second one speaks: it
// is what the call is about.
func tell(w http.ResponseWriter, standing limits.Standing) {
	if left, policy := standing.Fields(); left != "" {
		w.Header().Set("RateLimit", left)
		w.Header().Set("RateLimit-Policy", policy)
	}
}

// limited puts the gate before a handler.
func (s *Server) limited(may ask, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
		if err := s.limit(w, r, may, p); err != nil {
			return err
		}
		return next(w, r, p)
	}
}

// A slowDown marks the refusal of a device that asks whether its person has answered. It has a word of its own, which tells
// the device to go on asking, but slower (RFC 8628 §3.5).
type slowDown struct{ error }

// Unwrap gives the error itself.
func (e slowDown) Unwrap() error { return e.error }

// forDevice marks the refusal of a device's poll, and leaves every other error as it is.
func forDevice(f form.Form, err error) error {
	if latchkey.CodeOf(err) == latchkey.RateLimited && f["grant_type"] == form.DeviceGrant {
		return slowDown{err}
	}
	return err
}
