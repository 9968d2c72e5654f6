package latchkey

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// A CodeID names an AuthorizationCode; the code itself is derived from it (Secrets.AuthorizationCode).
type CodeID struct{ Handle }

// A GrantID names a Grant: the `sid` of its tokens.
type GrantID struct{ Handle }

// An AuthorizationCode is what an OAuth 2.0 login ends with: it is redeemed once, within CodeLife, by the client it
// was made for, at the redirect URI it was sent to, by the one who holds the PKCE verifier.
type AuthorizationCode struct {
	ID            CodeID
	Project       ProjectID
	Client        ClientID
	User          UserID
	Epoch         int     // of the user at the login
	Channel       Channel // that the user signed in by
	Redirect      string
	Scope         string
	Payload       string
	Nonce         string
	CodeChallenge string    // PKCE S256; empty without PKCE
	Session       SessionID // of the browser; zero where there was none
	AuthTime      time.Time // UTC: when the user proved the address
	Issued        time.Time // UTC
	Expires       time.Time // UTC; at this instant it is already dead
	Grant         GrantID   // what it was redeemed for; zero while unspent
}

// CodeLife is how long an authorization code may be redeemed (ASVS 10.4.3), and CodeMemory how long afterwards a
// second use is recognised and ends what the first one gave (RFC 6749 §4.1.2).
const (
	CodeLife   = 60 * time.Second
	CodeMemory = 10 * time.Minute
)

// newCode is the code for what a client asked for, u having just signed in by ch.
func newCode(id CodeID, p ProjectID, a Ask, u User, ch Channel, now time.Time) AuthorizationCode {
	return AuthorizationCode{
		ID: id, Project: p, Client: a.Client, User: u.ID, Epoch: u.Epoch, Channel: ch, Redirect: a.Redirect, Scope: a.Scope,
		Payload: a.Payload, Nonce: a.Nonce, CodeChallenge: a.CodeChallenge, AuthTime: now, Issued: now, Expires: now.Add(CodeLife),
	}
}

// A Redemption is a client's attempt to redeem a code.
type Redemption struct {
	ID       CodeID
	Project  ProjectID
	Client   ClientID
	Redirect string
	Verifier Secret // PKCE; empty without
	NewGrant GrantID
	Life     time.Duration // of the grant if it has refresh tokens
	Access   time.Duration // of the grant if it has none: as long as its access token
	Proof    bool          // the code must have been asked for with PKCE
	From     Origin
}

// Redeemed is everything that a Redemption leads to; the store writes it in one commit.
type Redeemed struct {
	// Verdict is nil for a grant. Errors: BadGrant.
	Verdict error
	Code    AuthorizationCode // as it must be stored next
	Grant   Grant             // the new one
	Revoke  GrantID           // what an earlier use of the code gave and must be revoked; zero: nothing
	User    User
	Event   Event
}

// Judge is the rule of redeeming: c is the code that r.ID names, or zero, s the session that c came of, or zero, and u
// the user, or zero. A second use revokes what the first one gave, whoever tries it: one of the two is a thief. A wrong
// client, redirect URI or verifier leaves the code as it is, so that whoever saw it cannot spoil it. A code that is on its
// way while its browser signs out ends as its grant would have (Ending.Judge).
func (r Redemption) Judge(c AuthorizationCode, s Session, u User, now time.Time) Redeemed {
	out := Redeemed{Code: c, User: u, Event: Event{
		At: now, Kind: GrantRefused, Project: r.Project, Client: r.Client, User: c.User, From: r.From, Detail: string(BadGrant),
	}}
	if c.ID.IsZero() || c.Client != r.Client || c.Project != r.Project {
		out.Verdict = BadGrant
	}
	if !c.Grant.IsZero() {
		out.Revoke, out.Event.Kind, out.Event.Grant = c.Grant, GrantRevoked, c.Grant
		out.Event.Detail = "authorization code used again"
		out.Verdict = BadGrant
	}
	if out.Verdict == nil && (!now.Before(c.Expires) || c.Redirect != r.Redirect || !c.verifies(r.Verifier) ||
		r.Proof && c.CodeChallenge == "" || s.ID != c.Session && !offline(c.Scope) ||
		u.ID.IsZero() || u.Epoch != c.Epoch || u.Banned(now)) {
		out.Verdict = BadGrant
	}
	if out.Verdict != nil {
		return out
	}
	out.Code.Grant = r.NewGrant
	out.Grant = Grant{
		ID: r.NewGrant, Project: c.Project, Client: c.Client, User: c.User, Epoch: c.Epoch, Channel: c.Channel,
		Scope: c.Scope, Payload: c.Payload, Session: c.Session, AuthTime: c.AuthTime, Created: now, Rotated: now, Expires: now.Add(r.Life),
	}
	if !out.Grant.Offline() {
		out.Grant.Expires = now.Add(r.Access)
	}
	out.Event.Kind, out.Event.Grant, out.Event.Detail = GrantCreated, r.NewGrant, ""
	return out
}

// verifies is RFC 7636 §4.6 for S256. A verifier for a code without a challenge is a downgrade (RFC 9700 §2.1.1).
func (c AuthorizationCode) verifies(verifier Secret) bool {
	if c.CodeChallenge == "" {
		return verifier == ""
	}
	if !ValidVerifier(verifier.Reveal()) {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	got := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(got), []byte(c.CodeChallenge)) == 1
}

