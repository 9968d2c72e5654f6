// Package login is the use case of signing in: start, wait, approve, complete. It owns the order of the steps; the
// rules are the nouns' own, the commits are the store's. Called by httpapi (JSON), oidc (the hosted login) and pages (the
// link).
//
//	POST /login/{email,phone}/request, /oauth2/login/…/request    Start      → waiting
//	GET  /otc/code                                                Wait       (holds until approved)
//	GET  /l/{token}                                               Page       (changes nothing)
//	POST /l/{token}                                               Approve    waiting → approved
//	                                                              Deny       waiting, approved → denied
//	POST /login/{email,phone}/confirm, /oauth2/login/…/confirm    Complete   waiting, approved → spent
package login

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
)

// Service signs people in. Every field must be set, but for the last three.
type Service struct {
	Store     latchkey.Store
	Signer    latchkey.Signer
	Secrets   latchkey.Secrets
	Bell      latchkey.Bell
	Catalog   *catalog.Catalog
	Outbox    chan<- latchkey.Message // to the worker of this process; a full one loses nothing, the store keeps the row
	PublicURL string                  // scheme://host[:port], no slash at its end
	Hold      time.Duration           // how long Wait holds: 20 s (contract.md §4)
	Closing   <-chan struct{}         // closed at shutdown: held polls answer at once, so that clients move on
	Now       func() time.Time
	// NoTestIdentities makes every test identity an address like any other.
	NoTestIdentities bool
	// Told what the breaker of SMS does; both may be nil.
	SMSTripped func(by string, until time.Time) // by: country or network
	SMSRefused func()
}

// TestIdentity gives the test identity that to is now.
func (s *Service) TestIdentity(p latchkey.Project, to latchkey.Address) (t latchkey.TestIdentity, ok bool) {
	if s.NoTestIdentities {
		return t, false
	}
	return p.TestIdentity(to, s.Now())
}

// Digits is how long the next code for to is.
func (s *Service) Digits(p latchkey.Project, to latchkey.Address) int {
	if t, ok := s.TestIdentity(p, to); ok {
		return len(t.Code)
	}
	return p.Codes.Digits
}

// Known reports whether to has signed in to a project before from the network of from, or from the browser whose cookie holds
// held. It is for limits, which may be kinder to an owner than to a stranger, and never for an answer.
func (s *Service) Known(ctx context.Context, p latchkey.ProjectID, to latchkey.Address, from latchkey.Origin, held latchkey.Secret) (bool, error) {
	u, err := s.owner(ctx, p, to)
	network, browser := u.Knows(from.Network()), s.Secrets.KnowsBrowser(held, u, to, s.Now())
	return network || browser, err
}

// Remember gives what the cookie of a browser holds in which the link of a challenge to an address was approved: who presses it
// reads what is sent there. held is what it held before. Where nobody has the address yet there is nothing to remember, and it
// is empty.
func (s *Service) Remember(ctx context.Context, p latchkey.ProjectID, to latchkey.Address, held latchkey.Secret) (latchkey.Secret, error) {
	u, err := s.owner(ctx, p, to)
	if err != nil || u.ID.IsZero() {
		return "", err
	}
	return s.Secrets.KnownBrowser(held, u, to, s.Now()), nil
}

// owner gives who has an address; zero for nobody.
func (s *Service) owner(ctx context.Context, p latchkey.ProjectID, to latchkey.Address) (latchkey.User, error) {
	us, err := s.Store.Users(ctx, p, to, latchkey.UserID{}, 1)
	if err != nil || len(us) == 0 {
		return latchkey.User{}, err
	}
	return us[0], nil
}

// LinkURL is where a link token leads.
func LinkURL(publicURL string, token latchkey.Secret) latchkey.Secret {
	return latchkey.Secret(publicURL + "/l/" + token.Reveal())
}

func random() (b [16]byte) {
	rand.Read(b[:]) // never fails: the process dies without entropy
	return b
}
