package jose_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

// FuzzClientKeys: of a key set that is stored no part is private, and what is said about one that is not stored quotes none of it.
func FuzzClientKeys(f *testing.F) {
	const good = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	for _, s := range []string{
		`{"keys":[` + good + `]}`, `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"a","use":"sig"}]}`,
		`{"keys":[` + strings.Replace(good, "{", `{"d":"AAAA",`, 1) + `]}`, `{"keys":[` + strings.Replace(good, "{", `{"D":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",`, 1) + `]}`,
		`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`, `{"keys":[` + good + `,` + good + `]}`, `{"Keys":[]}`, `[]`, "{", `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`,
		`{"keys":[` + good + `],"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, set string) {
		err := jose.ValidateClientKeys(set)
		if err != nil {
			if latchkey.CodeOf(err) != latchkey.Invalid || len(err.Error()) > 200 {
				t.Errorf("%q is refused with %v", set, err)
			}
			for _, word := range strings.FieldsFunc(set, func(r rune) bool { return strings.ContainsRune(`{}[]":, `, r) }) {
				if len(word) > 12 && strings.Contains(err.Error(), word) {
					t.Errorf("the error quotes the set: %v", err)
				}
			}
			return
		}
		if set == "" {
			return
		}
		var read struct {
			Keys []map[string]json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal([]byte(set), &read); err != nil || len(read.Keys) == 0 || len(read.Keys) > 10 {
			t.Fatalf("%q is stored and has %d keys, %v", set, len(read.Keys), err)
		}
		for _, key := range read.Keys {
			for member := range key {
				if slices.Contains([]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}, strings.ToLower(member)) {
					t.Errorf("a set with the private member %s is stored: %q", member, set)
				}
			}
		}
	})
}
