package postgres

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// nodes are several stores over one database, as several servers have them. Each call goes to the next one.
type nodes struct {
	all []*Store
	n   atomic.Uint64
	*Store
}

func openNodes(t testing.TB, n int) *nodes {
	t.Helper()
	url := newDatabase(t)
	x := &nodes{}
	for range n {
		x.all = append(x.all, openAt(t, url))
	}
	x.Store = x.all[0]
	return x
}

func (x *nodes) next() *Store { return x.all[x.n.Add(1)%uint64(len(x.all))] }

// Close closes all of them.
func (x *nodes) Close() error {
	for _, s := range x.all[1:] {
		if err := s.Close(); err != nil {
			return err
		}
	}
	return x.Store.Close()
}

func (x *nodes) StartChallenge(ctx context.Context, s latchkey.Start, now time.Time) (latchkey.Started, error) {
	return x.next().StartChallenge(ctx, s, now)
}

func (x *nodes) ApproveChallenge(ctx context.Context, h latchkey.Hash, from latchkey.Origin, now time.Time) (latchkey.Challenge, error) {
	return x.next().ApproveChallenge(ctx, h, from, now)
}

func (x *nodes) DenyChallenge(ctx context.Context, h latchkey.Hash, why string, from latchkey.Origin, now time.Time) (latchkey.Challenge, error) {
	return x.next().DenyChallenge(ctx, h, why, from, now)
}

func (x *nodes) CompleteChallenge(ctx context.Context, a latchkey.Attempt, now time.Time) (latchkey.Outcome, error) {
	return x.next().CompleteChallenge(ctx, a, now)
}

func (x *nodes) RedeemCode(ctx context.Context, r latchkey.Redemption, now time.Time) (latchkey.Redeemed, error) {
	return x.next().RedeemCode(ctx, r, now)
}

func (x *nodes) RotateGrant(ctx context.Context, r latchkey.Rotation, now time.Time) (latchkey.Rotated, error) {
	return x.next().RotateGrant(ctx, r, now)
}

func (x *nodes) RevokeGrant(ctx context.Context, r latchkey.Revocation, now time.Time) (latchkey.Revoked, error) {
	return x.next().RevokeGrant(ctx, r, now)
}

func (x *nodes) UseSession(ctx context.Context, u latchkey.SessionUse, now time.Time) (latchkey.SessionUsed, error) {
	return x.next().UseSession(ctx, u, now)
}

func (x *nodes) EndSession(ctx context.Context, e latchkey.Ending, now time.Time) (latchkey.Ended, error) {
	return x.next().EndSession(ctx, e, now)
}

func (x *nodes) PressDeviceLogin(ctx context.Context, p latchkey.DevicePress, now time.Time) (latchkey.DevicePressed, error) {
	return x.next().PressDeviceLogin(ctx, p, now)
}

func (x *nodes) PollDeviceLogin(ctx context.Context, p latchkey.DevicePoll, now time.Time) (latchkey.DevicePolled, error) {
	return x.next().PollDeviceLogin(ctx, p, now)
}

func (x *nodes) Once(ctx context.Context, h latchkey.Hash, until, now time.Time) (bool, error) {
	return x.next().Once(ctx, h, until, now)
}

func (x *nodes) ClaimMessages(ctx context.Context, limit int, until, now time.Time) ([]latchkey.Message, error) {
	return x.next().ClaimMessages(ctx, limit, until, now)
}

func (x *nodes) SettleMessages(ctx context.Context, ds []latchkey.Delivery) error {
	return x.next().SettleMessages(ctx, ds)
}

func (x *nodes) DescribeUser(ctx context.Context, id latchkey.UserID, c latchkey.PersonChange, e latchkey.Event) (latchkey.User, error) {
	return x.next().DescribeUser(ctx, id, c, e)
}

func (x *nodes) EndSessions(ctx context.Context, id latchkey.UserID, e latchkey.Event) error {
	return x.next().EndSessions(ctx, id, e)
}

func (x *nodes) Sweep(ctx context.Context, keep time.Duration, limit int, now time.Time) (int, error) {
	return x.next().Sweep(ctx, keep, limit, now)
}

// TestStoreOfSeveralNodes: the contract, races included, where every call may meet another node.
func TestStoreOfSeveralNodes(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) latchkey.Store { return openNodes(t, 3) })
}

// together runs f once for each of n at the same time.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-gate
			f(i)
		})
	}
	close(gate)
	all.Wait()
}

