package latchkey

import "time"

// An Attempt is one answer to a challenge, with everything that its success would need.
type Attempt struct {
	ID       ChallengeID
	Project  ProjectID
	Protocol Protocol
	Client   ClientID // zero on the JWT protocol
	To       Address
	Given    Secret // what the person typed
	Right    Secret // the derived code at the length of Given; empty when none can be derived
	From     Origin
	SignUp   SignUp // of the project
	Test     bool   // To is a test identity: Right is its code, which comes by no message, and so by no link
	Country  string // as Start.Country
	NewUser  UserID // the user's id if this login is the address's first
	NewCode  CodeID // of the authorization code to give on OAuth 2.0
	// Of a browser that is to stay signed in: NewSession names the session that a login makes, by Policy, and OldSession the
	// one that it had, which ends then, so that nobody's earlier session is gone on with (session fixation, ASVS 7.2.4).
	NewSession, OldSession SessionID
	Policy                 SessionPolicy
}

// An Outcome is everything that an Attempt leads to. The store writes it in one commit; what equals the loaded value
// need not be written.
type Outcome struct {
	// Verdict is nil for a login. Errors: those of Challenge.Answer; RateLimited; Banned.
	Verdict   error
	Challenge Challenge
	Guesses   Guesses           // without a Total: forget those of every network; zero: all of them
	User      User              // after a login
	Code      AuthorizationCode // after a login on OAuth 2.0
	Session   Session           // after a login in a browser
	End       SessionID         // the session that ends with it; zero: none
	Event     Event
}

// NeedsUser reports whether Judge must know who has the address: only where the code is right. Else the store does not look,
// so that the time of a wrong answer does not tell whether the address has an account (ASVS 6.3.8).
func (a Attempt) NeedsUser() bool { return a.Given.Equal(a.Right) }

// Judge is the rule of a login: the answer is judged, then counted against the address if it was wrong, or turned
// into a session if it was right. c is the challenge that a.ID names, or zero; g the guesses at a.To from a.From; u
// the user who has a.To, or zero, if NeedsUser.
func (a Attempt) Judge(c Challenge, g Guesses, u User, now time.Time) Outcome {
	out := Outcome{Challenge: c, Guesses: g, User: u}
	out.Event = Event{
		At: now, Kind: LoginRefused, Project: a.Project, Challenge: a.ID, Address: a.To.String(), From: a.From,
		User: u.ID, Client: a.Client,
	}
	if a.Test {
		out.Event.Detail = testIdentity
	}
	if wait := g.Wait(now); wait > 0 {
		return out.refuse(&Error{Code: RateLimited, RetryAfter: wait})
	}
	if c.Project != a.Project || c.To != a.To || c.Protocol != a.Protocol || c.Ask.Client != a.Client {
		return out.refuse(WrongCode) // nobody's challenge, or not this caller's: no guess at a code
	}
	right := a.Right
	if a.SignUp.Refuses(u) && !a.Test {
		right = "" // nobody was sent it: it is refused as a wrong one is, and counted
	}
	judged, verdict := c.Answer(right, a.Given, g.LinkFirst(now) && !a.Test, now)
	out.Challenge = judged
	if verdict != nil {
		if judged.Tries > c.Tries {
			out.Guesses = g.Wrong(now)
		}
		return out.refuse(verdict)
	}
	out.Guesses = g.LoggedIn(now)
	if u.ID.IsZero() {
		u = NewUser(a.NewUser, a.Project, a.To, now)
	}
	out.Event.User = u.ID
	if u.Banned(now) {
		return out.refuse(Banned)
	}
	out.User = u.LogIn(c.Ask.WithLogout, a.From.Network(), now)
	if c.Protocol == OAuth2 {
		out.Code = newCode(a.NewCode, judged.Project, judged.Ask, out.User, judged.To.Channel(), now)
		out.Code.Session = a.NewSession
	}
	if !a.NewSession.IsZero() {
		out.Session = NewSession(a.NewSession, a.Policy, out.User, a.To, a.From, now)
		out.End = a.OldSession
	}
	out.Event.Kind = LoginCompleted
	return out
}

func (o Outcome) refuse(verdict error) Outcome {
	o.Verdict = verdict
	why := string(CodeOf(verdict))
	if o.Event.Detail != "" {
		why += ", " + o.Event.Detail
	}
	o.Event.Detail = why
	return o
}
