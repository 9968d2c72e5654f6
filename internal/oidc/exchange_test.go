package oidc_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	hyphen     = "urn:ietf:params:oauth:grant-type:token-exchange"
	underscore = "urn:ietf:params:oauth:grant-type:token_exchange"
	accessType = "urn:ietf:params:oauth:token-type:access_token"
)

// trade asks for a narrower token as the public client that the token was given to, with changes to the form, as pairs.
func (w *world) trade(token, scope string, pairs ...string) reply {
	w.t.Helper()
	f := url.Values{"grant_type": {hyphen}, "client_id": {"1"}, "subject_token": {token}, "subject_token_type": {accessType}, "scope": {scope}}
	var header []string
	for i := 0; i < len(pairs); i += 2 {
		switch f.Del(pairs[i]); {
		case pairs[i] == "Authorization":
			header = pairs[i : i+2]
			f.Del("client_id")
		case pairs[i+1] != "":
			f.Set(pairs[i], pairs[i+1])
		}
	}
	return w.post("/token", f, header...)
}

// TestRFC8693_2_2_1_Exchange: by both names of the grant type, a token of the same person and grant that opens less.
func TestRFC8693_2_2_1_Exchange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.signIn("openid email phone offline")
	for _, name := range []string{hyphen, underscore} {
		r := w.trade(old.Access, "email", "grant_type", name)
		var raw map[string]any
		r.ok(&raw)
		if raw["issued_token_type"] != accessType || raw["token_type"] != "Bearer" || raw["scope"] != "email" || raw["refresh_token"] != nil || raw["id_token"] != nil {
			t.Errorf("%s: answer %v", name, raw)
		}
		text, _ := raw["access_token"].(string)
		before, after := part(t, old.Access, 1), part(t, text, 1)
		for _, claim := range []string{"iss", "sub", "aud", "client_id", "sid"} {
			if !reflect.DeepEqual(before[claim], after[claim]) {
				t.Errorf("%s: %s was %v and is %v", name, claim, before[claim], after[claim])
			}
		}
		if after["scope"] != "email" || after["jti"] == before["jti"] || part(t, text, 0)["typ"] != "at+jwt" {
			t.Errorf("%s: claims %v", name, after)
		}
		w.get("/userinfo", "Authorization", "Bearer "+text).fails("without openid", 403, "insufficient_scope")
		w.trade(text, "openid email").fails("widening what was narrowed", 400, "invalid_scope")
	}
	var all tokens
	w.trade(old.Access, "", "subject_token_type", strings.Replace(accessType, "access_token", "jwt", 1), "requested_token_type", accessType, "audience", w.issuer).ok(&all)
	if all.Scope != "openid email phone" || all.Refresh != "" || all.ID != "" {
		t.Errorf("without a scope asked for: %+v, want everything but offline access", all)
	}
	w.trade(old.Access, "offline").fails("offline access", 400, "invalid_scope")
	var next tokens
	w.post("/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"1"}, "refresh_token": {old.Refresh}}).ok(&next)
}

// TestRFC8693_NoLongerLife: an exchange late in a token's life gives the rest of it, and the end of the grant is the end of
// both.
func TestRFC8693_NoLongerLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.signIn("openid email offline")
	w.clock.move(50 * time.Minute)
	var got, again tokens
	w.trade(old.Access, "openid").ok(&got)
	w.clock.move(5 * time.Minute)
	w.trade(got.Access, "openid").ok(&again)
	end := part(t, old.Access, 1)["exp"]
	if got.Life != 600 || again.Life != 300 || part(t, got.Access, 1)["exp"] != end || part(t, again.Access, 1)["exp"] != end {
		t.Errorf("lives of %d s and %d s, to %v; the first token ends at %v", got.Life, again.Life, part(t, again.Access, 1)["exp"], end)
	}
	w.get("/userinfo", "Authorization", "Bearer "+again.Access).ok(&struct{}{})
	w.post("/revoke", url.Values{"token": {old.Refresh}, "client_id": {"1"}}).ok(&struct{}{})
	w.get("/userinfo", "Authorization", "Bearer "+again.Access).fails("after the grant ended", 401, "invalid_token")
	w.trade(old.Access, "openid").fails("a token whose grant ended", 400, "invalid_request")
}