// TestKeysMoveOnOnce: every node moves the keys on, and one of them does it: one event and one that hears of it for each key.
func TestKeysMoveOnOnce(t *testing.T) {
	t.Parallel()
	x := openNodes(t, 4)
	defer x.Close()
	var ns storetest.Nouns
	now := storetest.Noon()
	due := now.Add(latchkey.PublishAhead)
	var projects []latchkey.ProjectID
	for range 5 {
		p := ns.Project("The Game")
		ks := latchkey.Keys{ns.Key(p.ID, latchkey.ES256, latchkey.ActiveKey, now), ns.Key(p.ID, latchkey.ES256, latchkey.NextKey, now)}
		must(t, x.CreateProject(t.Context(), p, ks, ns.Event(latchkey.ProjectCreated, p.ID, now)))
		projects = append(projects, p.ID)
	}
	var heard atomic.Int64
	together(len(x.all), func(i int) {
		ks, err := x.all[i].AdvanceKeys(t.Context(), due)
		if err != nil {
			t.Errorf("AdvanceKeys: %v", err)
		}
		heard.Add(int64(len(ks)))
	})
	if heard.Load() != int64(len(projects)) {
		t.Errorf("of %d keys %d became active for some node: want each for one", len(projects), heard.Load())
	}
	for _, p := range projects {
		ks, err := x.Keys(t.Context(), p)
		must(t, err)
		states := map[latchkey.KeyState]int{}
		for _, k := range ks {
			states[k.State]++
		}
		es, err := x.Events(t.Context(), p, 10)
		must(t, err)
		if len(es) != 2 || es[0].Kind != latchkey.KeyRotated || states[latchkey.ActiveKey] != 1 || states[latchkey.RetiringKey] != 1 {
			t.Errorf("keys %v, %d events: want one active, one retiring, and one event besides that of the project", states, len(es))
		}
	}
}

// TestNodesSweepTogether: what several nodes sweep at once goes once, and each is told what it removed itself.
func TestNodesSweepTogether(t *testing.T) {
	t.Parallel()
	x := openNodes(t, 3)
	defer x.Close()
	var ns storetest.Nouns
	now := storetest.Noon()
	p := ns.Project("The Game")
	must(t, x.CreateProject(t.Context(), p, nil, ns.Event(latchkey.ProjectCreated, p.ID, now)))
	const n = 120
	for range n {
		_, err := x.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, ns.Email(), now)), now)
		must(t, err)
	}
	later := now.Add(time.Hour)
	var swept atomic.Int64
	together(len(x.all), func(i int) {
		for {
			gone, err := x.all[i].Sweep(t.Context(), 1000*time.Hour, 7, later)
			if err != nil {
				t.Errorf("Sweep: %v", err)
				return
			}
			if gone == 0 {
				return
			}
			swept.Add(int64(gone))
		}
	})
	left, err := x.Sweep(t.Context(), 1000*time.Hour, 10*n, later)
	must(t, err)
	if got := swept.Load() + int64(left); got != 2*n {
		t.Errorf("three nodes swept %d rows, want %d challenges and as many messages", got, n)
	}
}

// TestUserLeavesNothingBehind: codes are redeemed and sessions used while the user is deleted. Whoever comes first, nothing of
// the user is left in the end.
func TestUserLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	x := openNodes(t, 3)
	defer x.Close()
	var ns storetest.Nouns
	now := storetest.Noon()
	p := ns.Project("The Game")
	must(t, x.CreateProject(t.Context(), p, nil, ns.Event(latchkey.ProjectCreated, p.ID, now)))
	for range 10 {
		to := ns.Email()
		var outs []latchkey.Outcome
		for range 12 {
			started, err := x.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, to, now)), now)
			must(t, err)
			out, err := x.CompleteChallenge(t.Context(), ns.Staying(started.Challenge, latchkey.SessionID{}, now), now)
			must(t, err)
			outs = append(outs, out)
		}
		id := outs[0].User.ID
		together(len(outs)+1, func(i int) {
			if i == len(outs) {
				if err := x.next().DeleteUser(t.Context(), id, ns.Event(latchkey.UserDeleted, p.ID, now)); err != nil {
					t.Errorf("DeleteUser: %v", err)
				}
				return
			}
			var err error
			if i%2 == 0 {
				_, err = x.RedeemCode(t.Context(), ns.Redemption(outs[i].Code, now), now)
			} else {
				_, err = x.UseSession(t.Context(), ns.SessionUse(outs[i].Session, now), now)
			}
			if err != nil {
				t.Errorf("verb %d: %v", i, err)
			}
		})
		for _, table := range []string{"users", "grants", "sessions", "codes"} {
			column := "user_id"
			if table == "users" {
				column = "id"
			}
			var left int
			must(t, x.pool.QueryRow(t.Context(), "SELECT count(*) FROM "+table+" WHERE "+column+" = $1", id.String()).Scan(&left))
			if left != 0 {
				t.Errorf("%d rows of the deleted user are left in %s", left, table)
			}
		}
	}
}

