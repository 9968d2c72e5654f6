package token

import (
	"context"

	"github.com/latchkey-dev/latchkey"
)

// A GrantRequest is a request to a token endpoint, decoded (RFC 6749 §4.1.3, §4.4.2, §6; RFC 8628 §3.4; RFC 8693 §2.1).
// What its type does not need is not looked at.
type GrantRequest struct {
	Type     string // grant_type
	Client   Credentials
	Code     latchkey.Secret
	Redirect string
	Verifier latchkey.Secret
	Refresh  latchkey.Secret
	Device   latchkey.Secret // device_code
	Scope    string
	Exchange Exchange
	From     latchkey.Origin
}

// ReadGrant gives the request that the parameters of a form spell, so that both ways in read the same.
func ReadGrant(f map[string]string, c Credentials, from latchkey.Origin) GrantRequest {
	return GrantRequest{
		Type: f["grant_type"], Client: c, Code: latchkey.Secret(f["code"]), Redirect: f["redirect_uri"],
		Verifier: latchkey.Secret(f["code_verifier"]), Refresh: latchkey.Secret(f["refresh_token"]),
		Device: latchkey.Secret(f["device_code"]), Scope: f["scope"], From: from,
		Exchange: Exchange{
			Subject: latchkey.Secret(f["subject_token"]), SubjectType: f["subject_token_type"], Wanted: f["requested_token_type"],
			Audience: f["audience"], Resource: f["resource"], Actor: f["actor_token"] != "" || f["actor_token_type"] != "",
		},
	}
}

// The grant types. The underscore is the contract's (contract.md §5), the hyphen RFC 8693's.
const (
	codeGrant      = "authorization_code"
	refreshGrant   = "refresh_token"
	serverGrant    = "client_credentials"
	deviceGrant    = "urn:ietf:params:oauth:grant-type:device_code"
	exchangeGrant  = "urn:ietf:params:oauth:grant-type:token-exchange"
	exchangeGrant2 = "urn:ietf:params:oauth:grant-type:token_exchange"
)

// GrantTypes are the ones that Grant knows, as a server's metadata lists them.
func GrantTypes() []string {
	return []string{codeGrant, refreshGrant, serverGrant, deviceGrant, exchangeGrant, exchangeGrant2}
}

// Grant hands the request to the verb of its type.
// Errors: Malformed for a parameter that is missing; UnsupportedGrant; those of Redeem, Refresh, Server, pollDevice and
// exchange.
func (s *Service) Grant(ctx context.Context, r GrantRequest) (Tokens, error) {
	switch r.Type {
	case codeGrant:
		switch {
		case r.Code == "":
			return Tokens{}, required("code")
		case r.Redirect == "":
			return Tokens{}, required("redirect_uri")
		}
		return s.Redeem(ctx, RedeemRequest{Client: r.Client, Code: r.Code, Redirect: r.Redirect, Verifier: r.Verifier, From: r.From})
	case refreshGrant:
		if r.Refresh == "" {
			return Tokens{}, required("refresh_token")
		}
		return s.Refresh(ctx, RefreshRequest{Client: r.Client, Token: r.Refresh, Scope: r.Scope, From: r.From})
	case serverGrant:
		return s.Server(ctx, r.Client)
	case deviceGrant:
		if r.Device == "" {
			return Tokens{}, required("device_code")
		}
		return s.pollDevice(ctx, r)
	case exchangeGrant, exchangeGrant2:
		return s.exchange(ctx, r)
	case "":
		return Tokens{}, required("grant_type")
	}
	return Tokens{}, &latchkey.Error{Code: latchkey.UnsupportedGrant, Field: "grant_type"}
}

func required(parameter string) error {
	return &latchkey.Error{Code: latchkey.Malformed, Field: parameter, Message: "This parameter is required."}
}

func malformed(parameter, message string) error {
	return &latchkey.Error{Code: latchkey.Malformed, Field: parameter, Message: message}
}
