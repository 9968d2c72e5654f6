package jose_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

func TestSignThenVerifyGivesTheClaims(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for _, a := range latchkey.Algorithms() {
		k := generate(t, s, a)
		for name, c := range map[string]latchkey.Claims{"full": claims(), "zero": {}} {
			token := sign(t, s, k, c)
			if !regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`).MatchString(token) {
				t.Errorf("%s: not a compact JWS: %s", a, token)
			}
			// A second Signer has nothing cached: it opens the key as another node does.
			got, err := jose.New(secrets(t, 1)).Verify(t.Context(), latchkey.Keys{k}, latchkey.Secret(token))
			if err != nil || !reflect.DeepEqual(got, c) {
				t.Errorf("%s, %s claims: Verify = %+v, %v; want %+v", a, name, got, err, c)
			}
		}
	}
}

// An implementation that shares no line with ours reads what we sign.
func TestOtherImplementationReadsTheToken(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for _, a := range latchkey.Algorithms() {
		k := generate(t, s, a)
		var key any
		if a == latchkey.HS256 {
			secret, err := s.Reveal(k)
			if err != nil {
				t.Fatalf("Reveal: %v", err)
			}
			key = []byte(secret.Reveal()) // the text itself is the key
		} else {
			public, err := x509.ParsePKIXPublicKey(k.Public)
			if err != nil {
				t.Fatalf("%s: public part: %v", a, err)
			}
			key = public
		}
		parsed, err := gojose.ParseSignedCompact(sign(t, s, k, claims()), []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(a)})
		if err != nil {
			t.Fatalf("%s: go-jose cannot parse: %v", a, err)
		}
		body, err := parsed.Verify(key)
		if err != nil {
			t.Fatalf("%s: go-jose cannot verify: %v", a, err)
		}
		var got latchkey.Claims
		if err := json.Unmarshal(body, &got); err != nil || !reflect.DeepEqual(got, claims()) {
			t.Errorf("%s: go-jose reads %+v, %v", a, got, err)
		}
	}
}

// contract.md §5: HS256 tokens have no kid, all others always do; RFC 8725 §3.11: an explicit type.
func TestHeader(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for _, a := range latchkey.Algorithms() {
		k := generate(t, s, a)
		want := map[string]any{"alg": string(a), "typ": "JWT", "kid": string(k.ID)}
		if a == latchkey.HS256 {
			delete(want, "kid")
		}
		for form, typ := range map[latchkey.Form]string{latchkey.PlainToken: "JWT", latchkey.AccessOnly: "at+jwt"} {
			c := claims()
			c.Form, want["typ"] = form, typ
			token := sign(t, s, k, c)
			header, _, _ := strings.Cut(token, ".")
			var got map[string]any
			if err := json.Unmarshal(unb64(t, header), &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: header %v, %v; want %v", a, got, err, want)
			}
			back, err := s.Verify(t.Context(), latchkey.Keys{k}, latchkey.Secret(token))
			if err != nil || back.Form != form {
				t.Errorf("%s: a %s token comes back as %q, %v", a, typ, back.Form, err)
			}
		}
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for _, a := range latchkey.Algorithms() {
		k, other := generate(t, s, a), generate(t, s, a)
		if k.ID == other.ID || string(k.Sealed) == string(other.Sealed) {
			t.Errorf("%s: two keys share an id or a private part", a)
		}
		if k.Project != project || k.Algorithm != a || k.State != latchkey.ActiveKey || !k.Created.Equal(noon) || !k.Activated.Equal(noon) {
			t.Errorf("%s: generated %+v", a, k)
		}
		next, err := s.Generate(t.Context(), project, a, latchkey.NextKey, noon)
		if err != nil || !next.Activated.IsZero() || next.State != latchkey.NextKey {
			t.Errorf("%s: a next key: %+v, %v; want one that was never active", a, next, err)
		}
		if (a == latchkey.HS256) != (k.Public == nil) {
			t.Errorf("%s: public part %x", a, k.Public)
		}
	}
	if _, err := s.Generate(t.Context(), project, "none", latchkey.ActiveKey, noon); !errors.Is(err, latchkey.Invalid) {
		t.Errorf("algorithm none: %v, want Invalid", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Generate(ended, project, latchkey.HS256, latchkey.ActiveKey, noon); !errors.Is(err, latchkey.Unavailable) {
		t.Errorf("context ended: %v, want Unavailable", err)
	}
}

func TestRFC7638_KeyIDIsTheThumbprint(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for _, a := range []latchkey.Algorithm{latchkey.RS256, latchkey.ES256, latchkey.EdDSA} {
		k := generate(t, s, a)
		public, err := x509.ParsePKIXPublicKey(k.Public)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := (&gojose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
		if want := base64.RawURLEncoding.EncodeToString(sum); err != nil || string(k.ID) != want {
			t.Errorf("%s: kid %s, want %s (%v)", a, k.ID, want, err)
		}
	}
}

// RFC 7518 §3.2: at least 256 bits. The text is the key: 43 characters of base64url stand for 32 random bytes.
func TestRFC7518_HS256SecretHas256Bits(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	k := generate(t, s, latchkey.HS256)
	secret, err := s.Reveal(k)
	if err != nil || len(unb64(t, secret.Reveal())) != 32 {
		t.Errorf("secret has %d characters, %v; want base64url of 32 bytes", len(secret), err)
	}
	if fmt.Sprint(secret) != "[redacted]" {
		t.Error("the secret prints")
	}
	for _, a := range []latchkey.Algorithm{latchkey.RS256, latchkey.ES256, latchkey.EdDSA} {
		if _, err := s.Reveal(generate(t, s, a)); !errors.Is(err, latchkey.Invalid) {
			t.Errorf("Reveal of %s: %v, want Invalid", a, err)
		}
	}
}

func TestSealingBindsMasterSecretAndKeyID(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for _, a := range latchkey.Algorithms() {
		k := generate(t, s, a)
		token := sign(t, s, k, claims())
		renamed, altered, swapped := k, k, k
		renamed.ID += "x"
		altered.Sealed = append([]byte(nil), k.Sealed...)
		altered.Sealed[len(altered.Sealed)-1] ^= 1
		swapped.Sealed = generate(t, s, a).Sealed
		cases := map[string]struct {
			signer *jose.Signer
			key    latchkey.Key
		}{
			"another master secret": {jose.New(secrets(t, 2)), k},
			"another key id":        {s, renamed},
			"an altered box":        {s, altered},
			"another key's box":     {s, swapped},
			"an empty box":          {s, latchkey.Key{ID: k.ID, Algorithm: a}},
			"no secret at all":      {jose.New(latchkey.Secrets{}), k},
		}
		for name, c := range cases {
			if _, err := c.signer.Sign(t.Context(), c.key, claims()); latchkey.CodeOf(err) != latchkey.Internal {
				t.Errorf("%s, %s: Sign: %v, want Internal", a, name, err)
			}
			if _, err := c.signer.Verify(t.Context(), latchkey.Keys{c.key}, latchkey.Secret(token)); !errors.Is(err, latchkey.BadUserToken) {
				t.Errorf("%s, %s: Verify: %v, want BadUserToken", a, name, err)
			}
		}
		if _, err := jose.New(secrets(t, 2, 1)).Sign(t.Context(), k, claims()); err != nil {
			t.Errorf("%s: after a new master secret the old one still opens its keys: %v", a, err)
		}
	}
}

// What the store says about a key cannot make it another algorithm's: RFC 8725 §3.1.
func TestRFC8725_3_1_KeyIsPinnedToItsAlgorithm(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for _, real := range latchkey.Algorithms() {
		k := generate(t, s, real)
		sign(t, s, k, claims()) // from now on it is in the cache, as what it is
		for _, claimed := range latchkey.Algorithms() {
			if claimed == real {
				continue
			}
			k.Algorithm = claimed
			if token, err := s.Sign(t.Context(), k, claims()); latchkey.CodeOf(err) != latchkey.Internal {
				t.Errorf("%s key stored as %s: Sign = %q, %v; want Internal", real, claimed, token.Reveal(), err)
			}
		}
	}
}

func TestTokenTooLongToBeReadIsNotMade(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	k := generate(t, s, latchkey.RS256)
	c := claims()
	c.Payload = strings.Repeat(`"`, 2000) // the longest that the wire lets in, doubled by escaping
	if _, err := s.Verify(t.Context(), latchkey.Keys{k}, latchkey.Secret(sign(t, s, k, c))); err != nil {
		t.Errorf("the longest payload does not come back: %v", err)
	}
	c.Payload = strings.Repeat("x", 8<<10)
	if _, err := s.Sign(t.Context(), k, c); latchkey.CodeOf(err) != latchkey.Internal {
		t.Errorf("token over 8 KiB: %v, want Internal", err)
	}
}

func TestSignEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	k := generate(t, s, latchkey.RS256)
	free := jose.OccupyRSA(s, runtime.GOMAXPROCS(0))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Sign(ended, k, claims()); !errors.Is(err, latchkey.Unavailable) {
		t.Errorf("RS256 with every place taken: %v, want Unavailable", err)
	}
	if _, err := s.Sign(ended, generate(t, s, latchkey.HS256), claims()); err != nil {
		t.Errorf("HS256 waits for nobody: %v", err)
	}
	free()
	if _, err := s.Sign(t.Context(), k, claims()); err != nil {
		t.Errorf("RS256 with places free again: %v", err)
	}
}

func TestOpenedKeysAreBounded(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	first := generate(t, s, latchkey.HS256)
	for range jose.MaxOpened + 50 {
		sign(t, s, generate(t, s, latchkey.HS256), latchkey.Claims{})
	}
	if n := jose.Opened(s); n > jose.MaxOpened {
		t.Errorf("%d keys are kept open, want at most %d", n, jose.MaxOpened)
	}
	sign(t, s, first, claims())
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	var ks latchkey.Keys
	for _, a := range latchkey.Algorithms() {
		ks = append(ks, generate(t, s, a))
	}
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			c := claims()
			c.Epoch = i
			for _, k := range ks {
				token, err := s.Sign(t.Context(), k, c)
				if err != nil {
					t.Errorf("Sign: %v", err)
				}
				if got, err := s.Verify(t.Context(), ks, token); err != nil || got.Epoch != i {
					t.Errorf("%s: token %d gave %d, %v", k.Algorithm, i, got.Epoch, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestSealedKeyIsBoundToItsRow: whoever can write to the store cannot make one project's key sign for another, nor
// under another algorithm.
func TestSealedKeyIsBoundToItsRow(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	k := generate(t, s, latchkey.ES256)
	sign(t, s, k, claims()) // opened, and so cached
	moved := k
	moved.Project = latchkey.ProjectID{UUID: latchkey.UUID{2}}
	if _, err := s.Sign(t.Context(), moved, claims()); latchkey.CodeOf(err) != latchkey.Internal {
		t.Errorf("a key moved to another project signed: %v", err)
	}
	relabelled := generate(t, s, latchkey.HS256)
	relabelled.Algorithm = latchkey.EdDSA
	if _, err := s.Sign(t.Context(), relabelled, claims()); latchkey.CodeOf(err) != latchkey.Internal {
		t.Errorf("an HS256 key signed as EdDSA: %v", err)
	}
}
