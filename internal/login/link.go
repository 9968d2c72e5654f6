package login

import (
	"context"
	"slices"

	"github.com/latchkey-dev/latchkey"
)

// A LinkPage is what the approval page shows.
type LinkPage struct {
	Challenge latchkey.Challenge
	Project   latchkey.Project
	Choices   []int // the numbers to pick from; none when a button approves
}

// Page gives what the approval page shows. It changes nothing: mail scanners fetch links.
// Errors: NotFound.
func (s *Service) Page(ctx context.Context, token latchkey.Secret) (LinkPage, error) {
	c, err := s.Store.ChallengeByLink(ctx, latchkey.HashSecret(token))
	if err != nil {
		return LinkPage{}, err
	}
	p, err := s.Store.Project(ctx, c.Project)
	if err != nil {
		return LinkPage{}, err
	}
	page := LinkPage{Challenge: c, Project: p}
	if m, ok := s.Secrets.Match(c.ID, c.Project, c.To); ok && c.Number {
		page.Choices = m.Choices[:]
	}
	return page, nil
}

// Approve is the press of the link's button: the device that waits gets the code. pick is the number that the person
// picked, or 0 for a button. Where a number is asked for, a wrong one denies: whoever guesses has one try in three. The
// challenge that comes back says by its State which of the two it was, and by its LinkURL where the person goes next.
//
// Errors: NotFound when the link is unknown, expired, denied or used; Missing when a number is asked for and none came.
func (s *Service) Approve(ctx context.Context, token latchkey.Secret, pick int, from latchkey.Origin) (latchkey.Challenge, error) {
	h := latchkey.HashSecret(token)
	c, err := s.Store.ChallengeByLink(ctx, h)
	if err != nil {
		return c, err
	}
	if c.Number {
		m, ok := s.Secrets.Match(c.ID, c.Project, c.To)
		switch {
		case pick == 0:
			return c, latchkey.NoField("number")
		case !ok || !slices.Contains(m.Choices[:], pick):
			return c, latchkey.BadField("number", "the number is one of the three")
		case pick != m.Number:
			return s.Store.DenyChallenge(ctx, h, "the wrong number was picked", from, s.Now().UTC())
		}
	}
	c, err = s.Store.ApproveChallenge(ctx, h, from, s.Now().UTC())
	if err != nil {
		return c, err
	}
	s.Bell.Ring(ctx, c.ID)
	return c, nil
}

// Deny is the press of the other button: nobody gets in with this challenge any more. Whoever polls for it waits on as
// if nothing had happened.
// Errors: NotFound when the link is unknown, expired or used.
func (s *Service) Deny(ctx context.Context, token latchkey.Secret, from latchkey.Origin) (latchkey.Challenge, error) {
	return s.Store.DenyChallenge(ctx, latchkey.HashSecret(token), "the person said no", from, s.Now().UTC())
}

// A PushRequest is GET /otc/push (contract.md §4), decoded: the link's button on a page of the project's own.
type PushRequest struct {
	Project latchkey.ProjectID
	Token   latchkey.Secret // of the link
	Action  string          // approve or deny
	LinkURL string          // as at the start
	From    latchkey.Origin
}

// Push approves or denies like the approval page, and gives the link URL. Where the project asks for a number it
// approves nothing: that takes the page.
// Errors: NotFound; Invalid; CallbackUnknown for another link URL; CallOff for an approval that takes a number.
func (s *Service) Push(ctx context.Context, r PushRequest) (string, error) {
	c, err := s.Store.ChallengeByLink(ctx, latchkey.HashSecret(r.Token))
	if err != nil {
		return "", err
	}
	switch {
	case c.Project != r.Project:
		return "", latchkey.NotFound
	case c.LinkURL != r.LinkURL:
		return "", &latchkey.Error{Code: latchkey.CallbackUnknown, Field: "link_url"}
	case r.Action == "deny":
		_, err = s.Deny(ctx, r.Token, r.From)
	case r.Action != "approve":
		return "", latchkey.BadField("action", "the action is approve or deny")
	case c.Number:
		return "", &latchkey.Error{Code: latchkey.CallOff, Field: "action", Message: "This project asks for a number: approve on the page that the link opens."}
	default:
		_, err = s.Approve(ctx, r.Token, 0, r.From)
	}
	return c.LinkURL, err
}
