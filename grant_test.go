package latchkey_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-dev/latchkey"
)

// The example of RFC 7636, appendix B.
const (
	verifier  = latchkey.Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func code() latchkey.AuthorizationCode {
	c, u := in(latchkey.Spent), annUser()
	return latchkey.AuthorizationCode{
		ID: codeID(5), Project: c.Project, Client: c.Ask.Client, User: u.ID, Epoch: u.Epoch, Channel: c.To.Channel(),
		Redirect: c.Ask.Redirect, Scope: c.Ask.Scope, Payload: c.Ask.Payload, Nonce: c.Ask.Nonce,
		CodeChallenge: c.Ask.CodeChallenge, AuthTime: noon, Issued: noon, Expires: noon.Add(latchkey.CodeLife),
	}
}

func redemption() latchkey.Redemption {
	return latchkey.Redemption{
		ID: codeID(5), Project: project, Client: 7, Redirect: "https://game.example/cb", NewGrant: grantID(6),
		Life: 90 * 24 * time.Hour, Access: time.Hour, From: home,
	}
}

func TestRedemptionVerdicts(t *testing.T) {
	t.Parallel()
	withPKCE := code()
	withPKCE.CodeChallenge = challenge
	for name, c := range map[string]struct {
		code  latchkey.AuthorizationCode
		user  func(latchkey.User) latchkey.User
		ask   func(*latchkey.Redemption)
		after time.Duration
		ok    bool
	}{
		"right":                     {code: code(), ok: true},
		"just alive":                {code: code(), after: 60*time.Second - 1, ok: true},
		"dead at the exact instant": {code: code(), after: 60 * time.Second},
		"unknown code":              {},
		"another client":            {code: code(), ask: func(r *latchkey.Redemption) { r.Client = 8 }},
		"another project":           {code: code(), ask: func(r *latchkey.Redemption) { r.Project = foreign }},
		"another redirect URI":      {code: code(), ask: func(r *latchkey.Redemption) { r.Redirect += "/" }},
		"no redirect URI":           {code: code(), ask: func(r *latchkey.Redemption) { r.Redirect = "" }},
		"verifier without challenge (RFC 9700 §2.1.1)": {
			code: code(), ask: func(r *latchkey.Redemption) { r.Verifier = verifier }},
		"PKCE":                    {code: withPKCE, ask: func(r *latchkey.Redemption) { r.Verifier = verifier }, ok: true},
		"PKCE, no verifier":       {code: withPKCE},
		"PKCE, wrong verifier":    {code: withPKCE, ask: func(r *latchkey.Redemption) { r.Verifier = verifier[1:] + "A" }},
		"PKCE, plain":             {code: withPKCE, ask: func(r *latchkey.Redemption) { r.Verifier = challenge }},
		"PKCE, short verifier":    {code: withPKCE, ask: func(r *latchkey.Redemption) { r.Verifier = verifier[:42] }},
		"the user is gone":        {code: code(), user: func(latchkey.User) latchkey.User { return latchkey.User{} }},
		"the user was banned":     {code: code(), user: banned},
		"the user logged out":     {code: code(), user: latchkey.User.LogOut},
		"the user logged in":      {code: code(), user: func(u latchkey.User) latchkey.User { return u.LogIn(false, "n", noon) }, ok: true},
		"and everywhere else out": {code: code(), user: func(u latchkey.User) latchkey.User { return u.LogIn(true, "n", noon) }},
	} {
		r, u := redemption(), annUser()
		if c.ask != nil {
			c.ask(&r)
		}
		if c.user != nil {
			u = c.user(u)
		}
		out := r.Judge(c.code, latchkey.Session{}, u, noon.Add(c.after))
		if (out.Verdict == nil) != c.ok || !c.ok && !errors.Is(out.Verdict, latchkey.BadGrant) {
			t.Errorf("%s: %v, want a grant: %v", name, out.Verdict, c.ok)
		}
		if !c.ok && (out.Code != c.code || out.Grant != (latchkey.Grant{}) || !out.Revoke.IsZero()) {
			t.Errorf("%s: a refusal spoils the code or gives something: %+v", name, out)
		}
		if !c.ok && out.Event.Kind != latchkey.GrantRefused || c.ok && out.Event.Kind != latchkey.GrantCreated {
			t.Errorf("%s: event %s", name, out.Event.Kind)
		}
		if c.ok && (out.Code.Grant != r.NewGrant || out.Grant.ID != r.NewGrant || out.Event.Grant != r.NewGrant) {
			t.Errorf("%s: code %v, grant %v, want %v", name, out.Code.Grant, out.Grant.ID, r.NewGrant)
		}
	}
}

// A verifier that could be guessed is refused even if its challenge fits.
func TestRFC7636_ShortVerifierIsRefused(t *testing.T) {
	t.Parallel()
	c, r := code(), redemption()
	sum := sha256.Sum256([]byte("abc"))
	c.CodeChallenge, r.Verifier = base64.RawURLEncoding.EncodeToString(sum[:]), "abc"
	if out := r.Judge(c, latchkey.Session{}, annUser(), noon); !errors.Is(out.Verdict, latchkey.BadGrant) {
		t.Errorf("verdict %v", out.Verdict)
	}
}

func TestASVS_10_4_2_CodeReuseRevokesWhatItGave(t *testing.T) {
	t.Parallel()
	first := redemption().Judge(code(), latchkey.Session{}, annUser(), noon)
	for name, change := range map[string]func(*latchkey.Redemption){
		"the same client again": func(*latchkey.Redemption) {},
		"another client":        func(r *latchkey.Redemption) { r.Client = 8 },
		"another redirect URI":  func(r *latchkey.Redemption) { r.Redirect = "https://evil.example" },
		"without the verifier":  func(r *latchkey.Redemption) { r.Verifier = "x" },
	} {
		r := redemption()
		r.NewGrant = grantID(7)
		change(&r)
		for _, after := range []time.Duration{0, time.Second, time.Minute, 5 * time.Minute} {
			out := r.Judge(first.Code, latchkey.Session{}, annUser(), noon.Add(after))
			if !errors.Is(out.Verdict, latchkey.BadGrant) || out.Revoke != grantID(6) || out.Event.Kind != latchkey.GrantRevoked ||
				out.Event.Grant != grantID(6) || out.Grant != (latchkey.Grant{}) || out.Code != first.Code {
				t.Errorf("%s, %v later: %+v", name, after, out)
			}
		}
	}
}

// A person who signs out while a code is on its way leaves what they would have left a moment later: a grant with refresh
// tokens, and no other.
func TestCodeOfASessionThatEnded(t *testing.T) {
	t.Parallel()
	for scope, stays := range map[string]bool{"openid": false, "": false, "openid offline": true, "offline_access": true} {
		c := code()
		c.Scope, c.Session = scope, sessionID(8)
		out := redemption().Judge(c, annSession(), annUser(), noon)
		if out.Verdict != nil || out.Grant.Session != sessionID(8) {
			t.Errorf("scope %q, the session lives: %v, grant of session %v", scope, out.Verdict, out.Grant.Session)
		}
		out = redemption().Judge(c, latchkey.Session{}, annUser(), noon)
		if (out.Verdict == nil) != stays {
			t.Errorf("scope %q, the session ended: %v, want a grant: %v", scope, out.Verdict, stays)
		}
		if !stays && (out.Code != c || out.Grant != (latchkey.Grant{}) || out.Event.Kind != latchkey.GrantRefused) {
			t.Errorf("scope %q, the session ended: %+v", scope, out)
		}
	}
}

func TestASVS_10_4_3_CodeLivesAMinute(t *testing.T) {
	t.Parallel()
	if c := code(); c.Expires.Sub(c.Issued) > time.Minute || latchkey.CodeLife > time.Minute {
		t.Errorf("an authorization code lives %v", c.Expires.Sub(c.Issued))
	}
}

func TestRedeemedGrant(t *testing.T) {
	t.Parallel()
	later := noon.Add(10 * time.Second)
	got := redemption().Judge(code(), latchkey.Session{}, annUser(), later).Grant
	want := latchkey.Grant{
		ID: grantID(6), Project: project, Client: 7, User: annID, Channel: latchkey.Email, Scope: "offline openid", Payload: "p",
		AuthTime: noon, Created: later, Rotated: later, Expires: later.Add(90 * 24 * time.Hour),
	}
	if got != want {
		t.Errorf("grant %+v, want %+v", got, want)
	}
	online := code()
	online.Scope = "openid"
	if g := redemption().Judge(online, latchkey.Session{}, annUser(), later).Grant; g.Offline() || !g.Expires.Equal(later.Add(time.Hour)) {
		t.Errorf("a grant without refresh tokens lives until %v, as long as its access token until %v", g.Expires, later.Add(time.Hour))
	}
}

func TestRFC7636_4_1_VerifierForm(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		verifier.Reveal():              true,
		strings.Repeat("a", 43):        true,
		strings.Repeat("~", 128):       true,
		strings.Repeat("a", 42):        false,
		strings.Repeat("a", 129):       false,
		"":                             false,
		strings.Repeat("a", 42) + "+":  false,
		strings.Repeat("a", 42) + "=":  false,
		strings.Repeat("a", 42) + "/":  false,
		strings.Repeat("a", 42) + "\n": false,
		strings.Repeat("a", 42) + "é":  false,
		strings.Repeat("a", 21) + " " + strings.Repeat("a", 21): false,
	} {
		if got := latchkey.ValidVerifier(in); got != want {
			t.Errorf("ValidVerifier(%q) = %v", in, got)
		}
	}
}

