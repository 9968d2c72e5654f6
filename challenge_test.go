package latchkey_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-dev/latchkey"
)

func TestChallengeAnswer(t *testing.T) {
	t.Parallel()
	exhausted := waiting()
	exhausted.Tries = 5
	last := waiting()
	last.Tries = 4
	end := waiting().Expires
	for name, c := range map[string]struct {
		in        latchkey.Challenge
		given     latchkey.Secret
		right     latchkey.Secret
		linkFirst bool
		now       time.Time
		want      error
		state     latchkey.State
		tries     int
	}{
		"right":                              {in: in(latchkey.Waiting), given: right, state: latchkey.Spent},
		"right, approved":                    {in: in(latchkey.Approved), given: right, state: latchkey.Spent},
		"right, a nanosecond before the end": {in: waiting(), given: right, now: end.Add(-1), state: latchkey.Spent},
		"dead at the exact instant":          {in: waiting(), given: right, now: end, want: latchkey.WrongCode, state: latchkey.Waiting},
		"dead afterwards":                    {in: waiting(), given: right, now: end.Add(time.Hour), want: latchkey.WrongCode, state: latchkey.Waiting},
		"approved and dead":                  {in: in(latchkey.Approved), given: right, now: end, want: latchkey.WrongCode, state: latchkey.Approved},
		"denied":                             {in: in(latchkey.Denied), given: right, want: latchkey.WrongCode, state: latchkey.Denied},
		"spent":                              {in: in(latchkey.Spent), given: right, want: latchkey.WrongCode, state: latchkey.Spent},
		"spent, wrong":                       {in: in(latchkey.Spent), given: wrong, want: latchkey.WrongCode, state: latchkey.Spent},
		"no challenge":                       {given: right, want: latchkey.WrongCode},
		"wrong is counted":                   {in: waiting(), given: wrong, want: latchkey.WrongCode, state: latchkey.Waiting, tries: 1},
		"wrong after the end is not counted": {in: waiting(), given: wrong, now: end, want: latchkey.WrongCode, state: latchkey.Waiting},
		"the last try, wrong":                {in: last, given: wrong, want: latchkey.WrongCode, state: latchkey.Waiting, tries: 5},
		"the last try, right":                {in: last, given: right, state: latchkey.Spent, tries: 4},
		"no try left, right":                 {in: exhausted, given: right, want: latchkey.TriesExhausted, state: latchkey.Waiting, tries: 5},
		"no try left, wrong":                 {in: exhausted, given: wrong, want: latchkey.TriesExhausted, state: latchkey.Waiting, tries: 5},
		"empty":                              {in: waiting(), given: "", want: latchkey.WrongCode, state: latchkey.Waiting, tries: 1},
		"too short, equal to what was derived for that length": {
			in: waiting(), given: "12345", right: "12345", want: latchkey.WrongCode, state: latchkey.Waiting, tries: 1},
		"too long, equal to what was derived for that length": {
			in: waiting(), given: "1234567", right: "1234567", want: latchkey.WrongCode, state: latchkey.Waiting, tries: 1},
		"link first, not pressed": {
			in: waiting(), given: right, linkFirst: true, want: latchkey.WrongCode, state: latchkey.Waiting, tries: 1},
		"link first, pressed": {in: in(latchkey.Approved), given: right, linkFirst: true, state: latchkey.Spent},
		"link first, pressed, wrong": {
			in: in(latchkey.Approved), given: wrong, linkFirst: true, want: latchkey.WrongCode, state: latchkey.Approved, tries: 1},
	} {
		if c.now.IsZero() {
			c.now = noon.Add(time.Second)
		}
		if c.right == "" {
			c.right = right
		}
		got, err := c.in.Answer(c.right, c.given, c.linkFirst, c.now)
		if err != c.want { //nolint:errorlint // bare: a refusal says nothing more
			t.Errorf("%s: verdict %v, want %v", name, err, c.want)
		}
		if got.State != c.state || got.Tries != c.tries {
			t.Errorf("%s: left %q after %d tries, want %q after %d", name, got.State, got.Tries, c.state, c.tries)
		}
		got.State, got.Tries = c.in.State, c.in.Tries
		if got != c.in {
			t.Errorf("%s: an answer changed more than the state and the tries", name)
		}
	}
}

