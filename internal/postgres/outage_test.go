package postgres

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/pgtest"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// atOnce is how long a store may take to say that its database is down (design.md §8), and eventually how long a test waits for
// what comes back by itself.
const (
	atOnce     = 2 * time.Second
	eventually = 30 * time.Second
)

// openOn gives a store on a fresh database of a server of the test's own.
func openOn(t *testing.T, server *pgtest.Server) (*Store, *storetest.Nouns, latchkey.ProjectID) {
	t.Helper()
	server.SQL(t, "postgres", "CREATE DATABASE latchkey")
	s, err := Open(t.Context(), Options{URL: server.URL("latchkey"), Migrate: true})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	ns := &storetest.Nouns{}
	return s, ns, newProject(t, s, ns).ID
}

// isDown checks that every kind of verb says at once that the database is down.
func isDown(t *testing.T, s *Store, ns *storetest.Nouns, p latchkey.ProjectID) {
	t.Helper()
	now := storetest.Noon()
	c := ns.Challenge(p, ns.Email(), now)
	verbs := map[string]func() error{
		"Ping":    func() error { return s.Ping(t.Context()) },
		"a read":  func() error { _, err := s.Challenge(t.Context(), c.ID); return err },
		"a write": func() error { _, err := s.StartChallenge(t.Context(), ns.Start(c), now); return err },
		"a verb that loads first": func() error {
			_, err := s.CompleteChallenge(t.Context(), ns.Attempt(c, now), now)
			return err
		},
		"the worker's":       func() error { _, err := s.ClaimMessages(t.Context(), 10, now, now); return err },
		"an administrator's": func() error { return s.UpdateProject(t.Context(), ns.Project("x"), latchkey.Event{}) },
	}
	var all sync.WaitGroup
	for name, verb := range verbs {
		for range 3 {
			all.Go(func() {
				began := time.Now()
				err := verb()
				var said *latchkey.Error
				if !errors.As(err, &said) || said.Code != latchkey.Unavailable || said.RetryAfter <= 0 {
					t.Errorf("%s while the database is down: %v; want Unavailable with RetryAfter", name, err)
				}
				if took := time.Since(began); took > atOnce {
					t.Errorf("%s took %v to say so, want %v at the most", name, took, atOnce)
				}
			})
		}
	}
	all.Wait()
}

// comesBack waits until logins work again.
func comesBack(t *testing.T, s *Store, ns *storetest.Nouns, p latchkey.ProjectID) {
	t.Helper()
	end := time.Now().Add(eventually)
	for {
		err := oneLogin(t, s, ns, p, storetest.Noon())
		if err == nil && s.Ping(t.Context()) == nil && s.Bell().Listening() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%v after the database came back there is still no login: %v, the Bell listens: %v", eventually, err, s.Bell().Listening())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestServerStops: the database goes down and comes back; nobody waits for long, and nothing of ours is started again.
func TestServerStops(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s, ns, p := openOn(t, server)
	comesBack(t, s, ns, p)
	for range 2 {
		server.Stop(t)
		isDown(t, s, ns, p)
		server.Restart(t)
		comesBack(t, s, ns, p)
	}
}

// TestServerStalls: it still takes connections, and answers nothing.
func TestServerStalls(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s, ns, p := openOn(t, server)
	comesBack(t, s, ns, p)
	server.Stall(t)
	isDown(t, s, ns, p)
	isDown(t, s, ns, p)
	server.Resume(t)
	comesBack(t, s, ns, p)
}

// TestNothingAnsweredIsLost: people sign in while the server crashes twice. Whoever was told that they are in is in.
func TestNothingAnsweredIsLost(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s, ns, p := openOn(t, server)
	now := storetest.Noon()
	var stop atomic.Bool
	var mu sync.Mutex
	told := map[latchkey.UserID]latchkey.GrantID{}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for !stop.Load() {
				began := time.Now()
				started, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(p, ns.Email(), now)), now)
				took := time.Since(began)
				var out latchkey.Outcome
				if err == nil {
					out, err = s.CompleteChallenge(t.Context(), ns.Attempt(started.Challenge, now), now)
				}
				var red latchkey.Redeemed
				if err == nil && out.Verdict == nil {
					red, err = s.RedeemCode(t.Context(), ns.Redemption(out.Code, now), now)
				}
				switch {
				case err != nil && latchkey.CodeOf(err) != latchkey.Unavailable:
					t.Errorf("a verb failed with %v, want Unavailable", err)
				case err == nil && (out.Verdict != nil || red.Verdict != nil):
					t.Errorf("verdicts %v and %v", out.Verdict, red.Verdict)
				case err == nil:
					mu.Lock()
					told[out.User.ID] = red.Grant.ID
					mu.Unlock()
				}
				if took > atOnce {
					t.Errorf("a start took %v, want %v at the most", took, atOnce)
				}
			}
		})
	}
	for range 2 {
		comesBack(t, s, ns, p)
		time.Sleep(300 * time.Millisecond)
		server.Stop(t)
		server.Restart(t)
	}
	comesBack(t, s, ns, p)
	stop.Store(true)
	all.Wait()
	if len(told) == 0 {
		t.Fatal("nobody signed in")
	}
	for id, grant := range told {
		u, g, err := s.Standing(t.Context(), id, grant)
		must(t, err)
		if u.ID != id || g.ID != grant {
			t.Errorf("user %v was told that they are in, and is not: %+v, %+v", id, u, g)
		}
	}
	t.Logf("%d logins over two crashes", len(told))
}

