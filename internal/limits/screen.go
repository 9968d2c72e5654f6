package limits

import (
	"context"
	"fmt"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Screen turns away who is to get no code at all, however seldom they ask. Its parts may be nil.
type Screen struct {
	// Listed says whether a list of the operator's has the address or the network. It is asked before anything is counted, so
	// that nothing is kept of who is not served.
	Listed func(s Sign) (Blocked, bool)
	// Reachable says whether the domain of an email takes mail. It is asked last, of calls that every limit lets pass: it looks
	// at DNS, and nobody is to cause that without end.
	Reachable func(ctx context.Context, to latchkey.Address) bool
	// Told is told of everybody who is turned away, before they are answered.
	Told func(ctx context.Context, b Blocked, c Caller)
}

// What is blocked.
const (
	BlockedEmail   = "email"
	BlockedPhone   = "phone"
	BlockedNetwork = "network"
	BlockedMailbox = "no mail" // the domain takes none
)

// A Blocked is the private cause of an error of Screen. Where says which entry of which list, for the operator, and quotes
// nothing of it.
type Blocked struct{ What, Where string }

// Error implements error.
func (b Blocked) Error() string { return fmt.Sprintf("blocked: %s %s", b.What, b.Where) }

// networkRetry is after what time somebody of a blocked network may come again: lists change.
const networkRetry = time.Hour

// refusal is what somebody gets who is blocked. An address is a mistake that a person can put right, by another one. A network
// is none of their parameters: a limit of nothing, which clients know how to wait for.
func (b Blocked) refusal() error {
	switch b.What {
	case BlockedNetwork:
		return &latchkey.Error{Code: latchkey.RateLimited, Message: "Nobody can sign in from this network. Try another one.", RetryAfter: networkRetry, Err: b}
	case BlockedPhone:
		return &latchkey.Error{Code: latchkey.Invalid, Field: "phone_number", Message: "Numbers of this range are not taken. Use another one.", Err: b}
	case BlockedMailbox:
		return &latchkey.Error{Code: latchkey.Invalid, Field: "email", Message: "The domain of this address takes no mail.", Err: b}
	}
	return &latchkey.Error{Code: latchkey.Invalid, Field: "email", Message: "Addresses of this provider are not taken. Use another one.", Err: b}
}

func (sc Screen) listed(ctx context.Context, s Sign) error {
	if sc.Listed == nil {
		return nil
	}
	if b, ok := sc.Listed(s); ok {
		return sc.refuse(ctx, b, s.Caller)
	}
	return nil
}

func (sc Screen) reached(ctx context.Context, s Sign) error {
	if sc.Reachable == nil || s.To.Channel() != latchkey.Email || sc.Reachable(ctx, s.To) {
		return nil
	}
	return sc.refuse(ctx, Blocked{What: BlockedMailbox}, s.Caller)
}

func (sc Screen) refuse(ctx context.Context, b Blocked, c Caller) error {
	if sc.Told != nil {
		sc.Told(ctx, b, c)
	}
	return b.refusal()
}
