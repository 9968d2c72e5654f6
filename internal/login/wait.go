package login

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A WaitRequest is GET /otc/code (contract.md §4), decoded.
type WaitRequest struct {
	Project   latchkey.ProjectID
	To        latchkey.Address // zero: not an address, and so nobody's
	Operation string
}

// Wait holds until the challenge's link is approved and gives its code, or DeadlineExceeded after s.Hold. An approved
// code stays readable until it is spent or expires. An operation that is unknown, dead or somebody else's is held just
// as long: the answer tells nothing.
//
// It reads the store once; after that it costs the caller's goroutine and a channel.
func (s *Service) Wait(ctx context.Context, r WaitRequest) (latchkey.Secret, error) {
	id, _ := latchkey.ParseChallengeID(r.Operation)
	rung, stop := s.Bell.Listen(id) // before the read, so that no approval falls between the two
	defer stop()
	c, err := s.Store.Challenge(ctx, id)
	if err != nil && latchkey.CodeOf(err) != latchkey.NotFound {
		return "", err
	}
	if err != nil || c.Project != r.Project || c.To != r.To {
		rung = nil // whatever happens to it is not for this caller
	} else if c.State == latchkey.Approved && c.Live(s.Now()) {
		return s.code(c)
	}
	deadline := time.NewTimer(s.Hold)
	defer deadline.Stop()
	select {
	case <-rung:
		return s.code(c)
	case <-deadline.C:
	case <-ctx.Done():
	case <-s.Closing:
	}
	return "", latchkey.DeadlineExceeded
}

func (s *Service) code(c latchkey.Challenge) (latchkey.Secret, error) {
	code, ok := s.Secrets.Code(c.ID, c.Project, c.To, c.Digits)
	if !ok {
		return "", latchkey.DeadlineExceeded // its master secret is gone, and so is its code
	}
	return code, nil
}