// family is ann's grant after n rotations, the last one at noon.
func family(n uint32) latchkey.Grant {
	return latchkey.Grant{
		ID: grantID(6), Project: project, Client: 7, User: annID, Channel: latchkey.Email, Scope: "offline email", Generation: n,
		AuthTime: noon.Add(-time.Hour), Created: noon.Add(-time.Hour), Rotated: noon, Expires: noon.Add(24 * time.Hour),
	}
}

func rotation(generation uint32) latchkey.Rotation {
	return latchkey.Rotation{ID: grantID(6), Generation: generation, Project: project, Client: 7, From: home}
}

func TestASVS_10_4_5_FamilyRevocation(t *testing.T) {
	t.Parallel()
	type verdict int
	const (
		refused verdict = iota
		rotated
		again
		revoked
	)
	for name, c := range map[string]struct {
		grant latchkey.Grant
		use   latchkey.Rotation
		user  func(latchkey.User) latchkey.User
		after time.Duration
		want  verdict
	}{
		"the newest":                       {grant: family(3), use: rotation(3), want: rotated},
		"the first":                        {grant: family(0), use: rotation(0), want: rotated},
		"the newest, much later":           {grant: family(3), use: rotation(3), after: 23 * time.Hour, want: rotated},
		"the one before, at once":          {grant: family(3), use: rotation(2), want: again},
		"the one before, 29.999 s later":   {grant: family(3), use: rotation(2), after: 30*time.Second - 1, want: again},
		"the one before, 30 s later":       {grant: family(3), use: rotation(2), after: 30 * time.Second, want: revoked},
		"an older one, at once":            {grant: family(3), use: rotation(1), want: revoked},
		"the first one of three":           {grant: family(3), use: rotation(0), want: revoked},
		"one that does not exist yet":      {grant: family(3), use: rotation(4)},
		"the largest there is":             {grant: family(0), use: rotation(^uint32(0))},
		"the family is over":               {grant: family(3), use: rotation(3), after: 24 * time.Hour},
		"the family is over, an older one": {grant: family(3), use: rotation(0), after: 24 * time.Hour},
		"the user was banned":              {grant: family(3), use: rotation(3), user: banned},
		"the user logged out":              {grant: family(3), use: rotation(3), user: latchkey.User.LogOut},
		"the user is gone":                 {grant: family(3), use: rotation(3), user: func(latchkey.User) latchkey.User { return latchkey.User{} }},
		"another user":                     {grant: family(3), use: rotation(3), user: func(u latchkey.User) latchkey.User { u.ID.UUID[0] = 2; return u }},
		"no such grant":                    {use: rotation(0)},
	} {
		u := annUser()
		if c.user != nil {
			u = c.user(u)
		}
		now := noon.Add(c.after)
		out := c.use.Judge(c.grant, u, now)
		want := c.grant
		kind := latchkey.GrantRefused
		switch c.want {
		case rotated:
			want.Generation, want.Rotated, kind = c.grant.Generation+1, now, latchkey.GrantRotated
		case again:
			kind = latchkey.GrantRotated
		case revoked:
			want.Revoked, kind = now, latchkey.GrantRevoked
		}
		if out.Grant != want {
			t.Errorf("%s: grant %+v, want %+v", name, out.Grant, want)
		}
		if ok := c.want == rotated || c.want == again; ok != (out.Verdict == nil) || !ok && !errors.Is(out.Verdict, latchkey.BadGrant) {
			t.Errorf("%s: verdict %v", name, out.Verdict)
		}
		if out.Event.Kind != kind || out.Event.Grant != grantID(6) || out.Event.Client != 7 {
			t.Errorf("%s: event %+v", name, out.Event)
		}
	}
}

