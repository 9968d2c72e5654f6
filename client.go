package latchkey

import (
	"slices"
	"strings"
)

// A ClientID is an OAuth 2.0 client_id: a positive integer (contract.md §2). Zero names none.
type ClientID int64

// A ClientKind says what a client can keep secret, and for whom it acts.
type ClientKind string

// The kinds.
const (
	PublicClient       ClientKind = "public"       // a game, an app, a page: no secret
	ConfidentialClient ClientKind = "confidential" // a web back end: a secret, acts for people
	ServerClient       ClientKind = "server"       // a back end that acts for itself: client_credentials only
)

// A Client is a program that asks for tokens of one project.
type Client struct {
	ID           ClientID   `json:"id"`
	Project      ProjectID  `json:"project"`
	Name         string     `json:"name"`
	Kind         ClientKind `json:"kind"`
	SecretHash   Hash       `json:"-"` // zero for public clients
	RedirectURIs []string   `json:"redirect_uris"`
	PKCERequired bool       `json:"pkce_required"` // refuse a start without code_challenge
	LogoutURIs   []string   `json:"logout_uris"`   // where a logout may lead (OIDC RP-Initiated Logout §3.1)
	PublicKeys   string     `json:"public_keys"`   // a JWK set, of a client that signs its own assertions (RFC 7523); empty: none
	DeviceLogin  bool       `json:"device_login"`  // may sign in devices without a keyboard (RFC 8628)
	ThirdParty   bool       `json:"third_party"`   // another party runs it: it is known at the standard endpoints only, where the scope binds every token
}

// Validate checks every setting and gives the first mistake as an Invalid that names it.
func (c Client) Validate() error {
	switch {
	case c.Project.IsZero():
		return BadField("project", "a client belongs to a project")
	case c.ID < 0:
		return BadField("id", "a client id is a positive integer")
	case c.Name == "" || len(c.Name) > 100 || !printable(c.Name):
		return BadField("name", "the name has 1 to 100 bytes, on one line")
	case c.Kind != PublicClient && c.Kind != ConfidentialClient && c.Kind != ServerClient:
		return BadField("kind", "the kind is public, confidential or server")
	case c.Kind == PublicClient && (!c.SecretHash.IsZero() || c.PublicKeys != ""):
		return BadField("kind", "a public client has no secret and no keys")
	case c.Kind != PublicClient && c.SecretHash.IsZero() && c.PublicKeys == "":
		return BadField("kind", "a client that is not public has a secret or public keys")
	case len(c.PublicKeys) > maxPublicKeys:
		return BadField("public_keys", "the key set has 16,000 bytes at the most")
	case c.Kind == ServerClient && (c.DeviceLogin || len(c.LogoutURIs) > 0):
		return BadField("kind", "a server client signs no people in or out")
	case c.Kind == ServerClient && len(c.RedirectURIs) > 0:
		return BadField("redirect_uris", "a server client has none")
	}
	for _, u := range c.RedirectURIs {
		if err := ValidateRedirect("redirect_uris", u); err != nil {
			return err
		}
	}
	for _, u := range c.LogoutURIs {
		if err := ValidateRedirect("logout_uris", u); err != nil {
			return err
		}
	}
	return nil
}

// maxPublicKeys is the largest key set of a client, in bytes.
const maxPublicKeys = 16_000

// Authenticate checks a presented secret: a public client has none to present, every other must (RFC 6749 §3.2.1).
// Errors: UnknownClient.
func (c Client) Authenticate(secret Secret) error {
	if c.Kind == PublicClient {
		if secret != "" {
			return UnknownClient
		}
		return nil
	}
	if c.SecretHash.IsZero() || !HashSecret(secret).Equal(c.SecretHash) {
		return UnknownClient
	}
	return nil
}

// Redirect gives the redirect URI of a login: given if it is registered, byte for byte; the only one if none is
// given.
// Errors: CallbackRequired, CallbackUnknown.
func (c Client) Redirect(given string) (string, error) {
	return pickURL(c.RedirectURIs, given, "redirect_uri")
}

// StandardRedirect is Redirect as the standard endpoints have it: a URI must be given, and one on the loopback interface may
// have any port, because an app on a computer takes the one that is free (RFC 8252 §7.3). That holds for the two address
// literals only: what localhost leads to, others may decide.
// Errors: CallbackRequired, CallbackUnknown.
func (c Client) StandardRedirect(given string) (string, error) {
	if given == "" {
		return "", &Error{Code: CallbackRequired, Field: "redirect_uri"}
	}
	if bare, ok := loopback(given); ok {
		for _, u := range c.RedirectURIs {
			if registered, ok := loopback(u); ok && registered == bare {
				return given, nil
			}
		}
	}
	return c.Redirect(given)
}

// loopback gives a loopback URI without its port. It reads the bytes as they are: what a parser would make of them is
// what redirect tricks are about.
func loopback(uri string) (string, bool) {
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		rest, ok := strings.CutPrefix(uri, host)
		if !ok {
			continue
		}
		if port, found := strings.CutPrefix(rest, ":"); found {
			rest = strings.TrimLeft(port, "0123456789")
			if n := len(port) - len(rest); n == 0 || n > 5 {
				return "", false
			}
		}
		if rest == "" || (rest[0] == '/' || rest[0] == '?') && !strings.ContainsAny(rest, "#\\") && printable(rest) {
			return host + rest, true
		}
	}
	return "", false
}

// SignsPeopleIn reports whether c may start logins.
func (c Client) SignsPeopleIn() bool {
	return slices.Contains([]ClientKind{PublicClient, ConfidentialClient}, c.Kind)
}
