package token

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A DeviceRequest is a device without a keyboard that wants its person signed in (RFC 8628 §3.1), decoded.
type DeviceRequest struct {
	Client Credentials
	Scope  string
	From   latchkey.Origin
}

// A DeviceAnswer is what the device polls with and what it shows (RFC 8628 §3.2).
type DeviceAnswer struct {
	Code     latchkey.Secret // device_code
	UserCode latchkey.Secret // canonical; latchkey.ShowUserCode is how it is shown
	Life     time.Duration   // of both codes
	Interval time.Duration   // the least time between two polls
}

// maxDeviceScope bounds what is stored for a device, in bytes, as login does for a browser.
const maxDeviceScope = 500

// StartDevice lets a device wait for its person.
// Errors: UnknownClient; NotAllowed for a client that signs in no devices; InvalidScope.
func (s *Service) StartDevice(ctx context.Context, r DeviceRequest) (DeviceAnswer, error) {
	client, p, err := s.client(ctx, r.Client)
	if err != nil {
		return DeviceAnswer{}, err
	}
	if !client.DeviceLogin {
		return DeviceAnswer{}, &latchkey.Error{Code: latchkey.NotAllowed, Message: "This client signs in no devices: an administrator must allow it."}
	}
	scope := strings.Join(strings.Fields(r.Scope), " ")
	if len(scope) > maxDeviceScope {
		return DeviceAnswer{}, &latchkey.Error{Code: latchkey.InvalidScope, Message: "The scope has 500 bytes at the most."}
	}
	now := s.Now().UTC()
	d := latchkey.DeviceLogin{
		ID:      latchkey.DeviceLoginID{Handle: latchkey.NewHandle(now, s.Secrets.Current(), random())},
		Project: p.ID, Client: client.ID, Scope: scope, From: r.From, State: latchkey.Waiting,
		Interval: latchkey.DevicePollInterval, Started: now, Expires: now.Add(latchkey.DeviceLoginLife),
	}
	e := latchkey.Event{At: now, Kind: latchkey.DeviceStarted, Project: p.ID, Client: client.ID, From: r.From}
	userCode, err := s.storeDevice(ctx, d, e)
	if err != nil {
		return DeviceAnswer{}, err
	}
	code, ok := s.Secrets.DeviceCode(d.ID)
	if !ok {
		return DeviceAnswer{}, latchkey.Internal
	}
	return DeviceAnswer{Code: code, UserCode: userCode, Life: latchkey.DeviceLoginLife, Interval: d.Interval}, nil
}

// storeDevice gives the device a user code that no other one shows. With a million devices waiting, a code is taken with a
// chance of 1 in 25,000; four in a row are not met with.
func (s *Service) storeDevice(ctx context.Context, d latchkey.DeviceLogin, e latchkey.Event) (latchkey.Secret, error) {
	var err error
	for range 4 {
		code := userCode()
		d.UserCode = s.Secrets.UserCodeHashes(d.Project, code)[0] // the current master secret's
		if err = s.Store.StartDeviceLogin(ctx, d, e); latchkey.CodeOf(err) != latchkey.Conflict {
			return code, err
		}
	}
	return "", &latchkey.Error{Code: latchkey.Unavailable, Err: err}
}

// userCode draws a user code without bias: bytes beyond the last multiple of the alphabet's length are drawn again.
func userCode() latchkey.Secret {
	const letters, n = latchkey.UserCodeLetters, len(latchkey.UserCodeLetters)
	code := make([]byte, 0, latchkey.UserCodeLength)
	var b [2 * latchkey.UserCodeLength]byte
	for {
		rand.Read(b[:]) // never fails: the process dies without entropy
		for _, v := range b {
			if int(v) < 256/n*n {
				code = append(code, letters[int(v)%n])
			}
			if len(code) == cap(code) {
				return latchkey.Secret(code)
			}
		}
	}
}

// pollDevice gives a device its tokens once its person has said yes.
// Errors: UnknownClient, AuthorizationPending, SlowDown, AccessDenied, ExpiredToken, BadGrant.
func (s *Service) pollDevice(ctx context.Context, r GrantRequest) (Tokens, error) {
	client, p, key, err := s.authenticate(ctx, r.Client)
	if err != nil {
		return Tokens{}, err
	}
	id, ok := s.Secrets.ParseDeviceCode(r.Device)
	if !ok {
		return Tokens{}, latchkey.BadGrant
	}
	now := s.Now().UTC()
	out, err := s.Store.PollDeviceLogin(ctx, latchkey.DevicePoll{
		ID: id, Project: p.ID, Client: client.ID, Life: p.RefreshLife, Access: p.AccessLife, From: r.From,
		NewGrant: latchkey.GrantID{Handle: latchkey.NewHandle(now, s.Secrets.Current(), random())},
	}, now)
	if err != nil {
		return Tokens{}, err
	}
	switch code := latchkey.CodeOf(out.Verdict); code {
	case "":
	case latchkey.AuthorizationPending, latchkey.SlowDown:
		return Tokens{}, &latchkey.Error{Code: code, RetryAfter: out.Device.Interval}
	default:
		return Tokens{}, out.Verdict
	}
	tokens, err := s.issue(ctx, r.Client, p, key, out.User, out.Grant, now)
	if err != nil {
		return tokens, err
	}
	return s.identify(ctx, tokens, p, key, out.User, out.Grant, "", now)
}
