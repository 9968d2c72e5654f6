package token

import (
	"context"

	"github.com/latchkey-dev/latchkey"
)

// A GrantRequest is a request to a token endpoint, decoded (RFC 6749 §4.1.3, §4.4.2, §6). What its type does not need is
// not looked at.
type GrantRequest struct {
	Type     string // grant_type
	Client   Credentials
	Code     latchkey.Secret
	Redirect string
	Verifier latchkey.Secret
	Refresh  latchkey.Secret
	Scope    string
	From     latchkey.Origin
}

// Grant hands the request to the verb of its type.
// Errors: Malformed for a parameter that is missing; UnsupportedGrant; those of Redeem, Refresh and Server.
func (s *Service) Grant(ctx context.Context, r GrantRequest) (Tokens, error) {
	switch r.Type {
	case "authorization_code":
		switch {
		case r.Code == "":
			return Tokens{}, required("code")
		case r.Redirect == "":
			return Tokens{}, required("redirect_uri")
		}
		return s.Redeem(ctx, RedeemRequest{Client: r.Client, Code: r.Code, Redirect: r.Redirect, Verifier: r.Verifier, From: r.From})
	case "refresh_token":
		if r.Refresh == "" {
			return Tokens{}, required("refresh_token")
		}
		return s.Refresh(ctx, RefreshRequest{Client: r.Client, Token: r.Refresh, Scope: r.Scope, From: r.From})
	case "client_credentials":
		return s.Server(ctx, r.Client)
	case "":
		return Tokens{}, required("grant_type")
	}
	return Tokens{}, &latchkey.Error{Code: latchkey.UnsupportedGrant, Field: "grant_type"}
}

func required(parameter string) error {
	return &latchkey.Error{Code: latchkey.Malformed, Field: parameter, Message: "This parameter is required."}
}
