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
	Project   latchkey.ProjectID // not on OAuth 2.0, which has it from the client
	Client    latchkey.ClientID  // as at the start
	To        latchkey.Address
	Code      latchkey.Secret // as it was typed
	Operation string
	Browser   Browser
	From      latchkey.Origin
}

// A Browser is what a login on a page of ours leaves behind in the browser. The zero value leaves nothing.
type Browser struct {
	Stay bool            // make a session
	Old  latchkey.Secret // what the session's cookie held before, if anything: that session ends
	// Known is what the cookie of a known browser held before; empty: none. The login is added to it.
	Known latchkey.Secret
}

// An Authorization is what a login on OAuth 2.0 or on a page of ours ends with.
type Authorization struct {
	Redirect    string // OAuth 2.0 only
	Code        latchkey.Secret
	State       string          // empty: none was given
	Session     latchkey.Secret // for the browser's cookie; empty if it was not to stay
	SessionLast time.Time       // UTC: the end of the session, however often it is used
	Known       latchkey.Secret // for the cookie of a known browser; empty if there is no session
}

// Complete verifies one answer and gives the URL that the login ends at: the callback URL with a user token, or the
// redirect URI with an authorization code.
//
// Errors: ProjectNotFound, UnknownClient, WrongCode, TriesExhausted, RateLimited, Banned.
func (s *Service) Complete(ctx context.Context, r CompleteRequest) (string, error) {
	if r.Protocol == latchkey.OAuth2 {
		a, err := s.Authorize(ctx, r)
		if err != nil {
			return "", err
		}
		return WithQuery(a.Redirect, "code", a.Code.Reveal(), "state", a.State), nil
	}
	out, p, key, err := s.answer(ctx, r)
	if err != nil {
		return "", err
	}
	now := s.Now().UTC()
	jti := latchkey.NewUUID(now, random()).String()
	ask := out.Challenge.Ask
	token, err := s.Signer.Sign(ctx, key,
		latchkey.UserToken(latchkey.Issuer(s.PublicURL, p.ID), jti, p, out.User, r.To.Channel(), ask.Payload, now))
	if err != nil {
		return "", err
	}
	return WithQuery(ask.Redirect, "token", token.Reveal(), "remember_me", "false"), nil
}

// Authorize is Complete for whoever builds the answer otherwise: on OAuth 2.0, and on a page of ours, which has no code
// to give.
// Errors: those of Complete.
func (s *Service) Authorize(ctx context.Context, r CompleteRequest) (Authorization, error) {
	if r.Protocol == latchkey.OAuth2 {
		c, err := s.Store.Client(ctx, r.Client)
		if err != nil {
			return Authorization{}, err
		}
		r.Project = c.Project
	}
	out, _, _, err := s.answer(ctx, r)
	if err != nil {
		return Authorization{}, err
	}
	a := Authorization{Redirect: out.Challenge.Ask.Redirect, State: out.Challenge.Ask.State, SessionLast: out.Session.Last}
	code, session := true, true // everything was derived from the current master secret a moment ago
	if r.Protocol == latchkey.OAuth2 {
		a.Code, code = s.Secrets.AuthorizationCode(out.Code.ID)
	}
	if r.Browser.Stay {
		a.Session, session = s.Secrets.SessionToken(out.Session.ID)
		a.Known = s.Secrets.KnownBrowser(r.Browser.Known, out.User, r.To, s.Now())
	}
	if !code || !session {
		return Authorization{}, latchkey.Internal
	}
	return a, nil
}

// answer has one answer judged and gives what came of it, with the project and the key that signs for it.
func (s *Service) answer(ctx context.Context, r CompleteRequest) (latchkey.Outcome, latchkey.Project, latchkey.Key, error) {
	var none latchkey.Outcome
	p, err := s.Store.Project(ctx, r.Project)
	if err != nil {
		return none, p, latchkey.Key{}, err
	}
	// The key is found before the code is spent, so that a project without one fails while its people can still retry.
	key, err := s.signingKey(ctx, p)
	if err != nil {
		return none, p, key, err
	}
	now := s.Now().UTC()
	out, err := s.Store.CompleteChallenge(ctx, s.attempt(r, p, now), now)
	if err == nil {
		err = out.Verdict
	}
	return out, p, key, err
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
	t, test := s.TestIdentity(p, r.To)
	if test {
		right = latchkey.Secret(t.Code)
	}
	a := latchkey.Attempt{
		ID: id, Project: p.ID, Protocol: r.Protocol, Client: r.Client, To: r.To, Given: given, Right: right, From: r.From,
		SignUp: p.Defence.SignUp, Test: test, Country: s.smsCountry(p, r.To),
		NewUser: latchkey.UserID{UUID: latchkey.NewUUID(now, random())},
		NewCode: latchkey.CodeID{Handle: latchkey.NewHandle(now, s.Secrets.Current(), random())},
	}
	if r.Browser.Stay {
		a.NewSession.Handle = latchkey.NewHandle(now, s.Secrets.Current(), random())
		a.OldSession, _ = s.Secrets.ParseSessionToken(r.Browser.Old)
		a.Policy = p.Sessions
	}
	return a
}

// WithQuery puts key=value pairs in front of the query of a registered URL, each key once (contract.md §3: SDKs take
// the first match and know no fragment). Values are percent-encoded, a space as %20: one SDK decodes the whole URL
// before it splits it.
func WithQuery(target string, pairs ...string) string {
	base, query, _ := strings.Cut(target, "?")
	length := len(target)
	for _, p := range pairs {
		length += len(p) + len("?=")
	}
	var b strings.Builder
	b.Grow(length)
	b.WriteString(base)
	sep := byte('?')
	for i := 0; i < len(pairs); i += 2 {
		b.WriteByte(sep)
		b.WriteString(pairs[i])
		b.WriteByte('=')
		b.WriteString(strings.ReplaceAll(url.QueryEscape(pairs[i+1]), "+", "%20"))
		sep = '&'
	}
	for query != "" {
		var part string
		part, query, _ = strings.Cut(query, "&")
		name, _, _ := strings.Cut(part, "=")
		taken := part == ""
		for i := 0; i < len(pairs); i += 2 {
			taken = taken || name == pairs[i]
		}
		if !taken {
			b.WriteByte(sep)
			b.WriteString(part)
			sep = '&'
		}
	}
	return b.String()
}
