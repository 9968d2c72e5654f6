package oidc_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestRFC8414_Metadata: one document under four paths, whose issuer is the tokens' byte for byte, without empty lists, and
// every endpoint that it names is there.
func TestRFC8414_Metadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := strings.TrimPrefix(w.issuer, publicURL)
	first := w.get("/.well-known/openid-configuration")
	var doc map[string]any
	first.ok(&doc)
	for _, target := range []string{
		w.issuer + "/.well-known/oauth-authorization-server",
		publicURL + "/.well-known/openid-configuration" + path,
		publicURL + "/.well-known/oauth-authorization-server" + path,
	} {
		if r := w.send("GET", target, ""); r.status != 200 || !bytes.Equal(r.body, first.body) {
			t.Errorf("%s: %d, another document: %s", target, r.status, r.body)
		}
	}
	if iss := part(t, w.signIn("openid").Access, 1)["iss"]; doc["issuer"] != iss || doc["issuer"] != w.issuer {
		t.Errorf("issuer %v, the tokens' iss %v", doc["issuer"], iss)
	}
	for name, v := range doc {
		if list, ok := v.([]any); ok && len(list) == 0 {
			t.Errorf("%s is empty", name)
		}
		target, _ := v.(string)
		if name == "issuer" || target == "" {
			continue
		}
		if !strings.HasPrefix(target, w.issuer+"/") {
			t.Errorf("%s is %s, not below the issuer", name, target)
		}
		if r := w.send("GET", target, ""); r.status == 404 {
			t.Errorf("%s names %s, which is not there", name, target)
		}
	}
	if doc["request_uri_parameter_supported"] != false {
		t.Error("request_uri_parameter_supported is not false: silence means true (OIDC Discovery §3)")
	}
}

// TestUnknownIssuers: only the spelling that stands in the tokens is an issuer.
func TestUnknownIssuers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.project.String()
	for _, path := range []string{
		"/p/" + strings.ToUpper(id) + "/.well-known/openid-configuration", "/p/x/.well-known/openid-configuration",
		"/p/00000000-0000-4000-8000-0000000000ff/token", "/p/" + id, "/p/" + id + "/", "/p/" + id + "/token/", "/p/", "/.well-known/x",
	} {
		w.send("GET", publicURL+path, "").fails(path, 404, "invalid_request")
	}
}

// TestRFC7517_KeySet: public members only, unique ids, the key that signs first; an HS256 project has no public key.
func TestRFC7517_KeySet(t *testing.T) {
	t.Parallel()
	for _, a := range []latchkey.Algorithm{latchkey.RS256, latchkey.ES256, latchkey.EdDSA, latchkey.HS256} {
		w := newWorld(t, a)
		var set struct {
			Keys []map[string]string `json:"keys"`
		}
		r := w.get("/.well-known/jwks.json")
		r.ok(&set)
		if a == latchkey.HS256 {
			if string(r.body) != `{"keys":[]}` {
				t.Errorf("HS256: %s", r.body)
			}
			continue
		}
		if len(set.Keys) == 0 || set.Keys[0]["kid"] != part(t, w.signIn("openid").ID, 0)["kid"] || set.Keys[0]["alg"] != string(a) {
			t.Errorf("%s: the first key does not sign: %v", a, set.Keys)
		}
		seen := map[string]bool{}
		for _, k := range set.Keys {
			if seen[k["kid"]] {
				t.Errorf("%s: kid %s comes twice", a, k["kid"])
			}
			seen[k["kid"]] = true
			for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
				if k[private] != "" {
					t.Errorf("%s: the private member %s is published", a, private)
				}
			}
		}
		if strings.Contains(string(r.body), "=") || !json.Valid(r.body) {
			t.Errorf("%s: not base64url: %s", a, r.body)
		}
	}
}

// TestRFC8414_GrantTypesAreThere: every grant type that the document names is known at the token endpoint, and no other; and
// the way in for devices is named only where their grant type is (RFC 8628 §4).
func TestRFC8414_GrantTypesAreThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var doc struct {
		Grants []string `json:"grant_types_supported"`
		Auth   []string `json:"token_endpoint_auth_methods_supported"`
		Device string   `json:"device_authorization_endpoint"`
		Push   string   `json:"pushed_authorization_request_endpoint"`
	}
	w.get("/.well-known/oauth-authorization-server").ok(&doc)
	if len(doc.Grants) != 6 || !slices.Contains(doc.Grants, deviceType) || !slices.Contains(doc.Auth, "private_key_jwt") {
		t.Errorf("grant types %v, authentication %v", doc.Grants, doc.Auth)
	}
	for _, name := range doc.Grants {
		if r := w.post("/token", url.Values{"grant_type": {name}, "client_id": {"1"}}); strings.Contains(string(r.body), "unsupported_grant_type") {
			t.Errorf("%s is named, and not known: %s", name, r.body)
		}
	}
	for _, name := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer"} {
		w.post("/token", url.Values{"grant_type": {name}, "client_id": {"1"}}).fails(name, 400, "unsupported_grant_type")
	}
	for _, target := range []string{doc.Device, doc.Push} {
		w.send("POST", target, "client_id=77").fails(target, 401, "invalid_client")
	}
}
