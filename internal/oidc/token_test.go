package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// part decodes the header (0) or the claims (1) of a token.
func part(t testing.TB, token string, i int) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a token: %q", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[i])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRFC9068_AccessToken: the typ and the claims of §2, for the issuer's own resources; no more of the person than the
// scope asks.
func TestRFC9068_AccessToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.signIn("openid offline")
	if typ := part(t, got.Access, 0)["typ"]; typ != "at+jwt" {
		t.Errorf("typ is %v, want at+jwt", typ)
	}
	c := part(t, got.Access, 1)
	for _, name := range []string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} {
		if c[name] == nil {
			t.Errorf("the access token lacks %s", name)
		}
	}
	if c["iss"] != w.issuer || c["scope"] != "openid offline" || !reflect.DeepEqual(c["aud"], []any{w.issuer}) {
		t.Errorf("iss, aud, scope: %v, %v, %v", c["iss"], c["aud"], c["scope"])
	}
	for _, name := range []string{"email", "username", "phone_number"} {
		if c[name] != nil {
			t.Errorf("the access token says %s: %v, and its scope does not ask for it", name, c[name])
		}
	}
	if typ := part(t, got.ID, 0)["typ"]; typ != "JWT" {
		t.Errorf("the ID token's typ is %v: it could be taken for an access token", typ)
	}
	if aud := part(t, got.ID, 1)["aud"]; !reflect.DeepEqual(aud, []any{strconv.Itoa(publicID)}) {
		t.Errorf("the ID token's aud is %v", aud)
	}
}

// TestRFC6749_5_1_TokenAnswer: what was not granted is not there.
func TestRFC6749_5_1_TokenAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.post("/token", redeem(w.code(ask{client: publicID, scope: "email", challenge: challenge})))
	var raw map[string]any
	r.ok(&raw)
	for _, name := range []string{"refresh_token", "id_token"} {
		if _, there := raw[name]; there {
			t.Errorf("%s without a scope that asks for it", name)
		}
	}
	if raw["token_type"] != "Bearer" || raw["expires_in"] != 3600.0 || raw["scope"] != "email" {
		t.Errorf("answer %v", raw)
	}
	if r.header.Get("Pragma") != "no-cache" {
		t.Error("no Pragma: no-cache")
	}
}

// TestRFC9700_2_1_1_PKCEForPublicClients: a public client's code that was asked for without PKCE gives nothing here; a
// confidential one's does.
func TestRFC9700_2_1_1_PKCEForPublicClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := redeem(w.code(ask{client: publicID}))
	f.Del("code_verifier")
	w.post("/token", f).fails("a public client without PKCE", 400, "invalid_grant")
	f = redeem(w.code(ask{client: confidentialID}))
	f.Del("code_verifier")
	f.Del("client_id")
	var got tokens
	w.post("/token", f, "Authorization", basic(confidentialID, secret)).ok(&got)
}

