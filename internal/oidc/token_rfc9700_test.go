package oidc_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// refresh is the form of a refresh by the public client.
func refresh(token string, more ...string) url.Values {
	return with(url.Values{"grant_type": {"refresh_token"}, "client_id": {strconv.Itoa(publicID)}, "refresh_token": {token}}, more...)
}

// TestRFC9700_4_14_TwoHolders: a refresh token that two hold. At another client it is worth nothing and does its owner no
// harm; where thief and owner both use it, the first use of one that was left behind ends the login for both.
func TestRFC9700_4_14_TwoHolders(t *testing.T) {
	t.Parallel()
	for name, thief := range map[string]bool{"the thief is behind": true, "the owner is behind": false} {
		w := newWorld(t)
		first := w.signIn("openid offline_access")
		w.post("/token", refresh(first.Refresh, "client_id", strconv.Itoa(confidentialID), "client_secret", secret)).fails("at another client", 400, "invalid_grant")
		w.post("/token", refresh(first.Refresh, "client_id", strconv.Itoa(foreignID))).fails("at a client of another issuer", 401, "invalid_client")
		var second, third tokens
		w.post("/token", refresh(first.Refresh)).ok(&second)
		w.post("/token", refresh(second.Refresh)).ok(&third)
		behind, ahead := first, third // one of the two has gone on, the other has what was stolen
		if !thief {
			w.clock.move(latchkey.RotationGrace)
			behind = second
		}
		w.post("/token", refresh(behind.Refresh)).fails(name+": the old token", 400, "invalid_grant")
		w.post("/token", refresh(ahead.Refresh)).fails(name+": the new token afterwards", 400, "invalid_grant")
		for what, token := range map[string]string{"first": first.Access, "second": second.Access, "third": third.Access} {
			if r := w.get("/userinfo", "Authorization", "Bearer "+token); r.status != 401 {
				t.Errorf("%s: the %s access token still works: %d", name, what, r.status)
			}
		}
	}
}

// TestRFC9700_2_3_ScopeWidening: no door gives more than the person was asked for.
func TestRFC9700_2_3_ScopeWidening(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scope := func(r reply) string {
		t.Helper()
		var got tokens
		r.ok(&got)
		claims, _ := part(t, got.Access, 1)["scope"].(string)
		if claims != got.Scope {
			t.Errorf("the answer says %q, the token %q", got.Scope, claims)
		}
		return got.Scope
	}
	f := redeem(w.code(ask{client: publicID, scope: "openid offline_access", challenge: challenge}))
	f.Set("scope", "openid offline_access email phone profile")
	first := w.post("/token", f)
	if got := scope(first); got != "openid offline_access" {
		t.Errorf("a scope beside the code gave %q", got)
	}
	var held tokens
	first.ok(&held)
	for _, wide := range []string{"openid email", "profile", "offline_access openid phone", "openid  offline_access  email"} {
		w.post("/token", refresh(held.Refresh, "scope", wide)).fails("a refresh with "+wide, 400, "invalid_scope")
	}
	narrow := w.post("/token", refresh(held.Refresh, "scope", "openid"))
	if got := scope(narrow); got != "openid" {
		t.Errorf("a refresh for less gave %q", got)
	}
	var less tokens
	narrow.ok(&less)
	var said map[string]any
	w.get("/userinfo", "Authorization", "Bearer "+less.Access).ok(&said)
	if len(said) != 1 || said["sub"] == nil {
		t.Errorf("openid alone says %v", said)
	}
	exchange := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "client_id": {strconv.Itoa(publicID)}, "subject_token": {less.Access},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "scope": {"openid email"},
	}
	if r := w.post("/token", exchange); r.status == http.StatusOK {
		t.Errorf("an exchange gave more than there was: %s", r.body)
	}
	server := url.Values{"grant_type": {"client_credentials"}, "scope": {"openid email"}}
	if r := w.post("/token", server, "Authorization", basic(serverID, secret)); strings.Contains(string(r.body), "openid") || strings.Contains(string(r.body), "id_token") {
		t.Errorf("a server got a person's scope: %s", r.body)
	}
}

// TestRFC9700_4_15_NoClientIsAPerson: what a client is given for itself says nothing of a person, and opens nothing of one's.
func TestRFC9700_4_15_NoClientIsAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server, person := w.serverToken().Access, w.signIn("openid").Access
	if sub, _ := part(t, server, 1)["sub"].(string); len(sub) == 36 {
		t.Errorf("the sub of a server's token looks like a person's: %s", sub)
	}
	w.get("/userinfo", "Authorization", "Bearer "+server).fails("at userinfo", 401, "invalid_token")
	for _, hint := range []string{
		"/logout?id_token_hint=" + server, "/authorize?" + request("id_token_hint", server, "prompt", "none").Encode(),
		"/logout?id_token_hint=" + person, "/authorize?" + request("id_token_hint", person, "prompt", "none").Encode(),
	} {
		r := w.get(hint)
		if to := r.header.Get("Location"); r.status != 400 && !strings.Contains(to, "error=invalid_request") {
			t.Errorf("as a hint: %d to %q", r.status, to)
		}
	}
}

