// Package session is the use case of a browser that is signed in: who is in it, which clients it goes into without a code,
// and what its person sees and ends there. Its cookie is all that it knows a browser by. Called by oidc and httpapi.
//
//	GET  {issuer}/authorize, GET /api/oauth2/sso               Enter         (a code for a client)
//	GET  {issuer}/account                                      Overview      (changes nothing)
//	POST {issuer}/account                                      EndSession, EndGrant, EndAll
//	GET, POST {issuer}/logout, GET /api/oauth2/clear_sso       End
//	GET  {issuer}/device                                       Device        (changes nothing)
//	POST {issuer}/device                                       PressDevice   waiting → approved, denied
//
// A session begins with a login (login.Service.Authorize).
package session

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// Service keeps browsers signed in. Every field must be set.
type Service struct {
	Store   latchkey.Store
	Secrets latchkey.Secrets
	Now     func() time.Time
}

// Signed is a browser whose session is good.
type Signed struct {
	Session latchkey.Session
	User    latchkey.User
}

// Who gives the person whose session the cookie holds.
// Errors: LoginRequired for a cookie that holds none, one that ended, or one of another project.
func (s *Service) Who(ctx context.Context, p latchkey.ProjectID, cookie latchkey.Secret) (Signed, error) {
	id, ok := s.Secrets.ParseSessionToken(cookie)
	if !ok {
		return Signed{}, latchkey.LoginRequired
	}
	held, u, err := s.Store.Session(ctx, id)
	if err != nil {
		return Signed{}, err
	}
	if held.Project != p || !held.Good(u, s.Now().UTC()) {
		return Signed{}, latchkey.LoginRequired
	}
	return Signed{held, u}, nil
}

// An EnterRequest is a browser on its way into a client.
type EnterRequest struct {
	Project latchkey.Project
	Cookie  latchkey.Secret
	Ask     latchkey.Ask // as login.Service.Check found it good
	Oldest  time.Time    // the person must have proved their address then or later; zero: whenever
	From    latchkey.Origin
}

// Enter gives an authorization code to a client of the project, without a one-time code.
// Errors: LoginRequired.
func (s *Service) Enter(ctx context.Context, r EnterRequest) (latchkey.Secret, error) {
	id, ok := s.Secrets.ParseSessionToken(r.Cookie)
	if !ok {
		return "", latchkey.LoginRequired
	}
	now := s.Now().UTC()
	out, err := s.Store.UseSession(ctx, latchkey.SessionUse{
		ID: id, Project: r.Project.ID, Ask: r.Ask, Oldest: r.Oldest, Policy: r.Project.Sessions, From: r.From,
		NewCode: latchkey.CodeID{Handle: latchkey.NewHandle(now, s.Secrets.Current(), random())},
	}, now)
	if err == nil {
		err = out.Verdict
	}
	if err != nil {
		return "", err
	}
	code, ok := s.Secrets.AuthorizationCode(out.Code.ID)
	if !ok {
		return "", latchkey.Internal
	}
	return code, nil
}

// End signs the browser out. A cookie that holds no session of the project is passed over: it is what the caller wants.
func (s *Service) End(ctx context.Context, p latchkey.ProjectID, cookie latchkey.Secret, why string, from latchkey.Origin) error {
	id, ok := s.Secrets.ParseSessionToken(cookie)
	if !ok {
		return nil
	}
	_, err := s.Store.EndSession(ctx, latchkey.Ending{ID: id, Project: p, Why: why, From: from}, s.Now().UTC())
	return err
}

// An Overview is where a person is signed in, newest first.
type Overview struct {
	Sessions []latchkey.Session
	Grants   []Held
}

// Held is a grant and the client that holds it.
type Held struct {
	Grant  latchkey.Grant
	Client latchkey.Client // zero if it is gone
}

// Overview gives the browsers and the clients that the person is signed in to.
func (s *Service) Overview(ctx context.Context, in Signed) (Overview, error) {
	now := s.Now().UTC()
	sessions, err := s.Store.Sessions(ctx, in.User.ID, now)
	if err != nil {
		return Overview{}, err
	}
	grants, err := s.Store.Grants(ctx, in.User.ID, now)
	if err != nil {
		return Overview{}, err
	}
	var out Overview
	for _, one := range sessions {
		if one.Good(in.User, now) {
			out.Sessions = append(out.Sessions, one)
		}
	}
	for _, g := range grants {
		if !g.Good(in.User, now) {
			continue
		}
		c, err := s.Store.Client(ctx, g.Client)
		if err != nil && latchkey.CodeOf(err) != latchkey.UnknownClient {
			return Overview{}, err
		}
		out.Grants = append(out.Grants, Held{g, c})
	}
	return out, nil
}

// EndSession signs a browser of the person out. One that is not theirs, or not there, is passed over.
func (s *Service) EndSession(ctx context.Context, in Signed, id latchkey.SessionID, from latchkey.Origin) error {
	_, err := s.Store.EndSession(ctx, latchkey.Ending{
		ID: id, Project: in.User.Project, User: in.User.ID, Why: "the person ended it", From: from,
	}, s.Now().UTC())
	return err
}

// EndGrant takes from a client what the person gave it. One that is not theirs, or not there, is passed over.
func (s *Service) EndGrant(ctx context.Context, in Signed, id latchkey.GrantID, from latchkey.Origin) error {
	_, err := s.Store.RevokeGrant(ctx, latchkey.Revocation{
		ID: id, Project: in.User.Project, User: in.User.ID, From: from,
	}, s.Now().UTC())
	return err
}

// EndAll signs the person out everywhere: every browser, every client, every token.
func (s *Service) EndAll(ctx context.Context, in Signed, from latchkey.Origin) error {
	return s.Store.EndSessions(ctx, in.User.ID, latchkey.Event{
		At: s.Now().UTC(), Kind: latchkey.UserLoggedOut, Project: in.User.Project, User: in.User.ID, From: from,
	})
}

func random() (b [16]byte) {
	rand.Read(b[:]) // never fails: the process dies without entropy
	return b
}
