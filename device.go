package latchkey

import (
	"strings"
	"time"
)

// A DeviceLoginID names a DeviceLogin; the device code that the device polls with is derived (Secrets.DeviceCode).
type DeviceLoginID struct{ Handle }

// A DeviceLogin is a device without a keyboard that waits to be signed in (RFC 8628): it shows a UserCode, and a person
// who is signed in on a phone types it there and says yes or no. It goes through the States of a Challenge: waiting →
// approved | denied, and approved → spent when the device has its tokens.
type DeviceLogin struct {
	ID       DeviceLoginID
	Project  ProjectID
	Client   ClientID
	Scope    string
	UserCode Hash   // keyed (Secrets.UserCodeHashes), by which the code finds it
	From     Origin // the device
	State    State
	User     UserID    // who approved; zero before
	Epoch    int       // of the user then
	Channel  Channel   // that the user had signed in by
	AuthTime time.Time // UTC: when the user had proved the address
	Interval time.Duration
	Polled   time.Time // UTC: the last poll; zero before the first
	Started  time.Time // UTC
	Expires  time.Time // UTC; at this instant it is already dead
}

// DeviceLoginLife is how long a device waits for its person (RFC 8628 §3.2), DevicePollInterval the least time between two
// of its polls, and deviceSlower what each poll that comes too early adds to it (§3.5).
const (
	DeviceLoginLife    = 10 * time.Minute
	DevicePollInterval = 5 * time.Second
	deviceSlower       = 5 * time.Second
)

// UserCodeLetters are what a user code is made of (RFC 8628 §6.1): no vowels, so that no word comes out, and nothing that
// looks like something else. Eight of them are 34 bits: with ten minutes of life and the limits on guessing that is far
// from being found.
const (
	UserCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	UserCodeLength  = 8
)

// CanonicalUserCode reads a user code as people type it: in any case, with dashes, dots or spaces anywhere. ok is false
// for what cannot be one.
func CanonicalUserCode(typed string) (code Secret, ok bool) {
	bare := strings.ToUpper(strings.NewReplacer("-", "", " ", "", ".", "", "\u00a0", "", "\u2010", "", "\u2013", "").Replace(typed))
	ok = len(bare) == UserCodeLength && strings.Trim(bare, UserCodeLetters) == ""
	return Secret(bare), ok
}

// ShowUserCode is a canonical user code as it is shown: WDJB-MJHT.
func ShowUserCode(code Secret) Secret {
	const half = UserCodeLength / 2
	if len(code) != UserCodeLength {
		return code
	}
	return code[:half] + "-" + code[half:]
}

// Live reports whether a person can still say yes or no.
func (d DeviceLogin) Live(now time.Time) bool {
	return d.State == Waiting && now.Before(d.Expires)
}

// A DevicePress is what a signed-in person says to a device that waits.
type DevicePress struct {
	UserCode Hash
	Project  ProjectID
	Approve  bool // false: deny
	Session  SessionID
	From     Origin
}

// DevicePressed is what a DevicePress leads to; the store writes it in one commit.
type DevicePressed struct {
	// Verdict is nil for a yes or a no that counts. Errors: NotFound (no such device, or it is not waiting any more),
	// LoginRequired.
	Verdict error
	Device  DeviceLogin // as it must be stored next
	Event   Event
}

// Judge is the rule of the two buttons: d is the device that x.UserCode finds, or zero; s and u the session that x.Session
// names and its user, or zero.
func (x DevicePress) Judge(d DeviceLogin, s Session, u User, now time.Time) DevicePressed {
	out := DevicePressed{Device: d}
	switch {
	case d.Project != x.Project || !d.Live(now):
		out.Verdict = NotFound
	case s.Project != x.Project || !s.Good(u, now):
		out.Verdict = LoginRequired
	}
	if out.Verdict != nil {
		return out
	}
	out.Event = Event{
		At: now, Kind: DeviceDenied, Project: d.Project, Client: d.Client, User: u.ID, Address: s.To.String(), From: x.From,
	}
	out.Device.State = Denied
	if x.Approve {
		out.Event.Kind, out.Device.State = DeviceApproved, Approved
		out.Device.User, out.Device.Epoch, out.Device.Channel, out.Device.AuthTime = u.ID, u.Epoch, s.To.Channel(), s.AuthTime
	}
	return out
}

// A DevicePoll is a device asking for its tokens.
type DevicePoll struct {
	ID       DeviceLoginID
	Project  ProjectID
	Client   ClientID
	NewGrant GrantID
	Life     time.Duration // of the grant if it has refresh tokens
	Access   time.Duration // of the grant if it has none: as long as its access token
	From     Origin
}

// DevicePolled is what a DevicePoll leads to; the store writes it in one commit.
type DevicePolled struct {
	// Verdict is nil for a grant. Errors: AuthorizationPending, SlowDown, AccessDenied, ExpiredToken, BadGrant.
	Verdict error
	Device  DeviceLogin // as it must be stored next
	Grant   Grant       // the new one
	User    User
	Event   Event // zero while the device waits
}

// Judge is the rule of the device's polls (RFC 8628 §3.5): d is the login that x.ID names, or zero, and u the user who
// approved it, or zero. The tokens are given once; a device that lost them starts again.
func (x DevicePoll) Judge(d DeviceLogin, u User, now time.Time) DevicePolled {
	out := DevicePolled{Device: d, User: u}
	switch {
	case d.ID.IsZero() || d.Client != x.Client || d.Project != x.Project || d.State == Spent:
		out.Verdict = BadGrant
		return out
	case d.State == Denied:
		out.Verdict = AccessDenied
		return out
	case !now.Before(d.Expires):
		out.Verdict = ExpiredToken
		return out
	}
	early := !d.Polled.IsZero() && now.Before(d.Polled.Add(d.Interval))
	out.Device.Polled = now
	switch {
	case early:
		out.Device.Interval += deviceSlower
		out.Verdict = SlowDown
		return out
	case d.State == Waiting:
		out.Verdict = AuthorizationPending
		return out
	}
	out.Event = Event{
		At: now, Kind: GrantRefused, Project: d.Project, Client: d.Client, User: d.User, From: x.From, Detail: string(BadGrant),
	}
	out.Device.State = Spent
	if u.ID.IsZero() || u.ID != d.User || u.Epoch != d.Epoch || u.Banned(now) {
		out.Verdict = BadGrant
		return out
	}
	out.Grant = Grant{
		ID: x.NewGrant, Project: d.Project, Client: d.Client, User: d.User, Epoch: d.Epoch, Channel: d.Channel,
		Scope: d.Scope, AuthTime: d.AuthTime, Created: now, Rotated: now, Expires: now.Add(x.Life),
	}
	if !out.Grant.Offline() {
		out.Grant.Expires = now.Add(x.Access)
	}
	out.Event.Kind, out.Event.Grant, out.Event.Detail = GrantCreated, x.NewGrant, ""
	return out
}
