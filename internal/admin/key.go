package admin

import (
	"context"

	"github.com/latchkey-dev/latchkey"
)

// RotateKey makes a new key for the project's algorithm. It is published at once and signs after
// latchkey.PublishAhead, so that no token is ever refused. With atOnce it signs from now on and the old keys go, and
// every token they signed with them: for a key that leaked.
// Errors: ProjectNotFound; Conflict when a rotation is under way.
func (s *Service) RotateKey(ctx context.Context, id latchkey.ProjectID, atOnce bool) error {
	p, err := s.Store.Project(ctx, id)
	if err != nil {
		return err
	}
	if atOnce {
		return s.addKey(ctx, p, latchkey.ActiveKey, true)
	}
	keys, err := s.Store.Keys(ctx, id)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Algorithm == p.Algorithm && k.State == latchkey.NextKey {
			return &latchkey.Error{
				Code:    latchkey.Conflict,
				Message: "a rotation is under way: key " + string(k.ID) + " signs from " + k.Created.Add(latchkey.PublishAhead).Format("15:04:05 MST") + " on",
			}
		}
	}
	return s.addKey(ctx, p, latchkey.NextKey, false)
}

func (s *Service) addKey(ctx context.Context, p latchkey.Project, state latchkey.KeyState, replace bool) error {
	key, err := s.Signer.Generate(ctx, p.ID, p.Algorithm, state, s.Now().UTC())
	if err != nil {
		return err
	}
	e := s.event(latchkey.KeyAdded, p.ID)
	e.Detail = string(key.ID)
	return s.Store.AddKey(ctx, key, replace, e)
}