// TestRFC6749_5_2_Errors: the word and the status of each mistake at the token endpoint.
func TestRFC6749_5_2_Errors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.signIn("offline email")
	refresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {"1"}, "refresh_token": {got.Refresh}}
	with := func(f url.Values, pairs ...string) url.Values {
		out := url.Values{}
		for k, v := range f {
			out[k] = slices.Clone(v)
		}
		for i := 0; i < len(pairs); i += 2 {
			if out.Del(pairs[i]); pairs[i+1] != "" {
				out.Set(pairs[i], pairs[i+1])
			}
		}
		return out
	}
	fresh := func() url.Values { return redeem(w.code(ask{client: publicID, challenge: challenge})) }
	twice := fresh()
	twice.Add("code", "x")
	for name, c := range map[string]struct {
		form   url.Values
		header []string
		status int
		word   string
	}{
		"no grant type":                    {form: with(fresh(), "grant_type", ""), status: 400, word: "invalid_request"},
		"a parameter twice":                {form: twice, status: 400, word: "invalid_request"},
		"no code":                          {form: with(fresh(), "code", ""), status: 400, word: "invalid_request"},
		"no redirect URI":                  {form: with(fresh(), "redirect_uri", ""), status: 400, word: "invalid_request"},
		"no client":                        {form: with(fresh(), "client_id", ""), status: 400, word: "invalid_request"},
		"unknown grant type (10.4.4)":      {form: with(fresh(), "grant_type", "password"), status: 400, word: "unsupported_grant_type"},
		"implicit (10.4.4)":                {form: with(fresh(), "grant_type", "implicit"), status: 400, word: "unsupported_grant_type"},
		"wrong code":                       {form: with(fresh(), "code", strings.Repeat("A", 64)), status: 400, word: "invalid_grant"},
		"another redirect URI":             {form: with(fresh(), "redirect_uri", callback+"/"), status: 400, word: "invalid_grant"},
		"wrong verifier":                   {form: with(fresh(), "code_verifier", strings.Repeat("x", 43)), status: 400, word: "invalid_grant"},
		"no verifier":                      {form: with(fresh(), "code_verifier", ""), status: 400, word: "invalid_grant"},
		"unknown client":                   {form: with(fresh(), "client_id", "77"), status: 401, word: "invalid_client"},
		"a client of another issuer":       {form: with(fresh(), "client_id", "4"), status: 401, word: "invalid_client"},
		"a secret for a public client":     {form: with(fresh(), "client_secret", "x"), status: 401, word: "invalid_client"},
		"no secret":                        {form: with(fresh(), "client_id", "2"), status: 401, word: "invalid_client"},
		"wrong secret by Basic":            {form: with(fresh(), "client_id", ""), header: []string{"Authorization", basic(confidentialID, "x")}, status: 401, word: "invalid_client"},
		"two ways at once":                 {form: with(fresh(), "client_id", "2", "client_secret", secret), header: []string{"Authorization", basic(confidentialID, secret)}, status: 400, word: "invalid_request"},
		"a wider scope":                    {form: with(refresh, "scope", "offline phone"), status: 400, word: "invalid_scope"},
		"another client's refresh token":   {form: with(refresh, "client_id", "2", "client_secret", secret), status: 400, word: "invalid_grant"},
		"a server token by another client": {form: url.Values{"grant_type": {"client_credentials"}, "client_id": {"2"}, "client_secret": {secret}}, status: 400, word: "unauthorized_client"},
	} {
		r := w.post("/token", c.form, c.header...)
		r.fails(name, c.status, c.word)
		if auth := r.header.Get("WWW-Authenticate"); c.status == 401 && !strings.HasPrefix(auth, "Basic ") {
			t.Errorf("%s: WWW-Authenticate is %q", name, auth)
		}
	}
	w.get("/token").fails("GET", 405, "invalid_request")
	var again tokens
	w.post("/token", refresh).ok(&again)
	if part(t, again.Access, 0)["typ"] != "at+jwt" || again.Refresh == got.Refresh {
		t.Errorf("after all these, a refresh gives %+v", again)
	}
}

// TestRFC9700_4_14_2_ReplayedRefreshToken ends the family, whoever replays it.
func TestRFC9700_4_14_2_ReplayedRefreshToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.signIn("offline openid")
	use := func(token string) reply {
		return w.post("/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"1"}, "refresh_token": {token}})
	}
	var next tokens
	use(got.Refresh).ok(&next)
	w.clock.move(latchkey.RotationGrace)
	use(got.Refresh).fails("the old token", 400, "invalid_grant")
	use(next.Refresh).fails("the newest token of a dead family", 400, "invalid_grant")
	if r := w.get("/userinfo", "Authorization", "Bearer "+next.Access); r.status != 401 {
		t.Errorf("an access token of a dead family: %d %s", r.status, r.body)
	}
}

// TestOIDCCore_5_3_UserInfo: who signed in, as far as the scope goes, by either way to present the token.
func TestOIDCCore_5_3_UserInfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.signIn("openid email")
	as := "Bearer " + got.Access
	want := map[string]any{"sub": part(t, got.ID, 1)["sub"], "email": player, "email_verified": true}
	for name, r := range map[string]reply{
		"GET":              w.get("/userinfo", "Authorization", as),
		"POST":             w.send("POST", w.issuer+"/userinfo", "", "Authorization", as),
		"POST with a body": w.post("/userinfo", url.Values{"access_token": {got.Access}}),
	} {
		var said map[string]any
		r.ok(&said)
		if !reflect.DeepEqual(said, want) {
			t.Errorf("%s: %v, want %v", name, said, want)
		}
	}
	w.post("/userinfo", url.Values{"access_token": {got.Access}}, "Authorization", as).fails("two tokens", 400, "invalid_request")
	w.send("POST", w.issuer+"/userinfo", "{}", "Authorization", as, "Content-Type", "application/json").fails("JSON", 415, "invalid_request")
	if r := w.get("/userinfo?access_token=" + got.Access); r.status != 401 {
		t.Errorf("a token in the URL: %d", r.status)
	}
}

// changed gives a token with another signature. Its end is no place to change: an Ed25519 signature often has zeros there.
func changed(token string) string {
	at, with := strings.LastIndexByte(token, '.')+9, "A"
	if token[at] == 'A' {
		with = "B"
	}
	return token[:at] + with + token[at+1:]
}

