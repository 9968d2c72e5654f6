package login

import (
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestRFC7636_4_2_Challenges: a challenge is what a SHA-256 looks like, or the start is refused, and not the exchange a minute later.
func TestRFC7636_4_2_Challenges(t *testing.T) {
	t.Parallel()
	right := strings.Repeat("aZ0-_", 8) + "aZ0"
	for name, c := range map[string]struct {
		challenge, mode string
		required        bool
		field           string // empty: it is taken
	}{
		"none":                      {},
		"none, and one is required": {required: true, field: "code_challenge"},
		"a method alone":            {mode: "S256", field: "code_challenge"},
		"right":                     {right, "S256", true, ""},
		"plain":                     {right, "plain", true, "code_challenge_method"},
		"plain by not saying":       {right, "", false, "code_challenge_method"},
		"short":                     {right[1:], "S256", true, "code_challenge"},
		"long":                      {right + "a", "S256", true, "code_challenge"},
		"base64, not base64url":     {"+" + right[1:], "S256", true, "code_challenge"},
		"a space":                   {" " + right[1:], "S256", true, "code_challenge"},
		"a zero byte":               {"\x00" + right[1:], "S256", true, "code_challenge"},
	} {
		err := checkPKCE(StartRequest{CodeChallenge: c.challenge, ChallengeMode: c.mode}, c.required)
		var e *latchkey.Error
		if errors.As(err, &e) != (c.field != "") || e != nil && e.Field != c.field {
			t.Errorf("%s: %v, want a refusal of %q", name, err, c.field)
		}
	}
}
