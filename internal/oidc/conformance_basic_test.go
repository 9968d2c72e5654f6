package oidc_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestConformanceBasicOP is the plan oidcc-basic-certification-test-plan, for a client that was registered beforehand.
func TestConformanceBasicOP(t *testing.T) {
	t.Parallel()
	conform(t, "", basicOP())
}

// TestConformanceFormPostOP is oidcc-formpost-basic-certification-test-plan: the same modules, each answered by a form.
func TestConformanceFormPostOP(t *testing.T) {
	t.Parallel()
	conform(t, "form_post", basicOP())
}

func basicOP() []module {
	return slices.Concat(codeModules(), claimModules(), requestModules(), promptModules())
}

// codeModules are about the code, the token endpoint and the ID token.
func codeModules() []module {
	return []module{
		{"oidcc-server", wholeLogin, []twin{
			{"another state", "state", authAnswer("state", "another")},
			{"another issuer in the answer", "RFC 9207", authAnswer("iss", "https://evil.example.test")},
			{"an answer in the wrong way", "by a form", otherWay()},
			{"an error for a good request", "no code but the error", authAnswer("code", "", "error", "server_error")},
			{"tokens of another type", "token_type", document("/token", "token_type", "mac")},
			{"a life in words", "expires_in", document("/token", "expires_in", "3600")},
			{"tokens that may be kept by a cache", "Cache-Control", headerOf("/token", "Cache-Control", "public, max-age=1")},
			{"tokens as text", "Content-Type", headerOf("/token", "Content-Type", "text/plain")},
			{"no ID token", "no ID token", document("/token", "id_token", nil)},
			{"an ID token of another issuer", "iss is", claimed("iss", "https://evil.example.test")},
			{"an ID token for another client", "aud is", claimed("aud", "77")},
			{"an ID token for this client and another", "aud is", claimed("aud", []string{"2", "77"})},
			{"an ID token by order of another client", "azp is", claimed("azp", "77")},
			{"an ID token of nobody", "sub is", claimed("sub", "")},
			{"an ID token that has ended", "exp", claimed("exp", 1)},
			{"an ID token from the future", "iat", claimed("iat", 4e9)},
			{"another nonce", "nonce is", claimed("nonce", "another")},
			{"no nonce", "nonce is", claimed("nonce", nil)},
			{"a hash of another access token", "at_hash", claimed("at_hash", "AAAA")},
			{"a login in the future", "auth_time", claimed("auth_time", 4e9)},
		}},
		{"oidcc-idtoken-signature", wholeLogin, []twin{
			{"a signature that does not verify", "signature", badSignature()},
			{"a key that is not published", "signature", document("/jwks.json", "keys", []any{})},
			{"another algorithm", "alg is", forged(func(head, _ map[string]any) { head["alg"] = "PS256" })},
			{"no key id", "no kid", forged(func(head, _ map[string]any) { delete(head, "kid") })},
		}},
		// The suite registers a client that wants "none" and passes a server over that does not support it: so must ours be.
		{"oidcc-idtoken-unsigned", func(v *visit) {
			if list := fmt.Sprint(v.discover()["id_token_signing_alg_values_supported"]); list != "[RS256]" {
				v.fault("ID tokens may be signed by %s", list)
			}
			v.login()
		}, []twin{
			{"none among the algorithms", "signed by", document("/openid-configuration", "id_token_signing_alg_values_supported", []string{"RS256", "none"})},
			{"an unsigned ID token", "alg is", forged(func(head, _ map[string]any) { head["alg"] = "none" })},
		}},
		{"oidcc-codereuse", func(v *visit) { reuse(v, 0) }, []twin{
			{"a code for many uses", "code a second time", after(2, "/token", statusOf("/token", 200))},
			{"another word", "invalid_grant", after(2, "/token", document("/token", "error", "invalid_request"))},
			{"a description with a line break", "error_description", after(2, "/token", document("/token", "error_description", "a\nb"))},
		}},
		{"oidcc-codereuse-30seconds", func(v *visit) {
			got := reuse(v, 30*time.Second)
			if r := v.whose(byGet, got.Access); r.status != http.StatusUnauthorized {
				v.fault("an access token of a code that was used twice: status %d", r.status)
			}
		}, []twin{
			{"a code for many uses", "code a second time", after(2, "/token", statusOf("/token", 200))},
			{"tokens that live on", "used twice", statusOf("/userinfo", 200)},
		}},
		{"oidcc-server-client-secret-post", func(v *visit) {
			v.post = true
			v.login()
		}, []twin{{"only client_secret_basic", "token answer", statusOf("/token", 401)}}},
		{"oidcc-ensure-request-with-valid-pkce-succeeds", func(v *visit) {
			o := v.authorize("code_challenge", challenge, "code_challenge_method", "S256")
			v.idToken(v.redeem(v.granted(o), "code_verifier", verifier), o.sent.Get("nonce"))
		}, []twin{{"no PKCE", "no code but the error", authAnswer("code", "", "error", "invalid_request")}}},
		{"oidcc-refresh-token", refreshToken, []twin{
			{"no refresh token", "no refresh token", document("/token", "refresh_token", nil)},
			{"a grant type that is not named", "grant_types_supported", document("/openid-configuration", "grant_types_supported", []string{"authorization_code"})},
			{"the same access token again", "same access token", document("/token", "access_token", "the same")},
			{"another person after the refresh", "sub changed", after(2, "/token", document("/token", "id_token", forge(map[string]any{"alg": "RS256"}, map[string]any{"sub": "another"})))},
			{"a refresh token for any client", "another client's refresh token", after(4, "/token", statusOf("/token", 200))},
		}},
	}
}

