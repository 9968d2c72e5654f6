// Package token is the use case of tokens that clients ask for: authorization codes and refresh tokens turned into
// access tokens, what becomes of tokens, and the public keys to verify them all with. Called by httpapi and oidc.
//
//	POST …/token                               Grant         one of the five:
//	                     authorization_code    Redeem        code unspent → spent, grant made
//	                     refresh_token         Refresh       generation n → n+1
//	                     client_credentials    Server
//	                     device_code           pollDevice    device approved → spent, grant made
//	                     token-exchange        exchange      (changes nothing)
//	POST …/device_authorization                StartDevice   → waiting
//	POST …/revoke                              Revoke        grant good → revoked
//	POST …/introspect                          Introspect    (changes nothing)
//	GET  /projects/{id}/keys                   Keys
//	GET  …/jwks.json                           JWKS
//
// The same rules serve /api/oauth2 (httpapi) and the standard endpoints of an issuer (oidc): Credentials.At tells them
// apart.
package token

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

// Service gives tokens. Every field must be set.
type Service struct {
	Store     latchkey.Store
	Signer    latchkey.Signer
	Secrets   latchkey.Secrets
	PublicURL string // scheme://host[:port], no slash at its end
	Now       func() time.Time
}

// Credentials are how a client says who it is, and proves it: by a secret (RFC 6749 §2.3.1) or by an assertion that it
// signed (RFC 7523 §2.2).
type Credentials struct {
	ID        latchkey.ClientID // zero where only the assertion tells
	Secret    latchkey.Secret   // empty: none presented
	Assertion latchkey.Secret   // empty: none presented
	// At is the project whose standard endpoint was called. Only its own clients are known there, a public client must
	// have used PKCE, and access tokens have the form of RFC 9068. Zero on /api, which serves the clients of all projects,
	// those excepted that another party runs: its tokens open everything.
	At latchkey.ProjectID
}

// Tokens are what a grant gives.
type Tokens struct {
	Access  latchkey.Secret
	Refresh latchkey.Secret // empty without the scope offline
	ID      latchkey.Secret // empty without the scope openid
	Life    time.Duration   // of Access
	Scope   string
	Issued  string // the type of Access, after a token exchange only (RFC 8693 §2.2.1)
}

// RedeemRequest is grant_type=authorization_code, decoded.
type RedeemRequest struct {
	Client   Credentials
	Code     latchkey.Secret
	Redirect string
	Verifier latchkey.Secret
	From     latchkey.Origin
}

// Redeem turns an authorization code into tokens, once. A second use ends what the first one gave.
// Errors: UnknownClient, BadGrant.
func (s *Service) Redeem(ctx context.Context, r RedeemRequest) (Tokens, error) {
	client, p, key, err := s.authenticate(ctx, r.Client)
	if err != nil {
		return Tokens{}, err
	}
	id, ok := s.Secrets.ParseAuthorizationCode(r.Code)
	if !ok {
		return Tokens{}, latchkey.BadGrant
	}
	now := s.Now().UTC()
	out, err := s.Store.RedeemCode(ctx, latchkey.Redemption{
		ID: id, Project: p.ID, Client: client.ID, Redirect: r.Redirect, Verifier: r.Verifier,
		NewGrant: latchkey.GrantID{Handle: latchkey.NewHandle(now, s.Secrets.Current(), random())},
		Life:     p.RefreshLife, Access: p.AccessLife, From: r.From,
		Proof: !r.Client.At.IsZero() && client.Kind == latchkey.PublicClient,
	}, now)
	if err != nil {
		return Tokens{}, err
	}
	if out.Verdict != nil {
		return Tokens{}, out.Verdict
	}
	tokens, err := s.issue(ctx, r.Client, p, key, out.User, out.Grant, now)
	if err != nil {
		return tokens, err
	}
	return s.identify(ctx, tokens, p, key, out.User, out.Grant, out.Code.Nonce, now)
}

// RefreshRequest is grant_type=refresh_token, decoded.
type RefreshRequest struct {
	Client Credentials
	Token  latchkey.Secret
	Scope  string // empty: as granted; else a part of it
	From   latchkey.Origin
}

// Refresh rotates a refresh token.
// Errors: UnknownClient, BadGrant, InvalidScope.
func (s *Service) Refresh(ctx context.Context, r RefreshRequest) (Tokens, error) {
	client, p, key, err := s.authenticate(ctx, r.Client)
	if err != nil {
		return Tokens{}, err
	}
	id, generation, ok := s.Secrets.ParseRefreshToken(r.Token)
	if !ok {
		return Tokens{}, latchkey.BadGrant
	}
	now := s.Now().UTC()
	out, err := s.Store.RotateGrant(ctx, latchkey.Rotation{
		ID: id, Generation: generation, Project: p.ID, Client: client.ID, Scope: r.Scope, From: r.From,
	}, now)
	if err != nil {
		return Tokens{}, err
	}
	if out.Verdict != nil {
		return Tokens{}, out.Verdict
	}
	g := out.Grant
	if r.Scope != "" {
		g.Scope = r.Scope
	}
	tokens, err := s.issue(ctx, r.Client, p, key, out.User, g, now)
	if err != nil {
		return tokens, err
	}
	tokens.Refresh, _ = s.Secrets.RefreshToken(g.ID, g.Generation) // also when the access token's scope is narrower
	return tokens, nil
}

