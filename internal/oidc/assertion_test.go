package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	signerID  = 21 // confidential, with keys and no secret
	eitherID  = 22 // a server client with both
	signedTV  = 23 // confidential, with keys, may sign in devices
	jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// signers adds the clients that sign, and gives their common key.
func (w *world) signers() *ecdsa.PrivateKey {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	point, err := key.PublicKey.Bytes() // 4, X, Y
	w.must(err)
	keys := `{"keys":[{"kty":"EC","crv":"P-256","kid":"one","alg":"ES256","use":"sig","x":"` + b64(point[1:33]) + `","y":"` + b64(point[33:]) + `"}]}`
	one := []string{callback}
	w.client(latchkey.Client{ID: signerID, Name: "signer", Kind: latchkey.ConfidentialClient, RedirectURIs: one, PublicKeys: keys}, "")
	w.client(latchkey.Client{ID: eitherID, Name: "either", Kind: latchkey.ServerClient, PublicKeys: keys}, secret)
	w.client(latchkey.Client{
		ID: signedTV, Name: "console", Kind: latchkey.ConfidentialClient, RedirectURIs: one, PublicKeys: keys, DeviceLogin: true,
	}, "")
	return key
}

// claimsOf is a good assertion of a client, and changes to it, as pairs; nil takes a claim out.
func (w *world) claimsOf(client string, pairs ...any) map[string]any {
	now := w.clock.Now().Unix()
	c := map[string]any{"iss": client, "sub": client, "aud": w.issuer, "iat": now, "exp": now + 60, "jti": rand.Text()}
	for i := 0; i < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		if c[name] = pairs[i+1]; c[name] == nil {
			delete(c, name)
		}
	}
	return c
}

