package admin

import (
	"context"

	"github.com/latchkey-dev/latchkey"
)

// NewProject gives a project with defaults and an id of its own, to be filled in and passed to CreateProject.
func (s *Service) NewProject(name string) latchkey.Project {
	now := s.Now().UTC()
	return latchkey.NewProject(latchkey.ProjectID{UUID: latchkey.NewUUID(now, random())}, name, now)
}

// CreateProject stores a project with its first signing key.
// Errors: Invalid, Conflict.
func (s *Service) CreateProject(ctx context.Context, p latchkey.Project) error {
	if err := p.Validate(); err != nil {
		return err
	}
	key, err := s.Signer.Generate(ctx, p.ID, p.Algorithm, latchkey.ActiveKey, s.Now().UTC())
	if err != nil {
		return err
	}
	return s.Store.CreateProject(ctx, p, latchkey.Keys{key}, s.event(latchkey.ProjectCreated, p.ID))
}

// UpdateProject replaces a project's settings. A new algorithm gets its key first, and signs from then on; keys of the
// old one stay published for the tokens they signed.
// Errors: Invalid, ProjectNotFound.
func (s *Service) UpdateProject(ctx context.Context, p latchkey.Project) error {
	if err := p.Validate(); err != nil {
		return err
	}
	keys, err := s.Store.Keys(ctx, p.ID)
	if err != nil {
		return err
	}
	if _, err := keys.Signing(p.Algorithm); err != nil && len(keys) > 0 {
		if err := s.addKey(ctx, p, latchkey.ActiveKey, false); err != nil {
			return err
		}
	}
	return s.Store.UpdateProject(ctx, p, s.event(latchkey.ProjectUpdated, p.ID))
}

// DeleteProject removes a project with its clients, users and keys.
// Errors: ProjectNotFound.
func (s *Service) DeleteProject(ctx context.Context, id latchkey.ProjectID) error {
	return s.Store.DeleteProject(ctx, id, s.event(latchkey.ProjectDeleted, id))
}
