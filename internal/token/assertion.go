package token

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

// The bounds of a client's assertion. Its jti is remembered until it expires, so it may not live long; and clocks differ.
const (
	maxAssertionLife = 10 * time.Minute
	clockSkew        = 30 * time.Second
	maxJTI           = 256 // bytes
)

// prove checks a client's assertion (private_key_jwt: OIDC Core §9, RFC 7523 §3): the client signed it, for this server,
// lately, and has not used it before. A client that has a secret too may use either.
//
// The assertion is remembered by a commit of its own, before whatever the call does: of two calls with one assertion, only
// one gets so far, whatever becomes of it.
//
// Errors: UnknownClient, with a Message for the client's developer.
func (s *Service) prove(ctx context.Context, c latchkey.Client, text latchkey.Secret) error {
	if c.Kind == latchkey.PublicClient || c.PublicKeys == "" {
		return unproved("The client has no public keys.")
	}
	a, err := jose.ReadAssertion(c.PublicKeys, text)
	if err != nil {
		return err
	}
	now := s.Now().UTC()
	if err := s.judge(a, c, now); err != nil {
		return err
	}
	seen := latchkey.HashSecret(latchkey.Secret("client assertion\x00" + clientText(c.ID) + "\x00" + a.ID))
	first, err := s.Store.Once(ctx, seen, a.Expires.UTC(), now)
	if err == nil && !first {
		err = unproved("The assertion was used before: its jti is known.")
	}
	return err
}

// judge is the rule of an assertion whose signature is right. The audience must be this server and nobody else: what is good
// elsewhere too could have been taken there (RFC 7523 §3; the URL of the endpoint is what older libraries put there).
func (s *Service) judge(a jose.Assertion, c latchkey.Client, now time.Time) error {
	issuer := latchkey.Issuer(s.PublicURL, c.Project)
	us := []string{issuer, issuer + "/token", issuer + "/par", s.PublicURL + "/api/oauth2/token"}
	stranger := func(aud string) bool { return !slices.Contains(us, aud) }
	switch {
	case a.Issuer != clientText(c.ID) || a.Subject != a.Issuer:
		return unproved("The assertion's iss and sub are both the client_id.")
	case len(a.Audience) == 0 || slices.ContainsFunc(a.Audience, stranger):
		return unproved("The assertion's aud is the issuer, or the URL of the token endpoint, and nothing else.")
	case a.Expires.IsZero() || !now.Before(a.Expires):
		return unproved("The assertion has expired, or has no exp.")
	case a.Expires.After(now.Add(maxAssertionLife)):
		return unproved("The assertion's exp is more than 10 minutes ahead.")
	case now.Add(clockSkew).Before(a.NotBefore), now.Add(clockSkew).Before(a.Issued):
		return unproved("The assertion's nbf or iat is still to come.")
	case !a.Issued.IsZero() && a.Issued.Before(now.Add(-maxAssertionLife-clockSkew)):
		return unproved("The assertion's iat is too long ago.")
	case a.ID == "" || len(a.ID) > maxJTI:
		return unproved("The assertion's jti is missing, or longer than 256 bytes.")
	}
	return nil
}

// named gives the client's id: the one presented, or, with an assertion alone, its subject (RFC 7521 §4.2). Where both say
// one, the assertion's is judged later, with its signature.
// Errors: UnknownClient.
func (c Credentials) named() (latchkey.ClientID, error) {
	if c.ID != 0 || c.Assertion == "" {
		return c.ID, nil
	}
	n, err := strconv.ParseInt(jose.AssertionSubject(c.Assertion), 10, 64)
	if err != nil || n <= 0 {
		return 0, unproved("The assertion's sub is no client_id.")
	}
	return latchkey.ClientID(n), nil
}

func unproved(message string) error {
	return &latchkey.Error{Code: latchkey.UnknownClient, Field: "client_assertion", Message: message}
}
