package oidctest_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A goClient is a Go program that signs people in with golang.org/x/oauth2 and go-oidc. It knows nothing but the issuer and
// what it is registered with.
type goClient struct {
	t        *testing.T
	ctx      context.Context
	provider *oidc.Provider
	config   oauth2.Config
	more     endpoints
}

// endpoints are those of the discovery document that the libraries have no calls for.
type endpoints struct {
	Revoke     string `json:"revocation_endpoint"`
	EndSession string `json:"end_session_endpoint"`
}

func newGoClient(t *testing.T, s *server, c client, home site) *goClient {
	t.Helper()
	ctx := t.Context()
	provider, err := oidc.NewProvider(ctx, s.issuer())
	if err != nil {
		t.Fatal(err)
	}
	g := &goClient{t: t, ctx: ctx, provider: provider, config: oauth2.Config{
		ClientID: c.ID, ClientSecret: c.Secret, Endpoint: provider.Endpoint(), RedirectURL: home.callback(),
		Scopes: []string{oidc.ScopeOpenID, "email", oidc.ScopeOfflineAccess},
	}}
	if err := provider.Claims(&g.more); err != nil {
		t.Fatal(err)
	}
	return g
}

// redeem turns what the browser came back with into tokens, and verifies the ID token as the library's guide has it.
func (g *goClient) redeem(answer url.Values, state, nonce, verifier string) (*oauth2.Token, *oidc.IDToken, string) {
	g.t.Helper()
	if answer.Get("state") != state || answer.Get("error") != "" {
		g.t.Fatalf("the browser came back with %v", answer)
	}
	got, err := g.config.Exchange(g.ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		g.t.Fatal(err)
	}
	raw, _ := got.Extra("id_token").(string)
	id, err := g.provider.Verifier(&oidc.Config{ClientID: g.config.ClientID}).Verify(g.ctx, raw)
	if err != nil {
		g.t.Fatal(err)
	}
	if id.Nonce != nonce {
		g.t.Errorf("nonce %q, want %q", id.Nonce, nonce)
	}
	if err := id.VerifyAccessToken(got.AccessToken); err != nil {
		g.t.Errorf("at_hash: %v", err)
	}
	return got, id, raw
}

// userinfo asks who a token is of.
func (g *goClient) userinfo(token *oauth2.Token) (*oidc.UserInfo, error) {
	return g.provider.UserInfo(g.ctx, oauth2.StaticTokenSource(token))
}

// revoke ends a token (RFC 7009). The library has no call for it.
func (g *goClient) revoke(token string) {
	g.t.Helper()
	form := url.Values{"token": {token}, "client_id": {g.config.ClientID}}
	if g.config.ClientSecret != "" {
		form.Set("client_secret", g.config.ClientSecret)
	}
	res, err := http.PostForm(g.more.Revoke, form)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		g.t.Fatalf("revocation: status %d", res.StatusCode)
	}
}

// TestGoClients: a whole life of a login in each kind of client, from discovery to logout.
func TestGoClients(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	for _, kind := range []string{"public", "confidential"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, home, who := startDev(t), newSite(t), newPerson(t, kind+"@example.test")
			c := s.client(kind, home.flags()...)
			g := newGoClient(t, s, c, home)
			state, nonce, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
			who.open(g.config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
			who.signIn(s)
			got, id, _ := g.redeem(query(t, who.endsAt(home.callback()+"?")), state, nonce, verifier)

			info, err := g.userinfo(got)
			if err != nil {
				t.Fatal(err)
			}
			if info.Subject != id.Subject || info.Email != who.address || !info.EmailVerified {
				t.Errorf("userinfo says %+v, the ID token is %s's", info, id.Subject)
			}
			next, err := g.config.TokenSource(g.ctx, &oauth2.Token{RefreshToken: got.RefreshToken}).Token()
			if err != nil {
				t.Fatal(err)
			}
			if next.AccessToken == got.AccessToken || next.RefreshToken == got.RefreshToken {
				t.Error("the refresh gave what was there before")
			}

			g.revoke(next.RefreshToken)
			if _, err := g.userinfo(next); err == nil {
				t.Error("an access token of a login that was revoked still works")
			}
			if _, err := g.config.TokenSource(g.ctx, &oauth2.Token{RefreshToken: next.RefreshToken}).Token(); err == nil {
				t.Error("a revoked refresh token still works")
			} else if e := (*oauth2.RetrieveError)(nil); !errors.As(err, &e) || e.ErrorCode != "invalid_grant" {
				t.Errorf("a revoked refresh token: %v", err)
			}

			// The person is still signed in: another login needs no code, with prompt=none not even a page.
			who.open(g.config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("prompt", "none")))
			_, again, raw := g.redeem(query(t, who.endsAt(home.callback()+"?")), state, nonce, verifier)
			if again.Subject != id.Subject {
				t.Errorf("the second login is %s's, the first was %s's", again.Subject, id.Subject)
			}

			who.signOut(g.more.EndSession, raw, home)
			who.open(g.config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("prompt", "none")))
			if back := query(t, who.endsAt(home.callback()+"?")); back.Get("error") != "login_required" {
				t.Errorf("after the logout, prompt=none gives %v", back)
			}
			if t.Failed() {
				t.Log(s.log())
			}
		})
	}
}
