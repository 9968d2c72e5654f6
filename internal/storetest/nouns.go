package storetest

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// Noon is when every test begins.
func Noon() time.Time { return time.Date(2031, 5, 17, 12, 0, 0, 0, time.UTC) }

// RightCode is what Attempt answers with, and WrongCode is not it.
const (
	RightCode latchkey.Secret = "123456"
	WrongCode latchkey.Secret = "654321"
)

// Nouns makes valid nouns whose ids never repeat. It is safe for concurrent use; the zero value is ready.
type Nouns struct{ n atomic.Uint64 }

// Random gives 16 bytes that no other call gives.
func (ns *Nouns) Random() (b [16]byte) {
	binary.BigEndian.PutUint64(b[8:], ns.n.Add(1))
	return b
}

// Handle gives a handle made at now.
func (ns *Nouns) Handle(now time.Time) latchkey.Handle {
	return latchkey.NewHandle(now, latchkey.SecretID{7, 7}, ns.Random())
}

// UserID gives an id made at now.
func (ns *Nouns) UserID(now time.Time) latchkey.UserID {
	return latchkey.UserID{UUID: latchkey.NewUUID(now, ns.Random())}
}

// Email gives an address that no other call gives.
func (ns *Nouns) Email() latchkey.Address {
	return latchkey.CanonicalAddress(latchkey.Email, fmt.Sprintf("person%d@example.com", ns.n.Add(1)))
}

// Phone gives an address that no other call gives.
func (ns *Nouns) Phone() latchkey.Address {
	return latchkey.CanonicalAddress(latchkey.Phone, fmt.Sprintf("+49151%08d", ns.n.Add(1)))
}

// Origin gives a request from an IPv4 network that no other of 2^24 calls gives.
func (ns *Nouns) Origin() latchkey.Origin {
	n := ns.n.Add(1)
	return latchkey.Origin{IP: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), UserAgent: "Browser/1.0 (Ünïcode)"}
}

// Project gives a project with every setting set, none to its default.
func (ns *Nouns) Project(name string) latchkey.Project {
	p := latchkey.NewProject(latchkey.ProjectID{UUID: latchkey.NewUUID(Noon(), ns.Random())}, name, Noon())
	p.CallbackURLs = []string{"https://game.example.com/callback", "app://game"}
	p.LinkURLs = []string{"https://game.example.com/approved?a=b&c=%20"}
	p.AllowedOrigins = []string{"https://game.example.com", "http://localhost:*"}
	p.Channels = []latchkey.Channel{latchkey.Phone, latchkey.Email}
	p.DefaultLocale = "zh_CN"
	p.Algorithm = latchkey.ES256
	p.TokenLife, p.AccessLife, p.RefreshLife = 2*time.Hour, 3*time.Hour, 4*time.Hour
	p.Codes = latchkey.CodePolicy{Digits: 8, Life: 90 * time.Second, Tries: 4}
	p.Sessions = latchkey.SessionPolicy{Idle: 5 * time.Hour, Life: 50 * time.Hour}
	p.Approval, p.Logo, p.Color = latchkey.ByNumber, "https://game.example.com/logo.png", "#aa00ff"
	p.Look = latchkey.Look{
		Theme: latchkey.DarkTheme, DarkColor: "#ff00aa", Terms: "https://game.example.com/terms", Privacy: "https://game.example.com/privacy",
		Texts: map[string]latchkey.LookTexts{"": {Title: "Hello <again>"}, "zh_CN": {Title: "你好", Intro: "\"Welcome\""}},
	}
	p.Defence = latchkey.Defence{
		Captcha: latchkey.CaptchaAlways, SignUp: latchkey.SignUp{Closed: true, Contact: "write to access@game.example.com"},
		SMS:            latchkey.SMSPolicy{Countries: []string{"DE", "FR"}, Breaker: latchkey.BreakerObserve, Budget: 7},
		TestIdentities: []latchkey.TestIdentity{{Channel: latchkey.Email, Address: "review@example.com", Code: "12345678", Until: Noon().Add(time.Hour)}},
	}
	return p
}