// Server gives a token for a back end that acts for itself (client_credentials).
// Errors: UnknownClient; NotAllowed for a client that acts for people.
func (s *Service) Server(ctx context.Context, c Credentials) (Tokens, error) {
	client, p, key, err := s.authenticate(ctx, c)
	if err != nil {
		return Tokens{}, err
	}
	if client.Kind != latchkey.ServerClient {
		return Tokens{}, &latchkey.Error{Code: latchkey.NotAllowed, Message: "Only a server client may ask for a server token."}
	}
	now := s.Now().UTC()
	access, err := s.Signer.Sign(ctx, key, latchkey.ServerToken(latchkey.Issuer(s.PublicURL, p.ID), jti(now), p, client.ID, now))
	return Tokens{Access: access, Life: p.AccessLife}, err
}

// Keys gives the public keys of a project, the signing one first. HS256 has no public part: its projects have none.
// Errors: ProjectNotFound.
func (s *Service) Keys(ctx context.Context, id latchkey.ProjectID) ([]jose.JWK, error) {
	return s.published(ctx, id, jose.Public)
}

// JWKS gives the same keys as RFC 7517 has them.
// Errors: ProjectNotFound.
func (s *Service) JWKS(ctx context.Context, id latchkey.ProjectID) ([]jose.JWK, error) {
	return s.published(ctx, id, jose.Standard)
}

func (s *Service) published(ctx context.Context, id latchkey.ProjectID, public func(latchkey.Key) (jose.JWK, error)) ([]jose.JWK, error) {
	p, err := s.Store.Project(ctx, id)
	if err != nil {
		return nil, err
	}
	keys, err := s.Store.Keys(ctx, id)
	if err != nil {
		return nil, err
	}
	out := []jose.JWK{}
	for _, k := range keys.Published(p.Algorithm) {
		if k.Algorithm == latchkey.HS256 {
			continue
		}
		jwk, err := public(k)
		if err != nil {
			return nil, err
		}
		out = append(out, jwk)
	}
	return out, nil
}

// authenticate gives a client that proved who it is, its project, and the key that signs for it: found before anything is
// spent.
// Errors: UnknownClient.
func (s *Service) authenticate(ctx context.Context, c Credentials) (latchkey.Client, latchkey.Project, latchkey.Key, error) {
	client, p, err := s.client(ctx, c)
	if err != nil {
		return client, p, latchkey.Key{}, err
	}
	keys, err := s.Store.Keys(ctx, p.ID)
	if err != nil {
		return client, p, latchkey.Key{}, err
	}
	key, err := keys.Signing(p.Algorithm)
	return client, p, key, err
}

// Client gives a client that proved who it is. Errors: UnknownClient.
func (s *Service) Client(ctx context.Context, c Credentials) (latchkey.Client, error) {
	client, _, err := s.client(ctx, c)
	return client, err
}

func (s *Service) client(ctx context.Context, c Credentials) (latchkey.Client, latchkey.Project, error) {
	id, err := c.named()
	if err != nil {
		return latchkey.Client{}, latchkey.Project{}, err
	}
	client, err := s.Store.Client(ctx, id)
	if err != nil {
		return client, latchkey.Project{}, err
	}
	if c.At.IsZero() && client.ThirdParty || !c.At.IsZero() && client.Project != c.At {
		return client, latchkey.Project{}, latchkey.UnknownClient
	}
	if c.Assertion != "" {
		err = s.prove(ctx, client, c.Assertion)
	} else {
		err = client.Authenticate(c.Secret)
	}
	if err != nil {
		return client, latchkey.Project{}, err
	}
	p, err := s.Store.Project(ctx, client.Project)
	return client, p, err
}

func (s *Service) issue(ctx context.Context, c Credentials, p latchkey.Project, key latchkey.Key, u latchkey.User, g latchkey.Grant, now time.Time) (Tokens, error) {
	form := latchkey.AccessToken
	if !c.At.IsZero() {
		form = latchkey.StandardToken
	}
	claims := form(latchkey.Issuer(s.PublicURL, p.ID), jti(now), p, u, g, now)
	access, err := s.Signer.Sign(ctx, key, claims)
	if err != nil {
		return Tokens{}, err
	}
	out := Tokens{Access: access, Life: time.Unix(claims.Expires, 0).Sub(time.Unix(claims.IssuedAt, 0)), Scope: g.Scope}
	if g.Offline() {
		refresh, ok := s.Secrets.RefreshToken(g.ID, g.Generation)
		if !ok {
			return Tokens{}, latchkey.BadGrant // its master secret is gone
		}
		out.Refresh = refresh
	}
	return out, nil
}

// identify adds the ID token, if the scope of g asks for one.
func (s *Service) identify(ctx context.Context, t Tokens, p latchkey.Project, key latchkey.Key, u latchkey.User, g latchkey.Grant, nonce string, now time.Time) (Tokens, error) {
	if !latchkey.HasScope(g.Scope, "openid") {
		return t, nil
	}
	claims := latchkey.IDToken(latchkey.Issuer(s.PublicURL, p.ID), p, u, g, nonce, now)
	var err error
	t.ID, err = s.Signer.Sign(ctx, key, claims.WithAccessHash(key.Algorithm, t.Access))
	return t, err
}

func jti(now time.Time) string { return latchkey.NewUUID(now, random()).String() }

func random() (b [16]byte) {
	rand.Read(b[:]) // never fails: the process dies without entropy
	return b
}
