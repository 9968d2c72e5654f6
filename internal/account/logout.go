package account

import (
	"context"

	"github.com/latchkey-dev/latchkey"
)

// Scopes of a logout (contract.md §5).
const (
	LogOutSSO = "sso" // the client, and the browser in which the person signed in to it: the next login asks for a code
	LogOutAll = "all" // every token and session of the user, everywhere
)

// LogOut ends what scope says; empty is LogOutAll. A token that does not open the account signs out its own client and
// nothing else: without a scope it ends the grant that it stands on.
// Errors: Invalid; NarrowScope for such a token with a scope.
func (s *Service) LogOut(ctx context.Context, in Caller, scope string) error {
	if scope != "" && scope != LogOutSSO && scope != LogOutAll {
		return latchkey.BadField("sessions", "sessions is sso or all")
	}
	if !in.Claims.OpensAccount() {
		if scope != "" {
			return latchkey.NarrowScope
		}
		return s.endGrant(ctx, in)
	}
	if scope == LogOutSSO {
		if err := s.endSession(ctx, in); err != nil {
			return err
		}
		return s.endGrant(ctx, in)
	}
	return s.Store.EndSessions(ctx, in.User.ID, s.event(in, latchkey.UserLoggedOut, latchkey.Address{}))
}

// endGrant ends what the token stands on, refresh tokens included, if it stands on anything: whoever logs out is done with it.
func (s *Service) endGrant(ctx context.Context, in Caller) error {
	_, err := s.Store.RevokeGrant(ctx, latchkey.Revocation{
		ID: in.Grant.ID, Project: in.Grant.Project, Client: in.Grant.Client, From: in.From,
	}, s.Now().UTC())
	return err
}

// endSession ends the browser's session that the token came of, if it came of one.
func (s *Service) endSession(ctx context.Context, in Caller) error {
	if in.Grant.Session.IsZero() {
		return nil
	}
	_, err := s.Store.EndSession(ctx, latchkey.Ending{
		ID: in.Grant.Session, Project: in.User.Project, User: in.User.ID, Why: "the client asked", From: in.From,
	}, s.Now().UTC())
	return err
}
