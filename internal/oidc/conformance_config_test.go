package oidc_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestConformanceConfigOP is the plan oidcc-config-certification-test-plan.
func TestConformanceConfigOP(t *testing.T) {
	t.Parallel()
	conform(t, "", []module{{"oidcc-discovery-endpoint-verification", func(v *visit) { v.verifyDiscovery() }, discoveryTwins()}})
}

// verifyDiscovery holds the discovery document to OIDC Discovery §3 and §4.3, and the key set to RFC 7517.
func (v *visit) verifyDiscovery() map[string]any {
	doc := v.discover()
	if doc["issuer"] != v.w.issuer {
		v.fault("issuer is %v: not where the document was found", doc["issuer"])
	}
	for name, want := range map[string][]string{
		"response_types_supported":              {"code"},
		"subject_types_supported":               {"public"},
		"id_token_signing_alg_values_supported": {"RS256"},
		"grant_types_supported":                 {"authorization_code"},
		"scopes_supported":                      {"openid"},
		"claims_supported":                      {"sub", "iss"},
		"code_challenge_methods_supported":      {"S256"},
		"token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post"},
		"response_modes_supported":              {"query", "form_post"},
	} {
		list, is := doc[name].([]any)
		if !is || len(list) == 0 {
			v.fault("%s is no list, or an empty one: %v", name, doc[name])
		}
		for _, word := range want {
			if !slices.Contains(list, any(word)) {
				v.fault("%s lacks %s", name, word)
			}
		}
		for _, word := range list {
			if s, is := word.(string); !is || s == "" || strings.ContainsAny(s, " \"\\") {
				v.fault("%s has %v", name, word)
			}
		}
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} {
		if doc[name] == nil {
			v.fault("no %s", name)
		}
	}
	for name, value := range doc {
		to, is := value.(string)
		if is && (!strings.HasPrefix(to, "https://") || strings.ContainsAny(to, "#?")) {
			v.fault("%s is no https URL without query and fragment: %s", name, to)
		}
	}
	for _, name := range []string{"claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"} {
		if doc[name] != false {
			v.fault("%s is %v, and it is not supported", name, doc[name])
		}
	}
	v.verifyKeys(doc["jwks_uri"])
	return doc
}

func (v *visit) verifyKeys(at any) {
	to, _ := at.(string)
	set := v.read("key set", v.send(http.MethodGet, to, nil), 200)
	keys, _ := set["keys"].([]any)
	if len(keys) == 0 {
		v.fault("the key set is empty")
	}
	ids := map[any]bool{}
	for _, k := range keys {
		key, _ := k.(map[string]any)
		if key["kty"] != "RSA" || key["use"] != "sig" || key["n"] == nil || key["e"] == nil || key["kid"] == nil || ids[key["kid"]] {
			v.fault("a key that is not an RSA key of its own for signing: %v", key)
		}
		ids[key["kid"]] = true
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if key[private] != nil {
				v.fault("a key with the private member %s", private)
			}
		}
	}
}

func discoveryTwins() []twin {
	const path = "/openid-configuration"
	key := map[string]any{"kty": "RSA", "use": "sig", "kid": "1", "n": "AQAB", "e": "AQAB"}
	return []twin{
		{"another issuer", "issuer is", document(path, "issuer", publicURL)},
		{"another status", "status", statusOf(path, 404)},
		{"another type", "Content-Type", headerOf(path, "Content-Type", "text/html")},
		{"no response types", "response_types_supported is no list", document(path, "response_types_supported", nil)},
		{"no code", "response_types_supported lacks code", document(path, "response_types_supported", []string{"token"})},
		{"no subject types", "subject_types_supported", document(path, "subject_types_supported", []string{})},
		{"no RS256", "lacks RS256", document(path, "id_token_signing_alg_values_supported", []string{"ES256"})},
		{"no openid", "lacks openid", document(path, "scopes_supported", []string{"email"})},
		{"scopes in one text", "scopes_supported has", document(path, "scopes_supported", []string{"openid", "email phone"})},
		{"challenge methods that are no list", "code_challenge_methods_supported is no list", document(path, "code_challenge_methods_supported", "S256")},
		{"no token endpoint", "no token_endpoint", document(path, "token_endpoint", nil)},
		{"an endpoint on plain http", "no https URL", document(path, "revocation_endpoint", "http://login.example.test/revoke")},
		{"an endpoint with a fragment", "no https URL", document(path, "authorization_endpoint", "https://login.example.test/a#b")},
		{"request objects that are not supported", "request_parameter_supported", document(path, "request_parameter_supported", true)},
		{"no keys", "empty", document("/jwks.json", "keys", []any{})},
		{"a private key", "private member d", document("/jwks.json", "keys", []any{map[string]any{"kty": "RSA", "use": "sig", "kid": "1", "n": "AQAB", "e": "AQAB", "d": "AQAB"}})},
		{"a shared secret", "private member k", document("/jwks.json", "keys", []any{map[string]any{"kty": "oct", "kid": "1", "k": "AAAA"}})},
		{"one id for two keys", "of its own", document("/jwks.json", "keys", []any{key, key})},
	}
}
