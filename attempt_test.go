package latchkey_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-dev/latchkey"
)

func attempt(given latchkey.Secret) latchkey.Attempt {
	return latchkey.Attempt{
		ID: challengeID(1), Project: project, Protocol: latchkey.OAuth2, Client: 7, To: ann, Given: given, Right: right,
		From: home, NewUser: latchkey.UserID{UUID: latchkey.UUID{9}}, NewCode: codeID(5),
	}
}

func TestAttemptVerdicts(t *testing.T) {
	t.Parallel()
	exhausted := waiting()
	exhausted.Tries = 5
	nearly := latchkey.Guesses{Total: 9, FromNetwork: 9}
	waits := latchkey.Guesses{Total: 10, FromNetwork: 10, NextTry: noon.Add(20 * time.Second)}
	over := latchkey.Guesses{Total: 10, FromNetwork: 10, NextTry: noon}
	linkFirst := latchkey.Guesses{Total: 100, FromNetwork: 1}
	usedUp := latchkey.Guesses{Whole: noon.Add(30 * 24 * time.Hour)}
	for name, c := range map[string]struct {
		given     latchkey.Secret
		challenge latchkey.Challenge
		guesses   latchkey.Guesses
		user      latchkey.User
		now       time.Time
		want      error
		counted   bool // on the challenge and on the address
		forgotten bool // the guesses
		spent     bool
	}{
		"right, a new user":        {given: right, challenge: waiting(), forgotten: true, spent: true},
		"right, a known user":      {given: right, challenge: waiting(), user: annUser(), forgotten: true, spent: true},
		"right clears the guesses": {given: right, challenge: waiting(), guesses: nearly, forgotten: true, spent: true},
		"right after the wait":     {given: right, challenge: waiting(), guesses: over, forgotten: true, spent: true},
		"right while waiting":      {given: right, challenge: waiting(), guesses: waits, want: latchkey.RateLimited},
		"wrong while waiting":      {given: wrong, challenge: waiting(), guesses: waits, want: latchkey.RateLimited},
		"wrong":                    {given: wrong, challenge: waiting(), want: latchkey.WrongCode, counted: true},
		"the tenth wrong one":      {given: wrong, challenge: waiting(), guesses: nearly, want: latchkey.WrongCode, counted: true},
		"expired":                  {given: right, challenge: waiting(), now: waiting().Expires, want: latchkey.WrongCode},
		"expired and wrong":        {given: wrong, challenge: waiting(), now: waiting().Expires, want: latchkey.WrongCode},
		"spent":                    {given: right, challenge: in(latchkey.Spent), want: latchkey.WrongCode},
		"denied":                   {given: right, challenge: in(latchkey.Denied), want: latchkey.WrongCode},
		"unknown operation":        {given: right, want: latchkey.WrongCode},
		"no try left":              {given: right, challenge: exhausted, want: latchkey.TriesExhausted},
		"link first, not pressed":  {given: right, challenge: waiting(), guesses: linkFirst, want: latchkey.WrongCode, counted: true},
		"link first, pressed":      {given: right, challenge: in(latchkey.Approved), guesses: linkFirst, forgotten: true, spent: true},
		"long count, not pressed":  {given: right, challenge: waiting(), guesses: usedUp, want: latchkey.WrongCode, counted: true},
		"long count, pressed":      {given: right, challenge: in(latchkey.Approved), guesses: usedUp, forgotten: true, spent: true},
		"banned":                   {given: right, challenge: waiting(), user: banned(annUser()), want: latchkey.Banned, forgotten: true, spent: true},
		"banned, wrong code":       {given: wrong, challenge: waiting(), user: banned(annUser()), want: latchkey.WrongCode, counted: true},
	} {
		if c.now.IsZero() {
			c.now = noon
		}
		out := attempt(c.given).Judge(c.challenge, c.guesses, c.user, c.now)
		if !errors.Is(out.Verdict, c.want) || (c.want == nil) != (out.Verdict == nil) {
			t.Errorf("%s: verdict %v, want %v", name, out.Verdict, c.want)
		}
		if got := out.Challenge.Tries - c.challenge.Tries; got != map[bool]int{true: 1}[c.counted] {
			t.Errorf("%s: %d tries counted on the challenge", name, got)
		}
		want := c.guesses
		switch {
		case c.counted:
			want = c.guesses.Wrong(c.now)
		case c.forgotten:
			want = latchkey.Guesses{Whole: c.guesses.Whole}
		}
		if out.Guesses != want {
			t.Errorf("%s: guesses %+v, want %+v", name, out.Guesses, want)
		}
		if (out.Challenge.State == latchkey.Spent) != (c.spent || c.challenge.State == latchkey.Spent) {
			t.Errorf("%s: the challenge is left %q", name, out.Challenge.State)
		}
		if login := out.Verdict == nil; login != (out.Event.Kind == latchkey.LoginCompleted) || login == out.Code.ID.IsZero() {
			t.Errorf("%s: event %q, code %v", name, out.Event.Kind, out.Code.ID)
		}
		if out.Verdict != nil && out.Event.Detail != string(latchkey.CodeOf(c.want)) {
			t.Errorf("%s: the event says %q", name, out.Event.Detail)
		}
	}
}

