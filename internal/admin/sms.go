package admin

import (
	"context"

	"github.com/latchkey-dev/latchkey"
)

// ResetSMS forgets the codes by SMS that were lost in a scope of a project, or in all of them, and ends their pauses.
func (s *Service) ResetSMS(ctx context.Context, p latchkey.ProjectID, scope latchkey.Scope) error {
	e := s.event(latchkey.SMSReset, p)
	e.Detail = string(scope)
	return s.Store.ResetSMS(ctx, p, scope, e)
}
