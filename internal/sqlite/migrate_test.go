package sqlite

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// openOld makes a database as it was after so many migrations, with what script puts in, and opens it with today's program.
func openOld(t *testing.T, version int, fill string) *Store {
	t.Helper()
	all, err := migrationNames()
	must(t, err)
	path := filepath.Join(t.TempDir(), "latchkey.db")
	for _, name := range all[:version] {
		text, err := migrations.ReadFile("migrations/" + name)
		must(t, err)
		script(t, path, string(text)+";SELECT 1") // a script that ends in a comment is refused
	}
	script(t, path, fmt.Sprintf("%s; PRAGMA application_id = %d; PRAGMA user_version = %d", fill, applicationID, version))
	s := openAt(t, path)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// TestSessionsMigration: who upgrades finds settings as a new project has them, clients that may no more than before, and
// codes and grants that still work.
func TestSessionsMigration(t *testing.T) {
	t.Parallel()
	fill := strings.NewReplacer(
		"$project", "x'00000000000000000000000000000001'", "$user", "x'00000000000000000000000000000002'",
		"$code", "x'000000000000000000000000000000000000000000000003'", "$grant", "x'000000000000000000000000000000000000000000000004'",
	).Replace(`
		INSERT INTO projects VALUES ($project, 'Old', '', 'RS256', 1, 1, 1, 6, 1, 5, 'button', '', '', 0, '{}');
		INSERT INTO clients VALUES (7, $project, 'Game', 'public', NULL, '["app://x"]', 1);
		INSERT INTO users VALUES ($user, $project, 'ann@example.com', NULL, NULL, 5, 6, 0, 0, '', 3);
		INSERT INTO codes VALUES ($code, $project, 7, $user, 3, 'email', 'app://x',
			'openid', '', '', '', 1000000, 61000000, NULL);
		INSERT INTO grants VALUES ($grant, $project, 7, $user, 3, 'email', 'offline',
			'', 2, 1000000, 2000000, 3000000, 9000000, 0)`)
	s := openOld(t, 1, fill)
	id := func(n byte) latchkey.UUID { return latchkey.UUID{15: n} }
	project, user := latchkey.ProjectID{UUID: id(1)}, latchkey.UserID{UUID: id(2)}

	p, err := s.Project(t.Context(), project)
	must(t, err)
	fresh := latchkey.NewProject(project, "Old", time.Time{})
	if p.Sessions != fresh.Sessions || !reflect.DeepEqual(p.Look, fresh.Look) {
		t.Errorf("project: sessions %+v, look %+v; want those of a new one, %+v and %+v", p.Sessions, p.Look, fresh.Sessions, fresh.Look)
	}
	c, err := s.Client(t.Context(), 7)
	must(t, err)
	if want := (latchkey.Client{
		ID: 7, Project: project, Name: "Game", Kind: latchkey.PublicClient, RedirectURIs: []string{"app://x"}, PKCERequired: true,
	}); !reflect.DeepEqual(c, want) {
		t.Errorf("client %+v, want %+v", c, want)
	}
	u, g, err := s.Standing(t.Context(), user, latchkey.GrantID{Handle: latchkey.Handle{23: 4}})
	must(t, err)
	if u.ID != user || u.Epoch != 3 || u.Person != (latchkey.Person{}) {
		t.Errorf("user %+v", u)
	}
	if g.Generation != 2 || g.Scope != "offline" || !g.Session.IsZero() || g.Expires != time.UnixMicro(9000000).UTC() {
		t.Errorf("grant %+v", g)
	}
	now := time.UnixMicro(2000000).UTC()
	out, err := s.RedeemCode(t.Context(), latchkey.Redemption{
		ID: latchkey.CodeID{Handle: latchkey.Handle{23: 3}}, Project: project, Client: 7, Redirect: "app://x",
		NewGrant: latchkey.GrantID{Handle: latchkey.Handle{23: 5}}, Access: time.Hour,
	}, now)
	must(t, err)
	must(t, out.Verdict)
	if want := time.UnixMicro(1000000).UTC(); out.Code.AuthTime != want || out.Grant.AuthTime != want {
		t.Errorf("the code's person proved the address at %v, the grant's at %v, want %v", out.Code.AuthTime, out.Grant.AuthTime, want)
	}
}

// TestPackedMigration: who was sent a code before an upgrade signs in with it after it, whatever is in the texts.
func TestPackedMigration(t *testing.T) {
	t.Parallel()
	s := openOld(t, 8, `
		INSERT INTO challenges VALUES (x'000000000000000000000000000000000000000000000001', x'00000000000000000000000000000002',
			'email', 'änn@example.com', 'oauth2', 7, 'app://x', 'st:at;e', 'openid', 'p' || char(10) || 'ö', 'n', 'c', 1, 'de',
			x'7f000001', 'A "browser"', 'approved', 6, 1, 0, 'https://example.com/', x'00ff', 2, 5, 1, 3000000, 9000000);
		INSERT INTO challenges VALUES (x'000000000000000000000000000000000000000000000002', x'00000000000000000000000000000002',
			'phone', '+4915112345678', 'jwt', 0, '', '', '', '', '', '', 0, '',
			NULL, '', 'spent', 6, 0, 0, '', NULL, 0, 5, 0, 3000000, 9000000);
		INSERT INTO codes VALUES (x'000000000000000000000000000000000000000000000003', x'00000000000000000000000000000002', 7,
			x'00000000000000000000000000000009', 3, 'email', 'app://x', 'openid', 'pä', 'n', 'c', 3000000, 9000000, NULL, 2000000,
			x'0000000000000000000000000000000000000000000000ff');
		INSERT INTO codes VALUES (x'000000000000000000000000000000000000000000000004', x'00000000000000000000000000000002', 7,
			x'00000000000000000000000000000009', 0, 'phone', '', '', '', '', '', 3000000, 9000000,
			x'000000000000000000000000000000000000000000000005', 2000000, NULL);
		INSERT INTO grants VALUES (x'000000000000000000000000000000000000000000000006', x'00000000000000000000000000000002', 7,
			x'00000000000000000000000000000009', 3, 'phone', 'offline openid', 'p:1;ä', 2, 2000000, 3000000, 4000000, 9000000, 8000000,
			x'0000000000000000000000000000000000000000000000ff');
		INSERT INTO outbox VALUES (x'000000000000000000000000000000000000000000000001', 1, x'00000000000000000000000000000002', 'email',
			'änn@example.com', 'de', 6, 1, 0, 2, 4000000, 9000000, 'access')`)
	project := latchkey.ProjectID{UUID: latchkey.UUID{15: 2}}
	started, expires := time.UnixMicro(3000000).UTC(), time.UnixMicro(9000000).UTC()
	for n, want := range map[byte]latchkey.Challenge{
		1: {
			Project: project, To: latchkey.CanonicalAddress(latchkey.Email, "änn@example.com"), Protocol: latchkey.OAuth2,
			Ask: latchkey.Ask{
				Client: 7, Redirect: "app://x", State: "st:at;e", Scope: "openid", Payload: "p\nö", Nonce: "n", CodeChallenge: "c",
				WithLogout: true, Locale: "de",
			},
			From:  latchkey.Origin{IP: netip.MustParseAddr("127.0.0.1"), UserAgent: `A "browser"`},
			State: latchkey.Approved, Digits: 6, Link: true, LinkURL: "https://example.com/", LinkHash: latchkey.Hash{1: 0xff},
			Tries: 2, MaxTries: 5, Resends: 1, Started: started, Expires: expires,
		},
		2: {
			Project: project, To: latchkey.CanonicalAddress(latchkey.Phone, "+4915112345678"), Protocol: latchkey.JWT,
			State: latchkey.Spent, Digits: 6, MaxTries: 5, Started: started, Expires: expires,
		},
	} {
		want.ID.Handle = latchkey.Handle{23: n}
		got, err := s.Challenge(t.Context(), want.ID)
		must(t, err)
		if got != want {
			t.Errorf("challenge %d is\n%+v after the migration, want\n%+v", n, got, want)
		}
	}
	user := latchkey.UserID{UUID: latchkey.UUID{15: 9}}
	for n, want := range map[byte]latchkey.AuthorizationCode{
		3: {
			Client: 7, Epoch: 3, Channel: latchkey.Email, Redirect: "app://x", Scope: "openid", Payload: "pä", Nonce: "n", CodeChallenge: "c",
			Session: latchkey.SessionID{Handle: latchkey.Handle{23: 0xff}},
		},
		4: {Client: 7, Channel: latchkey.Phone, Grant: latchkey.GrantID{Handle: latchkey.Handle{23: 5}}},
	} {
		want.ID.Handle, want.Project, want.User = latchkey.Handle{23: n}, project, user
		want.AuthTime, want.Issued, want.Expires = time.UnixMicro(2000000).UTC(), started, expires
		must(t, s.read(t.Context(), func(c *conn) error {
			got, err := c.code(want.ID)
			if got != want {
				t.Errorf("code %d is\n%+v after the migration, want\n%+v", n, got, want)
			}
			return err
		}))
	}
	grant := latchkey.Grant{
		ID: latchkey.GrantID{Handle: latchkey.Handle{23: 6}}, Project: project, Client: 7, User: user, Epoch: 3, Channel: latchkey.Phone,
		Scope: "offline openid", Payload: "p:1;ä", Session: latchkey.SessionID{Handle: latchkey.Handle{23: 0xff}}, Generation: 2,
		AuthTime: time.UnixMicro(2000000).UTC(), Created: started, Rotated: time.UnixMicro(4000000).UTC(), Expires: expires,
		Revoked: time.UnixMicro(8000000).UTC(),
	}
	if _, got, err := s.Standing(t.Context(), user, grant.ID); err != nil || got != grant {
		t.Errorf("the grant is\n%+v after the migration (%v), want\n%+v", got, err, grant)
	}
	until := time.UnixMicro(8000000).UTC()
	ms, err := s.ClaimMessages(t.Context(), 10, until, time.UnixMicro(5000000).UTC())
	must(t, err)
	want := latchkey.Message{
		Challenge: latchkey.ChallengeID{Handle: latchkey.Handle{23: 1}}, Resend: 1, Project: project, Kind: latchkey.AccessMessage,
		To: latchkey.CanonicalAddress(latchkey.Email, "änn@example.com"), Locale: "de", Digits: 6, Link: true, Attempts: 2,
		NextTry: until, Dies: expires,
	}
	if len(ms) != 1 || ms[0] != want {
		t.Errorf("what waits is %+v after the migration, want %+v", ms, want)
	}
}