// TestClosedSignUp: the right code of a stranger is a wrong one in every respect.
func TestClosedSignUp(t *testing.T) {
	t.Parallel()
	a := attempt(right)
	a.SignUp.Closed = true
	out, other := a.Judge(waiting(), latchkey.Guesses{}, latchkey.User{}, noon), attempt(wrong).Judge(waiting(), latchkey.Guesses{}, latchkey.User{}, noon)
	if out != other || !errors.Is(out.Verdict, latchkey.WrongCode) {
		t.Errorf("a stranger's right code leads to\n%+v, a wrong one to\n%+v", out, other)
	}
	if out := a.Judge(waiting(), latchkey.Guesses{}, annUser(), noon); out.Verdict != nil {
		t.Errorf("a user is kept out of their closed project: %v", out.Verdict)
	}
	if out := a.Judge(waiting(), latchkey.Guesses{}, banned(annUser()), noon); !errors.Is(out.Verdict, latchkey.Banned) {
		t.Errorf("a banned user learns %v", out.Verdict)
	}
}

// TestTestIdentityLogsIn: sign-up may be closed and the count full, since no link can come; the waits between guesses hold,
// and every use is on record.
func TestTestIdentityLogsIn(t *testing.T) {
	t.Parallel()
	test := func(given latchkey.Secret) latchkey.Attempt {
		a := attempt(given)
		a.Test, a.SignUp.Closed = true, true
		return a
	}
	out := test(right).Judge(waiting(), latchkey.Guesses{Total: 1000}, latchkey.User{}, noon)
	if out.Verdict != nil || out.Event.Detail != "test identity" {
		t.Errorf("a test identity gets %v, event %q", out.Verdict, out.Event.Detail)
	}
	out = test(wrong).Judge(waiting(), latchkey.Guesses{}, annUser(), noon)
	if !errors.Is(out.Verdict, latchkey.WrongCode) || out.Event.Detail != string(latchkey.WrongCode)+", test identity" || out.Guesses.Total != 1 {
		t.Errorf("a wrong code of a test identity: %v, event %q, %+v", out.Verdict, out.Event.Detail, out.Guesses)
	}
	waits := latchkey.Guesses{Total: 10, FromNetwork: 10, NextTry: noon.Add(time.Second)}
	if out = test(right).Judge(waiting(), waits, annUser(), noon); !errors.Is(out.Verdict, latchkey.RateLimited) {
		t.Errorf("a test identity does not wait: %v", out.Verdict)
	}
}

