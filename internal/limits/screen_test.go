package limits_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
)

// A countingLimiter lets everything pass, or nothing.
type countingLimiter struct {
	takes  int
	refuse bool
}

func (c *countingLimiter) Take(_ context.Context, ts []latchkey.Take, _ time.Time) ([]latchkey.Tally, error) {
	c.takes++
	if c.refuse {
		return []latchkey.Tally{{Retry: time.Minute}}, nil
	}
	out := make([]latchkey.Tally, len(ts))
	for i := range out {
		out[i].Allowed = true
	}
	return out, nil
}

func (c *countingLimiter) Close() error { return nil }

// TestBlockedAreNotCounted: who is on a list is refused before anything is counted, in words of their own, and told of. DNS is
// asked last, of those whom every limit lets pass, and about emails only. A test identity is asked for nothing.
func TestBlockedAreNotCounted(t *testing.T) {
	t.Parallel()
	email := latchkey.CanonicalAddress(latchkey.Email, "a@example.test")
	phone := latchkey.CanonicalAddress(latchkey.Phone, "+12025550123")
	for name, tt := range map[string]struct {
		to       latchkey.Address
		what     string // that is listed
		test     bool
		refuse   bool // the limiter does
		silent   bool // the domain takes no mail
		want     latchkey.Code
		field    string
		takes    int
		asksDNS  bool
		toldOf   string
		waitable bool
	}{
		"nobody":        {to: email, takes: 1, asksDNS: true},
		"an email":      {to: email, what: limits.BlockedEmail, want: latchkey.Invalid, field: "email", toldOf: limits.BlockedEmail},
		"a phone":       {to: phone, what: limits.BlockedPhone, want: latchkey.Invalid, field: "phone_number", toldOf: limits.BlockedPhone},
		"a network":     {to: email, what: limits.BlockedNetwork, want: latchkey.RateLimited, toldOf: limits.BlockedNetwork, waitable: true},
		"no mail":       {to: email, silent: true, want: latchkey.Invalid, field: "email", takes: 1, asksDNS: true, toldOf: limits.BlockedMailbox},
		"no mail phone": {to: phone, silent: true, takes: 1},
		"over a limit":  {to: email, refuse: true, silent: true, want: latchkey.RateLimited, takes: 1, waitable: true},
		"a test":        {to: email, what: limits.BlockedEmail, test: true, silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limiter, asked, told := &countingLimiter{refuse: tt.refuse}, false, ""
			g := &limits.Gate{Limiter: limiter, Table: limits.Default(), Screen: limits.Screen{
				Listed: func(limits.Sign) (limits.Blocked, bool) {
					return limits.Blocked{What: tt.what, Where: "x line 3"}, tt.what != ""
				},
				Reachable: func(context.Context, latchkey.Address) bool { asked = true; return !tt.silent },
				Told:      func(_ context.Context, b limits.Blocked, _ limits.Caller) { told = b.What },
			}}
			_, err := g.Start(t.Context(), limits.Sign{Caller: limits.Caller{IP: netip.MustParseAddr("192.0.2.1")}, To: tt.to, Test: tt.test}, time.Now())
			e := &latchkey.Error{}
			errors.As(err, &e)
			if latchkey.CodeOf(err) != tt.want || e.Field != tt.field || (e.RetryAfter > 0) != tt.waitable {
				t.Errorf("Start: %v, field %q, retry after %v; want %q, field %q", err, e.Field, e.RetryAfter, tt.want, tt.field)
			}
			if limiter.takes != tt.takes || asked != tt.asksDNS || told != tt.toldOf {
				t.Errorf("counted %d times, DNS asked: %v, told of %q; want %d, %v, %q", limiter.takes, asked, told, tt.takes, tt.asksDNS, tt.toldOf)
			}
			if b := (limits.Blocked{}); tt.toldOf != "" && !errors.As(err, &b) {
				t.Errorf("%v does not say that it is a block", err)
			}
		})
	}
	var none *limits.Gate
	if _, err := none.Start(t.Context(), limits.Sign{To: email}, time.Now()); err != nil {
		t.Errorf("no gate refuses: %v", err)
	}
}
