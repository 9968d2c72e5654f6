// Package token is the use case of tokens that clients ask for: authorization codes and refresh tokens turned into
// access tokens, tokens of servers, and the public keys to verify them all with. Called by httpapi.
//
//	POST /oauth2/token  authorization_code    Redeem     code unspent → spent, grant made
//	                    refresh_token         Refresh    generation n → n+1
//	                    client_credentials    Server
//	GET  /projects/{id}/keys                  Keys
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

// Credentials are how a client says who it is: by form fields or by HTTP Basic (RFC 6749 §2.3.1).
type Credentials struct {
	ID     latchkey.ClientID
	Secret latchkey.Secret // empty: none presented
}

// Tokens are what a grant gives.
type Tokens struct {
	Access  latchkey.Secret
	Refresh latchkey.Secret // empty without the scope offline
	ID      latchkey.Secret // empty without the scope openid
	Life    time.Duration   // of Access
	Scope   string
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
	p, key, err := s.authenticate(ctx, r.Client)
	if err != nil {
		return Tokens{}, err
	}
	id, ok := s.Secrets.ParseAuthorizationCode(r.Code)
	if !ok {
		return Tokens{}, latchkey.BadGrant
	}
	now := s.Now().UTC()
	out, err := s.Store.RedeemCode(ctx, latchkey.Redemption{
		ID: id, Project: p.ID, Client: r.Client.ID, Redirect: r.Redirect, Verifier: r.Verifier,
		NewGrant: latchkey.GrantID{Handle: latchkey.NewHandle(now, s.Secrets.Current(), random())},
		Life:     p.RefreshLife, Access: p.AccessLife, From: r.From,
	}, now)
	if err != nil {
		return Tokens{}, err
	}
	if out.Verdict != nil {
		return Tokens{}, out.Verdict
	}
	tokens, err := s.issue(ctx, p, key, out.User, out.Grant, now)
	if err != nil || !latchkey.HasScope(out.Grant.Scope, "openid") {
		return tokens, err
	}
	tokens.ID, err = s.Signer.Sign(ctx, key,
		latchkey.IDToken(latchkey.Issuer(s.PublicURL, p.ID), p, out.User, out.Grant, out.Code.Nonce, now))
	return tokens, err
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
	p, key, err := s.authenticate(ctx, r.Client)
	if err != nil {
		return Tokens{}, err
	}
	id, generation, ok := s.Secrets.ParseRefreshToken(r.Token)
	if !ok {
		return Tokens{}, latchkey.BadGrant
	}
	now := s.Now().UTC()
	out, err := s.Store.RotateGrant(ctx, latchkey.Rotation{
		ID: id, Generation: generation, Project: p.ID, Client: r.Client.ID, Scope: r.Scope, From: r.From,
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
	tokens, err := s.issue(ctx, p, key, out.User, g, now)
	if err != nil {
		return tokens, err
	}
	tokens.Refresh, _ = s.Secrets.RefreshToken(g.ID, g.Generation) // also when the access token's scope is narrower
	return tokens, nil
}

// Server gives a token for a back end that acts for itself (client_credentials).
// Errors: UnknownClient.
func (s *Service) Server(ctx context.Context, c Credentials) (Tokens, error) {
	client, err := s.Store.Client(ctx, c.ID)
	if err != nil {
		return Tokens{}, err
	}
	if client.Kind != latchkey.ServerClient {
		return Tokens{}, &latchkey.Error{Code: latchkey.UnknownClient, Message: "Only a server client may ask for a server token."}
	}
	p, key, err := s.authenticate(ctx, c)
	if err != nil {
		return Tokens{}, err
	}
	now := s.Now().UTC()
	access, err := s.Signer.Sign(ctx, key, latchkey.ServerToken(latchkey.Issuer(s.PublicURL, p.ID), jti(now), p, c.ID, now))
	return Tokens{Access: access, Life: p.AccessLife}, err
}

// Keys gives the public keys of a project, the signing one first. HS256 has no public part: its projects have none.
// Errors: ProjectNotFound.
func (s *Service) Keys(ctx context.Context, id latchkey.ProjectID) ([]jose.JWK, error) {
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
		jwk, err := jose.Public(k)
		if err != nil {
			return nil, err
		}
		out = append(out, jwk)
	}
	return out, nil
}

// authenticate gives the project of a client that proved who it is, and the key that signs for it: found before
// anything is spent.
func (s *Service) authenticate(ctx context.Context, c Credentials) (latchkey.Project, latchkey.Key, error) {
	client, err := s.Store.Client(ctx, c.ID)
	if err != nil {
		return latchkey.Project{}, latchkey.Key{}, err
	}
	if err := client.Authenticate(c.Secret); err != nil {
		return latchkey.Project{}, latchkey.Key{}, err
	}
	p, err := s.Store.Project(ctx, client.Project)
	if err != nil {
		return p, latchkey.Key{}, err
	}
	keys, err := s.Store.Keys(ctx, p.ID)
	if err != nil {
		return p, latchkey.Key{}, err
	}
	key, err := keys.Signing(p.Algorithm)
	return p, key, err
}

func (s *Service) issue(ctx context.Context, p latchkey.Project, key latchkey.Key, u latchkey.User, g latchkey.Grant, now time.Time) (Tokens, error) {
	claims := latchkey.AccessToken(latchkey.Issuer(s.PublicURL, p.ID), jti(now), p, u, g, now)
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

func jti(now time.Time) string { return latchkey.NewUUID(now, random()).String() }

func random() (b [16]byte) {
	rand.Read(b[:]) // never fails: the process dies without entropy
	return b
}