// What is not this caller's challenge is refused like an unknown one, and is no guess: neither the challenge nor the
// address counts it, so that nobody can use up the tries of a stranger's login.
func TestASVS_6_6_2_CodeIsBoundToItsRequest(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*latchkey.Attempt){
		"another project":  func(a *latchkey.Attempt) { a.Project = foreign },
		"another client":   func(a *latchkey.Attempt) { a.Client = 8 },
		"no client":        func(a *latchkey.Attempt) { a.Client = 0 },
		"another protocol": func(a *latchkey.Attempt) { a.Protocol = latchkey.JWT },
		"another address":  func(a *latchkey.Attempt) { a.To = bob },
		"another channel":  func(a *latchkey.Attempt) { a.To = latchkey.CanonicalAddress(latchkey.Phone, ann.Value()) },
	} {
		for _, given := range []latchkey.Secret{right, wrong} {
			a := attempt(given)
			change(&a)
			out := a.Judge(waiting(), latchkey.Guesses{Total: 3, FromNetwork: 3}, annUser(), noon)
			if out.Verdict != latchkey.WrongCode { //nolint:errorlint // bare, as for a wrong code
				t.Errorf("%s: %v, want WrongCode", name, out.Verdict)
			}
			if out.Challenge != waiting() || out.Guesses.Total != 3 || out.User != annUser() || !out.Code.ID.IsZero() {
				t.Errorf("%s: something changed: %+v", name, out)
			}
		}
	}
}

func TestRateLimitedSaysHowLong(t *testing.T) {
	t.Parallel()
	g := latchkey.Guesses{FromNetwork: 10, NextTry: noon.Add(20 * time.Second)}
	out := attempt(right).Judge(waiting(), g, annUser(), noon)
	var e *latchkey.Error
	if !errors.As(out.Verdict, &e) || e.RetryAfter != 20*time.Second {
		t.Errorf("verdict %#v, want RateLimited for 20 s", out.Verdict)
	}
}

func TestLoginMakesOrFindsTheUser(t *testing.T) {
	t.Parallel()
	fresh := attempt(right).Judge(waiting(), latchkey.Guesses{}, latchkey.User{}, noon).User
	want := latchkey.User{ID: latchkey.UserID{UUID: latchkey.UUID{9}}, Project: project, Email: ann, Registered: noon}.LogIn(false, home.Network(), noon)
	if fresh != want {
		t.Errorf("first login makes %+v, want %+v", fresh, want)
	}
	known := attempt(right).Judge(waiting(), latchkey.Guesses{}, annUser(), noon).User
	want = annUser().LogIn(false, home.Network(), noon)
	if known != want {
		t.Errorf("a later login gives %+v, want %+v", known, want)
	}
	byPhone, c := attempt(right), waiting()
	byPhone.To, c.To = phone, phone
	if u := byPhone.Judge(c, latchkey.Guesses{}, latchkey.User{}, noon).User; u.Phone != phone || !u.Email.IsZero() {
		t.Errorf("first login by phone makes %+v", u)
	}
}

// with_logout ends the earlier sessions and no others: the new ones are of the new epoch.
func TestLoginWithLogout(t *testing.T) {
	t.Parallel()
	c := waiting()
	c.Ask.WithLogout = true
	out := attempt(right).Judge(c, latchkey.Guesses{}, annUser(), noon)
	if out.User.Epoch != annUser().Epoch+1 || out.Code.Epoch != out.User.Epoch {
		t.Errorf("user of epoch %d, code of epoch %d; want the next one for both", out.User.Epoch, out.Code.Epoch)
	}
	if out := attempt(wrong).Judge(c, latchkey.Guesses{}, annUser(), noon); out.User != annUser() {
		t.Errorf("a refused login logged the user out: %+v", out.User)
	}
	if out := attempt(right).Judge(c, latchkey.Guesses{}, banned(annUser()), noon); out.User != banned(annUser()) {
		t.Errorf("a banned login changed the user: %+v", out.User)
	}
}

