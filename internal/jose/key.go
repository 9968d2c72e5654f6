package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"math/big"
	"sync"

	"github.com/latchkey-dev/latchkey"
)

// secretText is the length of an HS256 secret: 32 random bytes in base64url.
const secretText = 43

// An openKey is a key with its private part in the open. It is never written after it was made, and safe for
// concurrent use.
type openKey struct {
	algorithm latchkey.Algorithm
	project   latchkey.ProjectID
	sealed    []byte                   // what it was opened from
	headers   map[latchkey.Form]string // of its tokens, base64url
	macs      *sync.Pool
	secret    []byte            // HS256
	private   crypto.PrivateKey // the others
}

// newOpenKey makes k's openKey of its private part: the secret's text for HS256, PKCS #8 DER for the others. The
// type of the key must be the algorithm's: an algorithm is pinned to its key (RFC 8725 §3.1).
func newOpenKey(k latchkey.Key, plain []byte) (*openKey, error) {
	key := &openKey{algorithm: k.Algorithm, project: k.Project, sealed: k.Sealed, headers: map[latchkey.Form]string{
		latchkey.PlainToken: header(k, "JWT"), latchkey.AccessOnly: header(k, string(latchkey.AccessOnly)),
	}}
	if k.Algorithm == latchkey.HS256 {
		if len(plain) != secretText {
			return nil, errors.New("not an HS256 secret")
		}
		key.secret = plain
		key.macs = &sync.Pool{New: func() any { return hmac.New(sha256.New, plain) }}
		return key, nil
	}
	private, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, errors.New("not a PKCS #8 key") // the cause may quote the key
	}
	key.private = private
	ok := false
	switch p := private.(type) {
	case *rsa.PrivateKey:
		ok = k.Algorithm == latchkey.RS256 && p.Size() == 256
	case *ecdsa.PrivateKey:
		ok = k.Algorithm == latchkey.ES256 && p.Curve == elliptic.P256()
	case ed25519.PrivateKey:
		ok = k.Algorithm == latchkey.EdDSA
	}
	if !ok {
		return nil, errors.New("not a key for " + string(k.Algorithm))
	}
	return key, nil
}

// header is the JOSE header of every token of k of one typ (contract.md §5: HS256 tokens have no kid).
func header(k latchkey.Key, typ string) string {
	h := struct {
		Algorithm latchkey.Algorithm `json:"alg"`
		Key       latchkey.KeyID     `json:"kid,omitempty"`
		Type      string             `json:"typ"`
	}{k.Algorithm, k.ID, typ}
	if k.Algorithm == latchkey.HS256 {
		h.Key = ""
	}
	b, err := json.Marshal(h)
	if err != nil {
		panic(err) // strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// form gives which of k's headers a token has.
func (k *openKey) form(header string) (latchkey.Form, bool) {
	for f, h := range k.headers {
		if h == header {
			return f, true
		}
	}
	return "", false
}

// sigLen is the length of a signature as it stands in a token.
func (k *openKey) sigLen() int {
	n := 64 // ES256, EdDSA
	switch k.algorithm {
	case latchkey.HS256:
		n = sha256.Size
	case latchkey.RS256:
		n = 256
	}
	return base64.RawURLEncoding.EncodedLen(n)
}

// sign is RFC 7518 §3.2–3.4 and RFC 8037 §3.1.
func (k *openKey) sign(input []byte) ([]byte, error) {
	switch p := k.private.(type) {
	case *rsa.PrivateKey:
		sum := sha256.Sum256(input)
		return rsa.SignPKCS1v15(nil, p, crypto.SHA256, sum[:])
	case *ecdsa.PrivateKey:
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, p, sum[:])
		if err != nil {
			return nil, err
		}
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return sig, nil
	case ed25519.PrivateKey:
		return ed25519.Sign(p, input), nil
	}
	return k.mac(input), nil
}

// verify reports whether sig is k's signature of input.
func (k *openKey) verify(input, sig []byte) bool {
	switch p := k.private.(type) {
	case *rsa.PrivateKey:
		sum := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(&p.PublicKey, crypto.SHA256, sum[:], sig) == nil
	case *ecdsa.PrivateKey:
		if len(sig) != 64 {
			return false
		}
		sum := sha256.Sum256(input)
		return ecdsa.Verify(&p.PublicKey, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	case ed25519.PrivateKey:
		public, ok := p.Public().(ed25519.PublicKey)
		return ok && ed25519.Verify(public, input, sig)
	}
	return hmac.Equal(k.mac(input), sig)
}

func (k *openKey) mac(input []byte) []byte {
	h, _ := k.macs.Get().(hash.Hash) // the pool holds nothing else
	defer k.macs.Put(h)
	h.Reset()
	h.Write(input)
	return h.Sum(nil)
}
