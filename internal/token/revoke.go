package token

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// An Inquiry is a token that a client asks about or wants dead.
type Inquiry struct {
	Client Credentials
	Token  latchkey.Secret // any text
	From   latchkey.Origin
}

// Revoke ends the grant that a token of the client's own came of: its refresh tokens and every access token (RFC 7009). An
// access token takes its grant with it too: access tokens are known by their grant alone, so one cannot die without the
// others, and a client that gives one up is done with all of them. Any other text, another client's token included, is
// passed over in silence.
//
// Errors: UnknownClient; UnsupportedToken for the client's own server token, which stands on no grant: to say that it is
// dead would be a lie.
func (s *Service) Revoke(ctx context.Context, q Inquiry) error {
	client, p, err := s.client(ctx, q.Client)
	if err != nil {
		return err
	}
	now := s.Now().UTC()
	id, _, ok := s.Secrets.ParseRefreshToken(q.Token)
	if !ok {
		claims, err := s.verified(ctx, p, q.Token)
		if err != nil {
			return quiet(err)
		}
		issuer := latchkey.Issuer(s.PublicURL, p.ID)
		switch {
		case claims.Client != clientText(client.ID):
			return nil
		case claims.OfServer(issuer, p.ID, now):
			return latchkey.UnsupportedToken
		case !claims.OfUser(issuer, p.ID, now):
			return nil
		}
		id.Handle, _ = latchkey.ParseHandle(claims.Grant)
	}
	_, err = s.Store.RevokeGrant(ctx, latchkey.Revocation{ID: id, Project: p.ID, Client: client.ID, From: q.From}, now)
	return err
}

// An Introspection is what a token stands for (RFC 7662 §2.2). The zero value, in JSON {"active":false}, is all that is
// said of one that is dead, or not for the one who asks.
type Introspection struct {
	Active   bool     `json:"active"`
	Scope    string   `json:"scope,omitempty"`
	Client   string   `json:"client_id,omitempty"`
	Type     string   `json:"token_type,omitempty"` // Bearer; absent for a refresh token
	Subject  string   `json:"sub,omitempty"`
	Audience []string `json:"aud,omitempty"`
	Issuer   string   `json:"iss,omitempty"`
	ID       string   `json:"jti,omitempty"`
	IssuedAt int64    `json:"iat,omitempty"`
	Expires  int64    `json:"exp,omitempty"`
}

// Introspect tells a back end of the project what an access token stands for: any of the project's, for it may have come
// from any of its clients. A refresh token it is told about only if it is its own. Public clients may not ask: a
// client_id alone proves nothing, and whoever found a token could test it (RFC 7662 §4).
//
// Errors: UnknownClient.
func (s *Service) Introspect(ctx context.Context, q Inquiry) (Introspection, error) {
	var dead Introspection
	client, p, err := s.client(ctx, q.Client)
	if err != nil {
		return dead, err
	}
	if client.Kind == latchkey.PublicClient {
		return dead, &latchkey.Error{Code: latchkey.UnknownClient, Message: "A public client may not ask about tokens."}
	}
	now := s.Now().UTC()
	if id, generation, ok := s.Secrets.ParseRefreshToken(q.Token); ok {
		return s.refreshToken(ctx, latchkey.Rotation{ID: id, Generation: generation, Project: p.ID, Client: client.ID}, now)
	}
	c, err := s.verified(ctx, p, q.Token)
	if err != nil {
		return dead, quiet(err)
	}
	issuer := latchkey.Issuer(s.PublicURL, p.ID)
	if !c.OfServer(issuer, p.ID, now) {
		alive, err := s.alive(ctx, c, p, now)
		if err != nil || !alive {
			return dead, err
		}
	}
	return Introspection{
		Active: true, Scope: strings.Join(c.Scopes, " "), Client: c.Client, Type: "Bearer", Subject: c.Subject,
		Audience: c.Audience, Issuer: c.Issuer, ID: c.ID, IssuedAt: c.IssuedAt, Expires: c.Expires,
	}, nil
}

// refreshToken asks the rule of rotation whether the token would be taken, without taking it.
func (s *Service) refreshToken(ctx context.Context, r latchkey.Rotation, now time.Time) (Introspection, error) {
	_, g, err := s.Store.Standing(ctx, latchkey.UserID{}, r.ID)
	if err != nil {
		return Introspection{}, err
	}
	u, _, err := s.Store.Standing(ctx, g.User, latchkey.GrantID{})
	if err != nil || r.Judge(g, u, now).Verdict != nil {
		return Introspection{}, err
	}
	return Introspection{
		Active: true, Scope: g.Scope, Client: clientText(g.Client), Subject: g.User.String(),
		Issuer: latchkey.Issuer(s.PublicURL, g.Project), IssuedAt: g.Rotated.Unix(), Expires: g.Expires.Unix(),
	}, nil
}

// alive reports whether c is a user token of p whose user and grant carry it.
func (s *Service) alive(ctx context.Context, c latchkey.Claims, p latchkey.Project, now time.Time) (bool, error) {
	if !c.OfUser(latchkey.Issuer(s.PublicURL, p.ID), p.ID, now) {
		return false, nil
	}
	u, g, err := s.standing(ctx, c)
	return u.Project == p.ID && c.Alive(u, g, now), err
}

// standing gives what c stands on, zero where there is nothing.
func (s *Service) standing(ctx context.Context, c latchkey.Claims) (latchkey.User, latchkey.Grant, error) {
	user, _ := latchkey.ParseUserID(c.Subject) // a subject that is none is nobody, and a zero id is not looked for
	grant, _ := latchkey.ParseHandle(c.Grant)
	return s.Store.Standing(ctx, user, latchkey.GrantID{Handle: grant})
}

// verified gives the claims of a token that a key of p signed. Errors: BadUserToken.
func (s *Service) verified(ctx context.Context, p latchkey.Project, token latchkey.Secret) (latchkey.Claims, error) {
	keys, err := s.Store.Keys(ctx, p.ID)
	if err != nil {
		return latchkey.Claims{}, err
	}
	return s.Signer.Verify(ctx, keys, token)
}

// quiet turns a token that is none of ours into no error: what it is worth is part of the answer.
func quiet(err error) error {
	if latchkey.CodeOf(err) == latchkey.BadUserToken {
		return nil
	}
	return err
}

func clientText(id latchkey.ClientID) string { return strconv.FormatInt(int64(id), 10) }