func TestLoginGivesTheCodeThatWasAskedFor(t *testing.T) {
	t.Parallel()
	got := attempt(right).Judge(waiting(), latchkey.Guesses{}, annUser(), noon).Code
	want := latchkey.AuthorizationCode{
		ID: codeID(5), Project: project, Client: 7, User: annID, Channel: latchkey.Email, Redirect: "https://game.example/cb",
		Scope: "offline openid", Payload: "p", Nonce: "n", AuthTime: noon, Issued: noon,
		Expires: noon.Add(60 * time.Second),
	}
	if got != want {
		t.Errorf("code %+v, want %+v", got, want)
	}
	a, c := attempt(right), waiting()
	a.Protocol, c.Protocol, a.Client, c.Ask.Client = latchkey.JWT, latchkey.JWT, 0, 0
	if out := a.Judge(c, latchkey.Guesses{}, annUser(), noon); out.Verdict != nil || !reflect.ValueOf(out.Code).IsZero() {
		t.Errorf("a JWT login: %v, code %+v", out.Verdict, out.Code)
	}
}

// inBrowser is the answer in a browser that is to stay signed in and was signed in before.
func inBrowser(given latchkey.Secret) latchkey.Attempt {
	a := attempt(given)
	a.NewSession, a.OldSession, a.Policy = sessionID(8), sessionID(7), policy
	return a
}

// A login ends what the browser had before, and makes a session that no earlier one can be gone on with.
func TestASVS_7_2_4_LoginMakesAFreshSession(t *testing.T) {
	t.Parallel()
	c := waiting()
	c.Ask.WithLogout = true
	out := inBrowser(right).Judge(c, latchkey.Guesses{}, annUser(), noon)
	want := latchkey.NewSession(sessionID(8), policy, out.User, ann, home, noon)
	if out.Session != want || want.Epoch != annUser().Epoch+1 || !out.Session.Good(out.User, noon) {
		t.Errorf("session %+v, want %+v, good for %+v", out.Session, want, out.User)
	}
	if out.End != sessionID(7) {
		t.Errorf("the login ends session %v, want the earlier one", out.End)
	}
	if out.Code.Session != sessionID(8) || !out.Code.AuthTime.Equal(noon) {
		t.Errorf("code %+v, want it of the new session", out.Code)
	}
	first := inBrowser(right)
	first.OldSession = latchkey.SessionID{}
	if out := first.Judge(waiting(), latchkey.Guesses{}, latchkey.User{}, noon); !out.End.IsZero() || out.Session.User != out.User.ID {
		t.Errorf("a first login ends %v and signs in %v, want nothing and %v", out.End, out.Session.User, out.User.ID)
	}
}

func TestNoSessionWithoutALogin(t *testing.T) {
	t.Parallel()
	notStaying := inBrowser(right)
	notStaying.NewSession = latchkey.SessionID{}
	for name, c := range map[string]struct {
		attempt   latchkey.Attempt
		challenge latchkey.Challenge
		user      latchkey.User
	}{
		"a wrong code":                 {inBrowser(wrong), waiting(), annUser()},
		"a spent challenge":            {inBrowser(right), in(latchkey.Spent), annUser()},
		"a banned user":                {inBrowser(right), waiting(), banned(annUser())},
		"a browser that does not stay": {notStaying, waiting(), annUser()},
	} {
		out := c.attempt.Judge(c.challenge, latchkey.Guesses{}, c.user, noon)
		if out.Session != (latchkey.Session{}) || !out.End.IsZero() || !out.Code.Session.IsZero() {
			t.Errorf("%s: session %+v, ends %v, code of session %v; want none", name, out.Session, out.End, out.Code.Session)
		}
	}
}

