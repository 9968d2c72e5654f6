package admin

import (
	"context"
	"encoding/base64"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

// CreateClient stores a client and gives it with its id. A confidential or server client gets secret, or, if that is
// empty, a new one of 256 bits; it is given back here and never again. One with public keys needs no secret, and gets none
// unless one is given.
// Errors: Invalid, Conflict, ProjectNotFound.
func (s *Service) CreateClient(ctx context.Context, c latchkey.Client, secret latchkey.Secret) (latchkey.Client, latchkey.Secret, error) {
	switch {
	case c.Kind == latchkey.PublicClient:
		secret = ""
	case secret == "" && c.PublicKeys == "":
		secret = newSecret()
	}
	if secret != "" {
		c.SecretHash = latchkey.HashSecret(secret)
	}
	if err := validate(c); err != nil {
		return c, "", err
	}
	c, err := s.Store.CreateClient(ctx, c, s.event(latchkey.ClientCreated, c.Project))
	return c, secret, err
}

// UpdateClient replaces a client's settings. With newSecret the old secret stops working at once, and the new one is
// given back.
// Errors: Invalid, UnknownClient.
func (s *Service) UpdateClient(ctx context.Context, c latchkey.Client, replaceSecret bool) (latchkey.Secret, error) {
	var secret latchkey.Secret
	if replaceSecret {
		if c.Kind == latchkey.PublicClient {
			return "", latchkey.BadField("kind", "a public client has no secret")
		}
		secret = newSecret()
		c.SecretHash = latchkey.HashSecret(secret)
	}
	if err := validate(c); err != nil {
		return "", err
	}
	return secret, s.Store.UpdateClient(ctx, c, s.event(latchkey.ClientUpdated, c.Project))
}

// validate checks the keys too, which the noun knows nothing of.
func validate(c latchkey.Client) error {
	if err := c.Validate(); err != nil {
		return err
	}
	return jose.ValidateClientKeys(c.PublicKeys)
}

// DeleteClient removes a client with its codes and grants.
// Errors: UnknownClient.
func (s *Service) DeleteClient(ctx context.Context, id latchkey.ClientID) error {
	c, err := s.Store.Client(ctx, id)
	if err != nil {
		return err
	}
	return s.Store.DeleteClient(ctx, id, s.event(latchkey.ClientDeleted, c.Project))
}

func newSecret() latchkey.Secret {
	a, b := random(), random()
	return latchkey.Secret(base64.RawURLEncoding.EncodeToString(append(a[:], b[:]...)))
}