// TestRFC8693_WhoMayExchange: the token's own client, and every client of the project that proved who it is.
func TestRFC8693_WhoMayExchange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.client(latchkey.Client{ID: 31, Name: "another page", Kind: latchkey.PublicClient, RedirectURIs: []string{callback}}, "")
	w.client(latchkey.Client{ID: 32, Project: w.other, Name: "another project's", Kind: latchkey.ServerClient}, secret)
	old := w.signIn("openid email")
	for name, as := range map[string]string{"a confidential client": basic(confidentialID, secret), "a server client": basic(serverID, secret)} {
		var got tokens
		w.trade(old.Access, "email", "Authorization", as).ok(&got)
		if part(t, got.Access, 1)["client_id"] != "1" {
			t.Errorf("%s: the token is of client %v, and its grant is of client 1", name, part(t, got.Access, 1)["client_id"])
		}
	}
	w.trade(old.Access, "email", "client_id", "31").fails("another public client", 400, "invalid_request")
	w.trade(changed(old.Access), "email", "client_id", "31").fails("another public client, a bad token", 400, "invalid_request")
	w.trade(old.Access, "email", "client_id", "").fails("nobody", 400, "invalid_request")
	w.trade(old.Access, "email", "client_id", "2").fails("without its secret", 401, "invalid_client")
	w.trade(old.Access, "email", "Authorization", basic(32, secret)).fails("another issuer's client", 401, "invalid_client")
	good, bad := w.trade(old.Access, "email", "client_id", "31"), w.trade(changed(old.Access), "email", "client_id", "31")
	if string(good.body) != string(bad.body) {
		t.Errorf("another public client learns whether a token is good: %s, %s", good.body, bad.body)
	}
}

// TestRFC8693_2_2_2_Errors: what is not exchanged, for what, and under which word.
func TestRFC8693_2_2_2_Errors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.signIn("openid email offline")
	for name, c := range map[string]struct {
		token string
		pairs []string
		word  string
	}{
		"no token":               {"", []string{"subject_token", ""}, "invalid_request"},
		"no type":                {old.Access, []string{"subject_token_type", ""}, "invalid_request"},
		"a type of another kind": {old.Refresh, []string{"subject_token_type", strings.Replace(accessType, "access", "refresh", 1)}, "invalid_request"},
		"for another kind":       {old.Access, []string{"requested_token_type", strings.Replace(accessType, "access", "refresh", 1)}, "invalid_request"},
		"for an ID token":        {old.Access, []string{"requested_token_type", strings.Replace(accessType, "access", "id", 1)}, "invalid_request"},
		"with an actor":          {old.Access, []string{"actor_token", old.Access, "actor_token_type", accessType}, "invalid_request"},
		"for another audience":   {old.Access, []string{"audience", "https://other.example.test"}, "invalid_target"},
		"for another resource":   {old.Access, []string{"resource", "https://other.example.test"}, "invalid_target"},
		"a wider scope":          {old.Access, []string{"scope", "email phone"}, "invalid_scope"},
		"a refresh token":        {old.Refresh, nil, "invalid_request"},
		"an ID token":            {old.ID, nil, "invalid_request"},
		"a server token":         {w.serverToken().Access, nil, "invalid_request"},
		"a changed token":        {changed(old.Access), nil, "invalid_request"},
		"any text":               {"x", nil, "invalid_request"},
	} {
		w.trade(c.token, "email", c.pairs...).fails(name, 400, c.word)
	}
	w.trade(old.Access, "email").ok(&struct{}{})
	w.clock.move(time.Hour)
	w.trade(old.Access, "email").fails("an expired token", 400, "invalid_request")
}
