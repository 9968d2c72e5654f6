package httpapi_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/session"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// The rules of these grant types are held by the tests of the standard endpoints (internal/oidc); here is what they look like
// in the words of /api.

// exchange gives the form of a token exchange by the client that the token was given to.
func exchange(grant, access, scope string) url.Values {
	return url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:" + grant}, "client_id": {publicID}, "scope": {scope},
		"subject_token": {access}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
	}
}

// TestRFC8693_ExchangeOnAPI: both spellings of the grant type (contract.md §5), the four members that one SDK needs, the
// envelope.
func TestRFC8693_ExchangeOnAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, old := w.oauthLogin("openid email offline")
	for _, spelling := range []string{"token_exchange", "token-exchange"} {
		var got map[string]any
		w.form(exchange(spelling, old.Access, "email")).ok(&got)
		if got["refresh_token"] != "" || got["token_type"] != "bearer" || got["scope"] != "email" || got["issued_token_type"] != "urn:ietf:params:oauth:token-type:access_token" {
			t.Errorf("%s: %v", spelling, got)
		}
		access, _ := got["access_token"].(string)
		before, after := w.claims(w.project, old.Access), w.claims(w.project, access)
		if after.Subject != before.Subject || after.Grant != before.Grant || after.Expires > before.Expires || after.Form != latchkey.AccessOnly {
			t.Errorf("%s: %+v of %+v", spelling, after, before)
		}
	}
	for name, c := range map[string]struct {
		form url.Values
		word string
	}{
		"a wider scope":        {exchange("token-exchange", old.Access, "email phone"), "invalid_scope"},
		"a refresh token":      {exchange("token-exchange", old.Refresh, "email"), "invalid_request"},
		"a JWT login's token":  {exchange("token-exchange", w.userToken(jwtEmail), ""), "invalid_request"},
		"another spelling yet": {exchange("tokenexchange", old.Access, "email"), "unsupported_grant_type"},
	} {
		if word := w.form(c.form).fails(400, "0")["error"]; word != c.word {
			t.Errorf("%s: %q, want %q", name, word, c.word)
		}
	}
	elsewhere := exchange("token-exchange", old.Access, "email")
	elsewhere.Set("audience", "https://other.example.test")
	if word := w.form(elsewhere).fails(400, "0")["error"]; word != "invalid_target" {
		t.Errorf("for another audience: %q", word)
	}
}

// TestRFC8628_DeviceOnAPI: the RFC's words stand in details, the statuses are the contract's, and 429 says how long to wait.
func TestRFC8628_DeviceOnAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	_, _, err := w.admin.CreateClient(ctx, latchkey.Client{ID: 11, Project: w.project, Name: "tv", Kind: latchkey.PublicClient, DeviceLogin: true}, "")
	w.must(err)
	tokenService := &token.Service{Store: w.store, Signer: w.signer, Secrets: w.secrets, PublicURL: publicURL, Now: w.clock.Now}
	begin := func() token.DeviceAnswer {
		a, err := tokenService.StartDevice(ctx, token.DeviceRequest{Client: token.Credentials{ID: 11}, Scope: "openid"})
		w.must(err)
		return a
	}
	poll := func(a token.DeviceAnswer) reply {
		return w.form(url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {"11"}, "device_code": {a.Code.Reveal()}})
	}
	asked := begin()
	for _, want := range []struct{ word, wait string }{{"authorization_pending", "5"}, {"slow_down", "10"}} {
		r := poll(asked)
		if word := r.fails(429, "002-057")["error"]; word != want.word || r.header.Get("Retry-After") != want.wait {
			t.Errorf("%q with Retry-After %s, want %q with %s", word, r.header.Get("Retry-After"), want.word, want.wait)
		}
	}
	to := latchkey.CanonicalAddress(latchkey.Email, "player@example.test")
	op, err := w.server.Login.Start(ctx, login.StartRequest{Protocol: latchkey.Hosted, Project: w.project, To: to})
	w.must(err)
	in, err := w.server.Login.Authorize(ctx, login.CompleteRequest{
		Protocol: latchkey.Hosted, Project: w.project, To: to, Code: latchkey.Secret(w.codeOf(w.message())), Operation: op.ID.String(),
		Browser: login.Browser{Stay: true},
	})
	w.must(err)
	sessions := &session.Service{Store: w.store, Secrets: w.secrets, Now: w.clock.Now}
	press := func(a token.DeviceAnswer, yes bool) {
		w.must(sessions.PressDevice(ctx, session.PressRequest{Project: w.project, Cookie: in.Session, Code: a.UserCode.Reveal(), Approve: yes}))
	}
	press(asked, true)
	w.clock.move(10 * time.Second)
	var got tokens
	poll(asked).ok(&got)
	if got.Type != "bearer" || got.ID == "" || !w.alive(got.Access) {
		t.Errorf("tokens %+v", got)
	}
	if word := poll(asked).fails(400, "010-023")["error"]; word != "invalid_grant" {
		t.Errorf("a second time: %q", word)
	}
	denied, late := begin(), begin()
	press(denied, false)
	if word := poll(denied).fails(401, "003-039")["error"]; word != "access_denied" {
		t.Errorf("after a no: %q", word)
	}
	w.clock.move(latchkey.DeviceLoginLife)
	if word := poll(late).fails(401, "003-039")["error"]; word != "expired_token" {
		t.Errorf("after ten minutes: %q", word)
	}
}

// TestRFC7523_AssertionOnAPI: a client that signs is known here too, once for each assertion; what is wrong stands in message.
func TestRFC7523_AssertionOnAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	w.must(err)
	text := base64.RawURLEncoding.EncodeToString
	_, made, err := w.admin.CreateClient(t.Context(), latchkey.Client{
		ID: 21, Project: w.project, Name: "signer", Kind: latchkey.ServerClient,
		PublicKeys: `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"` + text(public) + `"}]}`,
	}, "")
	w.must(err)
	if made != "" {
		t.Error("a client with keys got a secret that nobody asked for")
	}
	proof := func(aud string) url.Values {
		now := w.clock.Now().Unix()
		body, err := json.Marshal(map[string]any{"iss": "21", "sub": "21", "aud": aud, "iat": now, "exp": now + 60, "jti": rand.Text()})
		w.must(err)
		signed := text([]byte(`{"alg":"EdDSA"}`)) + "." + text(body)
		return url.Values{
			"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			"client_assertion": {signed + "." + text(ed25519.Sign(private, []byte(signed)))},
		}
	}
	for _, aud := range []string{publicURL + "/api/oauth2/token", latchkey.Issuer(publicURL, w.project)} {
		f := proof(aud)
		w.form(f).ok(&tokens{})
		if d := w.form(f).fails(400, "010-019"); d["error"] != "invalid_client" || d["message"] == "" {
			t.Errorf("a second time: %v", d)
		}
	}
	w.form(proof(latchkey.Issuer(publicURL, w.other))).fails(400, "010-019")
	w.form(url.Values{"grant_type": {"client_credentials"}, "client_id": {"21"}}).fails(400, "010-019")
	r := w.ask("introspect", proof(publicURL+"/api/oauth2/token"))
	if r.fails(400, "0")["field"] != "token" {
		t.Errorf("introspection without a token: %s", r.body)
	}
}
