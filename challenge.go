package latchkey

import (
	"net/netip"
	"time"
)

// A ChallengeID names a Challenge. The wire calls it operation_id (contract.md §2).
type ChallengeID struct{ Handle }

// ParseChallengeID reads an operation_id; ok is false for anything that cannot be one.
func ParseChallengeID(s string) (ChallengeID, bool) {
	h, ok := ParseHandle(s)
	return ChallengeID{h}, ok
}

// A Protocol is the family of calls that a login came in by, and so the kind of answer it ends with.
type Protocol string

// The protocols.
const (
	JWT    Protocol = "jwt"    // /login/…: ends with ?token=
	OAuth2 Protocol = "oauth2" // /oauth2/login/… and the hosted login: ends with ?code=
	Hosted Protocol = "hosted" // a page of ours: ends with a Session and nothing else
)

// A State is where a Challenge stands. Expiry is not a state: it follows from the clock.
//
//	Waiting ──Approve──▶ Approved ──right code──▶ Spent
//	   │ └────────────────right code────────────────▲
//	   └──Deny──▶ Denied ◀──Deny── Approved
type State string

// The states.
const (
	Waiting  State = "waiting"  // the message is on its way, or unread
	Approved State = "approved" // its link was pressed: a waiting device may have the code
	Denied   State = "denied"   // its owner said no: no code opens it any more
	Spent    State = "spent"    // the right code came; nothing comes after
)

// A Challenge is one pending proof that someone controls an address: a code was sent to To, and whoever returns it
// before Expires may log in as its owner. It is spent by the first right answer.
type Challenge struct {
	ID       ChallengeID
	Project  ProjectID
	To       Address
	Protocol Protocol
	Ask      Ask
	From     Origin
	State    State
	Digits   int       // of its code
	Link     bool      // its message carries a link
	Number   bool      // its link asks for the number that the waiting device shows (Secrets.Match)
	LinkURL  string    // where the approved link leads; empty: a page that says to go back
	LinkHash Hash      // of its link token, by which the link finds it; zero when Link is false
	Tries    int       // wrong answers so far, 0..MaxTries
	MaxTries int       // wrong answers that it takes
	Resends  int       // messages sent after the first
	Started  time.Time // UTC
	Expires  time.Time // UTC; at this instant it is already dead
}

// An Ask is what the start call asked for; it is given back when the login completes, because the game SDKs do not
// repeat it (contract.md §3). The zero value asks for nothing.
type Ask struct {
	Client        ClientID // zero on the JWT protocol
	Redirect      string   // the callback URL or redirect URI to end at
	State         string   // OAuth 2.0 state, echoed
	Scope         string   // space-separated
	Payload       string   // the payload claim
	Nonce         string   // of the ID token
	CodeChallenge string   // PKCE S256, base64url; empty without PKCE
	WithLogout    bool     // end the user's earlier sessions
	Locale        string   // of the message and the pages; a catalogue tag such as "pt" or "zh_CN"
}

// An Origin is where a request came from, for the person who is asked to approve it and for the audit trail.
type Origin struct {
	IP        netip.Addr
	UserAgent string // at most 512 bytes
}

// Network is the client network of o: what guesses are counted by.
func (o Origin) Network() Network { return NetworkOf(o.IP) }

// The life of a challenge ends here at the latest, however often its message is sent again (NIST SP 800-63B-4
// §3.1.3), and its message is sent again no more often than this.
const (
	maxChallengeLife = MaxCodeLife
	maxResends       = 5
)

// Live reports whether c can still be completed by someone.
func (c Challenge) Live(now time.Time) bool {
	return now.Before(c.Expires) && (c.State == Waiting || c.State == Approved)
}

// Answer judges one answer given at now and returns the Challenge as it must be stored next, also when the verdict is
// an error. right is the derived code at the length of given; linkFirst says that a code alone does not suffice for
// the address (Guesses.LinkFirst).
//
// Every refusal but the last try is alike to the caller, so that nobody learns which part was wrong; and a right code
// that waits for its link counts like a wrong one, or the count would tell it apart.
//
// Errors: WrongCode (wrong, expired, spent, denied, link not pressed), TriesExhausted.
func (c Challenge) Answer(right, given Secret, linkFirst bool, now time.Time) (Challenge, error) {
	if !c.Live(now) {
		return c, WrongCode
	}
	if c.Tries >= c.MaxTries {
		return c, TriesExhausted
	}
	equal := given.Equal(right) // always compared, whatever else is wrong
	if !equal || len(given) != c.Digits || linkFirst && c.State != Approved {
		c.Tries++
		return c, WrongCode
	}
	c.State = Spent
	return c, nil
}

// Approve is the press of the link's button. Approving twice changes nothing.
// Errors: NotFound when c is expired, denied or spent.
func (c Challenge) Approve(now time.Time) (Challenge, error) {
	if !c.Live(now) {
		return c, NotFound
	}
	c.State = Approved
	return c, nil
}

// Deny is the press of the other button: no code opens c any more. Denying twice changes nothing.
// Errors: NotFound when c is expired or spent.
func (c Challenge) Deny(now time.Time) (Challenge, error) {
	if !now.Before(c.Expires) || c.State == Spent {
		return c, NotFound
	}
	c.State = Denied
	return c, nil
}

// Resend gives c as it stands after its message is sent once more: the same code, so that a late first message still
// works, and a new life, within the limit. ok is false when c is not for that, and the caller starts anew: dead, of
// another project, address, protocol or client, or sent too often.
func (c Challenge) Resend(fresh Challenge, now time.Time) (next Challenge, ok bool) {
	if !c.Live(now) || c.Project != fresh.Project || c.To != fresh.To || c.Protocol != fresh.Protocol ||
		c.Ask.Client != fresh.Ask.Client || c.Resends >= maxResends || c.Tries >= c.MaxTries {
		return c, false
	}
	c.Resends++
	c.Expires = fresh.Expires
	if last := c.Started.Add(maxChallengeLife); c.Expires.After(last) {
		c.Expires = last
	}
	return c, true
}
