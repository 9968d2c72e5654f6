package jose

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-dev/latchkey"
)

// Generate makes a key in the given state, its private part sealed (sealContext). The id is the key's RFC
// 7638 thumbprint, or 128 random bits for HS256, which has no part that may be shown.
//
// An HS256 secret is text: 32 random bytes in base64url, and the HMAC key is the 43 ASCII characters themselves, not
// what they stand for. So the text that Reveal gives can be pasted as it is into the secret field of any JWT library.
//
// Errors: Invalid for an unknown algorithm; Unavailable when ctx ended before it began.
func (s *Signer) Generate(
	ctx context.Context, p latchkey.ProjectID, a latchkey.Algorithm, state latchkey.KeyState, now time.Time,
) (latchkey.Key, error) {
	if err := ctx.Err(); err != nil {
		return latchkey.Key{}, &latchkey.Error{Code: latchkey.Unavailable, Err: err}
	}
	k := latchkey.Key{Project: p, Algorithm: a, State: state, Created: now.UTC()}
	if state == latchkey.ActiveKey {
		k.Activated = k.Created
	}
	plain, err := newPrivate(&k)
	if err != nil {
		return latchkey.Key{}, err
	}
	k.Sealed = s.secrets.Seal(plain, sealContext(k), [12]byte(random(12)))
	return k, nil
}

// sealContext binds a sealed key to everything that it is for: a row that was moved to another project, or given another
// algorithm, does not open.
func sealContext(k latchkey.Key) []byte {
	return []byte(string(k.ID) + "\x00" + k.Project.String() + "\x00" + string(k.Algorithm))
}

// Reveal gives the text of an HS256 key's secret, for `latchkey key list --reveal`: see Generate.
// Errors: Invalid for the other algorithms, whose private part never leaves; Internal when k cannot be opened.
func (s *Signer) Reveal(k latchkey.Key) (latchkey.Secret, error) {
	if k.Algorithm != latchkey.HS256 {
		return "", latchkey.BadField("algorithm", "only an HS256 key has a secret to show")
	}
	key, err := s.open(k)
	if err != nil {
		return "", err
	}
	return latchkey.Secret(key.secret), nil
}

// newPrivate makes the private part that k.Algorithm asks for, and sets k's id and public part.
func newPrivate(k *latchkey.Key) ([]byte, error) {
	var private crypto.Signer
	var err error
	switch k.Algorithm {
	case latchkey.HS256:
		k.ID = latchkey.KeyID(base64.RawURLEncoding.EncodeToString(random(16)))
		return []byte(base64.RawURLEncoding.EncodeToString(random(32))), nil
	case latchkey.RS256:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case latchkey.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case latchkey.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, latchkey.BadField("algorithm", "the algorithm is HS256, RS256, ES256 or EdDSA")
	}
	if err != nil {
		return nil, internal("key generation failed", err)
	}
	thumbprint, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, internal("key has no thumbprint", err)
	}
	k.ID = latchkey.KeyID(base64.RawURLEncoding.EncodeToString(thumbprint))
	if k.Public, err = x509.MarshalPKIXPublicKey(private.Public()); err != nil {
		return nil, internal("public key cannot be encoded", err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, internal("private key cannot be encoded", err)
	}
	return plain, nil
}

// random gives n bytes of crypto/rand, which never fails: it ends the process first.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