// TestPrimaryBecomesReadOnly: what a switch-over looks like to those who are connected. They let go of the server.
func TestPrimaryBecomesReadOnly(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s, ns, p := openOn(t, server)
	readOnly := func(how string) {
		server.SQL(t, "postgres", "ALTER SYSTEM SET default_transaction_read_only = "+how)
		server.SQL(t, "postgres", "SELECT pg_reload_conf()")
	}
	readOnly("on")
	end := time.Now().Add(eventually)
	for s.Ping(t.Context()) == nil { // the setting reaches each session in its own time
		if time.Now().After(end) {
			t.Fatal("a read-only server is pinged")
		}
		time.Sleep(10 * time.Millisecond)
	}
	_, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(p, ns.Email(), storetest.Noon())), storetest.Noon())
	if latchkey.CodeOf(err) != latchkey.Unavailable {
		t.Errorf("a start on a read-only server: %v, want Unavailable", err)
	}
	readOnly("off")
	comesBack(t, s, ns, p)
}

// TestReadOnlyConnectionsAreGivenUp: a primary that becomes a standby may keep its connections. They are of no use, and new ones
// may lead elsewhere.
func TestReadOnlyConnectionsAreGivenUp(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ns := &storetest.Nouns{}
	p := newProject(t, s, ns).ID
	comesBack(t, s, ns, p)
	for _, c := range s.pool.AcquireAllIdle(t.Context()) {
		_, err := c.Exec(t.Context(), "SET default_transaction_read_only = on")
		must(t, err)
		c.Release()
	}
	if err := oneLogin(t, s, ns, p, storetest.Noon()); latchkey.CodeOf(err) != latchkey.Unavailable {
		t.Errorf("a login over connections that became read-only: %v, want Unavailable", err)
	}
	comesBack(t, s, ns, p)
}

// TestStandbyTakesOver: the primary dies, and the standby that the URL names too becomes primary.
func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	primary.SQL(t, "postgres", "CREATE DATABASE latchkey")
	standby := primary.Standby(t)
	both := fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/latchkey?sslmode=disable", standby.Port, primary.Port)
	s, err := Open(t.Context(), Options{URL: both, Migrate: true})
	must(t, err)
	defer s.Close()
	ns := &storetest.Nouns{}
	p := newProject(t, s, ns).ID
	comesBack(t, s, ns, p)
	end := time.Now().Add(eventually)
	for standby.SQL(t, "latchkey", "SELECT count(*) > 0 FROM grants") != "t" {
		if time.Now().After(end) {
			t.Fatal("the standby never got what the primary stored")
		}
		time.Sleep(20 * time.Millisecond)
	}
	primary.Stop(t)
	isDown(t, s, ns, p)
	standby.SQL(t, "postgres", "SELECT pg_promote()")
	comesBack(t, s, ns, p)
}
