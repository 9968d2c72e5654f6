package latchkey_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// The cast of the rule tests. Everything is fixed: a rule has no clock and no chance of its own.
var (
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	project = latchkey.ProjectID{UUID: latchkey.UUID{0xaa}}
	foreign = latchkey.ProjectID{UUID: latchkey.UUID{0xbb}}
	ann     = latchkey.CanonicalAddress(latchkey.Email, "ann@example.com")
	bob     = latchkey.CanonicalAddress(latchkey.Email, "bob@example.com")
	phone   = latchkey.CanonicalAddress(latchkey.Phone, "+4915112345678")
	home    = latchkey.Origin{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "test"}
	annID   = latchkey.UserID{UUID: latchkey.UUID{1}}
)

const (
	right = latchkey.Secret("123456")
	wrong = latchkey.Secret("654321")
)

func handle(n byte) latchkey.Handle {
	return latchkey.NewHandle(noon, latchkey.SecretID{1, 2}, [16]byte{n})
}
func challengeID(n byte) latchkey.ChallengeID { return latchkey.ChallengeID{Handle: handle(n)} }
func codeID(n byte) latchkey.CodeID           { return latchkey.CodeID{Handle: handle(n)} }
func grantID(n byte) latchkey.GrantID         { return latchkey.GrantID{Handle: handle(n)} }
func sessionID(n byte) latchkey.SessionID     { return latchkey.SessionID{Handle: handle(n)} }
func deviceID(n byte) latchkey.DeviceLoginID  { return latchkey.DeviceLoginID{Handle: handle(n)} }

// waiting is a challenge for ann that client 7 started at noon and that lives for three minutes.
func waiting() latchkey.Challenge {
	return latchkey.Challenge{
		ID: challengeID(1), Project: project, To: ann, Protocol: latchkey.OAuth2, From: home, State: latchkey.Waiting,
		Ask: latchkey.Ask{
			Client: 7, Redirect: "https://game.example/cb", State: "12345678", Scope: "offline openid", Nonce: "n", Payload: "p",
		},
		Digits: 6, MaxTries: 5, Started: noon, Expires: noon.Add(180 * time.Second),
	}
}

func in(state latchkey.State) latchkey.Challenge {
	c := waiting()
	c.State = state
	return c
}

// annUser is ann as the store has her.
func annUser() latchkey.User {
	return latchkey.User{ID: annID, Project: project, Email: ann, Registered: noon.Add(-time.Hour), LastLogin: noon.Add(-time.Hour)}
}

// policy is how long the sessions of the rule tests live.
var policy = latchkey.SessionPolicy{Idle: time.Hour, Life: 10 * time.Hour}

// annSession is the session of a browser in which ann signed in half an hour before noon.
func annSession() latchkey.Session {
	return latchkey.NewSession(sessionID(8), policy, annUser(), ann, home, noon.Add(-30*time.Minute))
}

func banned(u latchkey.User) latchkey.User {
	u.Ban = latchkey.Ban{From: noon.Add(-time.Minute), Reason: "cheating"}
	return u
}

func secrets(t testing.TB, fill ...byte) latchkey.Secrets {
	t.Helper()
	var masters [][]byte
	for _, f := range fill {
		masters = append(masters, bytes.Repeat([]byte{f}, 32))
	}
	s, err := latchkey.NewSecrets(masters...)
	if err != nil {
		t.Fatalf("NewSecrets: %v", err)
	}
	return s
}
