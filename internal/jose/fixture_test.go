package jose_test

import (
	"bytes"
	"encoding/base64"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

var (
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	project = latchkey.ProjectID{UUID: latchkey.UUID{1}}
)

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

func generate(t testing.TB, s *jose.Signer, a latchkey.Algorithm) latchkey.Key {
	t.Helper()
	k, err := s.Generate(t.Context(), project, a, latchkey.ActiveKey, noon)
	if err != nil {
		t.Fatalf("Generate(%s): %v", a, err)
	}
	return k
}

func sign(t testing.TB, s *jose.Signer, k latchkey.Key, c latchkey.Claims) string {
	t.Helper()
	token, err := s.Sign(t.Context(), k, c)
	if err != nil {
		t.Fatalf("Sign(%s): %v", k.Algorithm, err)
	}
	return token.Reveal()
}

// claims has every kind of member: text, number, list, empty list, what JSON escapes and what HTML would.
func claims() latchkey.Claims {
	return latchkey.Claims{
		Issuer: "https://id.example.com/p/1", Subject: "0190a5b8-0000-7000-8000-000000000001",
		Audience: []string{"1"}, IssuedAt: noon.Unix(), Expires: noon.Add(time.Hour).Unix(), ID: "abc",
		Project: project.String(), Type: "email", Groups: &[]latchkey.Group{}, Email: "a@example.com",
		EmailVerified: true, Username: "a@example.com", Payload: `{"room":"<7> & \"é\""}`,
		Scopes: []string{"offline", "email"}, Client: "1", Epoch: 3,
	}
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func unb64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		t.Fatalf("not base64url: %v", err)
	}
	return b
}
