package latchkey_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-dev/latchkey"
)

func key(id string, a latchkey.Algorithm, s latchkey.KeyState, created time.Time) latchkey.Key {
	return latchkey.Key{ID: latchkey.KeyID(id), Project: project, Algorithm: a, State: s, Created: created}
}

func ids(ks latchkey.Keys) string {
	var out []string
	for _, k := range ks {
		out = append(out, string(k.ID)+":"+string(k.State))
	}
	return strings.Join(out, " ")
}

// A new key signs only once it was published for longer than the Go SDK caches the list; the old one stays until its
// last token expired (RFC 7517; contract.md §5).
func TestKeysAdvance(t *testing.T) {
	t.Parallel()
	ks := latchkey.Keys{
		key("old", latchkey.RS256, latchkey.ActiveKey, noon.Add(-time.Hour)),
		key("other", latchkey.ES256, latchkey.ActiveKey, noon.Add(-time.Hour)),
		key("new", latchkey.RS256, latchkey.NextKey, noon),
	}
	given := ks
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, "old:active other:active new:next"},
		{latchkey.PublishAhead - 1, "old:active other:active new:next"},
		{latchkey.PublishAhead, "old:retiring other:active new:active"},
		{latchkey.PublishAhead + 24*time.Hour, "old:retiring other:active new:active"},
		{2*latchkey.PublishAhead + 24*time.Hour - 1, "old:retiring other:active new:active"},
		{2*latchkey.PublishAhead + 24*time.Hour, "other:active new:active"},
	} {
		ks = ks.Advance(24*time.Hour, noon.Add(step.after))
		if got := ids(ks); got != step.want {
			t.Errorf("%v after the new key was made: %s, want %s", step.after, got, step.want)
		}
	}
	if !ks[1].Activated.Equal(noon.Add(latchkey.PublishAhead)) {
		t.Errorf("activated at %v", ks[1].Activated)
	}
	if got := ids(given); got != "old:active other:active new:next" {
		t.Errorf("Advance wrote into the keys it was given: %s", got)
	}
}

// Whenever keys are added and time passes: there is one signing key per algorithm, always; nobody's key signs before
// it was published long enough; none goes while a token of it may live.
func TestKeysAdvanceKeepsOneSigner(t *testing.T) {
	t.Parallel()
	const longest = 24 * time.Hour
	rapid.Check(t, func(t *rapid.T) {
		now := noon
		ks := latchkey.Keys{key("first", latchkey.RS256, latchkey.ActiveKey, now)}
		lastSigned := map[latchkey.KeyID]time.Time{}
		for i := range rapid.IntRange(1, 30).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "a new key") {
				ks = append(ks, key(fmt.Sprint(i), latchkey.RS256, latchkey.NextKey, now))
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 900).Draw(t, "minutes")) * time.Minute)
			for _, k := range ks {
				if k.State == latchkey.ActiveKey {
					lastSigned[k.ID] = now // it may have signed until this very moment
				}
			}
			before := ks
			ks = ks.Advance(longest, now)
			active := 0
			for _, k := range ks {
				if k.State == latchkey.ActiveKey {
					active++
				}
				if k.State == latchkey.ActiveKey && k.ID != "first" && k.Activated.Sub(k.Created) < latchkey.PublishAhead {
					t.Fatalf("%s signs %v after it was published", k.ID, k.Activated.Sub(k.Created))
				}
			}
			if active != 1 {
				t.Fatalf("%d signing keys: %s", active, ids(ks))
			}
			for _, k := range before {
				gone := !slices.ContainsFunc(ks, func(o latchkey.Key) bool { return o.ID == k.ID })
				if gone && now.Before(lastSigned[k.ID].Add(longest)) {
					t.Fatalf("%s is gone %v after it signed", k.ID, now.Sub(lastSigned[k.ID]))
				}
			}
			if again := ks.Advance(longest, now); ids(again) != ids(ks) {
				t.Fatalf("a second pass moved on from %s to %s", ids(ks), ids(again))
			}
		}
	})
}

// The Go SDK verifies with the first key only.
func TestKeysPublishedSignerFirst(t *testing.T) {
	t.Parallel()
	ks := latchkey.Keys{
		key("retiring", latchkey.RS256, latchkey.RetiringKey, noon),
		key("es", latchkey.ES256, latchkey.ActiveKey, noon),
		key("next", latchkey.RS256, latchkey.NextKey, noon),
		key("rs", latchkey.RS256, latchkey.ActiveKey, noon),
	}
	for a, want := range map[latchkey.Algorithm]string{
		latchkey.RS256: "rs:active es:active next:next retiring:retiring",
		latchkey.ES256: "es:active rs:active next:next retiring:retiring",
	} {
		if got := ids(ks.Published(a)); got != want {
			t.Errorf("for %s: %s, want %s", a, got, want)
		}
		if k, err := ks.Signing(a); err != nil || k.ID != ks.Published(a)[0].ID {
			t.Errorf("for %s: %s signs, %v, but %s comes first", a, k.ID, err, ks.Published(a)[0].ID)
		}
	}
	if got := ids(ks); !strings.HasPrefix(got, "retiring") {
		t.Errorf("Published sorted the keys it was given: %s", got)
	}
	for _, none := range []latchkey.Keys{nil, ks[:1], ks[1:3]} {
		if k, err := none.Signing(latchkey.RS256); latchkey.CodeOf(err) != latchkey.Internal {
			t.Errorf("without an active key %q signs, %v", k.ID, err)
		}
	}
}
