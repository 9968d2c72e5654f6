// Package account is the use case of a signed-in person: who a token belongs to, and what they may see and change of
// themselves. Called by httpapi and oidc.
//
//	POST /token/validate, every call with a bearer token    Authenticate
//	every call about the account                            Owner
//	PATCH /users/me                                         Describe
//	POST /users/me/phone                                    SetPhone
//	DELETE /users/me/phone/{phone}                          RemovePhone
//	GET /oauth2/logout                                      LogOut
//	GET, POST …/userinfo                                    Profile
package account

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// Service answers for signed-in people. Every field must be set.
type Service struct {
	Store     latchkey.Store
	Signer    latchkey.Signer
	PublicURL string // scheme://host[:port], no slash at its end
	Now       func() time.Time
}

// A Caller is who is behind a good user token.
type Caller struct {
	User   latchkey.User
	Claims latchkey.Claims
	Grant  latchkey.Grant // that the token stands on; zero for a token of the JWT protocol
	From   latchkey.Origin
}

// Authenticate gives the caller behind a user token: signed by its project, for this server, not expired, its user
// neither gone, banned nor logged out, its grant not revoked (contract.md §5; ASVS 9.1, 9.2).
// Errors: BadBearer for anything less.
func (s *Service) Authenticate(ctx context.Context, token latchkey.Secret, from latchkey.Origin) (Caller, error) {
	project, ok := claimedProject(token)
	if !ok {
		return Caller{}, latchkey.BadBearer
	}
	keys, err := s.Store.Keys(ctx, project)
	if err != nil {
		return Caller{}, err
	}
	claims, err := s.Signer.Verify(ctx, keys, token)
	if err != nil {
		return Caller{}, &latchkey.Error{Code: latchkey.BadBearer, Err: err}
	}
	now := s.Now().UTC()
	if !claims.OfUser(latchkey.Issuer(s.PublicURL, project), project, now) {
		return Caller{}, latchkey.BadBearer
	}
	user, err := latchkey.ParseUserID(claims.Subject)
	if err != nil {
		return Caller{}, latchkey.BadBearer
	}
	grant, _ := latchkey.ParseHandle(claims.Grant) // zero for a JWT login's token, which has none
	u, g, err := s.Store.Standing(ctx, user, latchkey.GrantID{Handle: grant})
	if err != nil {
		return Caller{}, err
	}
	if u.Project != project || !claims.Alive(u, g, now) {
		return Caller{}, latchkey.BadBearer
	}
	return Caller{User: u, Claims: claims, Grant: g, From: from}, nil
}

// Owner is Authenticate for the calls about the person's account.
// Errors: BadBearer; NarrowScope for a token that does not open them (latchkey.Claims.OpensAccount).
func (s *Service) Owner(ctx context.Context, token latchkey.Secret, from latchkey.Origin) (Caller, error) {
	in, err := s.Authenticate(ctx, token, from)
	if err == nil && !in.Claims.OpensAccount() {
		err = latchkey.NarrowScope
	}
	return in, err
}

// Describe changes what the user says of themselves, and gives the user after it. A change of nothing stores nothing.
// Errors: Invalid.
func (s *Service) Describe(ctx context.Context, in Caller, c latchkey.PersonChange) (latchkey.User, error) {
	e := s.event(in, latchkey.UserDescribed, latchkey.Address{})
	if err := c.Check(e.At); err != nil {
		return in.User, err
	}
	fields := c.Fields()
	if len(fields) == 0 {
		return in.User, nil
	}
	e.Detail = strings.Join(fields, " ")
	return s.Store.DescribeUser(ctx, in.User.ID, c, e)
}

// SetPhone stores a phone that the user typed. Nobody proved it, so it signs nobody in.
func (s *Service) SetPhone(ctx context.Context, in Caller, phone latchkey.Address) error {
	return s.Store.SetContactPhone(ctx, in.User.ID, phone, s.event(in, latchkey.UserPhoneChanged, phone))
}

// RemovePhone removes the phone that the user typed, if it is this one. The phone that signs the user in stays.
// Errors: NotFound.
func (s *Service) RemovePhone(ctx context.Context, in Caller, phone latchkey.Address) error {
	if in.User.ContactPhone != phone {
		return latchkey.NotFound
	}
	return s.Store.SetContactPhone(ctx, in.User.ID, latchkey.Address{}, s.event(in, latchkey.UserPhoneChanged, phone))
}

// Profile gives what a client may know of the person behind an access token of project p (OIDC Core §5.3).
// Errors: BadBearer; NarrowScope for a token without the scope openid.
func (s *Service) Profile(ctx context.Context, p latchkey.ProjectID, token latchkey.Secret, from latchkey.Origin) (latchkey.Profile, error) {
	in, err := s.Authenticate(ctx, token, from)
	switch {
	case err != nil:
		return latchkey.Profile{}, err
	case in.User.Project != p:
		return latchkey.Profile{}, latchkey.BadBearer
	case !slices.Contains(in.Claims.Scopes, "openid"):
		return latchkey.Profile{}, latchkey.NarrowScope
	}
	return latchkey.UserProfile(in.User, strings.Join(in.Claims.Scopes, " ")), nil
}

func (s *Service) event(in Caller, kind latchkey.Kind, about latchkey.Address) latchkey.Event {
	return latchkey.Event{
		At: s.Now().UTC(), Kind: kind, Project: in.User.Project, User: in.User.ID, Address: about.String(), From: in.From,
	}
}

// claimedProject reads which project a token says it is of, to find the keys that could have signed it. Nothing else
// is believed before the signature is checked.
func claimedProject(token latchkey.Secret) (latchkey.ProjectID, bool) {
	parts := strings.Split(token.Reveal(), ".")
	if len(token) > maxToken || len(parts) != 3 {
		return latchkey.ProjectID{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return latchkey.ProjectID{}, false
	}
	var claims struct {
		Project latchkey.ProjectID `json:"xsolla_login_project_id"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return latchkey.ProjectID{}, false
	}
	return claims.Project, !claims.Project.IsZero()
}

// maxToken is the longest token that is looked at, in bytes.
const maxToken = 8 << 10
