package admin

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// CreateUser lets somebody in whose first login did not: they sign in by email, phone or both. Either may be zero.
// Errors: ProjectNotFound; Conflict when an address is somebody's.
func (s *Service) CreateUser(ctx context.Context, p latchkey.ProjectID, email, phone latchkey.Address) (latchkey.User, error) {
	e := s.event(latchkey.UserCreated, p)
	u := latchkey.User{
		ID: latchkey.UserID{UUID: latchkey.NewUUID(e.At, random())}, Project: p, Email: email, Phone: phone, Registered: e.At,
	}
	e.User = u.ID
	return u, s.Store.CreateUser(ctx, u, e)
}

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

// LogOut ends every session, grant and token that a user has (ASVS 7.4.5).
// Errors: UserNotFound.
func (s *Service) LogOut(ctx context.Context, id latchkey.UserID) error {
	e, err := s.userEvent(ctx, id, latchkey.UserLoggedOut)
	if err != nil {
		return err
	}
	return s.Store.EndSessions(ctx, id, e)
}

// EndOne ends the browser's session or the grant of u that has this id, and reports whether there was one.
func (s *Service) EndOne(ctx context.Context, u latchkey.User, id latchkey.Handle) (bool, error) {
	now := s.Now().UTC()
	ended, err := s.Store.EndSession(ctx, latchkey.Ending{
		ID: latchkey.SessionID{Handle: id}, Project: u.Project, User: u.ID, Why: byAdministrator,
	}, now)
	if err != nil || ended.Done {
		return ended.Done, err
	}
	revoked, err := s.Store.RevokeGrant(ctx, latchkey.Revocation{
		ID: latchkey.GrantID{Handle: id}, Project: u.Project, User: u.ID, Why: byAdministrator,
	}, now)
	return revoked.Done, err
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
