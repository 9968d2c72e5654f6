package oidc_test

import (
	"testing"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/latchkey-dev/latchkey"
)

// TestGoClient: golang.org/x/oauth2 and go-oidc, unmodified, know nothing but the issuer: discovery, redemption with PKCE,
// the ID token with its nonce and at_hash, userinfo, refresh.
func TestGoClient(t *testing.T) {
	t.Parallel()
	for _, a := range []latchkey.Algorithm{latchkey.RS256, latchkey.ES256, latchkey.EdDSA} {
		w := newWorld(t, a)
		ctx := gooidc.ClientContext(t.Context(), w.http)
		provider, err := gooidc.NewProvider(ctx, w.issuer)
		if err != nil {
			t.Fatalf("%s: discovery: %v", a, err)
		}
		config := oauth2.Config{
			ClientID: "2", ClientSecret: secret, Endpoint: provider.Endpoint(), RedirectURL: callback, Scopes: []string{"openid", "email", "offline_access"},
		}
		proof := oauth2.GenerateVerifier()
		code := w.code(ask{
			client: confidentialID, scope: "openid email offline_access", challenge: oauth2.S256ChallengeFromVerifier(proof), nonce: "a nonce",
		})
		got, err := config.Exchange(ctx, code, oauth2.VerifierOption(proof))
		if err != nil {
			t.Fatalf("%s: redemption: %v", a, err)
		}
		raw, _ := got.Extra("id_token").(string)
		id, err := provider.Verifier(&gooidc.Config{ClientID: "2", Now: w.clock.Now}).Verify(ctx, raw)
		if err != nil {
			t.Fatalf("%s: ID token: %v", a, err)
		}
		if id.Nonce != "a nonce" {
			t.Errorf("%s: nonce %q", a, id.Nonce)
		}
		if err := id.VerifyAccessToken(got.AccessToken); err != nil {
			t.Errorf("%s: at_hash: %v", a, err)
		}
		config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
		next, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: got.RefreshToken}).Token()
		if err != nil {
			t.Fatalf("%s: refresh: %v", a, err)
		}
		if next.AccessToken == got.AccessToken || next.RefreshToken == got.RefreshToken {
			t.Errorf("%s: the refresh gave what was there before", a)
		}
		who, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(next))
		if err != nil {
			t.Fatalf("%s: userinfo: %v", a, err)
		}
		if who.Subject != id.Subject || who.Email != player || !who.EmailVerified {
			t.Errorf("%s: userinfo says %+v, the ID token is %s's", a, who, id.Subject)
		}
	}
}
