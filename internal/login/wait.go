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
// It reads the store once, and again each time the bell rings: a ring says that something may have happened, not what. In
// between it costs the caller's goroutine and a channel. Whatever is large lives in look, whose frame is gone by then: with
// 3.3 KB of frames or more a stack that the read made 16 KB large would stay so.
func (s *Service) Wait(ctx context.Context, r WaitRequest) (latchkey.Secret, error) {
	id, _ := latchkey.ParseChallengeID(r.Operation)
	deadline := time.NewTimer(s.Hold)
	defer deadline.Stop()
	for {
		rung, stop := s.Bell.Listen(id) // before the read, so that no approval falls between the two
		seen, err := s.look(ctx, id, r)
		switch {
		case err != nil:
			stop()
			return "", err
		case !seen.mine:
			stop() // whatever happens to it is not for this caller
			rung, stop = nil, func() {}
		case seen.approved:
			stop()
			return s.code(id, r, seen.digits)
		}
		select {
		case <-rung:
			stop()
			continue
		case <-deadline.C:
		case <-ctx.Done():
		case <-s.Closing:
		}
		stop()
		return "", latchkey.DeadlineExceeded
	}
}

// A sight is what a poll must know of its challenge.
type sight struct {
	mine     bool // the operation exists, and belongs to the caller's project and address
	approved bool // its code may be read
	digits   int  // of the code
}

// look reads the challenge.
func (s *Service) look(ctx context.Context, id latchkey.ChallengeID, r WaitRequest) (sight, error) {
	var err error
	c := new(latchkey.Challenge) // off the stack, which else grows past 8 KiB during the read
	if *c, err = s.Store.Challenge(ctx, id); latchkey.CodeOf(err) == latchkey.NotFound {
		return sight{}, nil
	}
	if err != nil || c.Project != r.Project || c.To != r.To {
		return sight{}, err
	}
	return sight{mine: true, approved: c.State == latchkey.Approved && c.Live(s.Now()), digits: c.Digits}, nil
}

func (s *Service) code(id latchkey.ChallengeID, r WaitRequest, digits int) (latchkey.Secret, error) {
	code, ok := s.Secrets.Code(id, r.Project, r.To, digits)
	if !ok {
		return "", latchkey.DeadlineExceeded // its master secret is gone, and so is its code
	}
	return code, nil
}