// A token that another client presents is refused without a trace: neither rotated nor revoked, or any client could
// end any other's sessions.
func TestRotationOfAForeignGrant(t *testing.T) {
	t.Parallel()
	dead := family(3)
	dead.Revoked = noon.Add(-time.Second)
	online := family(3)
	online.Scope = "email"
	for name, c := range map[string]struct {
		grant  latchkey.Grant
		change func(*latchkey.Rotation)
	}{
		"another client":          {family(3), func(r *latchkey.Rotation) { r.Client = 8 }},
		"another project":         {family(3), func(r *latchkey.Rotation) { r.Project = foreign }},
		"revoked":                 {dead, func(*latchkey.Rotation) {}},
		"a grant without offline": {online, func(*latchkey.Rotation) {}},
	} {
		for generation := range uint32(4) {
			r := rotation(generation)
			c.change(&r)
			if out := r.Judge(c.grant, annUser(), noon); !errors.Is(out.Verdict, latchkey.BadGrant) || out.Grant != c.grant {
				t.Errorf("%s, generation %d: %v, %+v", name, generation, out.Verdict, out.Grant)
			}
		}
	}
}

func TestRFC6749_6_RefreshScopeIsNeverWider(t *testing.T) {
	t.Parallel()
	for scope, want := range map[string]error{
		"": nil, "email": nil, "offline email": nil, "email  offline": nil,
		"phone": latchkey.InvalidScope, "email phone": latchkey.InvalidScope, "emai": latchkey.InvalidScope,
	} {
		r := rotation(3)
		r.Scope = scope
		out := r.Judge(family(3), annUser(), noon)
		if !errors.Is(out.Verdict, want) || want == nil && out.Verdict != nil {
			t.Errorf("scope %q: %v, want %v", scope, out.Verdict, want)
		}
		if want != nil && out.Grant != family(3) {
			t.Errorf("scope %q: a refusal changed the grant: %+v", scope, out.Grant)
		}
		if out.Grant.Scope != family(3).Scope {
			t.Errorf("scope %q: the grant's own scope became %q", scope, out.Grant.Scope)
		}
	}
}

