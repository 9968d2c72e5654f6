package latchkey_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-dev/latchkey"
)

func TestUUIDRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		u := latchkey.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
		for _, s := range []string{u.String(), strings.ToUpper(u.String())} {
			if got, err := latchkey.ParseUUID(s); err != nil || got != u {
				t.Fatalf("ParseUUID(%s) = %v, %v", s, got, err)
			}
		}
		b, err := json.Marshal(u)
		var back latchkey.UUID
		if err != nil || string(b) != `"`+u.String()+`"` || json.Unmarshal(b, &back) != nil || back != u {
			t.Fatalf("JSON of %v: %s, %v, %v", u, b, err, back)
		}
	})
}

func TestParseUUIDRefuses(t *testing.T) {
	t.Parallel()
	const good = "0190a5b8-0000-7000-8000-00000000000f"
	for _, s := range []string{
		"", "0", good[:35], good + "0", "{" + good + "}", "urn:uuid:" + good, strings.ReplaceAll(good, "-", ""),
		strings.Replace(good, "-", "_", 1), "g" + good[1:], " " + good[1:], good[:35] + "\n", good[:35] + "\x00",
		"0190a5b80-000-7000-8000-00000000000f", strings.Repeat("-", 36), "0190a5b8-0000-7000-8000-0000000000é",
	} {
		u, err := latchkey.ParseUUID(s)
		if !errors.Is(err, latchkey.Invalid) || !u.IsZero() {
			t.Errorf("ParseUUID(%q) = %v, %v; want Invalid", s, u, err)
		}
		if _, err := latchkey.ParseProjectID(s); !errors.Is(err, latchkey.ProjectNotFound) {
			t.Errorf("ParseProjectID(%q): %v, want ProjectNotFound", s, err)
		}
		if _, err := latchkey.ParseUserID(s); !errors.Is(err, latchkey.UserNotFound) {
			t.Errorf("ParseUserID(%q): %v, want UserNotFound", s, err)
		}
	}
	kept := latchkey.UUID{7}
	if err := kept.UnmarshalText([]byte("x")); err == nil || kept != (latchkey.UUID{7}) {
		t.Errorf("a failed UnmarshalText left %v, %v", kept, err)
	}
}

func TestRFC9562_5_7_NewUUID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		random := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "random"))
		at := noon.Add(time.Duration(rapid.IntRange(0, 1<<40).Draw(t, "ms")) * time.Millisecond)
		u := latchkey.NewUUID(at, random)
		if s := u.String(); s[14] != '7' || !strings.ContainsRune("89ab", rune(s[19])) {
			t.Fatalf("%s is not of version 7", s)
		}
		if later := latchkey.NewUUID(at.Add(time.Millisecond), [16]byte{}); later.String() <= u.String() {
			t.Fatalf("%s, a millisecond later, sorts before %s", later, u)
		}
	})
}

func TestHandleRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		random := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "random"))
		secret := latchkey.SecretID(rapid.SliceOfN(rapid.Byte(), 2, 2).Draw(t, "secret"))
		at := noon.Add(time.Duration(rapid.IntRange(0, 1<<40).Draw(t, "ms")) * time.Millisecond)
		h := latchkey.NewHandle(at, secret, random)
		got, ok := latchkey.ParseHandle(h.String())
		if !ok || got != h || !h.Time().Equal(at) || h.Secret() != secret || len(h.String()) != 32 {
			t.Fatalf("%s: %v, time %v want %v, secret %x want %x", h, ok, h.Time(), at, h.Secret(), secret)
		}
		if strings.Trim(h.String(), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			t.Fatalf("an SDK would cut %s", h)
		}
		if id, ok := latchkey.ParseChallengeID(h.String()); !ok || id.Handle != h {
			t.Fatal("ParseChallengeID differs")
		}
	})
}

func TestParseHandleRefuses(t *testing.T) {
	t.Parallel()
	good := handle(1).String()
	for _, s := range []string{
		"", good[:31], good + "A", good + "=", good[:31] + "\n", good[:30] + "\r\n", good[:31] + "=", good[:31] + "+", good[:31] + "/",
		good[:31] + ".", good[:31] + " ", good[:31] + "\x00", good[:30] + "é", strings.Repeat("\n", 32), strings.Repeat("=", 32),
	} {
		if h, ok := latchkey.ParseHandle(s); ok || !h.IsZero() {
			t.Errorf("ParseHandle(%q) = %v, %v; want the zero Handle, false", s, h, ok)
		}
	}
}

// FuzzParseUUID: parse, then print gives the same, but for its case.
func FuzzParseUUID(f *testing.F) {
	f.Add("0190a5b8-0000-7000-8000-00000000000F")
	f.Add("00000000-0000-4000-8000-000000000001")
	f.Add("0190a5b8-0000-7000-8000_00000000000f")
	f.Fuzz(func(t *testing.T, s string) {
		if u, err := latchkey.ParseUUID(s); err == nil && u.String() != strings.ToLower(s) {
			t.Errorf("ParseUUID(%q) prints as %s", s, u)
		}
	})
}

// FuzzParseHandle: parse, then print gives the same.
func FuzzParseHandle(f *testing.F) {
	f.Add(handle(1).String())
	f.Add(strings.Repeat("A", 31) + "\n")
	f.Add(strings.Repeat("_", 32))
	f.Fuzz(func(t *testing.T, s string) {
		if h, ok := latchkey.ParseHandle(s); ok && h.String() != s {
			t.Errorf("ParseHandle(%q) prints as %s", s, h)
		}
	})
}

// FuzzParseTokens: a token that nobody made is refused, and what is accepted prints the same.
func FuzzParseTokens(f *testing.F) {
	s := secrets(f, 1)
	refresh, _ := s.RefreshToken(latchkey.GrantID{Handle: handleUnder(s, 1)}, 1)
	code, _ := s.AuthorizationCode(latchkey.CodeID{Handle: handleUnder(s, 1)})
	f.Add(refresh.Reveal())
	f.Add(code.Reveal())
	f.Add(strings.Repeat("A", 64))
	f.Add(refresh.Reveal()[:63] + "\n")
	session, _ := s.SessionToken(latchkey.SessionID{Handle: handleUnder(s, 1)})
	device, _ := s.DeviceCode(latchkey.DeviceLoginID{Handle: handleUnder(s, 1)})
	f.Add(session.Reveal())
	f.Add(device.Reveal())
	f.Fuzz(func(t *testing.T, text string) {
		if id, generation, ok := s.ParseRefreshToken(latchkey.Secret(text)); ok {
			if again, _ := s.RefreshToken(id, generation); again.Reveal() != text {
				t.Errorf("ParseRefreshToken(%q) prints as %q", text, again.Reveal())
			}
		}
		if id, ok := s.ParseAuthorizationCode(latchkey.Secret(text)); ok {
			if again, _ := s.AuthorizationCode(id); again.Reveal() != text {
				t.Errorf("ParseAuthorizationCode(%q) prints as %q", text, again.Reveal())
			}
		}
		if id, ok := s.ParseSessionToken(latchkey.Secret(text)); ok {
			if again, _ := s.SessionToken(id); again.Reveal() != text {
				t.Errorf("ParseSessionToken(%q) prints as %q", text, again.Reveal())
			}
		}
		if id, ok := s.ParseDeviceCode(latchkey.Secret(text)); ok {
			if again, _ := s.DeviceCode(id); again.Reveal() != text {
				t.Errorf("ParseDeviceCode(%q) prints as %q", text, again.Reveal())
			}
		}
	})
}