// A code that cannot be derived (its master secret is gone) is no code, not the empty one.
func TestChallengeAnswerWithoutARightCode(t *testing.T) {
	t.Parallel()
	for _, given := range []latchkey.Secret{"", "000000", right} {
		if c, err := waiting().Answer("", given, false, noon); !errors.Is(err, latchkey.WrongCode) || c.State == latchkey.Spent {
			t.Errorf("given %q: %v, %v", given.Reveal(), c.State, err)
		}
	}
}

func TestChallengeApproveAndDeny(t *testing.T) {
	t.Parallel()
	end := waiting().Expires
	for name, c := range map[string]struct {
		in           latchkey.Challenge
		now          time.Time
		approved     latchkey.State
		approveError error
		denied       latchkey.State
		denyError    error
	}{
		"waiting":  {waiting(), noon, latchkey.Approved, nil, latchkey.Denied, nil},
		"approved": {in(latchkey.Approved), noon, latchkey.Approved, nil, latchkey.Denied, nil},
		"denied":   {in(latchkey.Denied), noon, latchkey.Denied, latchkey.NotFound, latchkey.Denied, nil},
		"spent":    {in(latchkey.Spent), noon, latchkey.Spent, latchkey.NotFound, latchkey.Spent, latchkey.NotFound},
		"just alive": {
			waiting(), end.Add(-1), latchkey.Approved, nil, latchkey.Denied, nil},
		"dead at the exact instant": {
			waiting(), end, latchkey.Waiting, latchkey.NotFound, latchkey.Waiting, latchkey.NotFound},
		"denied and dead": {
			in(latchkey.Denied), end, latchkey.Denied, latchkey.NotFound, latchkey.Denied, latchkey.NotFound},
		"no challenge": {latchkey.Challenge{}, noon, "", latchkey.NotFound, "", latchkey.NotFound},
	} {
		got, err := c.in.Approve(c.now)
		if got.State != c.approved || !errors.Is(err, c.approveError) {
			t.Errorf("%s: Approve = %q, %v; want %q, %v", name, got.State, err, c.approved, c.approveError)
		}
		got, err = c.in.Deny(c.now)
		if got.State != c.denied || !errors.Is(err, c.denyError) {
			t.Errorf("%s: Deny = %q, %v; want %q, %v", name, got.State, err, c.denied, c.denyError)
		}
	}
}

