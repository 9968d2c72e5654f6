package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

// contract.md §5, "Keys": only strings, e and n in hexadecimal, members in this order.
func TestPublicIsWhatTheSDKsRead(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for a, form := range map[latchkey.Algorithm]string{
		latchkey.RS256: `^\{"alg":"RS256","e":"10001","n":"[0-9a-f]{512}","kid":"[\w-]{43}","kty":"RSA","use":"sig"\}$`,
		latchkey.ES256: `^\{"alg":"ES256","kid":"[\w-]{43}","kty":"EC","use":"sig","crv":"P-256","x":"[0-9a-f]{64}","y":"[0-9a-f]{64}"\}$`,
		latchkey.EdDSA: `^\{"alg":"EdDSA","kid":"[\w-]{43}","kty":"OKP","use":"sig","crv":"Ed25519","x":"[0-9a-f]{64}"\}$`,
	} {
		k := generate(t, s, a)
		jwk, err := jose.Public(k)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		got, err := json.Marshal(jwk)
		if err != nil || !regexp.MustCompile(form).Match(got) {
			t.Errorf("%s: %s, %v; want %s", a, got, err, form)
		}
		public, err := x509.ParsePKIXPublicKey(k.Public)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(rebuilt(t, jwk), public) {
			t.Errorf("%s: the published numbers are not the key's", a)
		}
		if jwk.ID != string(k.ID) {
			t.Errorf("%s: kid %s, want %s", a, jwk.ID, k.ID)
		}
	}
}

// rebuilt makes the public key of what a client reads.
func rebuilt(t *testing.T, j jose.JWK) crypto.PublicKey {
	t.Helper()
	bytes := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatalf("not hexadecimal: %s", s)
		}
		return b
	}
	switch j.Type {
	case "RSA":
		e, err := strconv.ParseInt(j.E, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(bytes(j.N)), E: int(e)}
	case "EC":
		k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, bytes(j.X)...), bytes(j.Y)...))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	return ed25519.PublicKey(bytes(j.X))
}

func TestPublicShowsNothingPrivate(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for a, want := range map[latchkey.Algorithm]string{ // RFC 7518 §6.2.1, §6.3.1; RFC 8037 §2
		latchkey.RS256: "alg e kid kty n use", latchkey.ES256: "alg crv kid kty use x y", latchkey.EdDSA: "alg crv kid kty use x",
	} {
		k := generate(t, s, a)
		for form, public := range map[string]func(latchkey.Key) (jose.JWK, error){"Public": jose.Public, "Standard": jose.Standard} {
			jwk, err := public(k)
			text, _ := json.Marshal(jwk)
			members := map[string]string{}
			if err != nil || json.Unmarshal(text, &members) != nil {
				t.Fatalf("%s, %s: %s, %v", form, a, text, err)
			}
			if got := strings.Join(slices.Sorted(maps.Keys(members)), " "); got != want {
				t.Errorf("%s, %s: members %s, want %s", form, a, got, want)
			}
		}
	}
	k := generate(t, s, latchkey.HS256)
	if jwk, err := jose.Public(k); !errors.Is(err, latchkey.NotFound) || jwk != (jose.JWK{}) {
		t.Errorf("HS256: %+v, %v; want nothing, NotFound", jwk, err)
	}
	k = generate(t, s, latchkey.RS256)
	k.Public = k.Public[:20]
	if _, err := jose.Public(k); latchkey.CodeOf(err) != latchkey.Internal {
		t.Errorf("damaged: %v, want Internal", err)
	}
}

// RFC 7517: an implementation that shares no line with ours reads the key that we publish.
func TestRFC7517_StandardKeyIsReadElsewhere(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for _, a := range []latchkey.Algorithm{latchkey.RS256, latchkey.ES256, latchkey.EdDSA} {
		k := generate(t, s, a)
		jwk, err := jose.Standard(k)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		text, err := json.Marshal(jwk)
		if err != nil {
			t.Fatal(err)
		}
		var read gojose.JSONWebKey
		if err := read.UnmarshalJSON(text); err != nil {
			t.Fatalf("%s: go-jose cannot read %s: %v", a, text, err)
		}
		public, err := x509.ParsePKIXPublicKey(k.Public)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(read.Key, public) || read.KeyID != string(k.ID) || read.Algorithm != string(a) || read.Use != "sig" {
			t.Errorf("%s: go-jose reads %+v from %s", a, read, text)
		}
	}
	if _, err := jose.Standard(generate(t, s, latchkey.HS256)); latchkey.CodeOf(err) != latchkey.NotFound {
		t.Errorf("an HS256 key: %v, want NotFound: it has no public part", err)
	}
}
