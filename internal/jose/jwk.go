package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"math/big"

	"github.com/latchkey-dev/latchkey"
)

// A JWK is the public part of a key as GET /projects/{id}/keys gives it: strings only, and the numbers in
// hexadecimal, where RFC 7517 has base64url (contract.md §5, "Keys").
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

// Public gives the public part of k.
// Errors: NotFound for HS256, which has none; Internal when it is damaged.
func Public(k latchkey.Key) (JWK, error) {
	if k.Algorithm == latchkey.HS256 {
		return JWK{}, &latchkey.Error{Code: latchkey.NotFound, Message: "an HS256 key has no public part"}
	}
	public, err := x509.ParsePKIXPublicKey(k.Public)
	if err != nil {
		return JWK{}, internal("public part of key "+string(k.ID)+" is damaged", err)
	}
	j := JWK{Algorithm: string(k.Algorithm), ID: string(k.ID), Use: "sig"}
	switch p := public.(type) {
	case *rsa.PublicKey:
		j.Type, j.E, j.N = "RSA", big.NewInt(int64(p.E)).Text(16), p.N.Text(16)
	case *ecdsa.PublicKey:
		point, err := p.Bytes() // 4, X, Y
		if err != nil || len(point) != 65 {
			return JWK{}, internal("public part of key "+string(k.ID)+" is not on P-256", err)
		}
		j.Type, j.Curve = "EC", "P-256"
		j.X, j.Y = hex.EncodeToString(point[1:33]), hex.EncodeToString(point[33:])
	case ed25519.PublicKey:
		j.Type, j.Curve, j.X = "OKP", "Ed25519", hex.EncodeToString(p)
	default:
		return JWK{}, internal("public part of key "+string(k.ID)+" has an unknown type", nil)
	}
	return j, nil
}
