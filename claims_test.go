package latchkey_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

var update = flag.Bool("update", false, "write the golden files anew")

const issuer = "https://id.example.com/p/aa000000-0000-0000-0000-000000000000"

func bothUser() latchkey.User {
	u := annUser()
	u.Phone, u.Epoch = phone, 2
	return u
}

func contactUser() latchkey.User {
	u := annUser()
	u.ContactPhone = phone
	return u
}

func phoneUser() latchkey.User {
	u := annUser()
	u.Email, u.Phone = latchkey.Address{}, phone
	return u
}

// The bytes of every kind of token, as contract.md §5 has them.
func TestClaimsOnTheWire(t *testing.T) {
	t.Parallel()
	g := family(0)
	g.Scope, g.Payload = "offline openid email", "p"
	all := g
	all.Scope = "openid email phone"
	bare := g
	bare.Scope = ""
	tokens := map[string]latchkey.Claims{
		"user_email":         latchkey.UserToken(issuer, "jti", demo(), annUser(), latchkey.Email, "", noon),
		"user_phone":         latchkey.UserToken(issuer, "jti", demo(), phoneUser(), latchkey.Phone, "", noon),
		"user_both_payload":  latchkey.UserToken(issuer, "jti", demo(), bothUser(), latchkey.Email, `{"room":7}`, noon),
		"user_contact_phone": latchkey.UserToken(issuer, "jti", demo(), contactUser(), latchkey.Email, "", noon),
		"access":             latchkey.AccessToken(issuer, "jti", demo(), annUser(), g, noon),
		"access_no_scope":    latchkey.AccessToken(issuer, "jti", demo(), annUser(), bare, noon),
		"id_email":           latchkey.IDToken(issuer, demo(), bothUser(), g, "n-0S6_WzA2Mj", noon),
		"id_all":             latchkey.IDToken(issuer, demo(), bothUser(), all, "", noon),
		"id_bare":            latchkey.IDToken(issuer, demo(), bothUser(), bare, "", noon),
		"standard":           latchkey.StandardToken(issuer, "jti", demo(), annUser(), g, noon),
		"id_bound":           latchkey.IDToken(issuer, demo(), annUser(), bare, "", noon).WithAccessHash(latchkey.RS256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
		"server":             latchkey.ServerToken(issuer, "jti", demo(), 3, noon),
	}
	for name, c := range tokens {
		got, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		path := filepath.Join("testdata", "claims", name+".json")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n%s\nwant (go test -update writes it anew)\n%s", name, err, got, want)
		}
		var back latchkey.Claims
		if err := json.Unmarshal(got, &back); err != nil {
			t.Errorf("%s does not come back: %v", name, err)
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "claims", "*.json"))
	if err != nil || len(files) != len(tokens) {
		t.Errorf("%d golden files for %d tokens", len(files), len(tokens))
	}
}

// An access token never outlives its grant: there would be nothing left to revoke.
func TestAccessTokenDiesWithItsGrant(t *testing.T) {
	t.Parallel()
	g := family(0)
	g.Expires = noon.Add(10 * time.Minute)
	if c := latchkey.AccessToken(issuer, "jti", demo(), annUser(), g, noon); c.Expires != g.Expires.Unix() {
		t.Errorf("expires at %v, the grant at %v", time.Unix(c.Expires, 0).UTC(), g.Expires)
	}
}

