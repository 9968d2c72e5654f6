package latchkey_test

import (
	"fmt"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestUserKnowsWhereTheySignIn: the last five networks, each once, and another user's are not theirs.
func TestUserKnowsWhereTheySignIn(t *testing.T) {
	t.Parallel()
	network := func(i int) latchkey.Network { return latchkey.Network(fmt.Sprintf("192.0.2.%d", i)) }
	u := annUser()
	if u.Knows(network(1)) || u.Knows("") {
		t.Error("who never signed in anywhere knows a network")
	}
	for _, i := range []int{1, 2, 3, 4, 5, 2, 2, 6} {
		u = u.LogIn(false, network(i), noon)
	}
	for i, want := range map[int]bool{1: false, 2: true, 3: true, 4: true, 5: true, 6: true, 7: false} {
		if u.Knows(network(i)) != want {
			t.Errorf("network %d is known: %v, want %v", i, !want, want)
		}
	}
	bob := annUser()
	bob.ID = latchkey.UserID{UUID: latchkey.UUID{2}}
	if bob = bob.LogIn(false, network(6), noon); bob.Networks[0] == u.Networks[0] {
		t.Error("two users at one network are seen to be")
	}
}
