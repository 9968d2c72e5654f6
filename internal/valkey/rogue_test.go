package valkey_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestAnAnswerToNothing: once the server has said what nobody asked for, its answers may be anybody's. The connection is given up.
func TestAnAnswerToNothing(t *testing.T) {
	t.Parallel()
	s := pretend(t)
	l := open(t, s.url())
	got := taking(t, l, "k")
	v := s.greeted("standalone")
	v.hears("EVALSHA")
	v.says(before(0) + before(30))
	has(t, got, 2)
	v.gone()
	got = taking(t, l, "k")
	v = s.greeted("standalone")
	v.hears("EVALSHA")
	v.says(before(10))
	has(t, got, 1)
}

// TestWhoGaveUpTakesNobodysAnswer: the answer to a Take whose caller left is not the next one's.
func TestWhoGaveUpTakesNobodysAnswer(t *testing.T) {
	t.Parallel()
	s := pretend(t)
	l := open(t, s.url())
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := l.Take(ctx, []latchkey.Take{{Key: "a", Rate: three}}, noon)
		left <- err
	}()
	v := s.greeted("standalone")
	v.hears("EVALSHA")
	leave()
	if err := <-left; latchkey.CodeOf(err) != latchkey.Unavailable {
		t.Errorf("a Take whose caller left gives %v", err)
	}
	got := taking(t, l, "b")
	v.hears("EVALSHA")
	v.says(before(30)) // a's: nothing is left
	v.says(before(10))
	has(t, got, 1)
}

// TestHalfAnAnswerAndSilence: nothing is waited for beyond the time of a Take, and nobody else waits behind it.
func TestHalfAnAnswerAndSilence(t *testing.T) {
	t.Parallel()
	s := pretend(t)
	l := open(t, "valkey://"+s.addr+"?timeout=500ms")
	got := taking(t, l, "k")
	v := s.greeted("standalone")
	v.hears("EVALSHA")
	v.says(before(0)[:10])
	if g := <-got; latchkey.CodeOf(g.err) != latchkey.Unavailable {
		t.Errorf("half an answer gives %+v, %v", g.tally, g.err)
	}
	v.gone()
}

// TestADialThatEndsAfterClose leaves no connection behind.
func TestADialThatEndsAfterClose(t *testing.T) {
	t.Parallel()
	s := pretend(t)
	l := open(t, s.url())
	got := taking(t, l, "k")
	v := s.visit()
	v.hears("HELLO")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	v.says("*0\r\n")
	v.gone()
	if g := <-got; latchkey.CodeOf(g.err) != latchkey.Unavailable {
		t.Errorf("a Take after Close gives %+v, %v", g.tally, g.err)
	}
	if g := <-taking(t, l, "k"); latchkey.CodeOf(g.err) != latchkey.Unavailable || s.came.Load() != 1 {
		t.Errorf("another one gives %+v, %v, and %d connections", g.tally, g.err, s.came.Load())
	}
}

// TestOneDialForAll: however many Takes want a connection, one is made.
func TestOneDialForAll(t *testing.T) {
	t.Parallel()
	s := pretend(t)
	l := open(t, s.url())
	const many = 50
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			if _, err := l.Take(t.Context(), []latchkey.Take{{Key: "k", Rate: three}}, noon); err != nil {
				t.Error(err)
			}
		})
	}
	v := s.greeted("standalone")
	for range many {
		v.hears("EVALSHA")
		v.says(before(0))
	}
	all.Wait()
	if n := s.came.Load(); n != 1 {
		t.Errorf("%d Takes make %d connections", many, n)
	}
}

// ranges is what CLUSTER SLOTS gives: all slots are at the one address.
func ranges(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return fmt.Sprintf("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$%d\r\n%s\r\n:%s\r\n", len(host), host, port)
}