func TestChallengeResend(t *testing.T) {
	t.Parallel()
	change := func(f func(*latchkey.Challenge)) latchkey.Challenge {
		c := waiting()
		f(&c)
		return c
	}
	later := noon.Add(60 * time.Second)
	fresh := waiting()
	fresh.ID, fresh.Started, fresh.Expires = challengeID(2), later, later.Add(180*time.Second)
	for name, c := range map[string]struct {
		old   latchkey.Challenge
		fresh latchkey.Challenge
		now   time.Time
		ok    bool
	}{
		"waiting":                   {old: waiting(), ok: true},
		"approved":                  {old: in(latchkey.Approved), ok: true},
		"with tries left":           {old: change(func(c *latchkey.Challenge) { c.Tries = 4 }), ok: true},
		"the fifth time":            {old: change(func(c *latchkey.Challenge) { c.Resends = 4 }), ok: true},
		"just alive":                {old: waiting(), now: waiting().Expires.Add(-1), ok: true},
		"dead at the exact instant": {old: waiting(), now: waiting().Expires},
		"denied":                    {old: in(latchkey.Denied)},
		"spent":                     {old: in(latchkey.Spent)},
		"none":                      {old: latchkey.Challenge{}},
		"a sixth time":              {old: change(func(c *latchkey.Challenge) { c.Resends = 5 })},
		"no tries left":             {old: change(func(c *latchkey.Challenge) { c.Tries = 5 })},
		"of another project":        {old: change(func(c *latchkey.Challenge) { c.Project = foreign })},
		"of another address":        {old: change(func(c *latchkey.Challenge) { c.To = bob })},
		"of another channel":        {old: change(func(c *latchkey.Challenge) { c.To = latchkey.CanonicalAddress(latchkey.Phone, ann.Value()) })},
		"of the other protocol":     {old: change(func(c *latchkey.Challenge) { c.Protocol = latchkey.JWT })},
		"of another client":         {old: change(func(c *latchkey.Challenge) { c.Ask.Client = 8 })},
	} {
		if c.now.IsZero() {
			c.now = later
		}
		got, ok := c.old.Resend(fresh, c.now)
		if ok != c.ok {
			t.Errorf("%s: resent %v, want %v", name, ok, c.ok)
		}
		if !ok && got != c.old {
			t.Errorf("%s: changed although it is not resent", name)
		}
		if ok && (got.ID != c.old.ID || got.Resends != c.old.Resends+1 || !got.Expires.Equal(fresh.Expires) || got.Tries != c.old.Tries ||
			got.State != c.old.State || got.Ask != c.old.Ask) {
			t.Errorf("%s: resent as %+v", name, got)
		}
	}
}

// However often its message is sent again, a code is dead ten minutes after it was made.
func TestNIST_3_1_3_ResendsDoNotOutliveTenMinutes(t *testing.T) {
	t.Parallel()
	c := waiting()
	now := noon
	for {
		fresh := waiting()
		fresh.Expires = now.Add(latchkey.MaxCodeLife)
		next, ok := c.Resend(fresh, now)
		if !ok {
			break
		}
		c, now = next, now.Add(179*time.Second)
	}
	if want := noon.Add(600 * time.Second); c.Expires.After(want) {
		t.Errorf("a challenge of noon lives until %v", c.Expires)
	}
	if c.Live(noon.Add(600 * time.Second)) {
		t.Error("alive after ten minutes")
	}
}

// Whatever people do to a challenge, in whatever order: it is spent at most once and only by the right code, tries
// never exceed the limit nor fall, and what is denied or spent stays so.
func TestASVS_6_5_1_SingleUse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := waiting()
		now, logins := noon, 0
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds")) * time.Second)
			before := c
			switch rapid.SampledFrom([]string{"right", "wrong", "approve", "deny", "resend"}).Draw(t, "act") {
			case "right", "wrong":
				given := rapid.SampledFrom([]latchkey.Secret{right, wrong, "12345", ""}).Draw(t, "given")
				linkFirst := rapid.Bool().Draw(t, "link first")
				var err error
				c, err = c.Answer(right, given, linkFirst, now)
				if err == nil {
					logins++
					if given != right || !before.Live(now) || before.Tries >= before.MaxTries || linkFirst && before.State != latchkey.Approved {
						t.Fatalf("login by %q on %+v at %v", given.Reveal(), before, now)
					}
				}
			case "approve":
				c, _ = c.Approve(now)
			case "deny":
				c, _ = c.Deny(now)
			case "resend":
				fresh := waiting()
				fresh.Expires = now.Add(180 * time.Second)
				c, _ = c.Resend(fresh, now)
			}
			switch {
			case logins > 1:
				t.Fatal("spent twice")
			case c.Tries > c.MaxTries || c.Tries < before.Tries:
				t.Fatalf("tries went from %d to %d of %d", before.Tries, c.Tries, c.MaxTries)
			case before.State == latchkey.Spent && c != before, before.State == latchkey.Denied && c != before:
				t.Fatalf("%q came back as %+v", before.State, c)
			case c.Expires.After(noon.Add(latchkey.MaxCodeLife)):
				t.Fatalf("lives until %v", c.Expires)
			}
		}
	})
}
