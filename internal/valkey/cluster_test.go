package valkey_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limitertest"
)

// cluster gives two nodes that share the keys. A cluster of three with replicas would answer no differently.
func cluster(t *testing.T) (a, b *server) {
	t.Helper()
	node := func() *server { // the bus has a port of its own
		return start(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t)), "--cluster-node-timeout", "2000")
	}
	a, b = node(), node()
	a.mustSay("CLUSTER", "ADDSLOTSRANGE", "0", "8191")
	b.mustSay("CLUSTER", "ADDSLOTSRANGE", "8192", "16383")
	_, bus, _ := strings.Cut(firstNode(b.mustSay("CLUSTER", "NODES")), "@")
	a.mustSay("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(b.port), bus)
	err := until(20*time.Second, func() error {
		for _, s := range []*server{a, b} {
			info, err := s.say("CLUSTER", "INFO")
			if err != nil {
				return err
			}
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_slots_assigned:16384") {
				return fmt.Errorf("the cluster has not formed:\n%s", info)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// firstNode gives the address of a node that knows only itself, ip:port@bus.
func firstNode(nodes string) string {
	address := strings.Fields(nodes)[1]
	address, _, _ = strings.Cut(address, ",")
	return address
}

func TestClusterLimiter(t *testing.T) {
	t.Parallel()
	a, b := cluster(t)
	t.Run("suite", func(t *testing.T) {
		limitertest.Run(t, func(t *testing.T) limitertest.Fixture {
			return limitertest.Fixture{Limiter: open(t, a.url()+"&addr="+b.addr())}
		})
	})
	for _, s := range []*server{a, b} {
		if got := s.mustSay("DBSIZE"); got == ":0" {
			t.Error("a node of the cluster has no key: the suite met one node only")
		}
	}
}

// TestClusterKeysOfOneTakeAreEverywhere: one Take asks several nodes, in order, and stops at the first refusal.
func TestClusterKeysOfOneTakeAreEverywhere(t *testing.T) {
	t.Parallel()
	a, _ := cluster(t)
	l := open(t, a.url())
	var ts []latchkey.Take
	for i := range 12 {
		ts = append(ts, latchkey.Take{Key: strconv.Itoa(i), Rate: three})
	}
	ts[6].Rate.Burst = 1
	if got, err := l.Take(t.Context(), ts, noon); err != nil || len(got) != 12 {
		t.Fatalf("twelve keys: %+v, %v", got, err)
	}
	if got, err := l.Take(t.Context(), ts, noon); err != nil || len(got) != 7 || got[6].Allowed {
		t.Errorf("the seventh key is used up: %+v, %v; want seven tallies, the last one a refusal", got, err)
	}
	if got := take(t, l, "7", noon); got.Remaining != 1 {
		t.Errorf("the key after the refusal: %+v, want 1 left after two", got)
	}
}

// TestClusterNodeDown: what lives on the node that is there goes on.
func TestClusterNodeDown(t *testing.T) {
	t.Parallel()
	a, b := cluster(t)
	for _, s := range []*server{a, b} {
		s.mustSay("CONFIG", "SET", "cluster-require-full-coverage", "no", "cluster-node-timeout", "60000") // or the rest gives up too
	}
	l := open(t, a.url()+"&addr="+b.addr())
	for i := range 20 {
		take(t, l, strconv.Itoa(i), noon)
	}
	b.kill()
	answered, refused, here := 0, 0, ""
	for i := range 20 {
		began := time.Now()
		_, err := l.Take(t.Context(), []latchkey.Take{{Key: strconv.Itoa(i), Rate: three}}, noon)
		switch {
		case err == nil:
			answered++
			here = strconv.Itoa(i)
		case latchkey.CodeOf(err) == latchkey.Unavailable:
			refused++
		default:
			t.Errorf("key %d: %v", i, err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("key %d took %v", i, took)
		}
	}
	if answered == 0 || refused == 0 {
		t.Errorf("with one node of two down %d keys were answered and %d refused, want some of each", answered, refused)
	}
	late := open(t, b.url()+"&addr="+a.addr())
	take(t, late, here, noon) // it starts now, and the first address is the dead one
}

// TestClusterSlotMoves: a key is followed while its slot is on the way to another node, and after it has arrived.
func TestClusterSlotMoves(t *testing.T) {
	t.Parallel()
	a, b := cluster(t)
	l := open(t, a.url()+"&prefix=p:")
	take(t, l, "x", noon) // reads the layout
	key, slot := "{foo}", "12182"
	idA, idB := a.mustSay("CLUSTER", "MYID"), b.mustSay("CLUSTER", "MYID")
	a.mustSay("CLUSTER", "SETSLOT", slot, "IMPORTING", idB)
	b.mustSay("CLUSTER", "SETSLOT", slot, "MIGRATING", idA)
	for left := 2; left >= 1; left-- {
		if got := take(t, l, key, noon); got.Remaining != left || b.mustSay("CLUSTER", "COUNTKEYSINSLOT", slot) != ":0" {
			t.Errorf("on its way: %+v, want %d left, and counted at the node to which it goes", got, left)
		}
	}
	for _, s := range []*server{a, b} {
		s.mustSay("CLUSTER", "SETSLOT", slot, "NODE", idA)
	}
	if got := take(t, l, key, noon); got.Remaining != 0 || !got.Allowed {
		t.Errorf("arrived: %+v, want the last one of three", got)
	}
	take(t, l, key, noon)
	if got := a.mustSay("CLUSTER", "COUNTKEYSINSLOT", slot); got != ":1" {
		t.Errorf("the new node has %s keys in the slot, want :1", got)
	}
	if got := b.mustSay("INFO", "errorstats"); !strings.Contains(got, "errorstat_MOVED:count=1\r\n") {
		t.Errorf("the old node was asked again after it had said where the slot is:\n%s", got)
	}
}

// TestClusterNodeHangs: what it had goes to another node, which says so only when it is asked, within the time of a Take.
func TestClusterNodeHangs(t *testing.T) {
	t.Parallel()
	a, b := cluster(t)
	for _, s := range []*server{a, b} {
		s.mustSay("CONFIG", "SET", "cluster-require-full-coverage", "no", "cluster-node-timeout", "60000")
	}
	l := open(t, "valkey://"+b.addr()+"?timeout=2s&addr="+a.addr())
	key, slot := "{foo}", "12182"
	take(t, l, key, noon)
	idA := a.mustSay("CLUSTER", "MYID")
	b.freeze()
	defer b.thaw()
	a.mustSay("CLUSTER", "SETSLOT", slot, "NODE", idA)
	if got := take(t, l, key, noon); got.Remaining != 2 {
		t.Errorf("at the node that took the slot: %+v, want 2 left", got)
	}
}

// TestSeveralAddressesWithoutACluster: which server has a key would depend on who can be reached.
func TestSeveralAddressesWithoutACluster(t *testing.T) {
	t.Parallel()
	a, b := start(t), start(t)
	l := open(t, a.url()+"&addr="+b.addr())
	unavailable(t, l)
	a.kill()
	unavailable(t, l)
}
