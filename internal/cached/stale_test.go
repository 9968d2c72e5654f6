package cached_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/cached"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// neighbours are two processes over one database, each behind a cache of its own under one clock: the server, and an operator's
// command beside it. One grant of one user stands in it.
type neighbours struct {
	server, operator *cached.Store
	clock            *clock
	ns               storetest.Nouns
	project          latchkey.Project
	key              latchkey.Key
	user             latchkey.User
	grant            latchkey.Grant
}

func meet(t *testing.T) *neighbours {
	t.Helper()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	x := &neighbours{clock: &clock{storetest.Noon()}}
	for _, to := range []**cached.Store{&x.server, &x.operator} {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		*to = cached.New(s, x.clock.Now)
	}
	now := x.clock.now
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	x.project = x.ns.Project("The Game")
	x.key = x.ns.Key(x.project.ID, latchkey.HS256, latchkey.ActiveKey, now)
	must(x.operator.CreateProject(t.Context(), x.project, latchkey.Keys{x.key}, x.ns.Event(latchkey.ProjectCreated, x.project.ID, now)))
	started, err := x.server.StartChallenge(t.Context(), x.ns.Start(x.ns.Challenge(x.project.ID, x.ns.Email(), now)), now)
	must(err)
	out, err := x.server.CompleteChallenge(t.Context(), x.ns.Attempt(started.Challenge, now), now)
	must(err)
	redeemed, err := x.server.RedeemCode(t.Context(), x.ns.Redemption(out.Code, now), now)
	must(err)
	x.user, x.grant = out.User, redeemed.Grant
	return x
}

func (x *neighbours) standing(t *testing.T) (latchkey.User, latchkey.Grant) {
	t.Helper()
	u, g, err := x.server.Standing(t.Context(), x.user.ID, x.grant.ID)
	if err != nil {
		t.Fatal(err)
	}
	return u, g
}

// TestABanElsewhereHoldsAtOnce: a ban by another process holds from its commit on, whatever was looked at before.
func TestABanElsewhereHoldsAtOnce(t *testing.T) {
	t.Parallel()
	x := meet(t)
	now := x.clock.now
	if u, _ := x.standing(t); u.Banned(now) {
		t.Fatal("banned before the ban")
	}
	if _, err := x.server.User(t.Context(), x.user.ID); err != nil {
		t.Fatal(err)
	}
	ban := latchkey.Ban{From: now, Reason: "x"}
	if err := x.operator.SetBan(t.Context(), x.user.ID, ban, x.ns.Event(latchkey.UserBanned, x.project.ID, now)); err != nil {
		t.Fatal(err)
	}
	if u, g := x.standing(t); !u.Banned(now) || u.Epoch == x.user.Epoch || g.Good(u, now) {
		t.Errorf("after a ban by another process, at the same instant: %+v, grant good: %v", u, g.Good(u, now))
	}
	if u, err := x.server.User(t.Context(), x.user.ID); err != nil || !u.Banned(now) {
		t.Errorf("the user by himself: %+v, %v", u, err)
	}
}

// TestARevocationElsewhereHoldsAtOnce: so does a revocation.
func TestARevocationElsewhereHoldsAtOnce(t *testing.T) {
	t.Parallel()
	x := meet(t)
	now := x.clock.now
	if u, g := x.standing(t); !g.Good(u, now) {
		t.Fatalf("the grant is not good before it is revoked: %+v", g)
	}
	end := latchkey.Revocation{ID: x.grant.ID, Project: x.grant.Project, Client: x.grant.Client}
	if _, err := x.operator.RevokeGrant(t.Context(), end, now); err != nil {
		t.Fatal(err)
	}
	if u, g := x.standing(t); g.Good(u, now) {
		t.Errorf("after a revocation by another process, at the same instant: %+v", g)
	}
}

// TestAKeyRotationElsewhereIsSeenWithinASecond: what another process does to keys is seen a second later at the latest.
func TestAKeyRotationElsewhereIsSeenWithinASecond(t *testing.T) {
	t.Parallel()
	x := meet(t)
	signing := func() latchkey.KeyID {
		t.Helper()
		ks, err := x.server.Keys(t.Context(), x.project.ID)
		if err != nil {
			t.Fatal(err)
		}
		k, err := ks.Signing(latchkey.HS256)
		if err != nil || len(ks) != 1 {
			t.Fatalf("%d keys, %v", len(ks), err)
		}
		return k.ID
	}
	if signing() != x.key.ID {
		t.Fatal("another key signs than the one that was made")
	}
	next := x.ns.Key(x.project.ID, latchkey.HS256, latchkey.ActiveKey, x.clock.now)
	if err := x.operator.AddKey(t.Context(), next, true, x.ns.Event(latchkey.KeyRotated, x.project.ID, x.clock.now)); err != nil {
		t.Fatal(err)
	}
	x.clock.now = x.clock.now.Add(time.Second)
	if got := signing(); got != next.ID {
		t.Errorf("a second after the key %s was put in the place of %s, %s signs", next.ID, x.key.ID, got)
	}
}
