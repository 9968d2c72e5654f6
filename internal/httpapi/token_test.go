package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestTokenAnswer: the four members are always there (contract.md §5).
func TestTokenAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.login(oauthEmail).Query().Get("code")
	var raw map[string]any
	w.form(redeem(code)).ok(&raw)
	if raw["refresh_token"] != "" || raw["token_type"] != "bearer" || raw["expires_in"] != 3600.0 || raw["access_token"] == "" {
		t.Errorf("a grant without offline: %v", raw)
	}
	if _, there := raw["id_token"]; there {
		t.Error("an ID token without the scope openid")
	}
	_, got := w.oauthLogin("offline openid")
	if got.Refresh == "" || got.ID == "" || got.Scope != "offline openid" {
		t.Errorf("scope offline openid: %+v", got)
	}
}

// TestASVS_10_4_2_ReusedCode: a second use is refused and ends what the first one gave.
func TestASVS_10_4_2_ReusedCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code, got := w.oauthLogin("offline")
	if !w.alive(got.Access) {
		t.Fatal("the access token is dead from the start")
	}
	if word := w.form(redeem(code)).fails(400, "010-023")["error"]; word != "invalid_grant" {
		t.Errorf("error.details.error is %q", word)
	}
	if w.alive(got.Access) {
		t.Error("the access token outlived the second use of its code")
	}
	w.form(refresh(got.Refresh)).fails(400, "010-023")
}

// TestASVS_10_4_3_CodeLivesAMinute.
func TestASVS_10_4_3_CodeLivesAMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.login(oauthEmail).Query().Get("code")
	w.clock.move(time.Minute)
	w.form(redeem(code)).fails(400, "010-023")
}

// TestRFC6749_4_1_3_CodeIsBound: to its client, its redirect URI and its verifier; a wrong one does not spoil it.
func TestRFC6749_4_1_3_CodeIsBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	code := w.login(oauthEmail, "code_challenge", challenge, "code_challenge_method", "S256").Query().Get("code")
	for name, change := range map[string][]string{
		"another redirect URI": {"redirect_uri", redirect + "/", "code_verifier", verifier},
		"another project":      {"client_id", foreignID, "code_verifier", verifier},
		"another client":       {"client_id", confidentialID, "client_secret", secret, "code_verifier", verifier},
		"no verifier":          {},
		"another verifier":     {"code_verifier", strings.Repeat("w", 43)},
		"a short verifier":     {"code_verifier", "v"},
		"another code":         {"code", strings.Repeat("A", 64), "code_verifier", verifier},
		"not a code":           {"code", "x", "code_verifier", verifier},
	} {
		f := redeem(code)
		for i := 0; i < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		if r := w.form(f); r.status != 400 || r.fails(400, "010-023")["error"] != "invalid_grant" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	f := redeem(code)
	f.Set("code_verifier", verifier)
	w.form(f).ok(&tokens{})

	f = redeem(w.login(oauthEmail).Query().Get("code")) // without a challenge
	f.Set("code_verifier", verifier)
	w.form(f).fails(400, "010-023") // RFC 9700 §2.1.1: a downgrade
}

// TestASVS_10_4_5_Rotation: the last-but-one brings the newest for 30 s; afterwards its use ends the family.
func TestASVS_10_4_5_Rotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, first := w.oauthLogin("offline")
	var second, again, third tokens
	w.form(refresh(first.Refresh)).ok(&second)
	if second.Refresh == first.Refresh || second.Access == first.Access {
		t.Error("a refresh must give a new refresh token and a new access token")
	}
	w.clock.move(latchkey.RotationGrace - time.Second)
	w.form(refresh(first.Refresh)).ok(&again)
	if again.Refresh != second.Refresh {
		t.Error("within 30 s the old token must bring the same new one: a family has one head")
	}
	w.form(refresh(second.Refresh)).ok(&third)
	w.clock.move(latchkey.RotationGrace)
	w.form(refresh(second.Refresh)).fails(400, "010-023")
	for name, token := range map[string]string{"the newest": third.Refresh, "the oldest": first.Refresh} {
		if r := w.form(refresh(token)); r.status == 200 {
			t.Errorf("%s refresh token outlived the family", name)
		}
	}
	if w.alive(third.Access) {
		t.Error("an access token outlived its family")
	}
}

func TestRefreshRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, got := w.oauthLogin("offline email")
	f := refresh(got.Refresh)
	f.Set("client_id", foreignID)
	w.form(f).fails(400, "010-023")
	f = refresh(got.Refresh)
	f.Set("scope", "offline phone")
	if word := w.form(f).fails(400, "0")["error"]; word != "invalid_scope" {
		t.Errorf("more scope than was granted: %q", word)
	}
	f.Set("scope", "email")
	var narrow tokens
	w.form(f).ok(&narrow)
	if c := w.claims(w.project, narrow.Access); !slices.Equal(c.Scopes, []string{"email"}) || narrow.Refresh == "" {
		t.Errorf("a narrower refresh: scopes %v, refresh token %q", c.Scopes, narrow.Refresh)
	}
}

func TestServerToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := url.Values{"grant_type": {"client_credentials"}, "client_id": {serverID}, "client_secret": {serverKey}}
	var got tokens
	w.form(f).ok(&got)
	if c := w.claims(w.project, got.Access); c.Type != "server" || c.Subject != "" || c.Client != serverID {
		t.Errorf("server token: %+v", c)
	}
	if w.alive(got.Access) {
		t.Error("ASVS 9.2.2: a server token opens /users/me")
	}
	f.Set("client_secret", "wrong")
	w.form(f).fails(400, "010-019")
	w.form(url.Values{"grant_type": {"client_credentials"}, "client_id": {confidentialID}, "client_secret": {secret}}).fails(400, "010-019")
	w.form(url.Values{"grant_type": {"client_credentials"}, "client_id": {publicID}}).fails(400, "010-019")
}

// basic gives an Authorization header, its parts form-encoded (RFC 6749 §2.3.1).
func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// TestRFC6749_2_3_1_ClientAuthentication.
func TestRFC6749_2_3_1_ClientAuthentication(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := func() string {
		return w.login(oauthEmail, "client_id", publicID).Query().Get("code")
	}
	f := func(pairs ...string) url.Values {
		v := url.Values{"grant_type": {"client_credentials"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	w.form(f(), "Authorization", basic(serverID, serverKey)).ok(&tokens{})
	w.form(f("client_id", serverID), "Authorization", basic(serverID, serverKey)).ok(&tokens{})
	w.form(redeem(code())).ok(&tokens{})

	for name, tt := range map[string]struct {
		form   url.Values
		header string
		code   string
		word   string
	}{
		"Basic, wrong secret":      {f(), basic(serverID, "x"), "010-019", "invalid_client"},
		"Basic, unknown client":    {f(), basic("99", "x"), "010-019", "invalid_client"},
		"Basic, not a client":      {f(), basic("x", "x"), "010-019", "invalid_client"},
		"Basic, bad encoding":      {f(), "Basic " + base64.StdEncoding.EncodeToString([]byte("3:%zz")), "010-019", "invalid_client"},
		"both ways":                {f("client_id", serverID, "client_secret", serverKey), basic(serverID, serverKey), "0", "invalid_request"},
		"two clients":              {f("client_id", publicID), basic(serverID, serverKey), "0", "invalid_request"},
		"nobody":                   {f(), "", "0", "invalid_request"},
		"a secret of a public one": {f("client_id", publicID, "client_secret", "x"), "", "010-019", "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			var header []string
			if tt.header != "" {
				header = []string{"Authorization", tt.header}
			}
			r := w.form(tt.form, header...)
			if got := r.fails(400, tt.code)["error"]; got != tt.word {
				t.Errorf("error.details.error is %q, want %q", got, tt.word)
			}
		})
	}
}

// TestRFC6749_3_2_TokenRequest is what the token endpoint asks of a request.
func TestRFC6749_3_2_TokenRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const kind = "application/x-www-form-urlencoded"
	for name, tt := range map[string]struct {
		kind, body string
		status     int
		code, word string
	}{
		"empty":                   {kind, "", 400, "0", "invalid_request"},
		"unknown grant":           {kind, "grant_type=password&client_id=1&username=a&password=b", 400, "0", "unsupported_grant_type"},
		"implicit":                {kind, "grant_type=implicit&client_id=1", 400, "0", "unsupported_grant_type"},
		"twice":                   {kind, "grant_type=refresh_token&client_id=1&client_id=1&refresh_token=x", 400, "0", "invalid_request"},
		"unknown parameter twice": {kind, "grant_type=refresh_token&client_id=1&refresh_token=x&a=1&a=2", 400, "0", "invalid_request"},
		"no code":                 {kind, "grant_type=authorization_code&client_id=1&redirect_uri=x", 400, "0", "invalid_request"},
		"empty code":              {kind, "grant_type=authorization_code&client_id=1&redirect_uri=x&code=", 400, "0", "invalid_request"},
		"no redirect":             {kind, "grant_type=authorization_code&client_id=1&code=x", 400, "0", "invalid_request"},
		"no refresh token":        {kind, "grant_type=refresh_token&client_id=1", 400, "0", "invalid_request"},
		"bad escape":              {kind, "grant_type=%zz", 400, "0", "invalid_request"},
		"not UTF-8":               {kind, "grant_type=refresh_token&client_id=1&refresh_token=%ff", 400, "0", "invalid_request"},
		"NUL":                     {kind, "grant_type=refresh_token&client_id=1&refresh_token=%00", 400, "0", "invalid_request"},
		"JSON":                    {"application/json", `{"grant_type":"refresh_token"}`, 415, "415", "invalid_request"},
		"large":                   {kind, "grant_type=refresh_token&client_id=1&refresh_token=" + strings.Repeat("x", 70_000), 413, "413", "invalid_request"},
		"wrong refresh token":     {kind, "grant_type=refresh_token&client_id=1&refresh_token=x", 400, "010-023", "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.send(http.MethodPost, "/api/oauth2/token", nil, tt.kind, tt.body)
			if got := r.fails(tt.status, tt.code)["error"]; got != tt.word {
				t.Errorf("error.details.error is %q, want %q", got, tt.word)
			}
		})
	}
	r := w.get("/api/oauth2/token", url.Values{"grant_type": {"client_credentials"}})
	r.fails(405, "405")
	if got := r.header.Get("Allow"); got != "POST, OPTIONS" {
		t.Errorf("Allow is %q", got)
	}
}

