package httpapi_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// standardTokens signs in on OAuth 2.0 and redeems the code at the standard token endpoint, as a client of any kind does.
func (w *world) standardTokens(scope string) token.Tokens {
	w.t.Helper()
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636, appendix B
	code := w.login(oauthEmail, "scope", scope, "code_challenge", challenge, "code_challenge_method", "S256").Query().Get("code")
	got, err := w.server.Tokens.Redeem(w.t.Context(), token.RedeemRequest{
		Client: token.Credentials{ID: 1, At: w.project}, Code: latchkey.Secret(code), Redirect: redirect, Verifier: verifier,
	})
	w.must(err)
	return got
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// accountCalls show or change what there is of a person.
var accountCalls = []struct{ method, path, body string }{
	{"GET", "/api/users/me", ""}, {"PATCH", "/api/users/me", `{"nickname":"x"}`}, {"GET", "/api/users/me/email", ""},
	{"GET", "/api/users/me/phone", ""}, {"POST", "/api/users/me/phone", `{"phone_number":"+12025550123"}`},
	{"DELETE", "/api/users/me/phone/+12025550123", ""}, {"GET", "/api/users/me/ask", ""},
	{"GET", "/api/oauth2/logout?sessions=sso", ""}, {"GET", "/api/oauth2/logout?sessions=all", ""},
}

// TestStandardTokenOpensTheAccountByScope: a token in the form of RFC 9068 goes to other parties, and says by its scope what
// they may do. The refusal is RFC 6750's, and not the 401 on which SDKs refresh a token.
func TestStandardTokenOpensTheAccountByScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, call := range accountCalls {
		for scope, opens := range map[string]bool{
			"": false, "openid": false, "openid email phone": false, "openid profile_x": false, "openid profile": true, "profile": true,
		} {
			path, query, _ := cut(call.path)
			r := w.send(call.method, path, query, contentType(call.body), call.body, bearer(w.standardTokens(scope).Access.Reveal())...)
			if opens {
				if r.status == http.StatusForbidden || r.status == http.StatusUnauthorized {
					t.Errorf("%s %s with the scope %q: %d %s", call.method, call.path, scope, r.status, r.body)
				}
				continue
			}
			r.fails(403, "403")
			if got := r.header.Get("WWW-Authenticate"); got != `Bearer error="insufficient_scope", scope="profile"` {
				t.Errorf("%s %s: WWW-Authenticate %q", call.method, call.path, got)
			}
		}
		_, plain := w.oauthLogin("openid")
		path, query, _ := cut(call.path)
		if r := w.send(call.method, path, query, contentType(call.body), call.body, bearer(plain.Access)...); r.status == http.StatusForbidden {
			t.Errorf("%s %s with a token of /api: %d, want it open: SDKs know no such scope", call.method, call.path, r.status)
		}
	}
}

// TestNarrowTokenIsGood: it is no bad token for that.
func TestNarrowTokenIsGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	access := w.standardTokens("openid").Access.Reveal()
	w.post("/api/token/validate", nil, body{"token": access}).is(204)
}

// TestNarrowTokenSignsOutItsOwnClient and nobody else.
func TestNarrowTokenSignsOutItsOwnClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, own := w.standardTokens("openid profile offline"), w.standardTokens("openid offline")
	w.get("/api/oauth2/logout", nil, bearer(own.Access.Reveal())...).is(204)
	w.get("/api/oauth2/logout", nil, bearer(own.Access.Reveal())...).fails(401, "010-017")
	w.form(refresh(own.Refresh.Reveal())).fails(400, "010-023")
	if !w.alive(other.Access.Reveal()) {
		t.Error("a token without the scope profile ended another grant of its person")
	}
	w.get("/api/oauth2/logout", nil, bearer(other.Access.Reveal())...).is(204) // everything, as for a token of /api
	w.form(refresh(other.Refresh.Reveal())).fails(400, "010-023")
}

// TestExchangeWidensNothing: a token that is made of a narrow one on /api, where tokens open everything, stays narrow.
func TestExchangeWidensNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, plain := w.oauthLogin("openid profile")
	for name, subject := range map[string]string{"a narrow token": w.standardTokens("openid").Access.Reveal(), "a token of /api": plain.Access} {
		got, err := w.server.Tokens.Grant(t.Context(), token.GrantRequest{
			Type: "urn:ietf:params:oauth:grant-type:token-exchange", Client: token.Credentials{ID: 1}, Scope: "openid",
			Exchange: token.Exchange{Subject: latchkey.Secret(subject), SubjectType: "urn:ietf:params:oauth:token-type:access_token"},
		})
		w.must(err)
		w.post("/api/token/validate", nil, body{"token": got.Access.Reveal()}).is(204)
		if r := w.get("/api/users/me", nil, bearer(got.Access.Reveal())...); r.status != http.StatusForbidden {
			t.Errorf("%s, exchanged for one with the scope openid, opens the account: %d", name, r.status)
		}
	}
}

func cut(target string) (path string, q url.Values, err error) {
	u, err := url.Parse(target)
	return u.Path, u.Query(), err
}

func contentType(body string) string {
	if body == "" {
		return ""
	}
	return "application/json"
}
