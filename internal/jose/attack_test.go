package jose_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

// hs256 signs header and body, both plain JSON, with any key: what an attacker can always do.
func hs256(key []byte, header, body string) string {
	input := b64(header) + "." + b64(body)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// refuse fails the test unless every one of tokens is a BadUserToken.
func refuse(t *testing.T, s *jose.Signer, ks latchkey.Keys, tokens map[string]string) {
	t.Helper()
	for name, token := range tokens {
		c, err := s.Verify(t.Context(), ks, latchkey.Secret(token))
		if err != latchkey.BadUserToken { //nolint:errorlint // bare: nothing tells the refusals apart
			t.Errorf("%s: %v, want BadUserToken", name, err)
		}
		if c.Issuer != "" || c.Subject != "" {
			t.Errorf("%s: claims came out with the refusal: %+v", name, c)
		}
	}
}

func TestRFC8725_2_1_NoneIsRefused(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for _, a := range latchkey.Algorithms() {
		k := generate(t, s, a)
		parts := strings.Split(sign(t, s, k, claims()), ".")
		tokens := map[string]string{"signature cut off": parts[0] + "." + parts[1] + "."}
		for _, alg := range []string{"none", "None", "NONE", "nOnE", ""} {
			head := b64(`{"alg":"` + alg + `","typ":"JWT"}`)
			tokens[alg+" unsigned"] = head + "." + parts[1] + "."
			tokens[alg+" with the signature"] = head + "." + parts[1] + "." + parts[2]
			tokens[alg+" with the kid"] = b64(`{"alg":"`+alg+`","kid":"`+string(k.ID)+`","typ":"JWT"}`) + "." + parts[1] + "."
		}
		tokens["no alg"] = b64(`{"typ":"JWT"}`) + "." + parts[1] + "." + parts[2]
		refuse(t, s, latchkey.Keys{k}, tokens)
	}
}

// The attacker takes the public key, which everybody has, for an HMAC key.
func TestRFC8725_2_1_AlgorithmConfusionIsRefused(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	symmetric := generate(t, s, latchkey.HS256)
	for _, a := range []latchkey.Algorithm{latchkey.RS256, latchkey.ES256, latchkey.EdDSA} {
		k := generate(t, s, a)
		jwk, err := jose.Public(k)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(jwk)
		tokens := map[string]string{}
		for name, key := range map[string][]byte{
			"DER": k.Public, "JWK": text, "n": []byte(jwk.N), "x": []byte(jwk.X), "kid": []byte(k.ID),
			"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.Public}), "nothing": {},
		} {
			for _, h := range []string{
				`{"alg":"HS256","typ":"JWT"}`, `{"alg":"HS256","kid":"` + string(k.ID) + `","typ":"JWT"}`,
				`{"alg":"` + string(a) + `","kid":"` + string(k.ID) + `","typ":"JWT"}`,
			} {
				tokens["HMAC under the public "+name+", "+h] = hs256(key, h, `{"iss":"x","sub":"y"}`)
			}
		}
		refuse(t, s, latchkey.Keys{k, symmetric}, tokens)
	}
}

// All of these are signed with the right secret: only the header makes them wrong.
func TestRFC8725_HeadersThatAreNotOurs(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	k := generate(t, s, latchkey.HS256)
	secret, err := s.Reveal(k)
	if err != nil {
		t.Fatal(err)
	}
	key, body := []byte(secret.Reveal()), `{"iss":"x","sub":"y"}`
	if _, err := s.Verify(t.Context(), latchkey.Keys{k}, latchkey.Secret(hs256(key, `{"alg":"HS256","typ":"JWT"}`, body))); err != nil {
		t.Fatalf("the control token is refused, so the others prove nothing: %v", err)
	}
	tokens := map[string]string{
		"a body that is no JSON": hs256(key, `{"alg":"HS256","typ":"JWT"}`, "x"),
		"signed, over 8 KiB":     hs256(key, `{"alg":"HS256","typ":"JWT"}`, `{"iss":"`+strings.Repeat("x", 8<<10)+`"}`),
	}
	for _, h := range []string{
		`{"alg":"HS256","crit":["exp"],"exp":1,"typ":"JWT"}`,
		`{"alg":"HS256","b64":false,"crit":["b64"],"typ":"JWT"}`,
		`{"alg":"HS256","b64":true,"typ":"JWT"}`,
		`{"alg":"HS256","typ":"JWT","jku":"https://evil.example/jwks.json"}`,
		`{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":"AAAA"}}`,
		`{"alg":"HS256","typ":"JWT","x5u":"https://evil.example/c.pem"}`,
		`{"alg":"HS256","typ":"JWT","x5c":["AAAA"]}`,
		`{"alg":"HS256","kid":"` + string(k.ID) + `","typ":"JWT"}`,
		`{"alg":"HS256","kid":"../../dev/null","typ":"JWT"}`,
		`{"alg":"HS256","kid":"' OR 1=1 --","typ":"JWT"}`,
		`{"alg":"HS256","alg":"none","typ":"JWT"}`,
		`{"alg":"HS384","typ":"JWT"}`,
		`{"alg":"hs256","typ":"JWT"}`,
		`{"alg":"HS256","typ":"logout+jwt"}`,
		`{"alg":"HS256","typ":"JWE","enc":"A128GCM"}`,
		`{"alg":"HS256","typ":"JWT","zip":"DEF"}`,
		`{"alg":"HS256"}`, `{}`, `[]`, `null`, ``, `{"alg":["HS256"],"typ":"JWT"}`, `{"alg":"HS256","typ":"JWT"`,
	} {
		tokens[h] = hs256(key, h, body)
	}
	refuse(t, s, latchkey.Keys{k}, tokens)
}

// The attacker signs with a key of their own and offers it in the header (CVE-2018-0114).
func TestASVS_9_1_3_KeyInTheHeaderIsNotBelieved(t *testing.T) {
	t.Parallel()
	s, attacker := jose.New(secrets(t, 1)), jose.New(secrets(t, 9))
	k, own := generate(t, s, latchkey.ES256), generate(t, attacker, latchkey.ES256)
	public, err := x509.ParsePKIXPublicKey(own.Public)
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{"their key, their kid": sign(t, attacker, own, claims())}
	posing := own // signs as if it were k
	posing.ID = k.ID
	if _, err := attacker.Sign(t.Context(), posing, claims()); err == nil {
		t.Error("a key signs under an id that it was not sealed for")
	}
	jwk, _ := json.Marshal(gojose.JSONWebKey{Key: public, KeyID: string(k.ID), Algorithm: "ES256", Use: "sig"})
	parts := strings.Split(tokens["their key, their kid"], ".")
	tokens["our kid, their signature"] = b64(`{"alg":"ES256","kid":"`+string(k.ID)+`","typ":"JWT"}`) + "." + parts[1] + "." + parts[2]
	tokens["their key as jwk"] = b64(`{"alg":"ES256","jwk":`+string(jwk)+`,"kid":"`+string(k.ID)+`","typ":"JWT"}`) + "." + parts[1] + "." + parts[2]
	refuse(t, s, latchkey.Keys{k}, tokens)

	k.Public = own.Public // whoever can write to the store, but has no master secret
	own.Sealed, own.ID = k.Sealed, k.ID
	refuse(t, s, latchkey.Keys{k}, tokens)
	refuse(t, s, latchkey.Keys{own}, tokens)
}

func TestWrongKeyIsRefused(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for _, a := range latchkey.Algorithms() {
		k, other := generate(t, s, a), generate(t, s, a)
		token := sign(t, s, k, claims())
		refuse(t, s, latchkey.Keys{other}, map[string]string{string(a) + ": another key": token})
		refuse(t, s, nil, map[string]string{string(a) + ": no key": token})
		for _, ks := range []latchkey.Keys{{other, k}, {k, other}, {other, other, k}} {
			if _, err := s.Verify(t.Context(), ks, latchkey.Secret(token)); err != nil {
				t.Errorf("%s: the right key among others: %v", a, err)
			}
		}
	}
}

// Every character of a token counts: neither a changed one nor a cut or a longer token passes.
func TestAlteredTokenIsRefused(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	for _, a := range latchkey.Algorithms() {
		ks := latchkey.Keys{generate(t, s, a)}
		token := sign(t, s, ks[0], latchkey.Claims{Issuer: "i", Subject: "s"})
		tokens := map[string]string{}
		for i := range token {
			for _, c := range "AB.=\n" {
				if token[i] != byte(c) {
					tokens["changed at "+token[:i]+"|"+string(c)] = token[:i] + string(c) + token[i+1:]
				}
			}
			tokens["cut at "+token[:i]] = token[:i]
			tokens["a line break at "+token[:i]] = token[:i] + "\n" + token[i:]
		}
		for _, more := range []string{"=", "==", ".", "A", "\n", " ", "\x00", "." + token} {
			tokens["longer by "+more] = token + more
		}
		refuse(t, s, ks, tokens)
	}
}

func TestOtherSerialisationsAreRefused(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	k := generate(t, s, latchkey.RS256)
	token := sign(t, s, k, claims())
	p := strings.Split(token, ".")
	flat := `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`
	refuse(t, s, latchkey.Keys{k}, map[string]string{
		"flattened JSON": flat,
		"general JSON":   `{"payload":"` + p[1] + `","signatures":[{"protected":"` + p[0] + `","signature":"` + p[2] + `"}]}`,
		"detached":       p[0] + ".." + p[2],
		"a JWE":          strings.Repeat(p[1]+".", 4) + p[2],
		"nothing":        "",
		"dots":           "..",
		"Bearer":         "Bearer " + token,
		"over 8 KiB":     p[0] + "." + strings.Repeat("A", 8<<10) + "." + p[2],
		"10 MiB":         strings.Repeat("A.", 5<<20),
	})
}

// One DER or (r, s) has two spellings; only 64 bytes are a signature (RFC 7518 §3.4), and never zeros (CVE-2022-21449).
func TestES256SignatureForm(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	k := generate(t, s, latchkey.ES256)
	token := sign(t, s, k, claims())
	last := strings.LastIndexByte(token, '.') + 1
	sig := unb64(t, token[last:])
	tokens := map[string]string{}
	for name, forged := range map[string][]byte{
		"zeros": make([]byte, 64), "no bytes": {}, "63 bytes": sig[:63], "65 bytes": append(sig[:64:64], 0),
		"s with a zero before it": append(append(sig[:32:32], 0), sig[32:]...),
		"DER":                     append([]byte{0x30, 0x44, 2, 32}, sig...), "padded halves": append(append(make([]byte, 1), sig[:32]...), append(make([]byte, 1), sig[32:]...)...),
	} {
		tokens[name] = token[:last] + base64.RawURLEncoding.EncodeToString(forged)
	}
	refuse(t, s, latchkey.Keys{k}, tokens)
}

// Verify is not the judge of time: an expired token's claims come out, and the caller judges them.
func TestExpiryIsTheCallersBusiness(t *testing.T) {
	t.Parallel()
	s := jose.New(secrets(t, 1))
	k := generate(t, s, latchkey.EdDSA)
	c := claims()
	c.Expires = 1
	if got, err := s.Verify(t.Context(), latchkey.Keys{k}, latchkey.Secret(sign(t, s, k, c))); err != nil || got.Expires != 1 {
		t.Errorf("Verify = %+v, %v", got, err)
	}
}

// FuzzVerify: nothing that a stranger makes up passes, and nothing panics. What passes is the token itself.
func FuzzVerify(f *testing.F) {
	s := jose.New(secrets(f, 1))
	var ks latchkey.Keys
	real := map[string]bool{}
	for _, a := range latchkey.Algorithms() {
		k := generate(f, s, a)
		ks = append(ks, k)
		token := sign(f, s, k, claims())
		real[token] = true
		parts := strings.Split(token, ".")
		f.Add(token)
		f.Add(parts[0] + "." + parts[1] + ".")
		f.Add(b64(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".")
		f.Add(hs256(k.Public, `{"alg":"HS256","typ":"JWT"}`, `{"iss":"x"}`))
		f.Add(hs256(nil, `{"alg":"`+string(a)+`","kid":"`+string(k.ID)+`","typ":"JWT"}`, `{"iss":"x"}`))
	}
	f.Add("..")
	f.Add(`{"payload":"","signatures":[]}`)
	f.Fuzz(func(t *testing.T, token string) {
		_, err := s.Verify(t.Context(), ks, latchkey.Secret(token))
		if err == nil && !real[token] {
			t.Errorf("a token that nobody signed passes: %q", token)
		}
		if err != nil && !errors.Is(err, latchkey.BadUserToken) {
			t.Errorf("%q: %v, want BadUserToken", token, err)
		}
	})
}
