package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-dev/latchkey"
)

// The bounds of a client's key set. A signature under the largest RSA key takes less than a millisecond to verify.
const (
	maxClientKeys          = 10
	minRSABits, maxRSABits = 2048, 8192
)

// ValidateClientKeys checks a JWK set (RFC 7517 §5) that a client is to be known by: public keys only, of the kinds that
// assertions are signed with. An empty text is no set, and right.
// Errors: Invalid.
func ValidateClientKeys(set string) error {
	if set == "" {
		return nil
	}
	if _, err := clientKeys(set); err != nil {
		return latchkey.BadField("public_keys", err.Error())
	}
	return nil
}

// clientKeys reads a set, strictly: whoever stores one must learn that a key in it is of no use, or should never have left
// home. Its errors quote nothing but the number of the key.
func clientKeys(set string) ([]jose.JSONWebKey, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	switch err := json.Unmarshal([]byte(set), &raw); {
	case err != nil:
		return nil, errors.New(`this is no JWK set: {"keys":[…]}`)
	case len(raw.Keys) == 0 || len(raw.Keys) > maxClientKeys:
		return nil, fmt.Errorf("a JWK set has 1 to %d keys", maxClientKeys)
	}
	var keys []jose.JSONWebKey
	ids := map[string]bool{}
	for i, one := range raw.Keys {
		k, err := clientKey(one)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if k.KeyID != "" && ids[k.KeyID] {
			return nil, fmt.Errorf("key %d: its kid comes twice", i+1)
		}
		ids[k.KeyID] = true
		keys = append(keys, k)
	}
	return keys, nil
}

func clientKey(raw json.RawMessage) (jose.JSONWebKey, error) {
	var none jose.JSONWebKey
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return none, errors.New("it is no JSON object")
	}
	for member := range members { // in any case: some libraries read D as d
		if slices.Contains([]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}, strings.ToLower(member)) {
			return none, fmt.Errorf("it has the private member %s: take it out, and make a new key if it has been seen", strings.ToLower(member))
		}
	}
	for _, unused := range []string{"x5c", "x5u"} { // nothing here would check a certificate
		delete(members, unused)
	}
	bare, err := json.Marshal(members)
	if err != nil {
		return none, errors.New("it is no JSON object")
	}
	var k jose.JSONWebKey
	if err := k.UnmarshalJSON(bare); err != nil {
		return none, errors.New("it is no public key of the type RSA, EC or OKP")
	}
	algorithms := usable(k)
	var ops struct {
		Operations []string `json:"key_ops"`
	}
	switch {
	case len(algorithms) == 0:
		return none, fmt.Errorf("a key is RSA with %d to %d bits, EC on P-256 or OKP on Ed25519", minRSABits, maxRSABits)
	case k.Algorithm != "" && !slices.Contains(algorithms, k.Algorithm):
		return none, fmt.Errorf("its alg is none of %v", algorithms)
	case k.Use != "" && k.Use != "sig":
		return none, errors.New("its use is not sig")
	case json.Unmarshal(raw, &ops) != nil || len(ops.Operations) > 0 && !slices.Contains(ops.Operations, "verify"):
		return none, errors.New("its key_ops are not verify")
	}
	return k, nil
}

// usable gives the algorithms that k's type and size are good for; none for a private or symmetric key.
func usable(k jose.JSONWebKey) []string {
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits >= minRSABits && bits <= maxRSABits && key.E >= 3 && key.E%2 == 1 {
			return []string{string(jose.RS256), string(jose.PS256)}
		}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return []string{string(jose.ES256)}
		}
	case ed25519.PublicKey:
		if len(key) == ed25519.PublicKeySize {
			return []string{string(jose.EdDSA)}
		}
	}
	return nil
}
