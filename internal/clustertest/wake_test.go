package clustertest_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/pgtest"
)

// TestWakeUpAcrossNodes: a poll that is held on one node has its code moments after the link was approved on another. The
// bound is an order of magnitude above what a machine gives that does nothing else.
func TestWakeUpAcrossNodes(t *testing.T) {
	const polls, perSecond, bound = 300, 100, 500 * time.Millisecond
	c := newCluster(t, plan{})
	a, b := c.at(c.nodes[0]), c.at(c.nodes[1])
	type sleeper struct {
		person
		op, link string
		polled   answer
		pressed  time.Time // when the approving call was answered
		woken    time.Time
	}
	sleepers := make([]sleeper, polls)
	var held sync.WaitGroup
	for i := range sleepers {
		s := &sleepers[i]
		s.person = newPerson("wake", i)
		s.op = c.start(s.person).is(t, "start", 200).Op
		s.link = c.link(t, s.person, s.op)
		held.Go(func() {
			s.polled = b.poll(s.person, s.op)
			s.woken = time.Now()
		})
	}
	eventually(t, "every poll to be held", func() bool { return int(c.nodes[1].metric(t, "latchkey_held_polls")) == polls })
	next := time.NewTicker(time.Second / perSecond)
	defer next.Stop()
	var pressing sync.WaitGroup
	for i := range sleepers {
		<-next.C
		s := &sleepers[i]
		pressing.Go(func() {
			if got := a.press(s.person, s.link, "approve"); got.status != 303 {
				t.Errorf("%s: approve: %v", s.email, got)
			}
			s.pressed = time.Now()
		})
	}
	pressing.Wait()
	held.Wait()
	var took []time.Duration
	for _, s := range sleepers {
		if s.polled.status != 200 || s.polled.Code != c.code(t, s.person, s.op) {
			t.Fatalf("%s: approved on one node, the poll on another gives %v", s.email, s.polled)
		}
		took = append(took, max(0, s.woken.Sub(s.pressed)))
	}
	t.Logf("%d polls held on one node, %d approvals/s on another: from the answer of the approval to that of the poll %v",
		polls, perSecond, quantiles(took))
	if p99 := quantile(took, 0.99); p99 > bound {
		t.Errorf("p99 is %v, more than %v\n%s", p99, bound, c.logs())
	}
}

// TestARestartLetsNobodyIn: when the database comes back, a node wakes its polls to look for themselves. Who was approved
// meanwhile has the code then; who was not must not have it.
func TestARestartLetsNobodyIn(t *testing.T) {
	t.Parallel()
	c := newCluster(t, plan{server: pgtest.Start(t), nodes: 2})
	b := c.at(c.nodes[1])
	p := newPerson("restart", 1)
	op := c.start(p).is(t, "start", 200).Op
	polled := make(chan answer, 1)
	go func() { polled <- b.poll(p, op) }()
	eventually(t, "the poll to be held", func() bool { return c.heldPolls(t) == 1 })
	c.server.Stop(t)
	c.server.Restart(t)
	// It is woken by the bell's return, and looks for itself: into a database that may be gone once more by then.
	if got := <-polled; got.status != 408 && got.status != 503 {
		t.Fatalf("nobody approved, and after a restart of the database the poll gives %v, want 408 or 503", got)
	}
	for _, n := range c.nodes {
		eventually(t, n.name+" to be ready", n.ready)
	}
	c.press(p, c.link(t, p, op), "approve").is(t, "approve", 303)
	b.poll(p, op).is(t, "poll once approved", 200)
}

// quantile gives one of all ds; q is 0 to 1.
func quantile(ds []time.Duration, q float64) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(ds))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func quantiles(ds []time.Duration) string {
	r := func(q float64) time.Duration { return quantile(ds, q).Round(100 * time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, longest %v of %d", r(0.5), r(0.99), r(1), len(ds))
}
