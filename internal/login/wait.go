package login

import (
	"context"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A WaitRequest is GET /otc/code (contract.md §4), decoded.
type WaitRequest struct {
	Project   latchkey.ProjectID
	To        latchkey.Address // zero: not an address, and so nobody's
	Operation string
}

// Wait holds until the challenge's link is approved and gives its code, or DeadlineExceeded after s.Hold. It is a Poll on
// the caller's goroutine: in between it costs that and a channel.
func (s *Service) Wait(ctx context.Context, r WaitRequest) (latchkey.Secret, error) {
	rung := make(chan struct{}, 1)
	p := s.Poll(r, func() {
		select {
		case rung <- struct{}{}:
		default: // one look is owed already
		}
	})
	defer p.End()
	deadline := time.NewTimer(s.Hold)
	defer deadline.Stop()
	for {
		if code, err := p.Look(ctx); code != "" || err != nil {
			return code, err
		}
		select {
		case <-rung:
		case <-deadline.C:
			return "", latchkey.DeadlineExceeded
		case <-ctx.Done():
			return "", latchkey.DeadlineExceeded
		case <-s.Closing:
			return "", latchkey.DeadlineExceeded
		}
	}
}

// A Poll waits for the link of a challenge to be approved. It has no goroutine of its own: whoever holds it looks once when it
// begins and again each time that it is woken, and gives it up with DeadlineExceeded after Hold. An approved code stays
// readable until it is spent or expires. An operation that is unknown, dead or somebody else's is held just as long: the
// answer tells nothing.
type Poll struct {
	s       *Service
	id      latchkey.ChallengeID
	project latchkey.ProjectID
	to      latchkey.Address
	stop    func() // nil once nothing that happens to the challenge is for this caller
}

// Poll begins one; End must be called. wake is latchkey.Bell's: it says that something may have happened, not what, and that a
// look is worth it. It may be called before the first one: the Bell is heard from now on, so that no approval falls between.
func (s *Service) Poll(r WaitRequest, wake func()) *Poll {
	id, _ := latchkey.ParseChallengeID(r.Operation)
	// A copy of the address, or the Poll would keep the whole query that it was cut from.
	to := latchkey.CanonicalAddress(r.To.Channel(), strings.Clone(r.To.Value()))
	return &Poll{s: s, id: id, project: r.Project, to: to, stop: s.Bell.Listen(id, wake)}
}

// End gives up the line at the Bell.
func (p *Poll) End() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// Look reads the store and gives the code; it is empty, without an error, as long as there is nothing to say.
//
// Whatever is large lives in see, whose frame is gone when Wait goes on: with 3.3 KB of frames or more, a stack that the read
// made 16 KB large would stay so.
func (p *Poll) Look(ctx context.Context) (latchkey.Secret, error) {
	if p.stop == nil {
		return "", nil
	}
	seen, err := p.see(ctx)
	switch {
	case err != nil:
		return "", err
	case !seen.mine:
		p.End() // whatever happens to it is not for this caller
		return "", nil
	case !seen.approved:
		return "", nil
	}
	code, ok := p.s.Secrets.Code(p.id, p.project, p.to, seen.digits)
	if !ok {
		return "", latchkey.DeadlineExceeded // its master secret is gone, and so is its code
	}
	return code, nil
}

// A sight is what a poll must know of its challenge.
type sight struct {
	mine     bool // the operation exists, and belongs to the caller's project and address
	approved bool // its code may be read
	digits   int  // of the code
}

// see reads the challenge.
func (p *Poll) see(ctx context.Context) (sight, error) {
	var err error
	c := new(latchkey.Challenge) // off the stack, which else grows past 8 KiB during the read
	if *c, err = p.s.Store.Challenge(ctx, p.id); latchkey.CodeOf(err) == latchkey.NotFound {
		return sight{}, nil
	}
	if err != nil || c.Project != p.project || c.To != p.to {
		return sight{}, err
	}
	return sight{mine: true, approved: c.State == latchkey.Approved && c.Live(p.s.Now()), digits: c.Digits}, nil
}
