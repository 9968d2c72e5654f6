package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/pgtest"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// listen gives a channel that has something while a ring was not taken from it.
func listen(s *Store, id latchkey.ChallengeID) (rung <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	return c, s.Bell().Listen(id, func() {
		select {
		case c <- struct{}{}:
		default:
		}
	})
}

// rings waits for a ring.
func rings(t *testing.T, what string, rung <-chan struct{}) {
	t.Helper()
	select {
	case <-rung:
	case <-time.After(eventually):
		t.Fatalf("%s was not woken", what)
	}
}

// hearing waits until every node hears the others: then it has woken its polls for that, and does not do so again.
func hearing(t *testing.T, stores ...*Store) {
	t.Helper()
	for _, s := range stores {
		end := time.Now().Add(eventually)
		for !s.Bell().Listening() {
			if time.Now().After(end) {
				t.Fatal("a node does not hear the others")
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// TestBellWakesOtherNodes: a ring wakes the polls of its challenge on every node, and no other poll.
func TestBellWakesOtherNodes(t *testing.T) {
	t.Parallel()
	x := openNodes(t, 3)
	defer x.Close()
	hearing(t, x.all...)
	var ns storetest.Nouns
	id := latchkey.ChallengeID{Handle: ns.Handle(storetest.Noon())}
	other := latchkey.ChallengeID{Handle: ns.Handle(storetest.Noon())}
	var rung, quiet []<-chan struct{}
	for _, s := range x.all {
		a, stopA := listen(s, id)
		b, stopB := listen(s, other)
		defer stopA()
		defer stopB()
		rung, quiet = append(rung, a), append(quiet, b)
	}
	x.all[1].Bell().Ring(t.Context(), id)
	select {
	case <-rung[1]:
	default:
		t.Error("a poll of the node itself was not woken at once")
	}
	for _, c := range []<-chan struct{}{rung[0], rung[2]} { // the node's own notice comes back to it, before the look above or after
		rings(t, "a poll of the challenge", c)
	}
	for _, c := range quiet {
		select {
		case <-c:
			t.Error("a poll of another challenge was woken")
		default:
		}
	}
}

// TestBellCarriesManyAtOnce: more rings than fit into one notice.
func TestBellCarriesManyAtOnce(t *testing.T) {
	t.Parallel()
	x := openNodes(t, 2)
	defer x.Close()
	hearing(t, x.all...)
	var ns storetest.Nouns
	var ids []latchkey.ChallengeID
	var rung []<-chan struct{}
	for range 5*maxIDs + 7 {
		id := latchkey.ChallengeID{Handle: ns.Handle(storetest.Noon())}
		c, stop := listen(x.all[0], id)
		defer stop()
		ids, rung = append(ids, id), append(rung, c)
	}
	for _, id := range ids {
		x.all[1].Bell().Ring(t.Context(), id)
	}
	for _, c := range rung {
		rings(t, "a poll", c)
	}
}

// TestBellMissesNothing: whatever happens while a node cannot hear the others, its polls look again once it can.
func TestBellMissesNothing(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s, ns, _ := openOn(t, server)
	other := openAt(t, server.URL("latchkey"))
	defer other.Close()
	hearing(t, s, other)
	id := latchkey.ChallengeID{Handle: ns.Handle(storetest.Noon())}
	rung, stop := listen(s, id)
	defer stop()
	// Every session of the server but this one ends, those that listen too.
	server.SQL(t, "latchkey", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'latchkey' AND pid <> pg_backend_pid()")
	rings(t, "a poll of a node whose connection broke", rung)

	hearing(t, s, other)
	again, stopAgain := listen(s, id)
	defer stopAgain()
	other.Bell().Ring(t.Context(), id)
	rings(t, "a poll after the connection was made again", again)
}

// TestBellRingsAfterAnOutage: what rang while the server was away reaches the other nodes afterwards.
func TestBellRingsAfterAnOutage(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s, ns, p := openOn(t, server)
	hearing(t, s)
	id := latchkey.ChallengeID{Handle: ns.Handle(storetest.Noon())}
	server.Stop(t)
	own, stop := listen(s, id)
	defer stop()
	s.Bell().Ring(t.Context(), id)
	rings(t, "a poll of the node itself, without a server", own)
	other, stopOther := listen(s, id)
	defer stopOther()
	server.Restart(t)
	rings(t, "a poll that came meanwhile", other)
	comesBack(t, s, ns, p)
}

// TestBellBehindAPooler: a pooler swallows notices. The Bell says so, and polls look again by themselves.
func TestBellBehindAPooler(t *testing.T) {
	t.Parallel()
	direct := newDatabase(t)
	lost := make(chan error, 100)
	s, err := Open(t.Context(), Options{
		URL: direct, BellURL: pgtest.Shared(t).Bounce(t).Through(direct), Lost: func(err error) {
			select {
			case lost <- err:
			default:
			}
		},
	})
	must(t, err)
	defer s.Close()
	rung, stop := listen(s, latchkey.ChallengeID{Handle: latchkey.Handle{1}})
	defer stop()
	if err := <-lost; err == nil {
		t.Error("the Bell lost its connection for no reason")
	}
	rings(t, "a poll behind a pooler", rung)
	if s.Bell().Listening() {
		t.Error("a Bell behind a pooler says that it hears the others")
	}
}

// BenchmarkRing measures how long a ring takes to another node.
func BenchmarkRing(b *testing.B) {
	url := newDatabase(b)
	from, to := openAt(b, url), openAt(b, url)
	defer from.Close()
	defer to.Close()
	for !to.Bell().Listening() {
		time.Sleep(time.Millisecond)
	}
	var ns storetest.Nouns
	for b.Loop() {
		id := latchkey.ChallengeID{Handle: ns.Handle(storetest.Noon())}
		rung, stop := listen(to, id)
		from.Bell().Ring(context.Background(), id)
		<-rung
		stop()
	}
}