// TestKeys: a bare array of strings in hexadecimal, the signing key first, also while a rotation is under way.
func TestKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, err := w.store.Project(t.Context(), w.project)
	w.must(err)
	p.Algorithm = latchkey.RS256
	w.must(w.admin.UpdateProject(t.Context(), p))
	list := func() []map[string]string {
		t.Helper()
		r := w.get("/api/projects/"+w.project.String()+"/keys", nil)
		if got := r.header.Get("Cache-Control"); got != "public, max-age=60" {
			t.Errorf("Cache-Control of the keys is %q", got)
		}
		var keys []map[string]string
		r.ok(&keys)
		return keys
	}
	signs := func() string {
		t.Helper()
		header, err := base64.RawURLEncoding.DecodeString(strings.Split(w.userToken(jwtEmail), ".")[0])
		w.must(err)
		var h struct{ Kid string }
		w.must(json.Unmarshal(header, &h))
		return h.Kid
	}
	before := list()
	if before[0]["e"] != "10001" || before[0]["kty"] != "RSA" || before[0]["alg"] != "RS256" || before[0]["use"] != "sig" ||
		len(before[0]["n"]) != 512 || strings.Trim(before[0]["n"], "0123456789abcdef") != "" {
		t.Errorf("the RSA key: %v", before[0])
	}
	w.must(w.admin.RotateKey(t.Context(), w.project, false))
	during := list()
	if len(during) != len(before)+1 || during[0]["kid"] != before[0]["kid"] || signs() != before[0]["kid"] {
		t.Error("a new key must be published behind the one that signs")
	}
	w.clock.move(latchkey.PublishAhead)
	_, err = w.store.AdvanceKeys(t.Context(), w.clock.Now())
	w.must(err)
	after := list()
	if after[0]["kid"] == before[0]["kid"] || signs() != after[0]["kid"] || len(after) != len(during) {
		t.Error("after 11 minutes the new key must sign and come first, and the old one stay published")
	}

	w.get("/api/projects/"+w.other.String()+"/keys", nil).ok(&before)
	if len(before) != 0 {
		t.Errorf("a project that signs with HS256 publishes %v", before)
	}
	w.get("/api/projects/00000000-0000-4000-8000-00000000ffff/keys", nil).fails(404, "003-019")
	w.get("/api/projects/demo/keys", nil).fails(404, "003-019")
}

func TestValidateToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.userToken(jwtEmail)
	validate := func(token any) reply { return w.post("/api/token/validate", nil, body{"token": token}) }
	validate(token).is(204)
	validate(token[:len(token)-2]).fails(401, "002-016")
	validate("x").fails(401, "002-016")
	validate(strings.Repeat("a.", 20_000)).fails(401, "002-016")
	validate("").fails(422, "002-028")
	validate(7).fails(422, "002-027")
	w.clock.move(24 * time.Hour)
	validate(token).fails(401, "002-016")
}
