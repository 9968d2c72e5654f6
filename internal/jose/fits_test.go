package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-dev/latchkey"
)

// TestASVS_9_1_2_EachKeyHasItsAlgorithms: a key of a client is tried with those of its type alone, and with one of them where it
// says which. It does not hang on what the library would refuse by itself.
func TestASVS_9_1_2_EachKeyHasItsAlgorithms(t *testing.T) {
	t.Parallel()
	bits := func(n uint) *big.Int { return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), n), big.NewInt(1)) }
	ec := func(c elliptic.Curve) *ecdsa.PublicKey { return &ecdsa.PublicKey{Curve: c} }
	for name, c := range map[string]struct {
		key  any
		says string
		want []string
	}{
		"RSA":                     {&rsa.PublicKey{N: bits(2048), E: 65537}, "", []string{"RS256", "PS256"}},
		"RSA, for one of its two": {&rsa.PublicKey{N: bits(2048), E: 65537}, "PS256", []string{"PS256"}},
		"RSA, for another type's": {&rsa.PublicKey{N: bits(2048), E: 65537}, "ES256", nil},
		"the longest RSA":         {&rsa.PublicKey{N: bits(8192), E: 3}, "", []string{"RS256", "PS256"}},
		"too short":               {&rsa.PublicKey{N: bits(2047), E: 65537}, "", nil},
		"too long":                {&rsa.PublicKey{N: bits(8193), E: 65537}, "", nil},
		"exponent 1":              {&rsa.PublicKey{N: bits(2048), E: 1}, "", nil},
		"an even exponent":        {&rsa.PublicKey{N: bits(2048), E: 65536}, "", nil},
		"P-256":                   {ec(elliptic.P256()), "", []string{"ES256"}},
		"P-384":                   {ec(elliptic.P384()), "", nil},
		"Ed25519":                 {make(ed25519.PublicKey, ed25519.PublicKeySize), "", []string{"EdDSA"}},
		"half of Ed25519":         {make(ed25519.PublicKey, ed25519.PublicKeySize/2), "", nil},
		"a private key":           {make(ed25519.PrivateKey, ed25519.PrivateKeySize), "", nil},
		"a shared secret":         {make([]byte, 64), "", nil},
	} {
		var got []string
		for _, algorithm := range []string{"RS256", "PS256", "ES256", "EdDSA", "RS512", "ES384", "HS256", "none", ""} {
			if fits(jose.JSONWebKey{Key: c.key, Algorithm: c.says}, algorithm) {
				got = append(got, algorithm)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: tried with %v, want %v", name, got, c.want)
		}
	}
}

// TestRFC8725_3_1_AKeyOpensForItsAlgorithmAlone: also where what was sealed is another kind of key than its row says, or a weaker one.
func TestRFC8725_3_1_AKeyOpensForItsAlgorithmAlone(t *testing.T) {
	t.Parallel()
	der := func(key any, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		b, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	for name, c := range map[string]struct {
		plain []byte
		want  latchkey.Algorithm // empty: none
	}{
		"RSA":                 {der(rsa.GenerateKey(rand.Reader, 2048)), latchkey.RS256},
		"short RSA":           {der(rsa.GenerateKey(rand.Reader, 1024)), ""},
		"P-256":               {der(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), latchkey.ES256},
		"P-384":               {der(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), ""},
		"Ed25519":             {der(ed, err), latchkey.EdDSA},
		"a secret":            {[]byte(strings.Repeat("x", secretText)), latchkey.HS256},
		"a secret, one short": {[]byte(strings.Repeat("x", secretText-1)), ""},
		"nothing":             {nil, ""},
	} {
		for _, a := range []latchkey.Algorithm{latchkey.HS256, latchkey.RS256, latchkey.ES256, latchkey.EdDSA} {
			if _, err := newOpenKey(latchkey.Key{Algorithm: a}, c.plain); (err == nil) != (a == c.want) {
				t.Errorf("%s opens for %s: %v", name, a, err)
			}
		}
	}
}
