// Package altcha is the room of the CAPTCHA that asks nobody: a proof of work by ALTCHA's first protocol, which its widget on a
// page and this server's own solve. It owns altcha-lib-go and only computes.
//
// Whoever wants a code looks for a number: the one that, printed after a salt, hashes to what the puzzle says. The salt holds the
// project and the end of the puzzle, and the puzzle is signed, so that the server keeps nothing of it.
package altcha

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/altcha-org/altcha-lib-go"

	"github.com/latchkey-dev/latchkey"
)

// Life is for how long a puzzle may be solved: a phone that is short of power takes some seconds, and its person may look away.
const Life = 5 * time.Minute

// The difficulty is the largest number that a solution can be; half of it is tried on average.
const (
	MinDifficulty     = 1_000
	DefaultDifficulty = 100_000
	MaxDifficulty     = 10_000_000
)

// A Captcha makes and judges puzzles.
type Captcha struct {
	Keys       [][]byte // newest first; the first one signs
	Difficulty int64    // MinDifficulty–MaxDifficulty
}

// The parameters that a salt carries. The library writes the first one by itself.
const (
	expires = "expires" // Unix seconds
	project = "project"
)

// Provider implements latchkey.Captcha.
func (c *Captcha) Provider() (p latchkey.CaptchaProvider, siteKey string) { return latchkey.Altcha, "" }

// Puzzle implements latchkey.Captcha.
func (c *Captcha) Puzzle(p latchkey.ProjectID, now time.Time) (latchkey.Puzzle, error) {
	end := now.Add(Life)
	made, err := altcha.CreateChallenge(altcha.ChallengeOptions{
		Algorithm: altcha.SHA256, MaxNumber: c.Difficulty, HMACKey: hex.EncodeToString(c.Keys[0]), Expires: &end,
		Params: url.Values{project: {p.String()}},
	})
	if err != nil {
		return latchkey.Puzzle{}, err
	}
	return latchkey.Puzzle{
		Provider: latchkey.Altcha, Algorithm: made.Algorithm, Challenge: made.Challenge, Salt: made.Salt, Signature: made.Signature,
		Max: made.MaxNumber,
	}, nil
}

// Check implements latchkey.Captcha. Where a solution comes from does not matter to it.
func (c *Captcha) Check(_ context.Context, p latchkey.ProjectID, solution string, _ netip.Addr, now time.Time) (latchkey.Solution, error) {
	raw, err := base64.StdEncoding.DecodeString(solution)
	if err != nil {
		return latchkey.Solution{}, wrong("The solution is not base64.", err)
	}
	var s altcha.Payload
	if err := json.Unmarshal(raw, &s); err != nil {
		return latchkey.Solution{}, wrong("The solution is not the JSON of an ALTCHA payload.", err)
	}
	if s.Algorithm != string(altcha.SHA256) || !c.signed(s) {
		return latchkey.Solution{}, wrong("The solution is wrong.", nil)
	}
	// What is signed was made here, so it can be read.
	said := altcha.ExtractParams(s)
	unix, err := strconv.ParseInt(said.Get(expires), 10, 64)
	if err != nil || said.Get(project) != p.String() {
		return latchkey.Solution{}, wrong("The solution is of another project's puzzle.", err)
	}
	end := time.Unix(unix, 0).UTC()
	if !now.Before(end) {
		return latchkey.Solution{}, wrong("The solution came too late.", nil)
	}
	return latchkey.Solution{ID: latchkey.HashSecret(latchkey.Secret("altcha " + s.Challenge)), Dies: end}, nil
}

// signed reports whether s solves a puzzle that one of the keys signed. The end of a puzzle is judged by the caller's clock and
// not by the library's.
func (c *Captcha) signed(s altcha.Payload) bool {
	for _, key := range c.Keys {
		if ok, err := altcha.VerifySolutionSafe(s, hex.EncodeToString(key), false); err == nil && ok {
			return true
		}
	}
	return false
}

// wrong is a solution that is not good. What is wrong with it is for the caller's developer.
func wrong(message string, err error) error {
	return &latchkey.Error{Code: latchkey.ChallengeRequired, Message: message, RetryAfter: time.Second, Err: err}
}