// TestRFC6750_3_1_BearerErrors: no error where no token was sent, and the right one for each that is not good.
func TestRFC6750_3_1_BearerErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if r := w.get("/userinfo"); r.status != 401 || r.header.Get("WWW-Authenticate") != "Bearer" || string(r.body) != "{}" {
		t.Errorf("no token: %d %q %s", r.status, r.header.Get("WWW-Authenticate"), r.body)
	}
	good := w.signIn("openid")
	var foreign tokens
	f := redeem(w.code(ask{client: foreignID, scope: "openid", challenge: challenge}))
	f.Set("client_id", strconv.Itoa(foreignID))
	w.send("POST", latchkey.Issuer(publicURL, w.other)+"/token", f.Encode()).ok(&foreign)
	for name, token := range map[string]string{
		"no token":               "x",
		"an ID token":            good.ID,
		"a server token":         w.serverToken().Access,
		"another issuer's token": foreign.Access,
		"a refresh token":        w.signIn("openid offline").Refresh,
		"a changed token":        changed(good.Access),
	} {
		r := w.get("/userinfo", "Authorization", "Bearer "+token)
		r.fails(name, 401, "invalid_token")
		if got := r.header.Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` {
			t.Errorf("%s: WWW-Authenticate is %q", name, got)
		}
	}
	r := w.get("/userinfo", "Authorization", "Bearer "+w.signIn("email").Access)
	r.fails("without openid", 403, "insufficient_scope")
	if got := r.header.Get("WWW-Authenticate"); !strings.Contains(got, `scope="openid"`) {
		t.Errorf("without openid: WWW-Authenticate is %q", got)
	}
	w.clock.move(time.Hour)
	w.get("/userinfo", "Authorization", "Bearer "+good.Access).fails("an expired token", 401, "invalid_token")
}

// TestRevokeAndIntrospect: the rules are those of /api, whose tests have them in full; here is the wire.
func TestRevokeAndIntrospect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.signIn("offline openid email")
	back := []string{"Authorization", basic(serverID, secret)}
	var in map[string]any
	w.post("/introspect", url.Values{"token": {got.Access}, "token_type_hint": {"refresh_token"}}, back...).ok(&in)
	if in["active"] != true || in["scope"] != "offline openid email" || in["iss"] != w.issuer || in["client_id"] != "1" {
		t.Errorf("a live access token: %v", in)
	}
	w.post("/introspect", url.Values{"token": {got.Access}, "client_id": {"1"}}).fails("a public client", 401, "invalid_client")
	w.post("/revoke", url.Values{"token": {got.Access}, "client_id": {"4"}}).fails("a client of another issuer", 401, "invalid_client")
	w.post("/revoke", url.Values{"client_id": {"1"}}).fails("no token", 400, "invalid_request")
	w.post("/revoke", url.Values{"token": {w.serverToken().Access}}, back...).fails("a server token", 400, "unsupported_token_type")
	if r := w.post("/revoke", url.Values{"token": {w.serverToken().Access}, "client_id": {"1"}}); r.status != 200 {
		t.Errorf("another client's server token: %d %s", r.status, r.body)
	}
	if r := w.post("/revoke", url.Values{"token": {got.Refresh}}, back...); r.status != 200 {
		t.Errorf("another client's token: %d", r.status)
	}
	if r := w.get("/userinfo", "Authorization", "Bearer "+got.Access); r.status != 200 {
		t.Errorf("a client ended what is another's: %d", r.status)
	}
	if r := w.post("/revoke", url.Values{"token": {got.Refresh}, "client_id": {"1"}}); r.status != 200 {
		t.Errorf("its own token: %d %s", r.status, r.body)
	}
	if r := w.post("/introspect", url.Values{"token": {got.Access}}, back...); string(r.body) != `{"active":false}` {
		t.Errorf("a revoked token: %s", r.body)
	}
}

// TestCORS: metadata and keys are for any page, tokens for the project's own, introspection for none.
func TestCORS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, want := range map[string]map[string]string{
		"/.well-known/openid-configuration": {origin: "*", "https://evil.example.test": "*"},
		"/.well-known/jwks.json":            {origin: "*"},
		"/token":                            {origin: origin, "https://evil.example.test": ""},
		"/userinfo":                         {origin: origin, "https://evil.example.test": ""},
		"/introspect":                       {origin: ""},
	} {
		for from, allowed := range want {
			for _, method := range []string{http.MethodOptions, http.MethodGet} { // a wrong method is readable too
				r := w.send(method, w.issuer+path, "", "Origin", from, "Access-Control-Request-Method", "POST")
				if got := r.header.Get("Access-Control-Allow-Origin"); got != allowed {
					t.Errorf("%s %s from %s: allowed origin %q, want %q", method, path, from, got, allowed)
				}
				if r.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s %s: credentials are allowed, and there are none to send", method, path)
				}
				if h := r.header.Get("Access-Control-Allow-Headers"); method == http.MethodOptions && allowed != "" && h != "authorization, content-type" {
					t.Errorf("%s: allowed headers %q", path, h)
				}
			}
		}
	}
}
