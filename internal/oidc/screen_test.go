package oidc_test

import (
	"context"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
)

// TestLoginPageTurnsAway: who is on a block list, or has an address that takes no mail, reads so on the page that they are on,
// with what they typed; nothing is sent.
func TestLoginPageTurnsAway(t *testing.T) {
	t.Parallel()
	for what, tt := range map[string]struct {
		status int
		words  string
	}{
		limits.BlockedEmail:   {200, "This address or number cannot be used here. Use another one."},
		limits.BlockedNetwork: {429, "Nobody can sign in from this network. Try another one, for example without a VPN."},
		limits.BlockedMailbox: {200, "This address cannot receive mail. Check what stands after the @."},
	} {
		w := newWorld(t)
		w.limit()
		w.server.Gate.Screen.Listed = func(limits.Sign) (limits.Blocked, bool) {
			return limits.Blocked{What: what}, what != limits.BlockedMailbox
		}
		w.server.Gate.Screen.Reachable = func(context.Context, latchkey.Address) bool { return false }
		b := w.open()
		b.press("address", "address", player)
		b.shows(what, tt.status, "address")
		b.tells(what, tt.status, tt.words)
		if b.input("address", "value") != player {
			t.Errorf("%s: what was typed is gone", what)
		}
		if len(w.outbox) > 0 {
			t.Errorf("%s: something is sent", what)
		}
	}
}