// Client gives a confidential client of p with every setting set, whose id the store is to choose.
func (ns *Nouns) Client(p latchkey.ProjectID) latchkey.Client {
	return latchkey.Client{
		Project: p, Name: "Web back end", Kind: latchkey.ConfidentialClient, SecretHash: latchkey.HashSecret("secret"),
		RedirectURIs: []string{"https://game.example.com/cb", "app://game/cb"}, PKCERequired: true,
		LogoutURIs: []string{"https://game.example.com/bye?a=b", "app://game/bye"}, PublicKeys: `{"keys":[{"kty":"EC","x":"ü"}]}`,
		DeviceLogin: true, ThirdParty: true,
	}
}

// Key gives a key of p made at created; one that is active became so at once.
func (ns *Nouns) Key(p latchkey.ProjectID, a latchkey.Algorithm, state latchkey.KeyState, created time.Time) latchkey.Key {
	k := latchkey.Key{
		ID: latchkey.KeyID(latchkey.NewUUID(created, ns.Random()).String()), Project: p, Algorithm: a, State: state,
		Sealed: []byte("sealed\x00box"), Public: []byte("public\x00part"), Created: created,
	}
	if state == latchkey.ActiveKey {
		k.Activated = created
	}
	return k
}

// Challenge gives a challenge with every member set, started at now and alive for 180 s, without a link.
func (ns *Nouns) Challenge(p latchkey.ProjectID, to latchkey.Address, now time.Time) latchkey.Challenge {
	return latchkey.Challenge{
		ID: latchkey.ChallengeID{Handle: ns.Handle(now)}, Project: p, To: to, Protocol: latchkey.OAuth2,
		Ask: latchkey.Ask{
			Client: 42, Redirect: "https://game.example.com/cb", State: "state of the start", Scope: "offline openid",
			Payload: "päyload \x00 with anything", Nonce: "nonce", Locale: "pt",
		},
		From: ns.Origin(), State: latchkey.Waiting, Digits: 6, LinkURL: "https://game.example.com/approved",
		LinkHash: latchkey.HashSecret(latchkey.Secret(fmt.Sprint("link", ns.n.Add(1)))),
		MaxTries: 5, Started: now, Expires: now.Add(180 * time.Second),
	}
}

// Start gives the start of c. Its message may be taken up after MessageLease.
func (ns *Nouns) Start(c latchkey.Challenge) latchkey.Start {
	return latchkey.Start{Fresh: c, MessageTry: c.Started.Add(latchkey.MessageLease)}
}

// Attempt gives the right answer to c, from where c was started, made at now.
func (ns *Nouns) Attempt(c latchkey.Challenge, now time.Time) latchkey.Attempt {
	return latchkey.Attempt{
		ID: c.ID, Project: c.Project, Protocol: c.Protocol, Client: c.Ask.Client, To: c.To, Given: RightCode, Right: RightCode,
		From: c.From, NewUser: ns.UserID(now), NewCode: latchkey.CodeID{Handle: ns.Handle(now)},
	}
}

// Staying gives the right answer to c in a browser that is to stay signed in and was signed in as old, or, for the zero
// id, was not.
func (ns *Nouns) Staying(c latchkey.Challenge, old latchkey.SessionID, now time.Time) latchkey.Attempt {
	a := ns.Attempt(c, now)
	a.NewSession.Handle, a.OldSession, a.Policy = ns.Handle(now), old, Policy()
	return a
}

// Policy is how long the sessions of Staying live.
func Policy() latchkey.SessionPolicy {
	return latchkey.SessionPolicy{Idle: time.Hour, Life: 10 * time.Hour}
}

