// Package captcha is the use case of telling people from programs before a message is sent: it hands out puzzles, and takes
// each solution once. When one is asked for is the gate's business (limits). Called by httpapi and oidc.
//
//	GET /api/captcha                      Puzzle
//	POST …/request, {issuer}/login        Solution → limits.Sign
package captcha

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Service is one provider and what remembers its solutions. A nil one asks nobody for anything.
type Service struct {
	Captcha latchkey.Captcha
	Store   Memory
	Now     func() time.Time

	// Open lets a start pass whose solution an outside service does not judge because it is down. Otherwise it gets Unavailable.
	Open bool
	// Judged is told of every solution that the provider was asked about: "ok", "wrong", "used" or "down". It may be nil.
	Judged func(p latchkey.CaptchaProvider, verdict string)
}

// Memory is what a Service needs of the Store.
type Memory interface {
	Once(ctx context.Context, h latchkey.Hash, until, now time.Time) (first bool, err error)
}

// Policy is when a project asks for a CAPTCHA, here: never without a provider.
func (s *Service) Policy(p latchkey.Project) latchkey.CaptchaPolicy {
	if s == nil {
		return latchkey.CaptchaNever
	}
	return p.Defence.Captcha
}

// Provider names who makes the puzzles, and the key that its script on a page needs, if it is somebody else's.
func (s *Service) Provider() (p latchkey.CaptchaProvider, siteKey string) {
	if s == nil {
		return "", ""
	}
	return s.Captcha.Provider()
}

// Puzzle gives a new puzzle of a project.
// Errors: CallOff without a provider.
func (s *Service) Puzzle(p latchkey.ProjectID) (latchkey.Puzzle, error) {
	if s == nil {
		return latchkey.Puzzle{}, &latchkey.Error{Code: latchkey.CallOff, Message: "This server asks for no CAPTCHA."}
	}
	return s.Captcha.Puzzle(p, s.Now().UTC())
}

// Solution gives what judges a solution that came with a start call, for limits.Sign; nil if none came.
func (s *Service) Solution(p latchkey.ProjectID, solution string, from netip.Addr) func(context.Context) error {
	if s == nil || solution == "" {
		return nil
	}
	return func(ctx context.Context) error { return s.take(ctx, p, solution, from) }
}

// take judges a solution and uses it up. Of concurrent uses of one solution one is good.
// Errors: ChallengeRequired, Unavailable.
func (s *Service) take(ctx context.Context, p latchkey.ProjectID, solution string, from netip.Addr) error {
	now := s.Now().UTC()
	solved, err := s.Captcha.Check(ctx, p, solution, from, now)
	switch {
	case errors.Is(err, latchkey.Unavailable):
		s.tell("down")
		if s.Open {
			return nil
		}
		return err
	case err != nil:
		s.tell("wrong")
		return err
	}
	first, err := s.Store.Once(ctx, solved.ID, solved.Dies, now)
	switch {
	case err != nil:
		return err
	case !first:
		s.tell("used")
		return &latchkey.Error{Code: latchkey.ChallengeRequired, Message: "This solution was used before.", RetryAfter: time.Second}
	}
	s.tell("ok")
	return nil
}

func (s *Service) tell(verdict string) {
	if s.Judged != nil {
		p, _ := s.Captcha.Provider()
		s.Judged(p, verdict)
	}
}
