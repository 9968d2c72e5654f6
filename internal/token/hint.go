package token

import (
	"context"
	"strconv"

	"github.com/latchkey-dev/latchkey"
)

// A Hint is what an id_token_hint says (OIDC Core §3.1.2.1, RP-Initiated Logout §2): a client shows an ID token that it was
// given.
type Hint struct {
	User   latchkey.UserID
	Client latchkey.ClientID // that the ID token was given to
}

// Hint reads an id_token_hint. It may have run out, or its person may be gone: it is a hint, and opens nothing. What a key
// of the project did not sign, or what is no ID token, is none.
// Errors: Invalid.
func (s *Service) Hint(ctx context.Context, p latchkey.ProjectID, text latchkey.Secret) (Hint, error) {
	bad := latchkey.BadField("id_token_hint", "the hint is an ID token of this issuer")
	keys, err := s.Store.Keys(ctx, p)
	if err != nil {
		return Hint{}, err
	}
	c, err := s.Signer.Verify(ctx, keys, text)
	if latchkey.CodeOf(err) == latchkey.BadUserToken {
		return Hint{}, bad
	}
	if err != nil {
		return Hint{}, err
	}
	user, err := latchkey.ParseUserID(c.Subject)
	if err != nil || c.Form != latchkey.PlainToken || c.Project != "" || c.AuthTime == 0 || c.Issuer != latchkey.Issuer(s.PublicURL, p) || len(c.Audience) != 1 {
		return Hint{}, bad // an access token, say: those have a project, and no auth_time
	}
	client, err := strconv.ParseInt(c.Audience[0], 10, 64)
	if err != nil {
		return Hint{}, bad
	}
	return Hint{User: user, Client: latchkey.ClientID(client)}, nil
}