// sign gives an assertion of claims: a JWS by ES256 (RFC 7515 §3.1, RFC 7518 §3.4).
func (w *world) sign(key *ecdsa.PrivateKey, claims map[string]any) string {
	w.t.Helper()
	body, err := json.Marshal(claims)
	w.must(err)
	text := b64([]byte(`{"alg":"ES256"}`)) + "." + b64(body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	w.must(err)
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + b64(sig[:])
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// proof gives the form fields of an assertion, and more, as pairs.
func proof(assertion string, pairs ...string) url.Values {
	f := url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {assertion}}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}

// TestOIDCCore_9_PrivateKeyJWT: a client that signs is known at every endpoint that asks who it is, by its subject alone or
// named besides, for every audience that means this server.
func TestOIDCCore_9_PrivateKeyJWT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.signers()
	fresh := func(client string, pairs ...any) string { return w.sign(key, w.claimsOf(client, pairs...)) }

	var got tokens
	code := w.code(ask{client: signerID, scope: "openid offline", challenge: challenge})
	w.post("/token", proof(fresh("21"), "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier)).ok(&got)
	var next tokens
	w.post("/token", proof(fresh("21"), "grant_type", "refresh_token", "refresh_token", got.Refresh, "client_id", "21")).ok(&next)
	if part(t, got.ID, 1)["aud"].([]any)[0] != "21" {
		t.Errorf("the ID token is for %v", part(t, got.ID, 1)["aud"])
	}
	var in struct {
		Active bool   `json:"active"`
		Client string `json:"client_id"`
	}
	w.post("/introspect", proof(fresh("21"), "token", next.Refresh)).ok(&in)
	if !in.Active || in.Client != "21" {
		t.Errorf("introspection: %+v", in)
	}
	var device asked
	w.post("/device_authorization", proof(fresh("23"))).ok(&device)
	w.post("/token", proof(fresh("23"), "grant_type", deviceType, "device_code", device.Device)).fails("a device that signs", 400, "authorization_pending")
	if r := w.post("/par", proof(fresh("21"), "response_type", "code", "redirect_uri", callback)); r.status != 201 {
		t.Errorf("par: %d %s", r.status, r.body)
	}
	w.post("/revoke", proof(fresh("21"), "token", next.Refresh)).ok(&struct{}{})
	w.post("/token", proof(fresh("21"), "grant_type", "refresh_token", "refresh_token", next.Refresh)).fails("after its revocation", 400, "invalid_grant")

	server := url.Values{"grant_type": {"client_credentials"}}
	for name, aud := range map[string]any{
		"the issuer": w.issuer, "the token endpoint": w.issuer + "/token", "the endpoint of RFC 9126": w.issuer + "/par",
		"the endpoint of /api": publicURL + "/api/oauth2/token", "a list": []string{w.issuer, w.issuer + "/token"},
	} {
		if r := w.post("/token", proof(fresh("22", "aud", aud), "grant_type", "client_credentials")); r.status != 200 {
			t.Errorf("aud is %s: %d %s", name, r.status, r.body)
		}
	}
	w.post("/token", server, "Authorization", basic(eitherID, secret)).ok(&got) // the other way of a client that has both
}

// TestRFC7523_3_BadAssertions: each claim that is not as it must be, and each wrong way to hand one in.
func TestRFC7523_3_BadAssertions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.signers()
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	now := w.clock.Now().Unix()
	for name, pairs := range map[string][]any{
		"another issuer":             {"iss", "21"},
		"no issuer":                  {"iss", nil},
		"another subject":            {"sub", "21"},
		"a subject in other words":   {"iss", "022", "sub", "022"},
		"no subject":                 {"sub", nil},
		"an unknown client":          {"iss", "77", "sub", "77"},
		"a public client":            {"iss", "1", "sub", "1"},
		"a client without keys":      {"iss", "2", "sub", "2"},
		"a client of another issuer": {"iss", "4", "sub", "4"},
		"no audience":                {"aud", nil},
		"another audience":           {"aud", "https://other.example.test"},
		"another issuer's audience":  {"aud", latchkey.Issuer(publicURL, w.other)},
		"the issuer with a slash":    {"aud", w.issuer + "/"},
		"the server itself":          {"aud", publicURL},
		"another audience as well":   {"aud", []string{w.issuer, "https://other.example.test"}},
		"no audience in the list":    {"aud", []string{}},
		"no exp":                     {"exp", nil},
		"expired at this instant":    {"exp", now},
		"too far ahead":              {"exp", now + 601},
		"of the year 300 billion":    {"exp", 1e19},
		"not yet":                    {"nbf", now + 31},
		"issued in the future":       {"iat", now + 31},
		"issued long ago":            {"iat", now - 631},
		"no jti":                     {"jti", nil},
		"an empty jti":               {"jti", ""},
		"a jti of 257 bytes":         {"jti", strings.Repeat("j", 257)},
	} {
		r := w.post("/token", proof(w.sign(key, w.claimsOf("22", pairs...)), "grant_type", "client_credentials"))
		r.fails(name, 401, "invalid_client")
	}
	for name, c := range map[string]struct {
		form   url.Values
		header []string
		status int
		word   string
	}{
		"another's signature":    {form: proof(w.sign(thief, w.claimsOf("22"))), status: 401, word: "invalid_client"},
		"another client named":   {form: proof(w.sign(key, w.claimsOf("22")), "client_id", "21"), status: 401, word: "invalid_client"},
		"another subject, named": {form: proof(w.sign(key, w.claimsOf("22", "sub", "21")), "client_id", "22"), status: 401, word: "invalid_client"},
		"nobody named at all":    {form: proof("x"), status: 401, word: "invalid_client"},
		"an unknown type":        {form: proof(w.sign(key, w.claimsOf("22")), "client_assertion_type", "jwt"), status: 401, word: "invalid_client"},
		"no type":                {form: url.Values{"client_assertion": {w.sign(key, w.claimsOf("22"))}}, status: 400, word: "invalid_request"},
		"a secret as well":       {form: proof(w.sign(key, w.claimsOf("22")), "client_secret", secret), status: 400, word: "invalid_request"},
		"Basic as well":          {form: proof(w.sign(key, w.claimsOf("22"))), header: []string{"Authorization", basic(eitherID, secret)}, status: 400, word: "invalid_request"},
		"a secret it has not":    {header: []string{"Authorization", basic(signerID, "")}, status: 401, word: "invalid_client"},
		"a wrong secret":         {header: []string{"Authorization", basic(signerID, secret)}, status: 401, word: "invalid_client"},
		"no proof at all":        {form: url.Values{"client_id": {"21"}}, status: 401, word: "invalid_client"},
		"an access token of us":  {form: proof(w.serverToken().Access), status: 401, word: "invalid_client"},
	} {
		if c.form == nil {
			c.form = url.Values{}
		}
		c.form.Set("grant_type", "client_credentials")
		w.post("/token", c.form, c.header...).fails(name, c.status, c.word)
	}
	for name, pairs := range map[string][]any{
		"the latest exp": {"exp", now + 600}, "clocks that differ": {"nbf", now + 30, "iat", now + 30}, "no iat": {"iat", nil},
		"fractions": {"exp", float64(now) + 59.5},
	} {
		if r := w.post("/token", proof(w.sign(key, w.claimsOf("22", pairs...)), "grant_type", "client_credentials")); r.status != 200 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

// TestRFC7523_3_AssertionOnce: of twenty concurrent uses of one assertion one counts, whatever it is used for; another client
// may have the same jti.
func TestRFC7523_3_AssertionOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.signers()
	once := w.sign(key, w.claimsOf("22", "jti", "the one"))
	var wg sync.WaitGroup
	statuses := make(chan int, 20)
	for range cap(statuses) {
		wg.Go(func() {
			statuses <- w.post("/token", proof(once, "grant_type", "client_credentials")).status
		})
	}
	wg.Wait()
	close(statuses)
	good := 0
	for s := range statuses {
		if s == 200 {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d of 20 uses of one assertion counted, want 1", good)
	}
	w.post("/introspect", proof(once, "token", "x")).fails("at another endpoint", 401, "invalid_client")
	again := w.sign(key, w.claimsOf("22", "jti", "the one", "exp", w.clock.Now().Unix()+120))
	w.post("/token", proof(again, "grant_type", "client_credentials")).fails("the same jti in another assertion", 401, "invalid_client")
	other := proof(w.sign(key, w.claimsOf("21", "jti", "the one")), "token", "x")
	w.post("/revoke", other).ok(&struct{}{})
	w.clock.move(time.Minute)
	w.post("/token", proof(once, "grant_type", "client_credentials")).fails("when it is forgotten, it has expired", 401, "invalid_client")
}

// TestRFC7523_AFailedCallStillUsesUp: an assertion that came with a mistake cannot be tried again.
func TestRFC7523_AFailedCallStillUsesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := w.sign(w.signers(), w.claimsOf("21"))
	w.post("/token", proof(text, "grant_type", "refresh_token", "refresh_token", "x")).fails("a bad refresh token", 400, "invalid_grant")
	w.post("/token", proof(text, "grant_type", "refresh_token", "refresh_token", "x")).fails("the same assertion", 401, "invalid_client")
}
