package altcha_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	lib "github.com/altcha-org/altcha-lib-go"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/altcha"
)

var (
	noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	game = latchkey.ProjectID{UUID: latchkey.UUID{1}}
	shop = latchkey.ProjectID{UUID: latchkey.UUID{2}}
)

func room(keys ...string) *altcha.Captcha {
	c := &altcha.Captcha{Difficulty: altcha.MinDifficulty}
	for _, k := range keys {
		c.Keys = append(c.Keys, []byte(k))
	}
	return c
}

// solve looks for the number as the library's own solver does.
func solve(t *testing.T, p latchkey.Puzzle) lib.Payload {
	t.Helper()
	found, err := lib.SolveChallenge(p.Challenge, p.Salt, lib.Algorithm(p.Algorithm), int(p.Max), 0, nil)
	if err != nil || found == nil {
		t.Fatalf("the puzzle %+v has no solution: %v", p, err)
	}
	return lib.Payload{Algorithm: p.Algorithm, Challenge: p.Challenge, Number: int64(found.Number), Salt: p.Salt, Signature: p.Signature}
}

func printed(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func puzzle(t *testing.T, c *altcha.Captcha) latchkey.Puzzle {
	t.Helper()
	p, err := c.Puzzle(game, noon)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestASVS_2_4_1_SolutionsAreJudged: a solution is good for its project, until its end, and as it was made; whatever is
// changed about it makes it worthless.
func TestASVS_2_4_1_SolutionsAreJudged(t *testing.T) {
	t.Parallel()
	c := room("a key")
	p := puzzle(t, c)
	right := solve(t, p)
	last := noon.Add(altcha.Life - time.Nanosecond)
	for name, tt := range map[string]struct {
		at      time.Time
		project latchkey.ProjectID
		change  func(*lib.Payload)
		good    bool
	}{
		"right":                    {noon, game, func(*lib.Payload) {}, true},
		"at the last moment":       {last, game, func(*lib.Payload) {}, true},
		"at its end":               {noon.Add(altcha.Life), game, func(*lib.Payload) {}, false},
		"of another project":       {noon, shop, func(*lib.Payload) {}, false},
		"another number":           {noon, game, func(s *lib.Payload) { s.Number++ }, false},
		"another challenge":        {noon, game, func(s *lib.Payload) { s.Challenge = strings.Repeat("0", 64) }, false},
		"another signature":        {noon, game, func(s *lib.Payload) { s.Signature = strings.Repeat("0", 64) }, false},
		"another algorithm":        {noon, game, func(s *lib.Payload) { s.Algorithm = "SHA-1" }, false},
		"another project in it":    {noon, shop, func(s *lib.Payload) { s.Salt = strings.ReplaceAll(s.Salt, game.String(), shop.String()) }, false},
		"a later end":              {noon.Add(time.Hour), game, func(s *lib.Payload) { s.Salt = strings.Replace(s.Salt, "expires=", "expires=9", 1) }, false},
		"a parameter more":         {noon, game, func(s *lib.Payload) { s.Salt += "expires=99999999999&" }, false},
		"digits moved to the salt": {noon.Add(time.Hour), game, func(s *lib.Payload) { s.Salt += "1"; s.Number /= 10 }, false},
		"signed, but of an algorithm that is not ours": {noon, game, func(s *lib.Payload) {
			n, end := int64(0), noon.Add(altcha.Life)
			own, _ := lib.CreateChallenge(lib.ChallengeOptions{
				Algorithm: lib.SHA1, HMACKey: hex.EncodeToString([]byte("a key")), Number: &n, Expires: &end, Params: url.Values{"project": {game.String()}},
			})
			*s = lib.Payload{Algorithm: own.Algorithm, Challenge: own.Challenge, Number: 0, Salt: own.Salt, Signature: own.Signature}
		}, false},
		"an easy one of his own": {noon, game, func(s *lib.Payload) {
			n, end := int64(0), noon.Add(time.Hour)
			own, _ := lib.CreateChallenge(lib.ChallengeOptions{HMACKey: "his own", Number: &n, Expires: &end})
			*s = lib.Payload{Algorithm: own.Algorithm, Challenge: own.Challenge, Number: 0, Salt: own.Salt, Signature: own.Signature}
		}, false},
	} {
		s := right
		tt.change(&s)
		got, err := c.Check(t.Context(), tt.project, printed(t, s), netip.Addr{}, tt.at)
		switch {
		case tt.good && (err != nil || got.ID.IsZero() || !got.Dies.Equal(noon.Add(altcha.Life))):
			t.Errorf("%s: %+v, %v", name, got, err)
		case !tt.good && !refused(err):
			t.Errorf("%s: gives %+v, %v; want %q, and when to come again", name, got, err, latchkey.ChallengeRequired)
		}
	}
	for _, text := range []string{"", "x", "e30=", "W10=", "bnVsbA==", printed(t, "text"), printed(t, map[string]any{"number": "1"})} {
		if _, err := c.Check(t.Context(), game, text, netip.Addr{}, noon); latchkey.CodeOf(err) != latchkey.ChallengeRequired {
			t.Errorf("%q gives %v", text, err)
		}
	}
}

// refused reports whether err asks for another solution, and says when.
func refused(err error) bool {
	var e *latchkey.Error
	return errors.As(err, &e) && e.Code == latchkey.ChallengeRequired && e.RetryAfter > 0
}

// TestOnePuzzleIsOneSolution: however its solution is written, it is remembered as the same; two puzzles are two.
func TestOnePuzzleIsOneSolution(t *testing.T) {
	t.Parallel()
	c := room("a key")
	p := puzzle(t, c)
	s := solve(t, p)
	first, err := c.Check(t.Context(), game, printed(t, s), netip.Addr{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	wordy := map[string]any{"took": 5, "algorithm": s.Algorithm, "challenge": s.Challenge, "number": s.Number, "salt": s.Salt, "signature": s.Signature}
	second, err := c.Check(t.Context(), game, printed(t, wordy), netip.Addr{}, noon)
	if err != nil || second.ID != first.ID {
		t.Errorf("the same solution, written otherwise, is another one: %v", err)
	}
	other, err := c.Check(t.Context(), game, printed(t, solve(t, puzzle(t, c))), netip.Addr{}, noon)
	if err != nil || other.ID == first.ID {
		t.Errorf("two puzzles have one solution: %v", err)
	}
}

// TestKeysAreReplaced: what an older master secret signed is good until it ends.
func TestKeysAreReplaced(t *testing.T) {
	t.Parallel()
	solution := printed(t, solve(t, puzzle(t, room("old"))))
	if _, err := room("new", "old").Check(t.Context(), game, solution, netip.Addr{}, noon); err != nil {
		t.Errorf("the key was replaced, and a solution of a minute ago is refused: %v", err)
	}
	if _, err := room("new").Check(t.Context(), game, solution, netip.Addr{}, noon); latchkey.CodeOf(err) != latchkey.ChallengeRequired {
		t.Errorf("the key is gone, and its solution gives %v", err)
	}
}

// TestPuzzlesAreSignedByTheNewestKey: an older one can be taken out.
func TestPuzzlesAreSignedByTheNewestKey(t *testing.T) {
	t.Parallel()
	solution := printed(t, solve(t, puzzle(t, room("new", "old"))))
	if _, err := room("new").Check(t.Context(), game, solution, netip.Addr{}, noon); err != nil {
		t.Errorf("a puzzle of today is not the newest key's: %v", err)
	}
}

// TestDifficulty: a puzzle costs what the operator said: its number is anywhere up to there.
func TestDifficulty(t *testing.T) {
	t.Parallel()
	c := room("a key")
	most := int64(0)
	for range 30 {
		p := puzzle(t, c)
		if p.Max != c.Difficulty {
			t.Fatalf("a puzzle says %d, want %d", p.Max, c.Difficulty)
		}
		most = max(most, solve(t, p).Number)
	}
	if most < c.Difficulty/2 { // of 30, once in a thousand million times
		t.Errorf("the highest of thirty numbers is %d of %d", most, c.Difficulty)
	}
}

// FuzzCheck: whatever comes over the wire is judged and nothing breaks.
func FuzzCheck(f *testing.F) {
	f.Add("e30=")
	f.Add("eyJhbGdvcml0aG0iOiJTSEEtMjU2IiwiY2hhbGxlbmdlIjoiYSIsIm51bWJlciI6MSwic2FsdCI6ImI/ZXhwaXJlcz0xJiIsInNpZ25hdHVyZSI6ImMifQ==")
	f.Add(base64.StdEncoding.EncodeToString([]byte(`{"algorithm":"SHA-256","salt":"?a=%zz&","number":-1}`)))
	c := room("a key")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := c.Check(t.Context(), game, text, netip.Addr{}, noon); latchkey.CodeOf(err) != latchkey.ChallengeRequired {
			t.Errorf("%q gives %v", text, err)
		}
	})
}