// Only user tokens open user calls: neither ID tokens nor server tokens, nor those of another project or issuer, nor
// expired ones.
func TestASVS_9_2_2_OnlyUserTokensAreUserTokens(t *testing.T) {
	t.Parallel()
	user := latchkey.UserToken(issuer, "jti", demo(), annUser(), latchkey.Email, "", noon)
	access := latchkey.AccessToken(issuer, "jti", demo(), annUser(), family(0), noon)
	change := func(f func(*latchkey.Claims)) latchkey.Claims {
		c := user
		f(&c)
		return c
	}
	for name, c := range map[string]struct {
		claims latchkey.Claims
		now    time.Time
		want   bool
	}{
		"user token":                {user, noon, true},
		"access token":              {access, noon, true},
		"its last second":           {user, noon.Add(24*time.Hour - time.Second), true},
		"dead at the exact instant": {user, noon.Add(24 * time.Hour), false},
		"access token, expired":     {access, noon.Add(time.Hour), false},
		"ID token":                  {latchkey.IDToken(issuer, demo(), annUser(), family(0), "", noon), noon, false},
		"ID token with a nonce":     {latchkey.IDToken(issuer, demo(), annUser(), family(0), "n", noon), noon, false},
		"server token":              {latchkey.ServerToken(issuer, "jti", demo(), 3, noon), noon, false},
		"nothing":                   {latchkey.Claims{}, noon, false},
		"another issuer":            {change(func(c *latchkey.Claims) { c.Issuer += "/" }), noon, false},
		"another project":           {change(func(c *latchkey.Claims) { c.Project = foreign.String() }), noon, false},
		"no project":                {change(func(c *latchkey.Claims) { c.Project = "" }), noon, false},
		"no subject":                {change(func(c *latchkey.Claims) { c.Subject = "" }), noon, false},
		"unknown type":              {change(func(c *latchkey.Claims) { c.Type = "password" }), noon, false},
		"no expiry":                 {change(func(c *latchkey.Claims) { c.Expires = 0 }), noon, false},
		"with a nonce":              {change(func(c *latchkey.Claims) { c.Nonce = "n" }), noon, false},
		"with auth_time":            {change(func(c *latchkey.Claims) { c.AuthTime = 1 }), noon, false},
	} {
		if got := c.claims.OfUser(issuer, project, c.now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// ASVS 7.4.2: what a ban, a logout or a revocation ends is dead at once, whatever its exp says.
func TestASVS_7_4_1_RevokedTokensAreDead(t *testing.T) {
	t.Parallel()
	user := latchkey.UserToken(issuer, "jti", demo(), annUser(), latchkey.Email, "", noon)
	access := latchkey.AccessToken(issuer, "jti", demo(), annUser(), family(0), noon)
	revoked, old, moved := family(0), family(0), family(0)
	revoked.Revoked = noon
	old.Expires = noon
	moved.ID = grantID(9)
	other := annUser()
	other.ID = latchkey.UserID{UUID: latchkey.UUID{2}}
	lifted, tomorrow := banned(annUser()), banned(annUser())
	lifted.Ban.Until = noon
	tomorrow.Ban.From = noon.Add(24 * time.Hour)
	for name, c := range map[string]struct {
		claims latchkey.Claims
		user   latchkey.User
		grant  latchkey.Grant
		want   bool
	}{
		"user token":                    {user, annUser(), latchkey.Grant{}, true},
		"access token":                  {access, annUser(), family(0), true},
		"access token, grant rotated":   {access, annUser(), family(5), true},
		"the user is gone":              {user, latchkey.User{}, latchkey.Grant{}, false},
		"another user":                  {user, other, latchkey.Grant{}, false},
		"banned":                        {user, banned(annUser()), latchkey.Grant{}, false},
		"banned, access token":          {access, banned(annUser()), family(0), false},
		"the ban is over":               {user, lifted, latchkey.Grant{}, true},
		"the ban is to come":            {user, tomorrow, latchkey.Grant{}, true},
		"logged out":                    {user, annUser().LogOut(), latchkey.Grant{}, false},
		"logged out, access token":      {access, annUser().LogOut(), family(0), false},
		"with_logout elsewhere":         {user, annUser().LogIn(true, "n", noon), latchkey.Grant{}, false},
		"logged in elsewhere":           {user, annUser().LogIn(false, "n", noon), latchkey.Grant{}, true},
		"the grant was revoked":         {access, annUser(), revoked, false},
		"the grant is over":             {access, annUser(), old, false},
		"the grant is gone":             {access, annUser(), latchkey.Grant{}, false},
		"another grant":                 {access, annUser(), moved, false},
		"a user token needs no grant":   {user, annUser(), revoked, true},
		"a token of a later epoch":      {latchkey.UserToken(issuer, "j", demo(), annUser().LogOut(), latchkey.Email, "", noon), annUser(), latchkey.Grant{}, false},
		"a token after the last logout": {latchkey.UserToken(issuer, "j", demo(), annUser().LogOut(), latchkey.Email, "", noon), annUser().LogOut(), latchkey.Grant{}, true},
	} {
		if got := c.claims.Alive(c.user, c.grant, noon); got != c.want {
			t.Errorf("%s: alive %v", name, got)
		}
	}
}

func TestBanEdges(t *testing.T) {
	t.Parallel()
	u := annUser()
	u.Ban = latchkey.Ban{From: noon, Until: noon.Add(time.Hour)}
	forGood := annUser()
	forGood.Ban = latchkey.Ban{From: noon}
	for after, want := range map[time.Duration][2]bool{
		-1: {false, false}, 0: {true, true}, time.Hour - 1: {true, true}, time.Hour: {false, true}, 1e6 * time.Hour: {false, true},
	} {
		if got := [2]bool{u.Banned(noon.Add(after)), forGood.Banned(noon.Add(after))}; got != want {
			t.Errorf("%v after the start: %v, want %v", after, got, want)
		}
	}
	if annUser().Banned(noon) {
		t.Error("the zero Ban keeps someone out")
	}
}

// The example of OIDC Core, appendix A.3, and the two lengths of the hash.
func TestOIDCCore_3_1_3_6_AccessHash(t *testing.T) {
	t.Parallel()
	for a, want := range map[latchkey.Algorithm]int{latchkey.HS256: 22, latchkey.RS256: 22, latchkey.ES256: 22, latchkey.EdDSA: 43} {
		c := latchkey.Claims{}.WithAccessHash(a, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y")
		if len(c.AccessHash) != want {
			t.Errorf("%s: at_hash %q has %d characters, want %d", a, c.AccessHash, len(c.AccessHash), want)
		}
		if a != latchkey.EdDSA && c.AccessHash != "77QmUPtjPfzWtF2AnpK9RQ" {
			t.Errorf("%s: at_hash %q is not the example's", a, c.AccessHash)
		}
	}
}

// A profile says no more than its scope, and nothing that nobody proved.
func TestOIDCCore_5_4_ScopeBoundsTheProfile(t *testing.T) {
	t.Parallel()
	id := annID.String()
	both := bothUser()
	for name, c := range map[string]struct {
		user  latchkey.User
		scope string
		want  latchkey.Profile
	}{
		"openid alone":      {both, "openid", latchkey.Profile{Subject: id}},
		"email":             {both, "openid email", latchkey.Profile{Subject: id, Email: both.Email.Value(), EmailVerified: true}},
		"phone":             {both, "openid phone", latchkey.Profile{Subject: id, Phone: both.Phone.Value(), PhoneVerified: true}},
		"a phone not there": {annUser(), "openid phone", latchkey.Profile{Subject: id}},
		"a phone unproven":  {contactUser(), "openid phone", latchkey.Profile{Subject: id}},
	} {
		if got := latchkey.UserProfile(c.user, c.scope); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