// ValidVerifier checks the shape of a PKCE verifier, or of a challenge, which has the same one: 43–128 unreserved
// characters (RFC 7636 §4.1).
func ValidVerifier(s string) bool {
	if len(s) < 43 || len(s) > 128 {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") == ""
}

// A Grant is what a user allowed a client: a family of refresh tokens, of which only the newest is good, and the
// access tokens that came of it. Its refresh tokens are derived from ID and Generation and never stored.
type Grant struct {
	ID         GrantID
	Project    ProjectID
	Client     ClientID
	User       UserID
	Epoch      int     // of the user when it was made: a later one has ended it
	Channel    Channel // that the user signed in by
	Scope      string
	Payload    string
	Session    SessionID // of the browser that it came of; zero where there was none
	Generation uint32    // of the newest refresh token, from 0
	AuthTime   time.Time // UTC: when the user proved the address
	Created    time.Time // UTC
	Rotated    time.Time // UTC: when Generation was reached
	Expires    time.Time // UTC: of the whole family, however often rotated (ASVS 10.4.8)
	Revoked    time.Time // UTC; zero while good
}

// RotationGrace is how long the last-but-one refresh token still brings the newest: mobile networks lose answers.
const RotationGrace = 30 * time.Second

// Offline reports whether g has refresh tokens: the scope asked for them (contract.md §2; OIDC Core §11).
func (g Grant) Offline() bool { return offline(g.Scope) }

func offline(scope string) bool {
	return HasScope(scope, "offline") || HasScope(scope, "offline_access")
}

// Good reports whether tokens of g are good at now, u being its user.
func (g Grant) Good(u User, now time.Time) bool {
	return !g.ID.IsZero() && g.Revoked.IsZero() && now.Before(g.Expires) && u.ID == g.User && u.Epoch == g.Epoch && !u.Banned(now)
}

// A Rotation is a client's use of a refresh token.
type Rotation struct {
	ID         GrantID
	Generation uint32 // of the token presented
	Project    ProjectID
	Client     ClientID
	Scope      string // asked for: a part of the grant's; empty: all of it
	From       Origin
}

// Rotated is what a Rotation leads to; the store writes it in one commit.
type Rotated struct {
	// Verdict is nil for new tokens of Grant.Generation. Errors: BadGrant, InvalidScope.
	Verdict error
	Grant   Grant // as it must be stored next
	User    User
	Event   Event
}

// Judge is the rule of rotation: g is the grant that r.ID names, or zero, and u its user, or zero. The newest token
// makes a newer one. The one before it brings the same newer one for RotationGrace. Any older one, or that one later,
// was used twice: the family is revoked (RFC 9700 §4.14.2).
func (r Rotation) Judge(g Grant, u User, now time.Time) Rotated {
	out := Rotated{Grant: g, User: u, Event: Event{
		At: now, Kind: GrantRefused, Project: r.Project, Client: r.Client, User: g.User, Grant: r.ID, From: r.From, Detail: string(BadGrant),
	}}
	if !g.Good(u, now) || !g.Offline() || g.Client != r.Client || g.Project != r.Project || r.Generation > g.Generation {
		out.Verdict = BadGrant
		return out
	}
	for _, word := range strings.Fields(r.Scope) {
		if !HasScope(g.Scope, word) { // RFC 6749 §6: never more than was granted
			out.Verdict, out.Event.Detail = InvalidScope, string(InvalidScope)
			return out
		}
	}
	switch {
	case r.Generation == g.Generation:
		out.Grant.Generation++
		out.Grant.Rotated = now
	case r.Generation+1 == g.Generation && now.Before(g.Rotated.Add(RotationGrace)):
	default:
		out.Grant.Revoked = now
		out.Event.Kind, out.Event.Detail = GrantRevoked, "refresh token used again"
		out.Verdict = BadGrant
		return out
	}
	out.Event.Kind, out.Event.Detail = GrantRotated, ""
	return out
}

// A Revocation is the wish that a grant ends: of its client (RFC 7009), or of its user, who names no client.
type Revocation struct {
	ID      GrantID
	Project ProjectID
	Client  ClientID // whose it must be; zero: the user's wish
	User    UserID   // whose it must be; zero: the client's wish
	Why     string   // the event's Detail; empty: which of the two asked
	From    Origin
}

// Revoked is what a Revocation leads to; the store writes it in one commit.
type Revoked struct {
	Done  bool  // false: Grant is as it was, and there is no event
	Grant Grant // as it must be stored next
	Event Event
}

// Judge is the rule of revoking: g is the grant that r.ID names, or zero. A grant of another client, or of another user,
// stays, and the one who asks does not learn that it is there (RFC 7009 §2.1). A grant that is revoked stays so.
func (r Revocation) Judge(g Grant, now time.Time) Revoked {
	asks, why := g.Client == r.Client, "the client asked"
	if r.Client == 0 {
		asks, why = g.User == r.User, "the person asked"
	}
	if r.Why != "" {
		why = r.Why
	}
	if g.ID.IsZero() || !asks || g.Project != r.Project || !g.Revoked.IsZero() {
		return Revoked{Grant: g}
	}
	g.Revoked = now
	return Revoked{Done: true, Grant: g, Event: Event{
		At: now, Kind: GrantRevoked, Project: g.Project, Client: g.Client, User: g.User, Grant: g.ID, From: r.From,
		Detail: why,
	}}
}

// HasScope reports whether the space-separated list has the word.
func HasScope(scope, word string) bool { return slices.Contains(strings.Fields(scope), word) }
