package clustertest_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestRollingUpgrade replaces the nodes one by one with another build, under load: SIGTERM, and a new process at the same address.
// The proxy hands requests to nodes whose /readyz says 200 and to no others. Nobody notices but polls, which are answered 408.
//
// The other build is of the same source, or, by LATCHKEY_TEST_BEFORE, the program of an earlier version, which the nodes then
// begin as.
func TestRollingUpgrade(t *testing.T) {
	const signingIn, waiting = 12, 12
	c := newCluster(t, plan{})
	before := os.Getenv("LATCHKEY_TEST_BEFORE")
	after, err := build("latchkey-after", "-trimpath", "-ldflags", "-s -w")
	if err != nil {
		t.Fatal(err)
	}
	if before != "" {
		after = c.binary
		for _, n := range c.nodes {
			n.replace(t, before)
		}
	}
	watching, stopWatching := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { c.proxy.watch(watching, c.nodes, look) })
	defer all.Wait()
	defer stopWatching()

	l := &load{cluster: c, over: make(chan struct{})}
	var users sync.WaitGroup
	for range signingIn {
		users.Go(func() { l.signIn(t) })
	}
	for range waiting {
		users.Go(func() { l.wait(t) })
	}
	l.more(t, 200)
	for _, n := range c.nodes {
		began := time.Now()
		n.replace(t, after)
		t.Logf("%s replaced in %v", n.name, time.Since(began).Round(time.Millisecond))
		eventually(t, "the proxy to find "+n.name, func() bool { return c.proxy.has(n) })
		l.more(t, 200)
	}
	close(l.over)
	users.Wait()
	t.Logf("%d calls and %d polls, of which %d ended with 408; %d failed", l.calls.Load(), l.polls.Load(), l.ended.Load(), l.failed.Load())
	if n := l.failed.Load(); n > 0 {
		t.Errorf("%d calls failed while nodes were replaced: %v\n%s", n, l.first, c.logs())
	}
	if l.ended.Load() == 0 {
		t.Error("no poll was held by a node that ended: the test proves less than it says")
	}
}

// replace ends a node in order and begins its next life with another program.
func (n *node) replace(t *testing.T, program string) {
	t.Helper()
	n.stop(t)
	n.mu.Lock()
	n.binary = program
	n.mu.Unlock()
	n.start(t)
}

// A load is people who sign in one after the other, and devices that wait, until it is over.
type load struct {
	*cluster
	over   chan struct{}
	person atomic.Int64

	calls, polls, ended, failed atomic.Int64

	mu    sync.Mutex
	first []string // guarded by mu; the first failures
}

// more waits until so many more calls have ended.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	from := l.calls.Load()
	eventually(t, fmt.Sprintf("%d more calls", n), func() bool { return l.calls.Load() >= from+n })
}

func (l *load) isOver() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// is counts a call; false if it failed.
func (l *load) is(what string, a answer, status int) bool {
	l.calls.Add(1)
	if a.status == status {
		return true
	}
	l.failed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.first) < 10 {
		l.first = append(l.first, fmt.Sprintf("%s: %v", what, a))
	}
	return false
}

func (l *load) signIn(t *testing.T) {
	for !l.isOver() {
		p := newPerson("load", int(l.person.Add(1)))
		started := l.start(p)
		if !l.is("start", started, 200) {
			continue
		}
		if !l.is("approve", l.press(p, l.link(t, p, started.Op), "approve"), 303) || !l.is("poll", l.poll(p, started.Op), 200) {
			continue
		}
		confirmed := l.confirm(p, started.Op, l.code(t, p, started.Op))
		if !l.is("confirm", confirmed, 200) {
			continue
		}
		tokens := l.redeem(p, confirmed.code())
		if !l.is("token", tokens, 200) {
			continue
		}
		fresh := l.refresh(p, tokens.Refresh)
		if l.is("refresh", fresh, 200) && l.is("userinfo", l.userinfo(p, fresh.Access), 200) {
			l.is("revoke", l.revoke(p, fresh.Refresh), 200)
		}
	}
}

// wait polls for a link that nobody presses, as clients do: again and again.
func (l *load) wait(t *testing.T) {
	p := newPerson("wait", int(l.person.Add(1)))
	started := l.start(p)
	if !l.is("start", started, 200) {
		return
	}
	done := make(chan struct{})
	go func() { // lets the last poll go
		defer close(done)
		<-l.over
		l.press(p, l.link(t, p, started.Op), "approve")
	}()
	for !l.isOver() {
		a := l.poll(p, started.Op)
		l.polls.Add(1)
		switch {
		case a.status == 408:
			l.ended.Add(1)
		case a.status == 200 && l.isOver():
		default:
			l.is("held poll", a, 408)
		}
	}
	<-done
}
