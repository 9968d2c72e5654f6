package latchkey_test

import (
	"bytes"
	"encoding/base64"
	"math"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// Authorization codes and refresh tokens: [A-Za-z0-9._-] only (contract.md §3), one spelling each, no other passes.
func TestTokensRejectEveryChange(t *testing.T) {
	t.Parallel()
	s := secrets(t, 1)
	accepts := func(token latchkey.Secret) bool {
		_, a := s.ParseAuthorizationCode(token)
		_, _, b := s.ParseRefreshToken(token)
		_, c := s.ParseSessionToken(token)
		_, d := s.ParseDeviceCode(token)
		return a || b || c || d
	}
	code, _ := s.AuthorizationCode(latchkey.CodeID{Handle: handleUnder(s, 1)})
	var tokens []latchkey.Secret
	for g := range uint32(2000) { // one whose MAC ends in a zero byte is among them: what a short decoding leaves
		r, _ := s.RefreshToken(latchkey.GrantID{Handle: handleUnder(s, 1)}, g)
		if raw, _ := base64.RawURLEncoding.DecodeString(r.Reveal()); g == 0 || raw[47] == 0 && len(tokens) < 3 {
			tokens = append(tokens, r)
		}
	}
	if len(tokens) < 2 {
		t.Fatal("no token ends in a zero byte: try more generations")
	}
	session, _ := s.SessionToken(latchkey.SessionID{Handle: handleUnder(s, 1)})
	device, _ := s.DeviceCode(latchkey.DeviceLoginID{Handle: handleUnder(s, 1)})
	for _, token := range append(tokens, code, session, device) {
		text := token.Reveal()
		if len(text) != 64 || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			t.Errorf("an SDK would cut %q", text)
		}
		if !accepts(token) {
			t.Errorf("%q is refused unchanged", text)
		}
		raw, _ := base64.RawURLEncoding.DecodeString(text)
		for bit := range len(raw) * 8 {
			flipped := bytes.Clone(raw)
			flipped[bit/8] ^= 1 << (bit % 8)
			if accepts(latchkey.Secret(base64.RawURLEncoding.EncodeToString(flipped))) {
				t.Errorf("bit %d of %q may be flipped", bit, text)
			}
		}
		for i := range len(text) {
			for _, c := range []string{"", "\n", "\r", "=", ".", "+", "/", " ", "\x00", "é"} {
				for _, changed := range []string{text[:i] + c + text[i+1:], text[:i] + c + text[i:], (text[:i] + c + text[i:])[:64]} {
					if changed != text && accepts(latchkey.Secret(changed)) {
						t.Errorf("%q passes for %q", changed, text)
					}
				}
			}
		}
		for _, changed := range []string{"", text + text, text + "A", strings.ToUpper(text)} {
			if accepts(latchkey.Secret(changed)) {
				t.Errorf("%q passes for %q", changed, text)
			}
		}
	}
}

// A token of one kind is none of another, though their ids be the same.
func TestTokensDoNotPassForEachOther(t *testing.T) {
	t.Parallel()
	s := secrets(t, 1)
	h := handleUnder(s, 1)
	type kind struct {
		print func() (latchkey.Secret, bool)
		parse func(latchkey.Secret) (latchkey.Handle, bool)
	}
	kinds := map[string]kind{
		"authorization code": {
			func() (latchkey.Secret, bool) { return s.AuthorizationCode(latchkey.CodeID{Handle: h}) },
			func(x latchkey.Secret) (latchkey.Handle, bool) {
				id, ok := s.ParseAuthorizationCode(x)
				return id.Handle, ok
			},
		},
		"refresh token": {
			func() (latchkey.Secret, bool) { return s.RefreshToken(latchkey.GrantID{Handle: h}, 0) },
			func(x latchkey.Secret) (latchkey.Handle, bool) {
				id, generation, ok := s.ParseRefreshToken(x)
				return id.Handle, ok && generation == 0
			},
		},
		"session token": {
			func() (latchkey.Secret, bool) { return s.SessionToken(latchkey.SessionID{Handle: h}) },
			func(x latchkey.Secret) (latchkey.Handle, bool) {
				id, ok := s.ParseSessionToken(x)
				return id.Handle, ok
			},
		},
		"device code": {
			func() (latchkey.Secret, bool) { return s.DeviceCode(latchkey.DeviceLoginID{Handle: h}) },
			func(x latchkey.Secret) (latchkey.Handle, bool) {
				id, ok := s.ParseDeviceCode(x)
				return id.Handle, ok
			},
		},
	}
	for made, from := range kinds {
		token, ok := from.print()
		if !ok {
			t.Fatalf("no %s", made)
		}
		for read, as := range kinds {
			got, ok := as.parse(token)
			if ok != (made == read) || ok && got != h {
				t.Errorf("a %s passes for a %s: %v, and names %v", made, read, ok, got)
			}
		}
	}
	last, _ := s.RefreshToken(latchkey.GrantID{Handle: h}, math.MaxUint32)
	if id, g, ok := s.ParseRefreshToken(last); !ok || id.Handle != h || g != math.MaxUint32 {
		t.Error("the last generation does not come back")
	}
}

// Tokens of a session and of a device outlive a new master secret, and end with their own.
func TestNewMasterSecretKeepsSessions(t *testing.T) {
	t.Parallel()
	old, both, fresh := secrets(t, 1), secrets(t, 2, 1), secrets(t, 2)
	session, device := latchkey.SessionID{Handle: handleUnder(old, 1)}, latchkey.DeviceLoginID{Handle: handleUnder(old, 1)}
	cookie, _ := old.SessionToken(session)
	code, _ := old.DeviceCode(device)
	if got, ok := both.ParseSessionToken(cookie); !ok || got != session {
		t.Error("a new master secret ends sessions")
	}
	if got, ok := both.ParseDeviceCode(code); !ok || got != device {
		t.Error("a new master secret ends the waiting of devices")
	}
	if _, ok := fresh.ParseSessionToken(cookie); ok {
		t.Error("a session of a removed master secret is still good")
	}
	if _, ok := fresh.ParseDeviceCode(code); ok {
		t.Error("a device code of a removed master secret is still good")
	}
	if _, ok := fresh.SessionToken(session); ok {
		t.Error("a session of a removed master secret has a token")
	}
}
