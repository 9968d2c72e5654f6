package latchkey

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Claims are what a token of ours says (contract.md §5, "Claims of a user token"; OIDC Core §2 for ID tokens). Field
// order is the order on the wire. Times are Unix seconds.
type Claims struct {
	Form          Form     `json:"-"` // the header's typ
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
	Scope         string   `json:"scope,omitempty"` // in tokens of RFC 9068 only
	Client        string   `json:"client_id,omitempty"`
	Grant         string   `json:"sid,omitempty"` // a GrantID: what dies with the grant
	Epoch         int      `json:"gen,omitempty"` // User.Epoch; zero is left out
	Nonce         string   `json:"nonce,omitempty"`
	AuthTime      int64    `json:"auth_time,omitempty"`
	Methods       []string `json:"amr,omitempty"` // RFC 8176; only ever ["otp"], in ID tokens
	AccessHash    string   `json:"at_hash,omitempty"`
}

// A Form is the typ in a token's header: it keeps one kind of token from being taken for another (RFC 8725 §3.11).
type Form string

// The forms.
const (
	PlainToken Form = ""       // typ JWT: user tokens, ID tokens and every token that /api gives
	AccessOnly Form = "at+jwt" // access tokens of the standard endpoints (RFC 9068 §2.1)
)

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

// WithAccessHash gives an ID token bound to the access token that comes with it (OIDC Core §3.1.3.6): the left half of
// the hash that goes with a. For Ed25519 that is SHA-512, the hash inside the signature.
func (c Claims) WithAccessHash(a Algorithm, access Secret) Claims {
	half := make([]byte, 0, 32)
	if a == EdDSA {
		sum := sha512.Sum512([]byte(access))
		half = append(half, sum[:32]...)
	} else {
		sum := sha256.Sum256([]byte(access))
		half = append(half, sum[:16]...)
	}
	c.AccessHash = base64.RawURLEncoding.EncodeToString(half)
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

// StandardToken is an AccessToken in the form of RFC 9068. Its audience is the issuer, whose own resources it opens: the
// client's id, which /api has there, is the audience of ID tokens. The claims that /api reads stay, so that the token is
// good on both; of the person it says no more than the scope asks, because any party may read it.
func StandardToken(issuer, jti string, p Project, u User, g Grant, now time.Time) Claims {
	c := AccessToken(issuer, jti, p, u, g, now)
	c.Form, c.Audience, c.Scope = AccessOnly, []string{issuer}, strings.Join(c.Scopes, " ")
	c.Groups, c.Username = nil, ""
	c.profile(UserProfile(u, g.Scope))
	return c
}

// IDToken tells the client who signed in (OIDC Core §2). Addresses are in it as the scope asks (§5.4).
func IDToken(issuer string, p Project, u User, g Grant, nonce string, now time.Time) Claims {
	c := Claims{
		Issuer: issuer, Subject: u.ID.String(), Audience: []string{strconv.FormatInt(int64(g.Client), 10)},
		IssuedAt: now.Unix(), Expires: now.Add(p.AccessLife).Unix(), Nonce: nonce, AuthTime: g.AuthTime.Unix(),
		Methods: []string{"otp"},
	}
	c.profile(UserProfile(u, g.Scope))
	return c
}

// A Profile is what a client may know of a person (OIDC Core §5.1): the answer of the userinfo endpoint.
type Profile struct {
	Subject       string `json:"sub"` // as in the ID token
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"email_verified,omitempty"`
	Phone         string `json:"phone_number,omitempty"`
	PhoneVerified bool   `json:"phone_number_verified,omitempty"`
	Name          string `json:"name,omitempty"`
	GivenName     string `json:"given_name,omitempty"`
	FamilyName    string `json:"family_name,omitempty"`
	Nickname      string `json:"nickname,omitempty"`
	Birthdate     string `json:"birthdate,omitempty"` // yyyy-MM-dd
	Gender        string `json:"gender,omitempty"`    // female, male or other
}

// UserProfile is u as far as the scope asks (OIDC Core §5.4). A phone that nobody proved is not in it.
func UserProfile(u User, scope string) Profile {
	out := Profile{Subject: u.ID.String()}
	if HasScope(scope, "email") && !u.Email.IsZero() {
		out.Email, out.EmailVerified = u.Email.Value(), true
	}
	if HasScope(scope, "phone") && !u.Phone.IsZero() {
		out.Phone, out.PhoneVerified = u.Phone.Value(), true
	}
	if HasScope(scope, "profile") {
		p := u.Person
		out.Name, out.GivenName, out.FamilyName, out.Nickname = p.FullName(), p.FirstName, p.LastName, p.Nickname
		out.Birthdate, out.Gender = p.Birthday, standardGender(p.Gender)
	}
	return out
}

// standardGender is g in the words of OIDC Core §5.1.
func standardGender(g Gender) string {
	switch g {
	case Female:
		return "female"
	case Male:
		return "male"
	case OtherGender:
		return "other"
	}
	return "" // unsaid, or not to be said
}

// ServerToken is what client_credentials gives: the client itself, no user (RFC 6749 §4.4).
func ServerToken(issuer, jti string, p Project, client ClientID, now time.Time) Claims {
	return Claims{
		Issuer: issuer, IssuedAt: now.Unix(), Expires: now.Add(p.AccessLife).Unix(), ID: jti, Project: p.ID.String(),
		Type: serverType, Client: strconv.FormatInt(int64(client), 10),
	}
}

func (c *Claims) profile(p Profile) {
	c.Email, c.EmailVerified, c.Phone, c.PhoneVerified = p.Email, p.EmailVerified, p.Phone, p.PhoneVerified
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

// OpensAccount reports whether c, a user token, opens the calls about the person's account, which show and change all that
// there is of them. A token in the form of RFC 9068 is meant for other parties and says by its scope what it is good for: it
// needs profile. Every other token was given on /api, whose clients are the project's own and know no such scope.
func (c Claims) OpensAccount() bool {
	return c.Form != AccessOnly || slices.Contains(c.Scopes, "profile")
}

// OfServer reports whether c, whose signature the key of project p verified, is a server token of p under issuer that has
// not expired.
func (c Claims) OfServer(issuer string, p ProjectID, now time.Time) bool {
	return c.Issuer == issuer && c.Project == p.String() && c.Type == serverType && c.Subject == "" && now.Unix() < c.Expires
}

// Alive reports whether the user's and the grant's state still carry c: the user exists, is not banned and was not
// logged out everywhere, and the grant, if c has one, is good (ASVS 7.4.1, 7.4.2).
func (c Claims) Alive(u User, g Grant, now time.Time) bool {
	if u.ID.IsZero() || u.ID.String() != c.Subject || u.Epoch != c.Epoch || u.Banned(now) {
		return false
	}
	return c.Grant == "" || g.ID.String() == c.Grant && g.Good(u, now)
}