// A login on a page of ours ends with a session and gives nobody a code.
func TestHostedLogin(t *testing.T) {
	t.Parallel()
	a, c := inBrowser(right), waiting()
	a.Protocol, c.Protocol, a.Client, c.Ask = latchkey.Hosted, latchkey.Hosted, 0, latchkey.Ask{}
	out := a.Judge(c, latchkey.Guesses{}, annUser(), noon)
	if out.Verdict != nil || out.Session.ID != sessionID(8) || out.Code != (latchkey.AuthorizationCode{}) {
		t.Errorf("%v, session %+v, code %+v", out.Verdict, out.Session, out.Code)
	}
	for _, p := range []latchkey.Protocol{latchkey.OAuth2, latchkey.JWT} {
		c.Protocol = p
		if out := a.Judge(c, latchkey.Guesses{}, annUser(), noon); !errors.Is(out.Verdict, latchkey.WrongCode) {
			t.Errorf("a challenge of %s opens a page of ours: %v", p, out.Verdict)
		}
	}
}

func TestASVS_16_3_1_EveryAttemptLeavesAnEvent(t *testing.T) {
	t.Parallel()
	for _, given := range []latchkey.Secret{right, wrong} {
		for _, c := range []latchkey.Challenge{waiting(), in(latchkey.Spent), {}} {
			for _, u := range []latchkey.User{{}, annUser(), banned(annUser())} {
				out := attempt(given).Judge(c, latchkey.Guesses{}, u, noon)
				e, kind := out.Event, latchkey.LoginCompleted
				if out.Verdict != nil {
					kind = latchkey.LoginRefused
				}
				if e.Kind != kind || (e.Detail == "") != (out.Verdict == nil) || !e.At.Equal(noon) || e.Project != project || e.Client != 7 || e.Challenge != challengeID(1) ||
					e.From != home || e.Address != "a•••@example.com" {
					t.Errorf("verdict %v, event %+v, want %s", out.Verdict, e, kind)
				}
			}
		}
	}
}

// New challenges do not reset the count; only a completed login does, and then wholly.
func TestNIST_3_1_3_NewSecretDoesNotResetTheCount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, u := waiting(), annUser()
		var g latchkey.Guesses
		now, judged := noon, 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "seconds")) * time.Second)
			if rapid.Bool().Draw(t, "a new challenge") {
				c = waiting()
				c.Started, c.Expires = now, now.Add(180*time.Second)
			}
			given := rapid.SampledFrom([]latchkey.Secret{wrong, wrong, wrong, right}).Draw(t, "given")
			out := attempt(given).Judge(c, g, u, now)
			switch {
			case out.Verdict == nil:
				if out.Guesses != g.LoggedIn(now) || out.Guesses.Total != 0 || given != right {
					t.Fatalf("login by %q left %+v", given.Reveal(), out.Guesses)
				}
				judged = 0
			case out.Guesses.Total < g.Total || out.Guesses.FromNetwork < g.FromNetwork:
				t.Fatalf("%v brought the count down from %+v to %+v", out.Verdict, g, out.Guesses)
			case out.Challenge.Tries > c.Tries:
				judged++
			}
			if out.Guesses.Total != judged {
				t.Fatalf("%d wrong answers since the last login, %d counted", judged, out.Guesses.Total)
			}
			if g.Wait(now) > 0 && out.Challenge != c {
				t.Fatal("an answer was judged during the wait")
			}
			c, g, u = out.Challenge, out.Guesses, out.User
		}
	})
}

// TestASVS_6_3_8_WrongAnswersLookAtNobody: who has the address is looked up for the right code alone, so that the time of a
// wrong one cannot tell.
func TestASVS_6_3_8_WrongAnswersLookAtNobody(t *testing.T) {
	t.Parallel()
	if !attempt(right).NeedsUser() || attempt(wrong).NeedsUser() || attempt("").NeedsUser() {
		t.Error("the user is looked up for a wrong code, or not for the right one")
	}
}
