package latchkey_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

var master = bytes.Repeat([]byte{9}, latchkey.MinMasterSecret)

// byHand is HMAC-SHA-256 under the key that HKDF gives for a purpose, without anything kept or shared.
func byHand(t testing.TB, purpose string, parts ...[]byte) []byte {
	t.Helper()
	key, err := hkdf.Key(sha256.New, master, nil, "latchkey/v1/"+purpose, 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(slices.Concat(parts...))
	return mac.Sum(nil)
}

// TestDerivationsAreForever: what a version derives must be what every other one derives, or an update would end every code,
// link, refresh token and session.
func TestDerivationsAreForever(t *testing.T) {
	t.Parallel()
	s, err := latchkey.NewSecrets(master)
	if err != nil {
		t.Fatal(err)
	}
	h := handleUnder(s, 3)
	to := latchkey.CanonicalAddress(latchkey.Email, "ann@example.com")
	bound := [][]byte{h[:], project.UUID[:], []byte("email"), {0}, []byte("ann@example.com")}
	text := base64.RawURLEncoding.EncodeToString

	sum := byHand(t, "code", bound...)
	if got, _ := s.Code(latchkey.ChallengeID{Handle: h}, project, to, 6); got.Reveal() != fmt.Sprintf("%06d", binary.BigEndian.Uint64(sum)%1e6) {
		t.Errorf("the code is %s", got.Reveal())
	}
	sum = byHand(t, "link", bound...)
	if got, _ := s.LinkToken(latchkey.ChallengeID{Handle: h}, project, to); got.Reveal() != text(sum[:16]) {
		t.Errorf("the link token is %s", got.Reveal())
	}
	for purpose, derive := range map[string]func() (latchkey.Secret, bool){
		"authorization code": func() (latchkey.Secret, bool) { return s.AuthorizationCode(latchkey.CodeID{Handle: h}) },
		"session":            func() (latchkey.Secret, bool) { return s.SessionToken(latchkey.SessionID{Handle: h}) },
		"device code":        func() (latchkey.Secret, bool) { return s.DeviceCode(latchkey.DeviceLoginID{Handle: h}) },
	} {
		want := text(slices.Concat(h[:], make([]byte, 4), byHand(t, purpose, h[:], make([]byte, 4))[:20]))
		if got, _ := derive(); got.Reveal() != want {
			t.Errorf("%s: %s, want %s", purpose, got.Reveal(), want)
		}
	}
	third := []byte{0, 0, 0, 3}
	want := text(slices.Concat(h[:], third, byHand(t, "refresh token", h[:], third)[:20]))
	if got, _ := s.RefreshToken(latchkey.GrantID{Handle: h}, 3); got.Reveal() != want {
		t.Errorf("the refresh token is %s, want %s", got.Reveal(), want)
	}
	if got := s.UserCodeHashes(project, "WDJBMJHT"); !bytes.Equal(got[0][:], byHand(t, "user code", project.UUID[:], []byte("WDJBMJHT"))) {
		t.Error("the hash of a user code is another one")
	}
}

// TestDerivationsDoNotMix: states are shared between goroutines one after the other, never at once.
func TestDerivationsDoNotMix(t *testing.T) {
	t.Parallel()
	s := secrets(t, 9)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			to := latchkey.CanonicalAddress(latchkey.Email, fmt.Sprintf("ann%d@example.com", n))
			id := latchkey.ChallengeID{Handle: handleUnder(s, uint64(n))}
			first, _ := s.LinkToken(id, project, to)
			for range 2000 {
				if again, _ := s.LinkToken(id, project, to); again != first {
					t.Errorf("the link of %v is now another one", to)
					return
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkDeriveAndCompareACode(b *testing.B) {
	s := secrets(b, 9)
	id := latchkey.ChallengeID{Handle: handleUnder(s, 1)}
	to := latchkey.CanonicalAddress(latchkey.Email, "ann@example.com")
	b.ReportAllocs()
	for b.Loop() {
		code, _ := s.Code(id, project, to, 6)
		_ = code.Equal("123456")
	}
}

func BenchmarkJudgeAnAnswer(b *testing.B) {
	a, c, u := attempt("123456"), waiting(), annUser()
	b.ReportAllocs()
	for b.Loop() {
		_ = a.Judge(c, latchkey.Guesses{}, u, noon)
	}
}