// wholeLogin is the way that every other module goes too.
func wholeLogin(v *visit) {
	_, got, id := v.login()
	v.userinfo(byGet, got.Access, id["sub"])
}

// reuse redeems a code twice and gives what the first time gave.
func reuse(v *visit, between time.Duration) tokens {
	code := v.granted(v.authorize())
	got := v.redeem(code)
	v.wait(between)
	r := v.token("grant_type", "authorization_code", "code", code, "redirect_uri", callback)
	v.denied("the code a second time", r, http.StatusBadRequest, "invalid_grant")
	return got
}

// refreshToken is about two clients: each has refresh tokens of its own.
func refreshToken(v *visit) {
	if !slices.Contains(v.discover()["grant_types_supported"].([]any), any("refresh_token")) {
		v.fault("grant_types_supported has no refresh_token")
	}
	const scope = "openid offline_access"
	o := v.authorize("scope", scope, "prompt", "consent")
	got := v.redeem(v.granted(o))
	id := v.idToken(got, o.sent.Get("nonce"))
	if got.Refresh == "" {
		v.stop("no refresh token")
	}
	next := v.tokens(v.token("grant_type", "refresh_token", "refresh_token", got.Refresh))
	if next.Access == got.Access {
		v.fault("the same access token after the refresh")
	}
	if next.ID != "" { // OIDC Core §12.2
		again := v.idToken(next, o.sent.Get("nonce"))
		for _, name := range []string{"iss", "sub", "aud", "auth_time"} {
			if !reflect.DeepEqual(again[name], id[name]) {
				v.fault("ID token after the refresh: %s changed from %v to %v", name, id[name], again[name])
			}
		}
	}
	v.userinfo(byGet, next.Access, id["sub"])

	v.id = publicID
	p := v.authorize("scope", scope, "code_challenge", challenge, "code_challenge_method", "S256")
	others := v.redeem(v.granted(p), "code_verifier", verifier)
	v.id = confidentialID
	v.denied("another client's refresh token", v.token("grant_type", "refresh_token", "refresh_token", others.Refresh), http.StatusBadRequest, "invalid_grant")
}