// TestNodesThatLeftAreForgotten: their connections end once the cluster says that it goes on without them.
func TestNodesThatLeftAreForgotten(t *testing.T) {
	t.Parallel()
	seed, old, fresh := pretend(t), pretend(t), pretend(t)
	l := open(t, seed.url())
	got := taking(t, l, "k")
	v := seed.greeted("cluster")
	v.hears("CLUSTER")
	v.says(ranges(old.addr))
	left := old.greeted("cluster")
	left.hears("EVALSHA")
	left.says(before(0))
	has(t, got, 2)

	got = taking(t, l, "k")
	left.hears("EVALSHA")
	left.says("-MOVED 1 " + fresh.addr + "\r\n")
	now := fresh.greeted("cluster")
	now.hears("CLUSTER")
	now.says(ranges(fresh.addr))
	left.gone()
	now.hears("EVALSHA")
	now.says(before(10))
	has(t, got, 1)
	if n := seed.came.Load() + old.came.Load() + fresh.came.Load(); n != 3 {
		t.Errorf("%d connections to three nodes", n)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	now.gone()
	if g := <-taking(t, l, "k"); latchkey.CodeOf(g.err) != latchkey.Unavailable || fresh.came.Load() != 1 {
		t.Errorf("a Take after Close gives %+v, %v, and %d connections to the node", g.tally, g.err, fresh.came.Load())
	}
}

// TestTheLayoutIsAskedForOnce, by however many Takes that want it.
func TestTheLayoutIsAskedForOnce(t *testing.T) {
	t.Parallel()
	s := pretend(t)
	l := open(t, s.url())
	const many = 20
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			if _, err := l.Take(t.Context(), []latchkey.Take{{Key: "k", Rate: three}}, noon); err != nil {
				t.Error(err)
			}
		})
	}
	v := s.greeted("cluster")
	v.hears("CLUSTER")
	v.says(ranges(s.addr))
	for range many {
		v.hears("EVALSHA")
		v.says(before(0))
	}
	all.Wait()
}

// TestAConnectionThatBreaksIsReplaced: under a command too, and when the server has become a replica; but not for ever.
func TestAConnectionThatBreaksIsReplaced(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(v *visit){
		"hung up":   func(v *visit) { _ = v.Close() },
		"rubbish":   func(v *visit) { v.says("?\r\n"); v.gone() },
		"a replica": func(v *visit) { v.says("-READONLY You can't write against a read only replica.\r\n"); v.gone() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := pretend(t)
			got := taking(t, open(t, s.url()), "k")
			v := s.greeted("standalone")
			v.hears("EVALSHA")
			end(v)
			v = s.greeted("standalone")
			v.hears("EVALSHA")
			v.says(before(0))
			has(t, got, 2)
		})
	}
	s := pretend(t)
	got := taking(t, open(t, s.url()), "k")
	for range 3 {
		v := s.greeted("standalone")
		v.hears("EVALSHA")
		_ = v.Close()
	}
	if g := <-got; latchkey.CodeOf(g.err) != latchkey.Unavailable || s.came.Load() != 3 {
		t.Errorf("where every connection breaks, a Take gives %+v, %v after %d of them", g.tally, g.err, s.came.Load())
	}
}

// TestAnOwnerThatFailedIsAskedNoMore: where the cluster says that the key is still there, the Take ends. Each time that it is asked
// may be counted, and those who come after wait behind it.
func TestAnOwnerThatFailedIsAskedNoMore(t *testing.T) {
	t.Parallel()
	seed, owner := pretend(t), pretend(t)
	l := open(t, seed.url())
	got := taking(t, l, "k")
	v := seed.greeted("cluster")
	v.hears("CLUSTER")
	v.says(ranges(owner.addr))
	for range 3 {
		down := owner.greeted("cluster")
		down.hears("EVALSHA")
		_ = down.Close()
	}
	_ = owner.visit().Close() // it is not up to tell where its keys are, either
	v.hears("CLUSTER")
	v.says(ranges(owner.addr))
	select {
	case g := <-got:
		if latchkey.CodeOf(g.err) != latchkey.Unavailable || owner.came.Load() != 4 {
			t.Errorf("Take: %+v, %v, after %d connections to the owner; want 4", g.tally, g.err, owner.came.Load())
		}
	case <-owner.visits:
		t.Error("the owner is asked again, and nobody has said that it is there")
	}
}

// TestAKeyThatGoesInCircles: nodes that send a Take on and on are left after a few times.
func TestAKeyThatGoesInCircles(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"MOVED", "ASK"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			s := pretend(t)
			got := taking(t, open(t, s.url()), "k")
			v := s.greeted("cluster")
			asked := make(chan int, 1)
			go func() {
				n := 0
				for words, err := v.next(); err == nil && n < 100; words, err = v.next() {
					answer := "+OK\r\n"
					switch words[0] {
					case "CLUSTER":
						answer = ranges(s.addr)
					case "EVALSHA":
						n++
						answer = "-" + word + " 1 " + s.addr + "\r\n"
					}
					if _, err = v.Write([]byte(answer)); err != nil {
						break
					}
				}
				asked <- n
			}()
			g := <-got
			if latchkey.CodeOf(g.err) != latchkey.Unavailable || !strings.Contains(g.err.Error(), "circles") {
				t.Errorf("Take: %+v, %v", g.tally, g.err)
			}
			_ = v.Close()
			if n := <-asked; n > 5 {
				t.Errorf("it was sent on %d times", n)
			}
		})
	}
}
