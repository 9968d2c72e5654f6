package latchkey

import (
	"strconv"
	"strings"
	"time"
)

// Claims are what a token of ours says (contract.md §5, "Claims of a user token"; OIDC Core §2 for ID tokens). Field
// order is the order on the wire. Times are Unix seconds.
type Claims struct {
	Issuer        string   `json:"iss"`
	Subject       string   `json:"sub,omitempty"` // a UserID; absent in server tokens
	Audience      []string `json:"aud,omitempty"` // always an array
	IssuedAt      int64    `json:"iat"`
	Expires       int64    `json:"exp"`
	ID            string   `json:"jti,omitempty"`
	Project       string   `json:"xsolla_login_project_id,omitempty"` // absent in ID tokens
	Type          string   `json:"type,omitempty"`                    // email, phone, or server; absent in ID tokens
	Groups        *[]Group `json:"groups,omitempty"`                  // present, and [], in user tokens
	Email         string   `json:"email,omitempty"`
	EmailVerified bool     `json:"email_verified,omitempty"`
	Phone         string   `json:"phone_number,omitempty"`
	PhoneVerified bool     `json:"phone_number_verified,omitempty"`
	Username      string   `json:"username,omitempty"`
	Payload       string   `json:"payload,omitempty"`
	Scopes        []string `json:"scp,omitempty"`
	Client        string   `json:"client_id,omitempty"`
	Grant         string   `json:"sid,omitempty"` // a GrantID: what dies with the grant
	Epoch         int      `json:"gen,omitempty"` // User.Epoch; zero is left out
	Nonce         string   `json:"nonce,omitempty"`
	AuthTime      int64    `json:"auth_time,omitempty"`
	Methods       []string `json:"amr,omitempty"` // RFC 8176; only ever ["otp"], in ID tokens
}

// A Group is part of a user token's groups claim. Latchkey keeps no groups; the claim is required and empty.
type Group struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	IsDefault bool   `json:"is_default"`
}

// The types of tokens. A user token's type is the channel that the user signed in by. Only user tokens open user
// calls (ASVS 9.2.2).
const serverType = "server"

// Issuer is the `iss` of a project's tokens.
func Issuer(publicURL string, p ProjectID) string { return publicURL + "/p/" + p.String() }

// UserToken is what a JWT login ends with: the claims of a user token for u, who signed in by ch.
func UserToken(issuer, jti string, p Project, u User, ch Channel, payload string, now time.Time) Claims {
	c := Claims{
		Issuer: issuer, Subject: u.ID.String(), IssuedAt: now.Unix(), Expires: now.Add(p.TokenLife).Unix(), ID: jti,
		Project: p.ID.String(), Type: string(ch), Groups: &[]Group{}, Username: u.Name(), Payload: payload, Epoch: u.Epoch,
	}
	c.addresses(u)
	return c
}

// AccessToken is the OAuth 2.0 form of a user token: it names the client, the scope and the grant, and lives for the
// project's AccessLife.
func AccessToken(issuer, jti string, p Project, u User, g Grant, now time.Time) Claims {
	c := UserToken(issuer, jti, p, u, g.Channel, g.Payload, now)
	c.Expires = min(now.Add(p.AccessLife).Unix(), g.Expires.Unix())
	c.Client = strconv.FormatInt(int64(g.Client), 10)
	c.Audience = []string{c.Client}
	c.Scopes = strings.Fields(g.Scope)
	c.Grant = g.ID.String()
	return c
}

// IDToken tells the client who signed in (OIDC Core §2). Addresses are in it as the scope asks (§5.4).
func IDToken(issuer string, p Project, u User, g Grant, nonce string, now time.Time) Claims {
	c := Claims{
		Issuer: issuer, Subject: u.ID.String(), Audience: []string{strconv.FormatInt(int64(g.Client), 10)},
		IssuedAt: now.Unix(), Expires: now.Add(p.AccessLife).Unix(), Nonce: nonce, AuthTime: g.AuthTime.Unix(),
		Methods: []string{"otp"},
	}
	c.addresses(u)
	if !HasScope(g.Scope, "email") {
		c.Email, c.EmailVerified = "", false
	}
	if !HasScope(g.Scope, "phone") {
		c.Phone, c.PhoneVerified = "", false
	}
	return c
}

// ServerToken is what client_credentials gives: the client itself, no user (RFC 6749 §4.4).
func ServerToken(issuer, jti string, p Project, client ClientID, now time.Time) Claims {
	return Claims{
		Issuer: issuer, IssuedAt: now.Unix(), Expires: now.Add(p.AccessLife).Unix(), ID: jti, Project: p.ID.String(),
		Type: serverType, Client: strconv.FormatInt(int64(client), 10),
	}
}

func (c *Claims) addresses(u User) {
	if !u.Email.IsZero() {
		c.Email, c.EmailVerified = u.Email.Value(), true
	}
	switch {
	case !u.Phone.IsZero():
		c.Phone, c.PhoneVerified = u.Phone.Value(), true
	case !u.ContactPhone.IsZero():
		c.Phone = u.ContactPhone.Value()
	}
}

// OfUser reports whether c, whose signature the key of project p verified, is a user token of p under issuer that has
// not expired. What the store knows of the user and the grant comes on top: Alive.
func (c Claims) OfUser(issuer string, p ProjectID, now time.Time) bool {
	return c.Issuer == issuer && c.Project == p.String() && Channel(c.Type).Valid() && c.Subject != "" &&
		now.Unix() < c.Expires && c.Nonce == "" && c.AuthTime == 0
}

// Alive reports whether the user's and the grant's state still carry c: the user exists, is not banned and was not
// logged out everywhere, and the grant, if c has one, is good (ASVS 7.4.1, 7.4.2).
func (c Claims) Alive(u User, g Grant, now time.Time) bool {
	if u.ID.IsZero() || u.ID.String() != c.Subject || u.Epoch != c.Epoch || u.Banned(now) {
		return false
	}
	return c.Grant == "" || g.ID.String() == c.Grant && g.Good(u, now)
}