// claimModules are about what is said of a person.
func claimModules() []module {
	ways := map[int]string{byGet: "oidcc-userinfo-get", byPostHeader: "oidcc-userinfo-post-header", byPostBody: "oidcc-userinfo-post-body"}
	var out []module
	for way := range len(ways) {
		out = append(out, module{ways[way], func(v *visit) {
			_, got, id := v.login()
			v.userinfo(way, got.Access, id["sub"])
		}, []twin{
			{"somebody else", "userinfo: sub", document("/userinfo", "sub", "another")},
			{"no way in", "userinfo: status", statusOf("/userinfo", 405)},
			{"another type", "Content-Type", headerOf("/userinfo", "Content-Type", "text/html")},
		}})
	}
	scope := func(scope string, names ...string) func(*visit) {
		return func(v *visit) {
			said := v.scoped(scope)
			v.has(said, names...)
		}
	}
	return append(out, []module{
		{"oidcc-scope-profile", scope("openid profile", "name", "given_name", "family_name", "nickname", "birthdate", "gender"), []twin{
			{"no name", "no name", document("/userinfo", "name", nil)},
			{"an empty name", "name is no text", document("/userinfo", "nickname", "")},
			{"a birthday in another order", "birthdate is", document("/userinfo", "birthdate", "31.12.1999")},
			{"no such scope", "scopes_supported", document("/openid-configuration", "scopes_supported", []string{"openid"})},
		}},
		{"oidcc-scope-email", scope("openid email", "email", "email_verified"), []twin{
			{"no email", "no email", document("/userinfo", "email", nil)},
			{"a text for a truth value", "true or false", document("/userinfo", "email_verified", "true")},
			{"what is no email", "email is", document("/userinfo", "email", "player")},
		}},
		// The suite passes a server over that does not name the scope; asking for it all the same must do no harm.
		{"oidcc-scope-address", func(v *visit) {
			if slices.Contains(v.discover()["scopes_supported"].([]any), any("address")) {
				v.fault("scopes_supported names address, and there are none")
			}
			_, got, id := v.login("scope", "openid address")
			v.userinfo(byGet, got.Access, id["sub"])
			if got.Scope != "openid" {
				v.fault("granted %q where only openid is", got.Scope)
			}
		}, []twin{
			{"a scope without claims", "there are none", document("/openid-configuration", "scopes_supported", []string{"openid", "address"})},
			{"a grant of what is not there", "granted", document("/token", "scope", "openid address")},
		}},
		{"oidcc-scope-phone", func(v *visit) {
			v.address = "+12025550123"
			v.has(v.scoped("openid phone"), "phone_number", "phone_number_verified")
		}, []twin{
			{"no phone", "no phone_number", document("/userinfo", "phone_number", nil)},
			{"what is no E.164", "phone_number is", document("/userinfo", "phone_number", "202 555 0123")},
			{"a number for a truth value", "true or false", document("/userinfo", "phone_number_verified", 1)},
		}},
		{"oidcc-scope-all", scope("openid profile email phone", "name", "email", "email_verified"), []twin{
			{"no email", "no email", document("/userinfo", "email", nil)},
			{"no name", "no name", document("/userinfo", "name", nil)},
		}},
		{"oidcc-ensure-other-scope-order-succeeds", scope("email openid", "email"), []twin{
			{"no ID token unless openid comes first", "no ID token", document("/token", "id_token", nil)},
		}},
		// What newer editions of the suite have in place of the one before.
		{"oidcc-alternate-happy-flow", func(v *visit) {
			v.reverse = true
			v.has(v.scoped("email openid"), "email", "email_verified")
		}, []twin{
			{"no ID token unless openid comes first", "no ID token", document("/token", "id_token", nil)},
			{"no email", "no email", document("/userinfo", "email", nil)},
		}},
		{"oidcc-claims-essential", func(v *visit) {
			said := v.scoped("openid profile", "claims", `{"userinfo":{"name":{"essential":true}}}`)
			v.has(said, "name")
		}, []twin{
			{"a refusal of the parameter", "no code but the error", authAnswer("code", "", "error", "invalid_request")},
			{"no name", "no name", document("/userinfo", "name", nil)},
		}},
	}...)
}

// scoped gives what the userinfo endpoint says of somebody with a name, for a scope.
func (v *visit) scoped(scope string, change ...string) map[string]any {
	_, _, id := v.login()
	v.describe(id["sub"])
	named, _ := v.discover()["scopes_supported"].([]any)
	for _, word := range strings.Fields(scope) {
		if !slices.Contains(named, any(word)) {
			v.fault("scopes_supported does not name %s", word)
		}
	}
	_, got, again := v.login(append([]string{"scope", scope}, change...)...)
	if again["sub"] != id["sub"] {
		v.fault("sub changed from %v to %v", id["sub"], again["sub"])
	}
	return v.userinfo(byGet, got.Access, again["sub"])
}

// describe gives a person a name and the rest of a profile.
func (v *visit) describe(sub any) {
	text, _ := sub.(string)
	id, err := latchkey.ParseUserID(text)
	if err != nil {
		v.stop("sub %v is no user's: %v", sub, err)
	}
	first, last, nick, birthday, gender := "Ann", "Lee", "annie", "1999-12-31", latchkey.Female
	_, err = v.w.store.DescribeUser(v.w.t.Context(), id, latchkey.PersonChange{
		FirstName: &first, LastName: &last, Nickname: &nick, Birthday: &birthday, Gender: &gender,
	}, latchkey.Event{At: v.w.clock.Now(), Kind: latchkey.UserDescribed, Project: v.w.project, User: id})
	if err != nil {
		v.stop("describe: %v", err)
	}
}