// TestLogoutsAreNeverUndone: people sign in while all their sessions are ended. Every end counts: a login that read the user
// before it must not write back what was then.
func TestLogoutsAreNeverUndone(t *testing.T) {
	t.Parallel()
	x := openNodes(t, 3)
	defer x.Close()
	var ns storetest.Nouns
	now := storetest.Noon()
	p, to := newProject(t, x.Store, &ns), ns.Email()
	login := func() latchkey.Outcome {
		started, err := x.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, to, now)), now)
		if err != nil {
			t.Errorf("StartChallenge: %v", err)
		}
		out, err := x.CompleteChallenge(t.Context(), ns.Attempt(started.Challenge, now), now)
		if err != nil || out.Verdict != nil {
			t.Errorf("login: %v, %v", err, out.Verdict)
		}
		return out
	}
	id := login().User.ID
	const ends = 12
	together(4*ends, func(i int) {
		if i%4 > 0 {
			login()
		} else if err := x.EndSessions(t.Context(), id, ns.Event(latchkey.UserLoggedOut, p.ID, now)); err != nil {
			t.Errorf("EndSessions: %v", err)
		}
	})
	u, err := x.User(t.Context(), id)
	must(t, err)
	if u.Epoch != ends {
		t.Errorf("all sessions ended %d times and the user's epoch is %d", ends, u.Epoch)
	}
}

// signedIn is what the login of somebody new leaves.
func signedIn(t *testing.T, x latchkey.Store, ns *storetest.Nouns, p latchkey.ProjectID, now time.Time) latchkey.Outcome {
	t.Helper()
	started, err := x.StartChallenge(t.Context(), ns.Start(ns.Challenge(p, ns.Email(), now)), now)
	must(t, err)
	out, err := x.CompleteChallenge(t.Context(), ns.Attempt(started.Challenge, now), now)
	must(t, err)
	return out
}

// TestDescriptionsAreNeverLost: people say different things of themselves at once, and all of it is kept.
func TestDescriptionsAreNeverLost(t *testing.T) {
	t.Parallel()
	x := openNodes(t, 3)
	defer x.Close()
	var ns storetest.Nouns
	now := storetest.Noon()
	p := newProject(t, x.Store, &ns)
	for range 5 {
		out := signedIn(t, x, &ns, p.ID, now)
		text := "said"
		changes := []latchkey.PersonChange{{FirstName: &text}, {LastName: &text}, {Nickname: &text}}
		together(len(changes), func(i int) {
			if _, err := x.DescribeUser(t.Context(), out.User.ID, changes[i], ns.Event(latchkey.UserDescribed, p.ID, now)); err != nil {
				t.Errorf("DescribeUser: %v", err)
			}
		})
		u, err := x.User(t.Context(), out.User.ID)
		must(t, err)
		if want := (latchkey.Person{FirstName: text, LastName: text, Nickname: text}); u.Person != want {
			t.Errorf("three descriptions at once left %+v", u.Person)
		}
	}
}

// TestResendsAreCounted: one message is asked for again many times at once. It is sent so often as it may, and each time is a
// message of its own.
func TestResendsAreCounted(t *testing.T) {
	t.Parallel()
	x := openNodes(t, 3)
	defer x.Close()
	var ns storetest.Nouns
	now := storetest.Noon()
	p, to := newProject(t, x.Store, &ns), ns.Email()
	first, err := x.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, to, now)), now)
	must(t, err)
	var resent, fresh atomic.Int64
	together(12, func(int) {
		again := ns.Start(ns.Challenge(p.ID, to, now))
		again.Again = first.Challenge.ID
		out, err := x.StartChallenge(t.Context(), again, now)
		switch {
		case err != nil:
			t.Errorf("StartChallenge: %v", err)
		case out.Resent:
			resent.Add(1)
		default:
			fresh.Add(1)
		}
	})
	c, err := x.Challenge(t.Context(), first.Challenge.ID)
	must(t, err)
	ms, err := x.ClaimMessages(t.Context(), 100, now.Add(time.Minute), now.Add(latchkey.MessageLease))
	must(t, err)
	if int64(c.Resends) != resent.Load() || resent.Load()+fresh.Load() != 12 || len(ms) != 13 {
		t.Errorf("12 resends at once: %d were resends, %d were new, %d are counted, %d messages are to be sent", resent.Load(), fresh.Load(), c.Resends, len(ms))
	}
}