// Whoever uses whichever token of a family whenever: it has one head, which only its newest token moves, by one; what
// is revoked or over stays so; and a token older than the one before the newest never opens anything.
func TestRFC9700_4_14_2_FamilyHasOneHead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g, now := family(0), noon
		for range rapid.IntRange(1, 30).Draw(t, "uses") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			generation := rapid.Uint32Range(0, g.Generation+1).Draw(t, "generation")
			out := rotation(generation).Judge(g, annUser(), now)
			switch {
			case !g.Revoked.IsZero() && (out.Verdict == nil || out.Grant != g):
				t.Fatalf("a revoked family moved: %v", out.Verdict)
			case out.Verdict == nil && generation == g.Generation && out.Grant.Generation != g.Generation+1:
				t.Fatalf("the newest token left generation %d of %d", out.Grant.Generation, g.Generation)
			case out.Verdict == nil && generation != g.Generation && (out.Grant != g || generation+1 != g.Generation ||
				now.Sub(g.Rotated) >= latchkey.RotationGrace):
				t.Fatalf("token %d of %d opened %+v, %v after the rotation", generation, g.Generation, out.Grant, now.Sub(g.Rotated))
			case out.Verdict != nil && out.Grant.Generation != g.Generation:
				t.Fatal("a refusal moved the head")
			case out.Verdict != nil && generation <= g.Generation && out.Grant.Revoked.IsZero():
				t.Fatalf("token %d of %d was refused and the family lives", generation, g.Generation)
			case !out.Grant.Expires.Equal(g.Expires):
				t.Fatal("a rotation lengthened the family's life (ASVS 10.4.8)")
			}
			g = out.Grant
		}
	})
}

func TestOfflineScope(t *testing.T) {
	t.Parallel()
	for scope, want := range map[string]bool{
		"offline": true, "openid offline": true, "offline_access": true, "": false, "offlinex": false, "openid email": false, "OFFLINE": false,
	} {
		if got := (latchkey.Grant{Scope: scope}).Offline(); got != want {
			t.Errorf("scope %q: offline %v", scope, got)
		}
	}
}

// RFC 9700 §2.1.1: where PKCE is asked for, a code that was made without it is worth nothing.
func TestRFC9700_2_1_1_CodeWithoutPKCE(t *testing.T) {
	t.Parallel()
	r := redemption()
	r.Proof = true
	if out := r.Judge(code(), latchkey.Session{}, annUser(), noon); !errors.Is(out.Verdict, latchkey.BadGrant) {
		t.Errorf("a code without PKCE: verdict %v, want BadGrant", out.Verdict)
	}
	c := code()
	c.CodeChallenge, r.Verifier = challenge, verifier
	if out := r.Judge(c, latchkey.Session{}, annUser(), noon); out.Verdict != nil {
		t.Errorf("a code with PKCE: verdict %v", out.Verdict)
	}
}
