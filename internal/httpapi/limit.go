package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/limits"
)

// An ask is a method of limits.Gate.
type ask func(ctx context.Context, c limits.Caller, now time.Time) (limits.Standing, error)

// limit lets a call go on, or gives the error that ends it. The answer says how the caller's network stands.
func (s *Server) limit(w http.ResponseWriter, r *http.Request, may ask, p latchkey.ProjectID) error {
	standing, err := may(r.Context(), limits.Caller{IP: s.clientIP(r), Project: p}, s.Login.Now())
	tell(w, standing)
	return err
}

// limitStart is limit for a start call. solution is that of a CAPTCHA; empty: none came.
func (s *Server) limitStart(w http.ResponseWriter, r *http.Request, p latchkey.Project, to latchkey.Address, solution string) error {
	ip := s.clientIP(r)
	_, test := s.Login.TestIdentity(p, to)
	standing, err := s.Gate.Start(r.Context(), limits.Sign{
		Caller: limits.Caller{IP: ip, Project: p.ID}, To: to, Country: address.Country(to), Test: test,
		Captcha: s.Captcha.Policy(p), Solution: s.Captcha.Solution(p.ID, solution, ip),
	}, s.Login.Now())
	tell(w, standing)
	if errors.Is(err, latchkey.ChallengeRequired) {
		return puzzled{err, p.ID}
	}
	return err
}

// tell sets the RateLimit fields, if there is anything to say.
func tell(w http.ResponseWriter, standing limits.Standing) {
	if left, policy := standing.Fields(); left != "" {
		put(w, "Ratelimit", left)
		put(w, "Ratelimit-Policy", policy)
	}
}

// counted gives the id of called. It is zero without a gate, which would count it. The project of a client is there.
func (s *Server) counted(ctx context.Context, id latchkey.ProjectID, client latchkey.ClientID) latchkey.ProjectID {
	switch {
	case s.Gate == nil:
		return latchkey.ProjectID{}
	case client != 0:
		c, _ := s.Store.Client(ctx, client)
		return c.Project
	}
	return s.called(ctx, id, 0).ID
}

// called gives the project that a call is for: id, or that of client if that is not zero. It is zero for one that does not
// exist, so that nobody fills the limiter with what he makes up. What else fails, the call itself meets again.
func (s *Server) called(ctx context.Context, id latchkey.ProjectID, client latchkey.ClientID) latchkey.Project {
	if client != 0 {
		c, _ := s.Store.Client(ctx, client)
		id = c.Project
	}
	if id.IsZero() {
		return latchkey.Project{}
	}
	p, _ := s.Store.Project(ctx, id)
	return p
}
