package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// about gives the form of a call about a token by the confidential client.
func about(token string) url.Values {
	return url.Values{"client_id": {confidentialID}, "client_secret": {secret}, "token": {token}}
}

// ask posts a form to one of the two calls about a token.
func (w *world) ask(path string, f url.Values, header ...string) reply {
	w.t.Helper()
	return w.send(http.MethodPost, "/api/oauth2/"+path, nil, "application/x-www-form-urlencoded", f.Encode(), header...)
}

// codeFor signs in to a client and gives the authorization code.
func (w *world) codeFor(client string, extra ...string) string {
	w.t.Helper()
	operation, code := w.start(oauthEmail, append(extra, "client_id", client)...)
	b := body{"email": oauthEmail.address, "code": code, "operation_id": operation}
	return w.loginURL(w.post(oauthEmail.path+"/confirm", url.Values{"client_id": {client}}, b)).Query().Get("code")
}

// TestRFC7009_RevocationEndsTheGrant: whichever of its tokens is given up.
func TestRFC7009_RevocationEndsTheGrant(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access", "refresh"} {
		w := newWorld(t)
		_, got := w.oauthLogin("offline")
		token := got.Refresh
		if kind == "access" {
			token = got.Access
		}
		for range 2 { // the second time there is nothing left to do
			if r := w.ask("token/revoke", url.Values{"client_id": {publicID}, "token": {token}}); r.status != 200 {
				t.Fatalf("%s token: %d %s", kind, r.status, r.body)
			}
		}
		if w.alive(got.Access) {
			t.Errorf("the access token outlived the revocation by %s token", kind)
		}
		w.form(refresh(got.Refresh)).fails(400, "010-023")
	}
}

// TestRFC7009_2_1_AnotherClientsToken is passed over, and the answer does not tell.
func TestRFC7009_2_1_AnotherClientsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, got := w.oauthLogin("offline")
	jwt := w.userToken(jwtEmail)
	var server tokens
	w.form(url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(serverID, serverKey)).ok(&server)
	for what, token := range map[string]string{
		"a server token": server.Access, "an access token": got.Access, "a refresh token": got.Refresh, "a JWT login's token": jwt, "no token": "x",
	} {
		if r := w.ask("token/revoke", about(token)); r.status != 200 || strings.TrimSpace(string(r.body)) != "{}" {
			t.Errorf("%s of another client: %d %s", what, r.status, r.body)
		}
	}
	if !w.alive(got.Access) || !w.alive(jwt) {
		t.Error("a client ended what is another's")
	}
	w.form(refresh(got.Refresh)).ok(&got)
}

// TestRFC7009_ServerTokens are not revoked, and nobody is told that they were.
func TestRFC7009_ServerTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got tokens
	w.form(url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(serverID, serverKey)).ok(&got)
	r := w.ask("token/revoke", url.Values{"token": {got.Access}}, "Authorization", basic(serverID, serverKey))
	if word := r.fails(400, "0")["error"]; word != "unsupported_token_type" {
		t.Errorf("error.details.error is %q", word)
	}
}

// TestRFC7009_2_1_ClientAuthenticates.
func TestRFC7009_2_1_ClientAuthenticates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"token/revoke", "introspect"} {
		for what, f := range map[string]url.Values{
			"no secret":    {"client_id": {confidentialID}, "token": {"x"}},
			"wrong secret": {"client_id": {confidentialID}, "client_secret": {"x"}, "token": {"x"}},
			"unknown":      {"client_id": {"77"}, "token": {"x"}},
		} {
			if word := w.ask(path, f).fails(400, "010-019")["error"]; word != "invalid_client" {
				t.Errorf("%s, %s: error.details.error is %q", path, what, word)
			}
		}
	}
	// Without a secret nobody asks about tokens: a client_id is public (RFC 7662 §2.1).
	w.ask("introspect", url.Values{"client_id": {publicID}, "token": {"x"}}).fails(400, "010-019")
}

// TestRFC7662_Introspect: what is alive is told, and of the rest exactly {"active":false}.
func TestRFC7662_Introspect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, got := w.oauthLogin("offline email")
	dead := func(what, token string) {
		t.Helper()
		if r := w.ask("introspect", about(token)); r.status != 200 || strings.TrimSpace(string(r.body)) != `{"active":false}` {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	var in struct {
		Active          bool
		Scope, Sub, Iss string
		Client          string `json:"client_id"`
		Type            string `json:"token_type"`
		Exp, Iat        int64
	}
	w.ask("introspect", about(got.Access)).ok(&in)
	if !in.Active || in.Scope != "offline email" || in.Client != publicID || in.Type != "Bearer" || in.Sub == "" || in.Exp-in.Iat != 3600 {
		t.Errorf("a live access token: %+v", in)
	}
	dead("another client's refresh token", got.Refresh)
	dead("no token", "x")
	dead("an ID token", got.ID+"x")
	foreign := w.codeFor(foreignID)
	var theirs tokens
	w.form(url.Values{"grant_type": {"authorization_code"}, "client_id": {foreignID}, "code": {foreign}, "redirect_uri": {redirect}}).ok(&theirs)
	dead("another project's token", theirs.Access)
	w.ask("token/revoke", url.Values{"client_id": {publicID}, "token": {got.Refresh}})
	dead("a revoked token", got.Access)

	code := w.codeFor(confidentialID, "scope", "offline openid")
	own := redeem(code)
	own.Set("client_id", confidentialID)
	own.Set("client_secret", secret)
	w.form(own).ok(&got)
	w.ask("introspect", about(got.Refresh)).ok(&in)
	if !in.Active || in.Client != confidentialID || in.Scope != "offline openid" {
		t.Errorf("its own refresh token: %+v", in)
	}
	dead("an ID token", got.ID)
	var server tokens
	w.form(url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(serverID, serverKey)).ok(&server)
	w.ask("introspect", about(server.Access)).ok(&in)
	if !in.Active || in.Client != serverID {
		t.Errorf("a server token: %+v", in)
	}
	w.clock.move(time.Hour)
	dead("an expired access token", got.Access)
	dead("an expired server token", server.Access)
}
