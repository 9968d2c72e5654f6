package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

// clientKeys are a client's own, made anew for every test.
type clientKeys struct {
	rsa   *rsa.PrivateKey
	ec    *ecdsa.PrivateKey
	p384  *ecdsa.PrivateKey
	ed    ed25519.PrivateKey
	short *rsa.PrivateKey
}

func newClientKeys(t *testing.T) clientKeys {
	t.Helper()
	var k clientKeys
	var errs [5]error
	k.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	k.ec, errs[1] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.p384, errs[2] = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, k.ed, errs[3] = ed25519.GenerateKey(rand.Reader)
	k.short, errs[4] = rsa.GenerateKey(rand.Reader, 1024)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// public gives a JWK, and set a JWK set of some.
func public(t *testing.T, key crypto.Signer, kid, alg string) map[string]any {
	t.Helper()
	return members(t, gojose.JSONWebKey{Key: key.Public(), KeyID: kid, Algorithm: alg})
}

func members(t *testing.T, k gojose.JSONWebKey) map[string]any {
	t.Helper()
	b, err := k.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func set(t *testing.T, keys ...map[string]any) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// assertion signs body with key by alg, with more in the header, as pairs.
func assertion(t *testing.T, key any, alg gojose.SignatureAlgorithm, body string, header ...any) latchkey.Secret {
	t.Helper()
	o := &gojose.SignerOptions{}
	for i := 0; i < len(header); i += 2 {
		o.WithHeader(gojose.HeaderKey(header[i].(string)), header[i+1])
	}
	s, err := gojose.NewSigner(gojose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return latchkey.Secret(text)
}

const said = `{"iss":"7","sub":"7","aud":"https://id.example.com","jti":"j","exp":1772367000,"nbf":1772366400.5,"iat":1772366400}`

// TestRFC7523_3_AssertionIsRead: by every algorithm that is allowed, with and without kid, and what it says comes out.
func TestRFC7523_3_AssertionIsRead(t *testing.T) {
	t.Parallel()
	k := newClientKeys(t)
	all := set(t, public(t, k.rsa, "r", ""), public(t, k.ec, "e", "ES256"), public(t, k.ed, "", ""))
	if err := jose.ValidateClientKeys(all); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]latchkey.Secret{
		"RS256":               assertion(t, k.rsa, gojose.RS256, said, "kid", "r"),
		"PS256":               assertion(t, k.rsa, gojose.PS256, said, "kid", "r", "typ", "JWT"),
		"ES256":               assertion(t, k.ec, gojose.ES256, said, "kid", "e", "typ", "client-authentication+jwt"),
		"EdDSA":               assertion(t, k.ed, gojose.EdDSA, said),
		"no kid":              assertion(t, k.rsa, gojose.RS256, said),
		"kid of a nameless":   assertion(t, k.ed, gojose.EdDSA, said, "kid", "whatever"),
		"a thumbprint":        assertion(t, k.ec, gojose.ES256, said, "x5t#S256", "c29tZXRoaW5n"),
		"typ in another case": assertion(t, k.ec, gojose.ES256, said, "typ", "application/jwt"),
	} {
		got, err := jose.ReadAssertion(all, text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Issuer != "7" || got.Subject != "7" || !slices.Equal(got.Audience, []string{"https://id.example.com"}) || got.ID != "j" ||
			!got.Expires.Equal(time.Unix(1772367000, 0)) || got.NotBefore.IsZero() || !got.Issued.Equal(time.Unix(1772366400, 0)) {
			t.Errorf("%s: %+v", name, got)
		}
		if jose.AssertionSubject(text) != "7" {
			t.Errorf("%s: subject %q", name, jose.AssertionSubject(text))
		}
	}
	many := assertion(t, k.ed, gojose.EdDSA, `{"aud":["a","b"],"exp":null}`)
	if got, err := jose.ReadAssertion(all, many); err != nil || !slices.Equal(got.Audience, []string{"a", "b"}) || !got.Expires.IsZero() || !got.Issued.IsZero() {
		t.Errorf("a list of audiences, and no times: %+v, %v", got, err)
	}
}

// TestRFC8725_AssertionGames: algorithms, keys and headers that are not to be believed.
func TestRFC8725_AssertionGames(t *testing.T) {
	t.Parallel()
	k, thief := newClientKeys(t), newClientKeys(t)
	rsaKey, ecKey := public(t, k.rsa, "r", "RS256"), public(t, k.ec, "e", "")
	keys := set(t, rsaKey, ecKey)
	own := gojose.JSONWebKey{Key: thief.ec.Public(), KeyID: "e"}
	good := assertion(t, k.ec, gojose.ES256, said, "kid", "e").Reveal()
	parts := strings.Split(good, ".")
	n, _ := rsaKey["n"].(string)
	text, _ := json.Marshal(rsaKey)
	games := map[string]string{
		"none":                         b64(`{"alg":"none"}`) + "." + b64(said) + ".",
		"none, signed":                 b64(`{"alg":"none"}`) + "." + parts[1] + "." + parts[2],
		"no alg":                       b64(`{"typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		"HS256 under the public key":   hs256(text, `{"alg":"HS256","kid":"r"}`, said),
		"HS256 under the modulus":      hs256([]byte(n), `{"alg":"HS256","kid":"r"}`, said),
		"HS256 under nothing":          hs256(nil, `{"alg":"HS256"}`, said),
		"PS256 where the key is RS256": assertion(t, k.rsa, gojose.PS256, said, "kid", "r").Reveal(),
		"RS512":                        assertion(t, k.rsa, gojose.RS512, said, "kid", "r").Reveal(),
		"another's key":                assertion(t, thief.ec, gojose.ES256, said, "kid", "e").Reveal(),
		"another kid":                  assertion(t, k.ec, gojose.ES256, said, "kid", "r").Reveal(),
		"an unknown kid":               assertion(t, k.ec, gojose.ES256, said, "kid", "../../e").Reveal(),
		"jwk":                          assertion(t, thief.ec, gojose.ES256, said, "jwk", own).Reveal(),
		"jwk, right key":               assertion(t, k.ec, gojose.ES256, said, "jwk", own).Reveal(),
		"jku":                          assertion(t, k.ec, gojose.ES256, said, "jku", "https://evil.example.com/keys").Reveal(),
		"x5u":                          assertion(t, k.ec, gojose.ES256, said, "x5u", "https://evil.example.com/cert").Reveal(),
		"x5c":                          assertion(t, k.ec, gojose.ES256, said, "x5c", []string{"AAAA"}).Reveal(),
		"crit":                         assertion(t, k.ec, gojose.ES256, said, "crit", []string{"exp"}, "exp", 1).Reveal(),
		"an ID token's typ":            assertion(t, k.ec, gojose.ES256, said, "typ", "at+jwt").Reveal(),
		"a DPoP proof's typ":           assertion(t, k.ec, gojose.ES256, said, "typ", "dpop+jwt").Reveal(),
		"alg twice":                    b64(`{"alg":"RS256","alg":"ES256","kid":"e"}`) + "." + parts[1] + "." + parts[2],
		"another body":                 parts[0] + "." + b64(strings.Replace(said, `"7"`, `"8"`, 1)) + "." + parts[2],
		"no signature":                 parts[0] + "." + parts[1] + ".",
		"two parts":                    parts[0] + "." + parts[1],
		"JSON form":                    `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"claims that are none":         assertion(t, k.ec, gojose.ES256, `[]`).Reveal(),
		"exp that is none":             assertion(t, k.ec, gojose.ES256, `{"exp":"tomorrow"}`).Reveal(),
		"sub twice":                    assertion(t, k.ec, gojose.ES256, `{"sub":"7","sub":"8"}`).Reveal(),
		"longer than 8 KiB":            assertion(t, k.ec, gojose.ES256, `{"pad":"`+strings.Repeat("a", 8<<10)+`"}`).Reveal(),
		"nothing":                      "",
		"a word":                       "x",
	}
	for name, text := range games {
		got, err := jose.ReadAssertion(keys, latchkey.Secret(text))
		if latchkey.CodeOf(err) != latchkey.UnknownClient || got.Subject != "" {
			t.Errorf("%s: %+v, %v; want UnknownClient", name, got, err)
		}
	}
	if _, err := jose.ReadAssertion(keys, latchkey.Secret(good)); err != nil {
		t.Errorf("after all these, a good one: %v", err)
	}
	for _, name := range []string{"nothing", "a word", "none", "jwk", "claims that are none", "longer than 8 KiB", "an ID token's typ"} {
		if got := jose.AssertionSubject(latchkey.Secret(games[name])); got != "" {
			t.Errorf("%s: subject %q", name, got)
		}
	}
}

// TestRFC7517_ClientKeys: public keys of known kinds only, and a sentence that says what is wrong, without the key.
func TestRFC7517_ClientKeys(t *testing.T) {
	t.Parallel()
	k := newClientKeys(t)
	with := func(m map[string]any, name string, v any) map[string]any {
		m[name] = v
		return m
	}
	plain := func() map[string]any { return public(t, k.ec, "e", "") }
	private := func(key any) map[string]any { return members(t, gojose.JSONWebKey{Key: key}) }
	halved := private(k.rsa)
	delete(halved, "d") // without d go-jose takes it for a public key; the primes are in it still
	many := make([]map[string]any, 11)
	for i := range many {
		many[i] = public(t, k.ed, "", "")
	}
	for name, c := range map[string]struct {
		set  string
		want string // in the message; empty: good
	}{
		"no set":                 {set: ""},
		"all kinds":              {set: set(t, public(t, k.rsa, "a", "PS256"), plain(), public(t, k.ed, "", "EdDSA"), public(t, k.ed, "", ""))},
		"use, key_ops and more":  {set: set(t, with(with(with(plain(), "use", "sig"), "key_ops", []string{"verify"}), "made_up", 1))},
		"a certificate":          {set: set(t, with(plain(), "x5c", []string{"not looked at"}))},
		"no JSON":                {"keys", "no JWK set"},
		"a bare key":             {`{"kty":"EC"}`, "1 to 10 keys"},
		"no keys":                {`{"keys":[]}`, "1 to 10 keys"},
		"eleven keys":            {set(t, many...), "1 to 10 keys"},
		"a private EC key":       {set(t, private(k.ec)), "private member d"},
		"a private RSA key":      {set(t, private(k.rsa)), "private member"},
		"half a private RSA key": {set(t, halved), "private member"},
		"a private Ed25519 key":  {set(t, private(k.ed)), "private member d"},
		"a symmetric key":        {`{"keys":[{"kty":"oct","k":"AAAA"}]}`, "private member k"},
		"a symmetric key of 0":   {`{"keys":[{"kty":"oct","k":""}]}`, "private member k"},
		"P-384":                  {set(t, public(t, k.p384, "", "")), "P-256"},
		"RSA of 1024 bits":       {set(t, public(t, k.short, "", "")), "2048"},
		"an even exponent":       {set(t, with(public(t, k.rsa, "", ""), "e", "BA")), "RSA"},
		"a point off the curve":  {set(t, with(plain(), "x", plain()["y"])), "no public key"},
		"kty of nobody":          {`{"keys":[{"kty":"XYZ"}]}`, "no public key"},
		"no kty":                 {`{"keys":[{}]}`, "no public key"},
		"for encryption":         {set(t, with(plain(), "use", "enc")), "use"},
		"key_ops of a signer":    {set(t, with(plain(), "key_ops", []string{"sign"})), "key_ops"},
		"an alg of another type": {set(t, with(plain(), "alg", "RS256")), "alg"},
		"a symmetric alg":        {set(t, with(plain(), "alg", "HS256")), "alg"},
		"the same kid twice":     {set(t, plain(), plain()), "key 2: its kid comes twice"},
		"a list in the list":     {`{"keys":[[]]}`, "no JSON object"},
	} {
		err := jose.ValidateClientKeys(c.set)
		if c.want == "" && err != nil || c.want != "" && (latchkey.CodeOf(err) != latchkey.Invalid || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: the key is quoted: %v", name, err)
		}
		if _, read := jose.ReadAssertion(c.set, assertion(t, k.ec, gojose.ES256, said)); c.want != "" && read == nil {
			t.Errorf("%s: an assertion is verified by a set that may not be stored", name)
		}
	}
}

// FuzzAssertion: whatever is posted, nothing panics and nothing unsigned is believed.
func FuzzAssertion(f *testing.F) {
	f.Add("a.b.c")
	f.Add(b64(`{"alg":"ES256"}`) + "." + b64(said) + "." + b64(strings.Repeat("x", 64)))
	const keys = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	f.Fuzz(func(t *testing.T, text string) {
		_ = jose.AssertionSubject(latchkey.Secret(text))
		if got, err := jose.ReadAssertion(keys, latchkey.Secret(text)); err == nil {
			t.Errorf("%q is believed: %+v", text, got)
		}
	})
}
