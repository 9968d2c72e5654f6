package valkey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// slots is how many parts the keys of a cluster are in.
const slots = 16384

// A layout is which node has which slots, as one of them told it. It never changes; the next one takes its place.
type layout struct {
	nodes []*node
	at    [slots]uint16 // 1 + the place in nodes; 0: nobody has it
}

func (y *layout) owner(slot int) *node {
	if i := y.at[slot]; i > 0 {
		return y.nodes[i-1]
	}
	return nil
}

// moves is how often a Take follows a key that is not where it was looked for.
const moves = 4

// share is what a node has of a Take's timeout: the rest is for asking another one whether it was replaced.
const share = 0.6

// askOwner sends cmd to the node that has slot. Where the layout is out of date, nodes say so, and where the node is down, another
// one may have taken its place.
func (l *Limiter) askOwner(ctx context.Context, slot int, cmd []byte) (a reply, err error) {
	y := l.cluster.Load()
	if y == nil || y.owner(slot) == nil {
		if y, err = l.learn(ctx, y, nil); err != nil {
			return a, err
		}
	}
	n, asking := y.owner(slot), false
	for range moves {
		if n == nil {
			return a, errors.New("no node of the cluster has the key")
		}
		a, err = l.within(ctx, share, n, asking, cmd)
		switch to, moved := a.moved(n); {
		case err != nil:
			if y, err = l.elsewhere(ctx, y, slot, n, err); err != nil {
				return a, err
			}
			n, asking = y.owner(slot), false
		case to == "":
			return a, nil
		default:
			if n, err = l.node(to); err != nil {
				return a, err
			}
			if asking = !moved; moved {
				if y, err = l.learn(ctx, y, n); err != nil {
					return a, err
				}
			}
		}
	}
	return a, errors.New("the cluster sends its key in circles")
}

// within is one command to one node, for no more than a part of the timeout.
func (l *Limiter) within(ctx context.Context, part float64, n *node, asking bool, cmd []byte) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(part*float64(l.timeout)))
	defer cancel()
	return n.do(ctx, asking, cmd)
}

// elsewhere gives the layout after n failed with err, if the slot has another owner by now.
func (l *Limiter) elsewhere(ctx context.Context, y *layout, slot int, n *node, err error) (*layout, error) {
	var other *node
	if i := slices.IndexFunc(y.nodes, func(m *node) bool { return m != n }); i >= 0 {
		other = y.nodes[i]
	}
	fresh, e := l.learn(ctx, y, other)
	if e != nil || fresh.owner(slot) == n {
		return nil, err
	}
	return fresh, nil
}

// moved reads where n sends the caller: with MOVED for good, with ASK for this one time. Without a host it is n's own.
func (a reply) moved(n *node) (addr string, forGood bool) {
	forGood = a.says("MOVED")
	if !forGood && !a.says("ASK") {
		return "", false
	}
	words := strings.Fields(a.text) // MOVED 3999 192.0.2.1:6381
	if len(words) != 3 {
		return "", false
	}
	at := strings.LastIndexByte(words[2], ':') // an IPv6 address has no brackets here
	if at < 0 {
		return "", false
	}
	return n.beside(words[2][:at], words[2][at+1:]), forGood
}

// beside gives the address of a node that n speaks of: one without a name is where n is.
func (n *node) beside(host, port string) string {
	if host == "" || host == "?" {
		host, _, _ = net.SplitHostPort(n.addr)
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// learn gives a newer layout than seen: that of whoever was quicker, or the one that a node tells now, from before all others.
// Each has a part of the time.
func (l *Limiter) learn(ctx context.Context, seen *layout, from *node) (*layout, error) {
	select {
	case l.asking <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-l.asking }()
	if y := l.cluster.Load(); y != seen {
		return y, nil
	}
	var last error
	for _, n := range l.witnesses(seen, from) {
		y, err := l.layoutOf(ctx, n)
		if err == nil {
			l.cluster.Store(y)
			l.forget(y)
			return y, nil
		}
		last = err
		l.first.Add(1)
	}
	return nil, cmp.Or(last, errClosed)
}

// witnesses are the nodes to ask for the layout, in their order.
func (l *Limiter) witnesses(seen *layout, from *node) []*node {
	var all []*node
	if seen != nil {
		all = append(all, seen.nodes...)
	}
	for _, addr := range l.addrs {
		if n, err := l.node(addr); err == nil && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	if len(all) > 0 {
		at := int(l.first.Load()) % len(all)
		all = slices.Concat(all[at:], all[:at])
	}
	if from != nil {
		all = slices.Insert(all, 0, from)
	}
	return all
}

func (l *Limiter) layoutOf(ctx context.Context, n *node) (*layout, error) {
	a, err := l.within(ctx, share/2, n, false, command("CLUSTER", "SLOTS"))
	if err == nil {
		err = a.failed()
	}
	if err != nil {
		return nil, err
	}
	return l.readLayout(n, a)
}

// readLayout reads ranges of slots, each as [first, last, [host, port, …] of the primary, …].
func (l *Limiter) readLayout(from *node, a reply) (*layout, error) {
	y := &layout{}
	for _, r := range a.list {
		if len(r.list) < 3 || len(r.list[2].list) < 2 {
			return nil, errGibberish
		}
		low, high, primary := r.list[0].number, r.list[1].number, r.list[2].list
		if low < 0 || low > high || high >= slots || primary[1].number < 1 || primary[1].number > 65535 {
			return nil, errGibberish
		}
		n, err := l.node(from.beside(primary[0].text, strconv.FormatInt(primary[1].number, 10)))
		if err != nil {
			return nil, err
		}
		i := slices.Index(y.nodes, n)
		if i < 0 {
			i = len(y.nodes)
			y.nodes = append(y.nodes, n)
		}
		for s := low; s <= high; s++ {
			if y.at[s] != 0 {
				return nil, errGibberish // two owners: else each range could name all slots, and take a second to be read
			}
			y.at[s] = uint16(i + 1) // at most 16,384 ranges can be told apart
		}
	}
	if len(y.nodes) == 0 {
		return nil, fmt.Errorf("the cluster at %s has given its keys to nobody", from.addr)
	}
	return y, nil
}

// node gives the node at an address.
func (l *Limiter) node(addr string) (*node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	n := l.nodes[addr]
	if n == nil {
		n = &node{settings: l.settings, addr: addr}
		l.nodes[addr] = n
	}
	return n, nil
}

// forget ends the connections to nodes that are no longer in the cluster.
func (l *Limiter) forget(y *layout) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for addr, n := range l.nodes {
		if !slices.Contains(y.nodes, n) && !slices.Contains(l.addrs, addr) {
			n.close()
			delete(l.nodes, addr)
		}
	}
}

// slot is the part of a cluster in which a key lives: the CRC-16 (XMODEM) of the key, or of what stands between its first { and the
// next }, unless that is nothing.
func slot(key string) int {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			key = tag
		}
	}
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc % slots)
}