// TestRFC8725_TokenGames: tokens that somebody else made of a good one, at every door that takes one: without a signature,
// signed with what everybody knows, with a key of the forger's, with a key id that leads astray. And nobody is asked for a key.
func TestRFC8725_TokenGames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, latchkey.RS256)
	got := w.signIn("openid email")
	var asked atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(evil.Close)
	back := []string{"Authorization", basic(serverID, secret)}
	doors := map[string]func(access, id string) (ok bool){
		"userinfo": func(access, _ string) bool {
			return w.get("/userinfo", "Authorization", "Bearer "+access).status == 200
		},
		"introspect": func(access, _ string) bool {
			return string(w.post("/introspect", url.Values{"token": {access}}, back...).body) != `{"active":false}`
		},
		"exchange": func(access, _ string) bool {
			return w.post("/token", url.Values{
				"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "client_id": {strconv.Itoa(publicID)}, "subject_token": {access},
				"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "scope": {"openid"},
			}).status == 200
		},
		"a hint at the login": func(_, id string) bool {
			return strings.Contains(w.get("/authorize?"+request("id_token_hint", id, "prompt", "none").Encode()).header.Get("Location"), "login_required")
		},
		"a hint at the logout": func(_, id string) bool {
			return w.get("/logout?"+url.Values{"id_token_hint": {id}}.Encode()).status != 400
		},
	}
	for name, open := range doors {
		if !open(got.Access, got.ID) {
			t.Errorf("%s: the good token is refused, so the others prove nothing", name)
		}
	}
	access, id := w.games(t, got.Access, evil.URL), w.games(t, got.ID, evil.URL)
	for game := range access {
		for name, open := range doors {
			if open(access[game], id[game]) {
				t.Errorf("%s: let in by a token with %s", name, game)
			}
		}
	}
	if asked.Load() > 0 {
		t.Errorf("the server asked a place that a token names, %d times", asked.Load())
	}
}

// games are what a forger can make of a token.
func (w *world) games(t *testing.T, token, evil string) map[string]string {
	t.Helper()
	parts := strings.Split(token, ".")
	head := part(t, token, 0)
	kid, _ := head["kid"].(string)
	encode := func(v any) string {
		raw, err := json.Marshal(v)
		w.must(err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	changed := func(pairs ...any) map[string]any {
		out := maps.Clone(head)
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i].(string)] = pairs[i+1]
		}
		return out
	}
	claims, anonymous := part(t, token, 1), changed()
	delete(anonymous, "kid")
	own := base64.RawURLEncoding.EncodeToString(forger().N.Bytes())
	jwk := map[string]any{"kty": "RSA", "n": own, "e": "AQAB", "kid": kid, "alg": "RS256"}
	out := map[string]string{
		"no signature":           parts[0] + "." + parts[1] + ".",
		"the forger's signature": forge(head, claims),
		"a key in the header":    forge(changed("jwk", jwk), claims),
		"jku":                    forge(changed("jku", evil+"/jwks.json"), claims),
		"x5u":                    forge(changed("x5u", evil+"/cert.pem"), claims),
		"x5c":                    forge(changed("x5c", []string{"AAAA"}), claims),
		"no kid":                 forge(anonymous, claims),
		"two signatures":         token + "." + parts[2],
	}
	for _, id := range []string{"../../../../dev/null", "/dev/null", "' OR 1=1 --", "", "0", strings.Repeat("x", 5000), evil + "/key", "../../other/keys"} {
		out["the key id "+id] = forge(changed("kid", id), claims)
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", ""} {
		out["alg "+alg] = encode(changed("alg", alg)) + "." + parts[1] + "."
		out["alg "+alg+" and the old signature"] = encode(changed("alg", alg)) + "." + parts[1] + "." + parts[2]
	}
	for _, alg := range []string{"HS256", "HS384", "HS512", "RS256"} {
		for what, key := range w.known(t, kid) {
			signed := encode(changed("alg", alg)) + "." + parts[1]
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(signed))
			out["alg "+alg+", an HMAC under "+what] = signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}
	}
	return out
}

// known is what everybody knows of the signing key.
func (w *world) known(t *testing.T, kid string) map[string][]byte {
	t.Helper()
	keys, err := w.store.Keys(t.Context(), w.project)
	w.must(err)
	out := map[string][]byte{"nothing": {}, "the key id": []byte(kid), "the key set": w.get("/.well-known/jwks.json").body}
	for _, k := range keys {
		if string(k.ID) == kid {
			out["the DER"] = k.Public
			out["the PEM"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.Public})
			if _, err := x509.ParsePKIXPublicKey(k.Public); err != nil {
				t.Errorf("the public key is no PKIX one: %v", err)
			}
		}
	}
	if len(out) != 5 {
		t.Fatalf("the signing key %s is not in the store", kid)
	}
	return out
}