// TestBannedAtOnce: whoever is told that a ban is stored can rely on it: no login that is answered afterwards gets in, and
// what one that came before got is dead.
func TestBannedAtOnce(t *testing.T) {
	t.Parallel()
	x := openNodes(t, 3)
	defer x.Close()
	var ns storetest.Nouns
	now := storetest.Noon()
	p := newProject(t, x.Store, &ns)
	for range 8 {
		to := ns.Email()
		start := func() latchkey.Attempt {
			started, err := x.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, to, now)), now)
			must(t, err)
			return ns.Attempt(started.Challenge, now)
		}
		first, err := x.CompleteChallenge(t.Context(), start(), now)
		must(t, err)
		as := []latchkey.Attempt{start(), start(), start(), start()}
		epochs := make([]int, len(as))
		together(len(as)+1, func(i int) {
			if i == len(as) {
				ban := latchkey.Ban{From: now, Reason: "x"}
				if err := x.next().SetBan(t.Context(), first.User.ID, ban, ns.Event(latchkey.UserBanned, p.ID, now)); err != nil {
					t.Errorf("SetBan: %v", err)
				}
				return
			}
			out, err := x.CompleteChallenge(t.Context(), as[i], now)
			if err != nil {
				t.Errorf("CompleteChallenge: %v", err)
			}
			epochs[i] = -1
			if out.Verdict == nil {
				epochs[i] = out.User.Epoch
			}
		})
		u, err := x.User(t.Context(), first.User.ID)
		must(t, err)
		if u.Epoch != 1 || !u.Banned(now) {
			t.Errorf("after a ban: %+v", u)
		}
		for _, epoch := range epochs {
			if epoch >= u.Epoch {
				t.Errorf("a login beside a ban got the epoch %d, the user's is %d", epoch, u.Epoch)
			}
		}
	}
}

// TestOneWinnerWhoWasHereBefore is ASVS 6.5.1 over several nodes for somebody who has an account already, whose creation would
// stop a second winner by itself.
func TestOneWinnerWhoWasHereBefore(t *testing.T) {
	t.Parallel()
	x := openNodes(t, 3)
	defer x.Close()
	var ns storetest.Nouns
	now := storetest.Noon()
	p, to := newProject(t, x.Store, &ns), ns.Email()
	for range 20 {
		started, err := x.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, to, now)), now)
		must(t, err)
		var won atomic.Int64
		together(24, func(int) {
			out, err := x.CompleteChallenge(t.Context(), ns.Attempt(started.Challenge, now), now)
			if err != nil {
				t.Errorf("CompleteChallenge: %v", err)
			}
			if err == nil && out.Verdict == nil {
				won.Add(1)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("of 24 right answers at once %d won", won.Load())
		}
	}
}

// TestRevokedStaysRevoked: a refresh token is used while its grant is revoked. The rotation must not bring it back.
func TestRevokedStaysRevoked(t *testing.T) {
	t.Parallel()
	x := openNodes(t, 3)
	defer x.Close()
	var ns storetest.Nouns
	now := storetest.Noon()
	p := newProject(t, x.Store, &ns)
	for range 25 {
		out := signedIn(t, x, &ns, p.ID, now)
		red, err := x.RedeemCode(t.Context(), ns.Redemption(out.Code, now), now)
		must(t, err)
		g := red.Grant
		together(8, func(i int) {
			var err error
			if i == 4 {
				_, err = x.RevokeGrant(t.Context(), latchkey.Revocation{ID: g.ID, Project: g.Project, Client: g.Client}, now)
			} else {
				_, err = x.RotateGrant(t.Context(), ns.Rotation(g), now)
			}
			if err != nil {
				t.Errorf("verb %d: %v", i, err)
			}
		})
		_, stored, err := x.Standing(t.Context(), out.User.ID, g.ID)
		must(t, err)
		if stored.Revoked.IsZero() || stored.Generation > 1 {
			t.Fatalf("after a revocation beside seven uses of one token: %+v", stored)
		}
	}
}
