package jose

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/latchkey-dev/latchkey"
)

// An Assertion is what a client says of itself in a JWT that it signed (RFC 7523 §3). A time that it does not say is zero.
type Assertion struct {
	Issuer    string
	Subject   string
	Audience  []string
	ID        string // jti
	Expires   time.Time
	NotBefore time.Time
	Issued    time.Time
}

// AssertionAlgorithms are the ones that a client may sign with: none that needs a shared secret (RFC 8725 §3.1).
func AssertionAlgorithms() []string {
	return []string{string(jose.RS256), string(jose.PS256), string(jose.ES256), string(jose.EdDSA)}
}

func assertionAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}
}

// ReadAssertion gives what an assertion says that one of the keys of set signed. The claims themselves it does not judge.
// Unlike our own tokens (Verify), this one was written by others, so its header is parsed, and by go-jose. A header that
// says where a key is to be had from is refused: keys come from the set alone (ASVS 9.1.3).
//
// Errors: UnknownClient, with a Message for the client's developer.
func ReadAssertion(set string, text latchkey.Secret) (Assertion, error) {
	signed, err := parseAssertion(text.Reveal())
	if err != nil {
		return Assertion{}, err
	}
	keys, err := clientKeys(set)
	if err != nil {
		return Assertion{}, internal("a client's stored keys cannot be read", err)
	}
	h := signed.Headers[0]
	for _, k := range keys {
		if h.KeyID != "" && k.KeyID != "" && k.KeyID != h.KeyID || !fits(k, h.Algorithm) {
			continue
		}
		var c jwt.Claims
		if signed.Claims(k.Key, &c) == nil {
			return Assertion{
				Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience, ID: c.ID,
				Expires: c.Expiry.Time(), NotBefore: c.NotBefore.Time(), Issued: c.IssuedAt.Time(),
			}, nil
		}
	}
	return Assertion{}, untrusted("No key of the client signed the assertion.")
}

// AssertionSubject gives the sub of an assertion that nobody has verified: whose keys are to be looked at. Empty for what
// is no assertion.
func AssertionSubject(text latchkey.Secret) string {
	signed, err := parseAssertion(text.Reveal())
	if err != nil {
		return ""
	}
	var c jwt.Claims
	if signed.UnsafeClaimsWithoutVerification(&c) != nil {
		return ""
	}
	return c.Subject
}

// parseAssertion reads the header by itself first: go-jose would parse the certificates and keys in it. Errors:
// UnknownClient.
func parseAssertion(text string) (*jwt.JSONWebToken, error) {
	first, _, _ := strings.Cut(text, ".")
	plain, ok := decode(first)
	var members map[string]json.RawMessage
	if len(text) > maxToken || !ok || json.Unmarshal(plain, &members) != nil {
		return nil, untrusted("The assertion is no JWT, or longer than 8 KiB.")
	}
	for _, name := range []string{"jku", "jwk", "x5u", "x5c", "crit", "b64"} {
		if _, there := members[name]; there {
			return nil, untrusted("The assertion's header has " + name + ", which is not followed.")
		}
	}
	signed, err := jwt.ParseSigned(text, assertionAlgorithms())
	if err != nil {
		return nil, untrusted("The assertion is no JWS in compact form, signed with one of " + strings.Join(AssertionAlgorithms(), ", ") + ".")
	}
	// A token of another kind that the client signed must not do as its proof (RFC 8725 §3.11).
	kind, _ := signed.Headers[0].ExtraHeaders[jose.HeaderType].(string)
	switch strings.TrimPrefix(strings.ToLower(kind), "application/") {
	case "", "jwt", "client-authentication+jwt":
		return signed, nil
	}
	return nil, untrusted("The assertion's typ is that of something else.")
}

// fits reports whether k may have made a signature by the algorithm: the type of the key is the algorithm's, and so is
// what the key says of itself.
func fits(k jose.JSONWebKey, algorithm string) bool {
	return slices.Contains(usable(k), algorithm) && (k.Algorithm == "" || k.Algorithm == algorithm)
}

func untrusted(message string) error {
	return &latchkey.Error{Code: latchkey.UnknownClient, Field: "client_assertion", Message: message}
}