// SessionUse gives the way into client 43 by s, at now.
func (ns *Nouns) SessionUse(s latchkey.Session, now time.Time) latchkey.SessionUse {
	return latchkey.SessionUse{
		ID: s.ID, Project: s.Project, Policy: Policy(), NewCode: latchkey.CodeID{Handle: ns.Handle(now)}, From: ns.Origin(),
		Ask: latchkey.Ask{
			Client: 43, Redirect: "https://other.example.com/cb", State: "another state", Scope: "openid", Payload: "payload",
			Nonce: "another nonce", Locale: "de",
		},
	}
}

// Ending gives the wish of whoever holds s that it ends.
func (ns *Nouns) Ending(s latchkey.Session) latchkey.Ending {
	return latchkey.Ending{ID: s.ID, Project: s.Project, Why: "signed out", From: ns.Origin()}
}

// Device gives a device of client 44 of p that waits from now on, with every member set that is set then.
func (ns *Nouns) Device(p latchkey.ProjectID, now time.Time) latchkey.DeviceLogin {
	return latchkey.DeviceLogin{
		ID: latchkey.DeviceLoginID{Handle: ns.Handle(now)}, Project: p, Client: 44, Scope: "openid offline_access",
		UserCode: latchkey.HashSecret(latchkey.Secret(fmt.Sprint("user code", ns.n.Add(1)))), From: ns.Origin(),
		State: latchkey.Waiting, Interval: latchkey.DevicePollInterval, Started: now, Expires: now.Add(latchkey.DeviceLoginLife),
	}
}

// Press gives the yes of the person who is signed in by s to d.
func (ns *Nouns) Press(d latchkey.DeviceLogin, s latchkey.Session) latchkey.DevicePress {
	return latchkey.DevicePress{UserCode: d.UserCode, Project: d.Project, Approve: true, Session: s.ID, From: ns.Origin()}
}

// Poll gives the poll of d, made at now.
func (ns *Nouns) Poll(d latchkey.DeviceLogin, now time.Time) latchkey.DevicePoll {
	return latchkey.DevicePoll{
		ID: d.ID, Project: d.Project, Client: d.Client, NewGrant: latchkey.GrantID{Handle: ns.Handle(now)},
		Life: 24 * time.Hour, Access: time.Hour, From: ns.Origin(),
	}
}

// Description gives a change of everything that people say of themselves.
func (ns *Nouns) Description() latchkey.PersonChange {
	gender := latchkey.OtherGender
	return latchkey.PersonChange{
		FirstName: ptr("Ünï \"Q\""), LastName: ptr("<Code>"), Nickname: ptr("nick\u2028name"), Birthday: ptr("1999-12-31"), Gender: &gender,
	}
}

func ptr(s string) *string { return &s }

// Redemption gives the redemption of the code that out gave, made at now.
func (ns *Nouns) Redemption(code latchkey.AuthorizationCode, now time.Time) latchkey.Redemption {
	return latchkey.Redemption{
		ID: code.ID, Project: code.Project, Client: code.Client, Redirect: code.Redirect,
		NewGrant: latchkey.GrantID{Handle: ns.Handle(now)}, Life: 24 * time.Hour, Access: time.Hour, From: ns.Origin(),
	}
}

// Rotation gives the use of the newest refresh token of g.
func (ns *Nouns) Rotation(g latchkey.Grant) latchkey.Rotation {
	return latchkey.Rotation{ID: g.ID, Generation: g.Generation, Project: g.Project, Client: g.Client, From: ns.Origin()}
}

// Event gives an event with every member set.
func (ns *Nouns) Event(kind latchkey.Kind, p latchkey.ProjectID, at time.Time) latchkey.Event {
	return latchkey.Event{
		At: at, Kind: kind, Project: p, Client: 42, User: ns.UserID(at),
		Challenge: latchkey.ChallengeID{Handle: ns.Handle(at)}, Grant: latchkey.GrantID{Handle: ns.Handle(at)},
		Address: ns.Email().String(), From: ns.Origin(), Detail: "what happened",
	}
}
