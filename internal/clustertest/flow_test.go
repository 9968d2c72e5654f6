package clustertest_test

import "testing"

// TestEveryStepOnAnotherNode signs people in through the proxy, so that each request meets another node than the one before
// it. With eleven requests a person and three nodes, every step has met every node after three people.
func TestEveryStepOnAnotherNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t, plan{})
	met := map[string]map[string]bool{} // nodes by step
	for i := range len(c.nodes) {
		p := newPerson("step", i)
		last := ""
		note := func(what string, a answer, status int) answer {
			t.Helper()
			a.is(t, what, status)
			if a.node == last {
				t.Errorf("%s met %s, like the step before it: the proxy does not turn", what, a.node)
			}
			if last = a.node; met[what] == nil {
				met[what] = map[string]bool{}
			}
			met[what][a.node] = true
			return a
		}

		op := note("start", c.start(p), 200).Op
		mail := c.sink.letter(t, p)
		polled := make(chan answer, 1)
		go func() { polled <- c.poll(p, op) }()
		eventually(t, "a poll to be held", func() bool { return c.heldPolls(t) == 1 })
		pressed := c.press(p, mail.link, "approve")
		woken := note("poll", <-polled, 200)
		if note("approve", pressed, 303); pressed.header.Get("Location") != linkURL {
			t.Errorf("the press leads to %q, want %q", pressed.header.Get("Location"), linkURL)
		}
		if woken.Code != mail.code {
			t.Fatalf("the poll gives the code %q, the mail %q", woken.Code, mail.code)
		}
		tokens := note("token", c.redeem(p, note("confirm", c.confirm(p, op, woken.Code), 200).code()), 200)
		fresh := note("refresh", c.refresh(p, tokens.Refresh), 200)
		who := note("userinfo", c.userinfo(p, fresh.Access), 200)
		if who.Subject == "" {
			t.Error("userinfo names nobody")
		}
		note("revoke", c.revoke(p, fresh.Refresh), 200)
		note("refresh after that", c.refresh(p, fresh.Refresh), 400)
		note("userinfo after that", c.userinfo(p, fresh.Access), 401)
		note("the code again", c.confirm(p, op, woken.Code), 401)
	}
	for step, nodes := range met {
		if len(nodes) != len(c.nodes) {
			t.Errorf("%s met %d nodes of %d: the test proves less than it says", step, len(nodes), len(c.nodes))
		}
	}
	if t.Failed() {
		t.Log(c.logs())
	}
}

// heldPolls is how many polls all nodes hold.
func (c *cluster) heldPolls(t *testing.T) (n int) {
	t.Helper()
	for _, node := range c.nodes {
		n += int(node.metric(t, "latchkey_held_polls"))
	}
	return n
}
