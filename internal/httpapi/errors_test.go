package httpapi

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestEveryCodeHasAnAnswer holds both tables total: a new Code that nobody gave an answer turns this red.
func TestEveryCodeHasAnAnswer(t *testing.T) {
	t.Parallel()
	if len(latchkey.Codes()) == 0 {
		t.Fatal("there are no codes: this test looks at nothing")
	}
	for _, c := range latchkey.Codes() {
		a, ok := answerTo(c)
		if !ok {
			t.Errorf("%q has no answer", c)
		}
		if a.status < 400 || a.status > 599 || a.description == "" || strings.Trim(a.code, "0123456789-") != "" || a.code == "" {
			t.Errorf("%q: the answer %+v is not one", c, a)
		}
		word, ok := oauthWord(c)
		if !ok || word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%q: %q is no word of RFC 6749", c, word)
		}
	}
	if _, ok := answerTo("made up"); ok {
		t.Error("a code that does not exist has an answer")
	}
	if _, ok := oauthWord("made up"); ok {
		t.Error("a code that does not exist has an RFC 6749 word")
	}
}

// TestReservedCodes: SDKs act on these four, so nothing else may use them (contract.md §6).
func TestReservedCodes(t *testing.T) {
	t.Parallel()
	reserved := map[string][]latchkey.Code{
		"0":       {latchkey.Malformed, latchkey.UnsupportedGrant, latchkey.InvalidScope, latchkey.UnsupportedToken, latchkey.InvalidTarget},
		"003-061": {latchkey.NotFound, latchkey.DeadlineExceeded},
		"010-017": {latchkey.BadBearer},
		"010-023": {latchkey.BadGrant},
	}
	for _, c := range latchkey.Codes() {
		a, _ := answerTo(c)
		owners, isReserved := reserved[a.code]
		if !isReserved {
			continue
		}
		mine := false
		for _, o := range owners {
			mine = mine || o == c
		}
		if !mine {
			t.Errorf("%q answers with %s, which means something else to SDKs", c, a.code)
		}
	}
}

// TestContractTable is contract.md §6, line by line.
func TestContractTable(t *testing.T) {
	t.Parallel()
	for c, want := range map[latchkey.Code]answer{
		latchkey.Malformed:         {400, "0", ""},
		latchkey.UnknownClient:     {400, "010-019", ""},
		latchkey.ShortState:        {400, "010-022", ""},
		latchkey.BadGrant:          {400, "010-023", ""},
		latchkey.BadUserToken:      {401, "002-016", ""},
		latchkey.Banned:            {401, "002-040", ""},
		latchkey.WrongCode:         {401, "003-039", ""},
		latchkey.BadBearer:         {401, "010-017", ""},
		latchkey.UserNotFound:      {404, "003-002", ""},
		latchkey.ProjectNotFound:   {404, "003-019", ""},
		latchkey.NotFound:          {404, "003-061", ""},
		latchkey.DeadlineExceeded:  {408, "003-061", ""},
		latchkey.Invalid:           {422, "002-027", ""},
		latchkey.Missing:           {422, "002-028", ""},
		latchkey.InvalidPhone:      {422, "002-056", ""},
		latchkey.PhoneCannotSMS:    {422, "002-043", ""},
		latchkey.CallOff:           {422, "003-020", ""},
		latchkey.CallbackRequired:  {422, "010-011", ""},
		latchkey.CallbackUnknown:   {422, "010-012", ""},
		latchkey.RateLimited:       {429, "002-057", ""},
		latchkey.TriesExhausted:    {429, "003-049", ""},
		latchkey.ChallengeRequired: {429, "003-038", ""},
		latchkey.Internal:          {500, "500", ""},
		latchkey.Unavailable:       {503, "503", ""},
	} {
		if a, _ := answerTo(c); a.status != want.status || a.code != want.code {
			t.Errorf("%q answers %d %s, the contract says %d %s", c, a.status, a.code, want.status, want.code)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "1", -time.Second: "1", 1: "1", time.Second: "1", time.Second + 1: "2", 30 * time.Second: "30", time.Hour: "3600",
	} {
		if got := retryAfter(d); got != want {
			t.Errorf("%v: Retry-After %s, want %s", d, got, want)
		}
	}
}
