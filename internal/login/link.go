package login

import (
	"context"

	"github.com/latchkey-dev/latchkey"
)

// Page gives what the approval page shows. It changes nothing: mail scanners fetch links.
// Errors: NotFound.
func (s *Service) Page(ctx context.Context, token latchkey.Secret) (latchkey.Challenge, latchkey.Project, error) {
	c, err := s.Store.ChallengeByLink(ctx, latchkey.HashSecret(token))
	if err != nil {
		return c, latchkey.Project{}, err
	}
	p, err := s.Store.Project(ctx, c.Project)
	return c, p, err
}

// Approve is the press of the link's button: the device that waits gets the code. It gives the challenge, whose
// LinkURL says where the person goes next.
// Errors: NotFound when the link is unknown, expired, denied or used.
func (s *Service) Approve(ctx context.Context, token latchkey.Secret, from latchkey.Origin) (latchkey.Challenge, error) {
	c, err := s.Store.ApproveChallenge(ctx, latchkey.HashSecret(token), from, s.Now().UTC())
	if err != nil {
		return c, err
	}
	s.Bell.Ring(ctx, c.ID)
	return c, nil
}

// Deny is the press of the other button: nobody gets in with this challenge any more.
// Errors: NotFound when the link is unknown, expired or used.
func (s *Service) Deny(ctx context.Context, token latchkey.Secret, from latchkey.Origin) (latchkey.Challenge, error) {
	return s.Store.DenyChallenge(ctx, latchkey.HashSecret(token), from, s.Now().UTC())
}
