package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"math/big"

	"github.com/latchkey-dev/latchkey"
)

// A JWK is the public part of a key (RFC 7517 §4): strings only, which are all that GET /projects/{id}/keys may have.
// Public gives its numbers in hexadecimal for that call (contract.md §5, "Keys"), Standard in base64url.
type JWK struct {
	Algorithm string `json:"alg"`
	E         string `json:"e,omitempty"` // RSA: "10001"
	N         string `json:"n,omitempty"` // RSA
	ID        string `json:"kid"`
	Type      string `json:"kty"`           // RSA, EC or OKP
	Use       string `json:"use"`           // sig
	Curve     string `json:"crv,omitempty"` // P-256 or Ed25519
	X         string `json:"x,omitempty"`   // EC, OKP: 32 bytes
	Y         string `json:"y,omitempty"`   // EC: 32 bytes
}

// Public gives the public part of k, its numbers in hexadecimal.
// Errors: NotFound for HS256, which has none; Internal when it is damaged.
func Public(k latchkey.Key) (JWK, error) {
	number := func(n *big.Int) string { return n.Text(16) } // as SDKs know it: "10001", no zero in front
	return public(k, number, hex.EncodeToString)
}

// Standard gives the public part of k as RFC 7518 §6 and RFC 8037 §2 have it.
// Errors: those of Public.
func Standard(k latchkey.Key) (JWK, error) {
	text := base64.RawURLEncoding.EncodeToString
	return public(k, func(n *big.Int) string { return text(n.Bytes()) }, text)
}

// public reads k's public part and prints it: number is for integers of any length, text for bytes of a fixed one.
func public(k latchkey.Key, number func(*big.Int) string, text func([]byte) string) (JWK, error) {
	if k.Algorithm == latchkey.HS256 {
		return JWK{}, &latchkey.Error{Code: latchkey.NotFound, Message: "an HS256 key has no public part"}
	}
	parsed, err := x509.ParsePKIXPublicKey(k.Public)
	if err != nil {
		return JWK{}, internal("public part of key "+string(k.ID)+" is damaged", err)
	}
	j := JWK{Algorithm: string(k.Algorithm), ID: string(k.ID), Use: "sig"}
	switch p := parsed.(type) {
	case *rsa.PublicKey:
		j.Type, j.E, j.N = "RSA", number(big.NewInt(int64(p.E))), number(p.N)
	case *ecdsa.PublicKey:
		point, err := p.Bytes() // 4, X, Y
		if err != nil || len(point) != 65 {
			return JWK{}, internal("public part of key "+string(k.ID)+" is not on P-256", err)
		}
		j.Type, j.Curve = "EC", "P-256"
		j.X, j.Y = text(point[1:33]), text(point[33:])
	case ed25519.PublicKey:
		j.Type, j.Curve, j.X = "OKP", "Ed25519", text(p)
	default:
		return JWK{}, internal("public part of key "+string(k.ID)+" has an unknown type", nil)
	}
	return j, nil
}
