package login

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A CompleteRequest is one of the four complete calls (contract.md §3), decoded.
type CompleteRequest struct {
	Protocol  latchkey.Protocol
	Project   latchkey.ProjectID // JWT protocol only
	Client    latchkey.ClientID  // OAuth 2.0 only
	To        latchkey.Address
	Code      latchkey.Secret // as it was typed
	Operation string
	From      latchkey.Origin
}

// Complete verifies one answer and gives the URL that the login ends at: the callback URL with a user token, or the
// redirect URI with an authorization code.
//
// Errors: ProjectNotFound, UnknownClient, WrongCode, TriesExhausted, RateLimited, Banned.
func (s *Service) Complete(ctx context.Context, r CompleteRequest) (string, error) {
	if r.Protocol == latchkey.OAuth2 {
		c, err := s.Store.Client(ctx, r.Client)
		if err != nil {
			return "", err
		}
		r.Project = c.Project
	}
	p, err := s.Store.Project(ctx, r.Project)
	if err != nil {
		return "", err
	}
	// The key is found before the code is spent, so that a project without one fails while its people can still retry.
	key, err := s.signingKey(ctx, p)
	if err != nil {
		return "", err
	}
	now := s.Now().UTC()
	out, err := s.Store.CompleteChallenge(ctx, s.attempt(r, p, now), now)
	if err != nil {
		return "", err
	}
	if out.Verdict != nil {
		return "", out.Verdict
	}
	ask := out.Challenge.Ask
	if r.Protocol == latchkey.OAuth2 {
		code, ok := s.Secrets.AuthorizationCode(out.Code.ID)
		if !ok {
			return "", latchkey.Internal
		}
		return withQuery(ask.Redirect, "code", code.Reveal(), "state", ask.State), nil
	}
	jti := latchkey.NewUUID(now, random()).String()
	token, err := s.Signer.Sign(ctx, key,
		latchkey.UserToken(latchkey.Issuer(s.PublicURL, p.ID), jti, p, out.User, r.To.Channel(), ask.Payload, now))
	if err != nil {
		return "", err
	}
	return withQuery(ask.Redirect, "token", token.Reveal(), "remember_me", "false"), nil
}

func (s *Service) signingKey(ctx context.Context, p latchkey.Project) (latchkey.Key, error) {
	keys, err := s.Store.Keys(ctx, p.ID)
	if err != nil {
		return latchkey.Key{}, err
	}
	return keys.Signing(p.Algorithm)
}

// attempt derives what the answer is held against. An operation that is not one still makes an attempt: it takes the
// way and the time of a wrong code.
func (s *Service) attempt(r CompleteRequest, p latchkey.Project, now time.Time) latchkey.Attempt {
	id, _ := latchkey.ParseChallengeID(r.Operation)
	given := latchkey.Secret(strings.Join(strings.Fields(r.Code.Reveal()), "")) // people type "123 456"
	right, _ := s.Secrets.Code(id, p.ID, r.To, len(given))
	return latchkey.Attempt{
		ID: id, Project: p.ID, Protocol: r.Protocol, Client: r.Client, To: r.To, Given: given, Right: right, From: r.From,
		NewUser: latchkey.UserID{UUID: latchkey.NewUUID(now, random())},
		NewCode: latchkey.CodeID{Handle: latchkey.NewHandle(now, s.Secrets.Current(), random())},
	}
}

// withQuery puts key=value pairs in front of the query of a registered URL, each key once (contract.md §3: SDKs take
// the first match and know no fragment). Values are percent-encoded, a space as %20: one SDK decodes the whole URL
// before it splits it.
func withQuery(target string, pairs ...string) string {
	base, query, _ := strings.Cut(target, "?")
	var b strings.Builder
	b.WriteString(base)
	sep := byte('?')
	add := func(pair string) {
		b.WriteByte(sep)
		b.WriteString(pair)
		sep = '&'
	}
	for i := 0; i < len(pairs); i += 2 {
		add(pairs[i] + "=" + strings.ReplaceAll(url.QueryEscape(pairs[i+1]), "+", "%20"))
	}
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		taken := part == ""
		for i := 0; i < len(pairs); i += 2 {
			taken = taken || name == pairs[i]
		}
		if !taken {
			add(part)
		}
	}
	return b.String()
}
