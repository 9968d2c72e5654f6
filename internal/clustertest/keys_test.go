package clustertest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/cached"
)

// TestKeyRotationIsSeenByEveryNode: while people sign in at every node, a new key is published by all of them before any of them
// signs with it, and no token is refused by any of them at any time. The eleven minutes for which a key is published before it
// signs pass in the database.
func TestKeyRotationIsSeenByEveryNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t, plan{algorithm: "RS256"})
	r := &rotation{cluster: c, over: make(chan struct{}), signedBy: map[string]map[string]int{}}
	var all sync.WaitGroup
	for i := range c.nodes {
		all.Go(func() { r.signIn(t, i) })
	}
	defer func() {
		r.once.Do(func() { close(r.over) })
		all.Wait()
	}()
	r.everyNode(t, "the first key", 5, func(kid string) bool { return kid != "" })
	old := c.kids(t)
	if len(old) != 1 {
		t.Fatalf("a new project publishes the keys %v", old)
	}

	c.run(t, "key", "rotate", "--project", c.project.String())
	for _, n := range c.nodes {
		eventually(t, n.name+" to publish the next key", func() bool { return len(c.at(n).kids(t)) == 2 })
	}
	looked := c.lookForDueKeys(t)
	for time.Since(looked) < 2*cached.Life {
		r.everyNode(t, "the old key while the next one is published", 5, func(kid string) bool { return kid == old[0] })
	}
	if got := r.kinds(); got != 1 {
		t.Errorf("%d keys sign before the next one may", got)
	}

	published := time.Now()
	c.sql(t, fmt.Sprintf("UPDATE keys SET created = created - %d WHERE state = 'next' AND project = '%s'", latchkey.PublishAhead.Microseconds(), c.project))
	c.join(t)
	r.everyNode(t, "the new key", 5, func(kid string) bool { return kid != old[0] })
	t.Logf("the new key signs on every node %v after its time had come", time.Since(published).Round(time.Millisecond))
	r.once.Do(func() { close(r.over) })
	all.Wait()

	for _, n := range c.nodes {
		a := c.at(n)
		if kids := a.kids(t); len(kids) != 2 || kids[0] == old[0] || kids[1] != old[0] {
			t.Errorf("%s publishes %v after the rotation, want the new key and then %s", n.name, kids, old[0])
		}
		for _, token := range r.kept {
			a.validate(newPerson("key", 0), token).is(t, "a token from before, at "+n.name, 204)
		}
	}
	t.Logf("%d logins, each token held against the keys that every node published before it and taken by every node: %v", r.logins.Load(), r.signedBy)
	if t.Failed() {
		t.Log(c.logs())
	}
}

// join lets one more node work, which the proxy knows nothing of. At its start a node looks whether a key is due.
func (c *cluster) join(t *testing.T) {
	t.Helper()
	newNode(t, c, "one-more").start(t)
}

// lookForDueKeys makes sure that a node has looked through the keys of all projects, by those of one whose next key is due, and
// gives when that was.
func (c *cluster) lookForDueKeys(t *testing.T) time.Time {
	t.Helper()
	var witness struct{ ID latchkey.ProjectID }
	c.command(t, &witness, "project", "create", "Witness", "--callback-url", callbackURL, "--algorithm", "ES256")
	c.run(t, "key", "rotate", "--project", witness.ID.String())
	where := fmt.Sprintf("WHERE state = 'next' AND project = '%s'", witness.ID)
	c.sql(t, fmt.Sprintf("UPDATE keys SET created = created - %d %s", latchkey.PublishAhead.Microseconds(), where))
	c.join(t)
	eventually(t, "the key of another project to become active", func() bool {
		return c.sql(t, "SELECT count(*) FROM keys "+where) == "0"
	})
	return time.Now()
}

// A rotation is people who sign in meanwhile.
type rotation struct {
	*cluster
	over   chan struct{}
	once   sync.Once
	logins atomic.Int64

	mu       sync.Mutex
	signedBy map[string]map[string]int // guarded by mu; logins by key and node
	kept     []string                  // guarded by mu; some tokens
}

// signIn lets one person after the other sign in at one node.
func (r *rotation) signIn(t *testing.T, i int) {
	n := r.nodes[i]
	a := r.at(n)
	for round := 0; ; round++ {
		select {
		case <-r.over:
			return
		default:
		}
		p := newPerson("key-"+n.name, round+i<<16)
		started := a.startJWT(p)
		if started.status != 200 {
			t.Errorf("start at %s: %v", n.name, started)
			return
		}
		published := map[string][]string{}
		for _, other := range r.nodes {
			published[other.name] = r.at(other).kids(t)
		}
		confirmed := a.confirmJWT(p, started.Op, r.code(t, p, started.Op))
		token := confirmed.token()
		kid := kidOf(token)
		if confirmed.status != 200 || kid == "" {
			t.Errorf("confirm at %s: %v", n.name, confirmed)
			return
		}
		for _, other := range r.nodes {
			if !slices.Contains(published[other.name], kid) {
				t.Errorf("%s signs with %s, which %s did not publish a moment ago", n.name, kid, other.name)
			}
			if got := r.at(other).validate(p, token); got.status != 204 {
				t.Errorf("%s refuses a token that %s signed with %s: %v", other.name, n.name, kid, got)
			}
		}
		r.note(kid, n.name, token)
	}
}

func (r *rotation) note(kid, node, token string) {
	r.logins.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.signedBy[kid] == nil {
		r.signedBy[kid] = map[string]int{}
	}
	if r.signedBy[kid][node]++; r.signedBy[kid][node] == 1 {
		r.kept = append(r.kept, token)
	}
}

func (r *rotation) kinds() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.signedBy)
}

// everyNode waits until each node has signed so many more tokens with such a key.
func (r *rotation) everyNode(t *testing.T, what string, more int, such func(kid string) bool) {
	t.Helper()
	count := func() map[string]int {
		r.mu.Lock()
		defer r.mu.Unlock()
		out := map[string]int{}
		for kid, nodes := range r.signedBy {
			for node, n := range nodes {
				if such(kid) {
					out[node] += n
				}
			}
		}
		return out
	}
	from := count()
	eventually(t, "every node to sign with "+what, func() bool {
		now := count()
		return !slices.ContainsFunc(r.nodes, func(n *node) bool { return now[n.name] < from[n.name]+more })
	})
}

// kidOf gives the key id in a token's header.
func kidOf(token string) string {
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return ""
	}
	var header struct{ Kid string }
	if json.Unmarshal(raw, &header) != nil {
		return ""
	}
	return header.Kid
}
