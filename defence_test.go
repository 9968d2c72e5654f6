package latchkey_test

import (
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestTestIdentityEnds: at the instant that it was given until, an address is one like every other, and no other one was anything
// else.
func TestTestIdentityEnds(t *testing.T) {
	t.Parallel()
	p := latchkey.Project{Defence: latchkey.Defence{TestIdentities: []latchkey.TestIdentity{
		{Channel: latchkey.Email, Address: ann.Value(), Code: "13579024", Until: noon},
	}}}
	for name, tt := range map[string]struct {
		to   latchkey.Address
		now  time.Time
		want bool
	}{
		"before its end":  {ann, noon.Add(-1), true},
		"at its end":      {ann, noon, false},
		"long after it":   {ann, noon.AddDate(1, 0, 0), false},
		"another address": {latchkey.CanonicalAddress(latchkey.Email, "b"+ann.Value()), noon.Add(-1), false},
		"another channel": {latchkey.CanonicalAddress(latchkey.Phone, ann.Value()), noon.Add(-1), false},
	} {
		identity, ok := p.TestIdentity(tt.to, tt.now)
		if ok != tt.want || ok && identity.Code != "13579024" || !ok && identity != (latchkey.TestIdentity{}) {
			t.Errorf("%s: %v, %v; want %v", name, identity.Address, ok, tt.want)
		}
	}
}
