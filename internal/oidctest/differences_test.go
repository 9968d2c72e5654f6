package oidctest_test

// A difference is what both servers do, and why ours does otherwise.
type difference struct{ ours, theirs, why string }

// differences is all that sets this server apart from oidc-provider in what js/compare.mjs looks at.
var differences = map[string]difference{
	"authorize: an unknown parameter twice": {
		"client: error=invalid_request iss state",
		"login",
		"RFC 6749 §3.1: no parameter comes twice, known or not",
	},
	"authorize: an unknown pushed request_uri": {
		"page 400",
		"client: error=invalid_request_uri iss state",
		"what was asked for is not known, so neither is a redirect URI that may be gone to; the one beside it does not count (RFC 9126 §4)",
	},
	"authorize: by PUT":                {"405", "404", "the endpoint is there, the method is not (RFC 9110 §15.5.6)"},
	"authorize: prompt create":         {"login", "client: error=invalid_request iss state", "they do not have OIDC Prompt Create"},
	"authorize: prompt select_account": {"login", "client: error=invalid_request iss state", "they have no such page until a site makes one"},
	"authorize: response_mode fragment": {
		"client: error=invalid_request iss state",
		"login",
		"an answer in a fragment stays in the browser's history; it is for flows that do not exist here (RFC 9700 §4.3)",
	},
	"authorize: response_mode unknown": {
		"client: error=invalid_request iss state",
		"client: error=unsupported_response_mode iss state",
		"their word is of no RFC; RFC 6749 §4.1.2.1 has invalid_request for a parameter with a wrong value",
	},
	"authorize: response_type code id_token": {
		"client: error=unsupported_response_type iss state",
		"fragment: error=unsupported_response_type iss state",
		"a response type that does not exist here has no default mode: the answer comes where clients of the code flow look",
	},
	"authorize: response_type id_token": {
		"client: error=unsupported_response_type iss state",
		"fragment: error=unsupported_response_type iss state",
		"as with code id_token",
	},
	"authorize: response_type token": {
		"client: error=unsupported_response_type iss state",
		"fragment: error=unsupported_response_type iss state",
		"as with code id_token",
	},
	"authorize: scope without openid, and a nonce": {
		"login",
		"client: error=invalid_request iss state",
		"a nonce without an ID token is of no use and does no harm: it is passed over",
	},
	"discovery: claims_supported": {
		"amr at_hash aud auth_time birthdate email email_verified exp family_name gender given_name iat iss name nickname nonce phone_number phone_number_verified sub",
		"auth_time birthdate email email_verified family_name gender given_name iss name nickname phone_number phone_number_verified sid sub",
		"ours names every claim of the ID token; sid is of logout specifications that are not here",
	},
	"discovery: grant_types_supported": {
		"authorization_code client_credentials refresh_token urn:ietf:params:oauth:grant-type:device_code urn:ietf:params:oauth:grant-type:token-exchange urn:ietf:params:oauth:grant-type:token_exchange",
		"authorization_code client_credentials refresh_token urn:ietf:params:oauth:grant-type:device_code",
		"token exchange (RFC 8693), in the spelling of the RFC and in that of the published API",
	},
	"discovery: introspection_endpoint_auth_methods_supported": {
		"client_secret_basic client_secret_post private_key_jwt",
		"",
		"RFC 8414 §2: silence would mean that nothing is known; introspection is not for public clients",
	},
	"discovery: introspection_endpoint_auth_signing_alg_values_supported": {
		"ES256 EdDSA PS256 RS256",
		"",
		"RFC 8414 §2: required beside private_key_jwt",
	},
	"discovery: prompt_values_supported":     {"consent create login none select_account", "", "OIDC Prompt Create §4.1, which they do not have"},
	"discovery: request_parameter_supported": {"false", "", "said although silence means the same"},
	"discovery: response_modes_supported":    {"form_post query", "form_post fragment query", "no fragment, see above"},
	"discovery: revocation_endpoint_auth_methods_supported": {
		"client_secret_basic client_secret_post none private_key_jwt",
		"",
		"RFC 8414 §2: silence would mean client_secret_basic alone",
	},
	"discovery: revocation_endpoint_auth_signing_alg_values_supported": {"ES256 EdDSA PS256 RS256", "", "RFC 8414 §2: required beside private_key_jwt"},
	"discovery: scopes_supported": {
		"email offline offline_access openid phone profile",
		"email offline_access openid phone profile",
		"offline is what the published SDKs ask for",
	},
	"introspect: an ID token": {
		"200 false",
		"400 unsupported_token_type",
		"RFC 7662 §2.2: what is no token of ours is not active, and that is all that is said",
	},
	"introspect: another client's refresh token": {
		"200 false",
		"200 true",
		"a resource server has to do with access tokens only: refresh tokens are between a client and us",
	},
	"introspect: by a public client": {
		"401 invalid_client (Basic)",
		"200 true",
		"RFC 7662 §2.1: the caller authenticates, which a public client cannot",
	},
	"introspect: its own access token": {
		"active aud client_id exp iat iss jti scope sub token_type",
		"active client_id exp iat iss scope sub token_type",
		"ours is a JWT (RFC 9068) and has an audience and an id",
	},
	"logout: a place without a client": {
		"page 400",
		"login",
		"nobody says whose place it is; they show a page and then do not lead there, we say what is wrong",
	},
	"logout: good": {
		"signed out: state",
		"login",
		"the hint is the ID token of who is signed in: the person need not be asked (RP-Initiated Logout §2); they always ask",
	},
	"logout: nobody signed in": {"signed out: state", "login", "there is nothing to ask"},
	"refresh: members": {
		"access_token expires_in refresh_token scope token_type",
		"access_token expires_in id_token refresh_token scope token_type",
		"OIDC Core §12.2: a refresh need not bring an ID token; whoever wants to know asks userinfo",
	},
	"signed in: prompt none, at another client": {
		"client: code iss state",
		"client: error=consent_required iss state",
		"all clients of a project are its own: no consent is asked for",
	},
	"token: JSON":                         {"415 invalid_request", "400 invalid_request", "RFC 9110 §15.5.16 has a status for it"},
	"token: a secret for a public client": {"401 invalid_client (Basic)", "401 invalid_client", "RFC 9110 §15.5.2: a 401 says how to do better"},
	"token: a short verifier": {
		"400 invalid_grant",
		"400 invalid_request",
		"RFC 7636 §4.6: a verifier that does not match is invalid_grant, however long it is",
	},
	"token: another client, with another secret in the form": {
		"401 invalid_client (Basic)",
		"401 invalid_client",
		"as with a secret for a public client",
	},
	"token: another client, without its secret": {"401 invalid_client (Basic)", "401 invalid_client", "as with a secret for a public client"},
	"token: by GET":          {"405 invalid_request", "404", "the endpoint is there, the method is not"},
	"token: unknown client":  {"401 invalid_client (Basic)", "401 invalid_client", "as with a secret for a public client"},
	"tokens: ID token's aud": {"[\"the client\"]", "\"the client\"", "OIDC Core §2 allows both; the published SDKs need a list"},
	"tokens: ID token's claims": {
		"amr at_hash aud auth_time email email_verified exp iat iss nonce sub",
		"aud exp iat iss nonce sub",
		"OIDC Core §5.4 allows the email here, and many programs look for it nowhere else; amr, at_hash and auth_time are optional",
	},
	"tokens: ID token's header":     {"alg kid typ", "alg kid", "RFC 8725 §3.11: explicit typing"},
	"tokens: access token is a JWT": {"true", "false", "RFC 9068"},
	"userinfo: another scheme": {
		"401 (Bearer)",
		"400 invalid_request (Bearer)",
		"credentials of another scheme are no bearer token: 401, as without any",
	},
	"userinfo: in the address": {"401 (Bearer)", "400 invalid_request (Bearer)", "RFC 9700 §4.3.2: a token in the address is never read"},
	"userinfo: no token":       {"401 (Bearer)", "401 invalid_token (Bearer)", "RFC 6750 §3.1: no error where no token was sent"},
	"userinfo: twice":          {"400 invalid_request", "400 invalid_request (Bearer)", "a challenge belongs to a 401; RFC 6750 §3 asks for none here"},
}
