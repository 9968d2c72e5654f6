package clustertest_test

import (
	"strconv"
	"sync"
	"testing"
	"time"
)

// letters is how many people ask for a code at a time.
const letters = 200

// TestMailIsSentOnce: the nodes share one outbox. In the normal case each message goes out once, whether the node that stored
// it sends it at once or all of them take it from the store; when a node dies, at least once.
func TestMailIsSentOnce(t *testing.T) {
	t.Parallel()
	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, plan{})
		people := c.ask(t)
		c.emptyOutbox(t)
		c.count(t, people, 1)
	})
	t.Run("after the provider was away", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, plan{})
		c.sink.become(refusing)
		people := c.ask(t)
		eventually(t, "every message to be refused once", func() bool {
			return c.waiting(t, "WHERE attempts > 0") == letters
		})
		c.sink.become(taking) // all nodes find them in the store at about the same time
		c.emptyOutbox(t)
		c.count(t, people, 1)
	})
	t.Run("a node dies with messages in its hands", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, plan{})
		c.sink.become(holding)
		began := time.Now()
		people := c.ask(t)
		eventually(t, "every node to have its hands full", func() bool { return c.sink.holding() >= len(c.nodes)*hands })
		c.nodes[0].kill(t)
		t.Logf("%d of %d messages are unsent when a node dies", c.waiting(t, ""), letters)
		c.sink.become(taking)
		held := time.Since(began)
		c.emptyOutbox(t)
		// What the dead node had handed over without learning of it is sent again, and nothing else is, unless the others had to
		// wait for the sink for so long that they gave up.
		again := c.count(t, people, 3)
		if again < hands || again > hands && held < 8*time.Second {
			t.Errorf("%d messages came more than once, want the %d that the dead node had in its hands", again, hands)
		}
	})
}

// hands is how many messages a node sends at a time.
const hands = 8

// ask lets people ask for a code, and gives the operation of each.
func (c *cluster) ask(t *testing.T) map[person]string {
	t.Helper()
	var mu sync.Mutex
	ops := map[person]string{}
	var all sync.WaitGroup
	crowd := make(chan bool, 16)
	for i := range letters {
		all.Go(func() {
			crowd <- true
			defer func() { <-crowd }()
			p := newPerson("mail", i)
			a := c.start(p)
			if a.status != 200 {
				t.Errorf("%s: start: %v", p.email, a)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ops[p] = a.Op
		})
	}
	all.Wait()
	return ops
}

// emptyOutbox waits until nothing is left to be sent.
func (c *cluster) emptyOutbox(t *testing.T) {
	t.Helper()
	eventually(t, "the outbox to be empty", func() bool { return c.waiting(t, "") == 0 })
}

// waiting is how many messages are in the outbox.
func (c *cluster) waiting(t *testing.T, where string) int {
	t.Helper()
	n, err := strconv.Atoi(c.sql(t, "SELECT count(*) FROM outbox "+where))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// count looks at what people got: their own code, and no more than most copies of it. more is how many got several.
func (c *cluster) count(t *testing.T, people map[person]string, most int) (more int) {
	t.Helper()
	for p, op := range people {
		got := c.sink.to(p)
		if len(got) == 0 {
			t.Errorf("%s: the start call was answered 200, and no message came", p.email)
		}
		if len(got) > most {
			t.Errorf("%s: one message came %d times", p.email, len(got))
		}
		if len(got) > 1 {
			more++
		}
		for _, l := range got {
			if l.code != c.code(t, p, op) || l.link != c.link(t, p, op) || l.id != got[0].id {
				t.Errorf("%s: a message has another one's code, link or id", p.email)
			}
		}
	}
	t.Logf("%d messages to %d people; %d got theirs more than once", c.sink.all(), len(people), more)
	if t.Failed() {
		t.Log(c.logs())
	}
	return more
}
