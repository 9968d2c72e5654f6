package token

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// An Exchange is what grant_type=token-exchange asks for (RFC 8693 §2.1).
type Exchange struct {
	Subject     latchkey.Secret // the token to be made narrower
	SubjectType string
	Wanted      string // requested_token_type; empty: an access token
	Audience    string
	Resource    string
	Actor       bool // an actor token came: acting for somebody is not offered
}

// The types of tokens of RFC 8693 §3 that mean something here: an access token of ours is a JWT.
const (
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	jwtType         = "urn:ietf:params:oauth:token-type:jwt"
)

// exchange gives, for a user's access token, one of the same grant with a narrower scope: for handing on to what needs less.
// It lives no longer than the token it is made of, and there is no refresh token: nothing is gained by an exchange.
//
// The token's own client may ask, and every client of the project that has proved who it is: a back end that was handed
// the token could use all of it anyway, and hands on less of it so. Another public client may not, and is not told whether
// the token is good: a client_id alone proves nothing, and whoever found a token could test it.
//
// Errors: UnknownClient; InvalidTarget; InvalidScope; Malformed for a token that is not good, or not for this client (RFC
// 8693 §2.2.2).
func (s *Service) exchange(ctx context.Context, r GrantRequest) (Tokens, error) {
	x := r.Exchange
	if err := x.check(); err != nil {
		return Tokens{}, err
	}
	client, p, key, err := s.authenticate(ctx, r.Client)
	if err != nil {
		return Tokens{}, err
	}
	issuer := latchkey.Issuer(s.PublicURL, p.ID)
	for _, target := range []string{x.Audience, x.Resource} {
		if target != "" && target != issuer {
			return Tokens{}, &latchkey.Error{Code: latchkey.InvalidTarget, Message: "Tokens are for the issuer's own calls."}
		}
	}
	now := s.Now().UTC()
	c, err := s.verified(ctx, p, x.Subject)
	if quiet(err) != nil {
		return Tokens{}, err
	}
	u, g, err := s.standing(ctx, c)
	if err != nil {
		return Tokens{}, err
	}
	mine := c.Client == clientText(client.ID) || client.Kind != latchkey.PublicClient
	if !mine || c.Grant == "" || !c.OfUser(issuer, p.ID, now) || u.Project != p.ID || !c.Alive(u, g, now) {
		return Tokens{}, malformed("subject_token", "This is no good access token that the client may exchange.")
	}
	if g.Scope, err = narrower(c.Scopes, r.Scope); err != nil {
		return Tokens{}, err
	}
	if end := time.Unix(c.Expires, 0); end.Before(g.Expires) {
		g.Expires = end // StandardToken and AccessToken go no further
	}
	// On /api too the token has the form of RFC 9068, which opens what its scope says: a token of /api opens the whole account
	// (latchkey.Claims.OpensAccount), and so the narrower one would open more.
	r.Client.At = p.ID
	tokens, err := s.issue(ctx, r.Client, p, key, u, g, now)
	tokens.Issued = accessTokenType
	return tokens, err
}

// check judges what the parameters say by themselves. Errors: Malformed.
func (x Exchange) check() error {
	access := []string{accessTokenType, jwtType}
	switch {
	case x.Subject == "":
		return required("subject_token")
	case x.SubjectType == "":
		return required("subject_token_type")
	case !slices.Contains(access, x.SubjectType):
		return malformed("subject_token_type", "Only access tokens are exchanged.")
	case x.Wanted != "" && !slices.Contains(access, x.Wanted):
		return malformed("requested_token_type", "Only access tokens are given.")
	case x.Actor:
		return malformed("actor_token", "Acting for somebody is not offered.")
	}
	return nil
}

// narrower gives the scope of the new token: what is asked for, or everything, of what the old one has; offline access is
// not among it, since there is no refresh token. Errors: InvalidScope.
func narrower(held []string, asked string) (string, error) {
	held = slices.DeleteFunc(slices.Clone(held), func(w string) bool { return w == "offline" || w == "offline_access" })
	words := strings.Fields(asked)
	if len(words) == 0 {
		words = held
	}
	for _, w := range words {
		if !slices.Contains(held, w) {
			return "", &latchkey.Error{Code: latchkey.InvalidScope, Message: "The scope goes beyond that of the token."}
		}
	}
	return strings.Join(words, " "), nil
}
