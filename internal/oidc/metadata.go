package oidc

import (
	"net/http"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// metadata names what there is, and nothing else; what RFC 8414 and OIDC Discovery presume of a server that says nothing
// is said where it is otherwise. A list is never empty: it is left out.
type metadata struct {
	Issuer             string   `json:"issuer"`
	Authorize          string   `json:"authorization_endpoint"`
	Token              string   `json:"token_endpoint"`
	UserInfo           string   `json:"userinfo_endpoint"`
	EndSession         string   `json:"end_session_endpoint"` // OIDC RP-Initiated Logout §2.1
	Keys               string   `json:"jwks_uri"`
	Revoke             string   `json:"revocation_endpoint"`
	Introspect         string   `json:"introspection_endpoint"`
	Push               string   `json:"pushed_authorization_request_endpoint"` // RFC 9126 §5
	Device             string   `json:"device_authorization_endpoint"`         // RFC 8628 §4
	Scopes             []string `json:"scopes_supported"`
	Responses          []string `json:"response_types_supported"`
	ResponseModes      []string `json:"response_modes_supported"`
	IssuerInAnswers    bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	Grants             []string `json:"grant_types_supported"`
	Subjects           []string `json:"subject_types_supported"`
	Algorithms         []string `json:"id_token_signing_alg_values_supported"`
	TokenAuth          []string `json:"token_endpoint_auth_methods_supported"` // those of par and device_authorization too
	RevokeAuth         []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
	TokenSigned        []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevokeSigned       []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectSigned   []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	ChallengeMethods   []string `json:"code_challenge_methods_supported"`
	Claims             []string `json:"claims_supported"`
	ClaimTypes         []string `json:"claim_types_supported"`
	Prompts            []string `json:"prompt_values_supported"`         // OIDC Prompt Create §4.1
	RequestURIs        bool     `json:"request_uri_parameter_supported"` // false, where silence would mean true
	ClaimsByParameter  bool     `json:"claims_parameter_supported"`
	RequestByParameter bool     `json:"request_parameter_supported"`
}

// metadata is the four well-known documents of an issuer: the same one, because a client of either standard finds it
// under either path form.
func (s *Server) metadata(w http.ResponseWriter, _ *http.Request, p latchkey.Project) error {
	issuer := latchkey.Issuer(s.PublicURL, p.ID)
	back := []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	signed := jose.AssertionAlgorithms()
	any := append([]string{"none"}, back...)
	w.Header().Set("Cache-Control", "public, max-age=300")
	return encode(w, http.StatusOK, metadata{
		Issuer: issuer, Authorize: issuer + "/authorize", Token: issuer + "/token", UserInfo: issuer + "/userinfo", EndSession: issuer + "/logout",
		Keys:   issuer + "/.well-known/jwks.json",
		Revoke: issuer + "/revoke", Introspect: issuer + "/introspect", Push: issuer + "/par", Device: issuer + "/device_authorization",
		Scopes: scopes(), Responses: []string{"code"}, ResponseModes: []string{"query", "form_post"}, IssuerInAnswers: true,
		Grants:   token.GrantTypes(),
		Subjects: []string{"public"}, Algorithms: []string{string(p.Algorithm)},
		TokenAuth: any, RevokeAuth: any, IntrospectAuth: back, TokenSigned: signed, RevokeSigned: signed, IntrospectSigned: signed,
		ChallengeMethods: []string{"S256"},
		Claims: []string{
			"iss", "sub", "aud", "iat", "exp", "auth_time", "nonce", "amr", "at_hash", "email", "email_verified",
			"phone_number", "phone_number_verified", "name", "given_name", "family_name", "nickname", "birthdate", "gender",
		},
		ClaimTypes: []string{"normal"}, Prompts: prompted(),
	})
}

// keySet is the JWK set, the signing key first. A project that signs with HS256 has no public key, and its set is empty.
func (s *Server) keySet(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
	keys, err := s.Tokens.JWKS(r.Context(), p.ID)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=60") // well below latchkey.PublishAhead
	return encode(w, http.StatusOK, struct {
		Keys []jose.JWK `json:"keys"`
	}{keys})
}
