package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// requestModules are about what a request may carry.
func requestModules() []module {
	refused := twin{"a refusal of the parameter", "no code but the error", authAnswer("code", "", "error", "invalid_request")}
	stays := twin{"a page that leads nowhere", "did not come back", pageInstead("/authorize")}
	with := func(change ...string) func(*visit) { return func(v *visit) { v.login(change...) } }
	return []module{
		{"oidcc-response-type-missing", func(v *visit) {
			v.refusedWith(v.authorize("response_type", ""), "invalid_request", "unsupported_response_type")
		}, []twin{
			{"another word", "want one of", authAnswer("error", "access_denied")},
			{"a code all the same", "a code beside", authAnswer("code", "x")},
			{"a word that cannot be shown", "error_description", authAnswer("error_description", "ü")},
		}},
		{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", with("nonce", ""), []twin{
			refused, {"a nonce that nobody gave", "nonce is", claimed("nonce", "x")},
		}},
		{"oidcc-display-page", with("display", "page"), []twin{refused}},
		{"oidcc-display-popup", with("display", "popup"), []twin{refused}},
		{"oidcc-ensure-request-with-unknown-parameter-succeeds", with("extra", "foobar"), []twin{refused, stays}},
		{"oidcc-login-hint", with("login_hint", "bob@example.test"), []twin{refused, stays}},
		{"oidcc-ui-locales", with("ui_locales", "se"), []twin{refused, stays}},
		{"oidcc-claims-locales", with("claims_locales", "se"), []twin{refused, stays}},
		{"oidcc-ensure-request-with-acr-values-succeeds", with("acr_values", "1 2"), []twin{
			refused, {"an acr that is no text", "acr is no text", claimed("acr", 1)},
		}},
		{"oidcc-ensure-registered-redirect-uri", func(v *visit) {
			v.errorPage("a redirect URI that is not registered", v.authorize("redirect_uri", "https://app.example.test/cb/unregistered"))
		}, []twin{
			{"a redirect all the same", "the browser went to", redirectInstead("/authorize", "https://app.example.test/cb/unregistered?error=invalid_request")},
			{"a page for a good request", "no error page", statusOf("/authorize", 200)},
		}},
		{"oidcc-ensure-post-request-succeeds", func(v *visit) {
			o := v.authorizeBy(http.MethodPost)
			v.idToken(v.redeem(v.granted(o)), o.sent.Get("nonce"))
		}, []twin{{"only GET", "did not come back", statusOfPost("/authorize", 405)}}},
		{"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", func(v *visit) {
			if v.discover()["request_uri_parameter_supported"] != false {
				v.fault("request_uri_parameter_supported is not false")
			}
			v.refusedWith(v.authorize("request_uri", "https://app.example.test/request.jwt"), "request_uri_not_supported")
		}, []twin{
			{"a request that is not looked at", "a code beside", without("request_uri")},
			{"another word", "want one of", authAnswer("error", "invalid_scope")},
			{"silence, which means true", "is not false", document("/openid-configuration", "request_uri_parameter_supported", nil)},
		}},
		{"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", func(v *visit) {
			v.refusedWith(v.authorize("request", unsignedRequest(callback)), "request_not_supported")
		}, []twin{
			{"a request that is not looked at", "a code beside", without("request")},
			{"another word", "want one of", authAnswer("error", "invalid_request_object")},
		}},
		// With a request object that is not looked at, the redirect URI beside it counts, and that one is not registered.
		{"oidcc-ensure-request-object-with-redirect-uri", func(v *visit) {
			v.errorPage("a redirect URI that is not registered", v.authorize(
				"redirect_uri", "https://app.example.test/another", "request", unsignedRequest(callback)))
		}, []twin{{"a redirect all the same", "the browser went to", redirectInstead("/authorize", "https://app.example.test/another?code=x")}}},
	}
}

// statusOfPost is statusOf, for POST requests.
func statusOfPost(path string, to int) spoiler {
	s := statusOf(path, to)
	return spoiler{answer: func(r *http.Request, a *spoiled) {
		if r.Method == http.MethodPost {
			s.answer(r, a)
			a.header.Del("Location")
		}
	}}
}

// unsignedRequest is a request object (OIDC Core §6.1).
func unsignedRequest(redirect string) string {
	encode := func(v any) string {
		raw, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	return encode(map[string]any{"alg": "none"}) + "." + encode(map[string]any{
		"iss": "2", "aud": publicURL, "client_id": "2", "redirect_uri": redirect, "response_type": "code", "scope": "openid", "state": "another",
	}) + "."
}

// promptModules are about who is asked what.
func promptModules() []module {
	silent := []string{"login_required", "interaction_required", "account_selection_required", "consent_required"}
	asksAgain := func(change ...string) func(*visit) {
		return func(v *visit) {
			_, _, first := v.login()
			v.wait(2 * time.Second)
			o, _, second := v.login(change...)
			if !o.typed {
				v.fault("the person was not asked to sign in again")
			}
			before, _ := first["auth_time"].(float64)
			now, is := second["auth_time"].(float64)
			if !is || now <= before || now < float64(v.w.clock.Now().Unix()-60) {
				v.fault("auth_time is %v, was %v before the person signed in again", second["auth_time"], first["auth_time"])
			}
		}
	}
	goesOn := func(hint bool, change ...string) func(*visit) {
		return func(v *visit) {
			_, got, first := v.login()
			v.wait(2 * time.Second)
			more := change
			if hint {
				more = append([]string{"id_token_hint", got.ID}, change...)
			}
			o, _, second := v.login(more...)
			if o.pages > 0 {
				v.fault("the person was shown %d pages", o.pages)
			}
			if second["sub"] != first["sub"] || second["auth_time"] != first["auth_time"] || second["auth_time"] == nil {
				v.fault("sub %v and auth_time %v, before: %v and %v", second["sub"], second["auth_time"], first["sub"], first["auth_time"])
			}
		}
	}
	forgotten := twin{"a browser that is forgotten", "no code but the error", withoutCookies()}
	another := func() twin {
		return twin{"somebody else", "and auth_time", after(2, "/token", claimed("sub", "another"))}
	}
	return []module{
		{"oidcc-prompt-login", asksAgain("prompt", "login"), []twin{
			{"no look at prompt", "not asked to sign in", without("prompt")},
			{"the time of the first login", "auth_time is", claimed("auth_time", 1_700_000_000)},
		}},
		{"oidcc-prompt-none-not-logged-in", func(v *visit) {
			o := v.authorize("prompt", "none")
			v.refusedWith(o, silent...)
			if o.pages > 0 {
				v.fault("the person was shown %d pages", o.pages)
			}
		}, []twin{
			{"no look at prompt", "shown", without("prompt")},
			{"another word", "want one of", authAnswer("error", "access_denied")},
			{"a page", "did not come back", pageInstead("/authorize")},
		}},
		{"oidcc-prompt-none-logged-in", goesOn(false, "prompt", "none"), []twin{forgotten, another()}},
		{"oidcc-max-age-1", asksAgain("max_age", "1"), []twin{
			{"no look at max_age", "not asked to sign in", without("max_age")},
			{"no auth_time", "auth_time is", claimed("auth_time", nil)},
		}},
		{"oidcc-max-age-10000", goesOn(false, "max_age", "10000"), []twin{
			{"a browser that is forgotten", "pages", withoutCookies()},
			{"no auth_time", "and auth_time", claimed("auth_time", nil)},
		}},
		{"oidcc-id-token-hint", goesOn(true, "prompt", "none"), []twin{forgotten, another()}},
	}
}
