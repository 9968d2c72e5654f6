package admin

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// Ban keeps a user out from now until the given time, for good if that is zero, and ends every session they have.
// Errors: UserNotFound.
func (s *Service) Ban(ctx context.Context, id latchkey.UserID, until time.Time, reason string) error {
	e, err := s.userEvent(ctx, id, latchkey.UserBanned)
	if err != nil {
		return err
	}
	return s.Store.SetBan(ctx, id, latchkey.Ban{From: e.At, Until: until, Reason: reason}, e)
}

// Unban lets a user in again.
// Errors: UserNotFound.
func (s *Service) Unban(ctx context.Context, id latchkey.UserID) error {
	e, err := s.userEvent(ctx, id, latchkey.UserUnbanned)
	if err != nil {
		return err
	}
	return s.Store.SetBan(ctx, id, latchkey.Ban{}, e)
}

// DeleteUser removes a user and everything kept about them, audit events excepted, which hold masked addresses.
// Errors: UserNotFound.
func (s *Service) DeleteUser(ctx context.Context, id latchkey.UserID) error {
	e, err := s.userEvent(ctx, id, latchkey.UserDeleted)
	if err != nil {
		return err
	}
	return s.Store.DeleteUser(ctx, id, e)
}

func (s *Service) userEvent(ctx context.Context, id latchkey.UserID, kind latchkey.Kind) (latchkey.Event, error) {
	u, err := s.Store.User(ctx, id)
	if err != nil {
		return latchkey.Event{}, err
	}
	e := s.event(kind, u.Project)
	e.User = id
	return e, nil
}
