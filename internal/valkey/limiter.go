// Package valkey keeps the Limiter of many nodes in Valkey, or in Redis 7: one server, or a cluster.
//
// It holds nothing that must last: no persistence is needed, and a server that comes back empty counts from nothing. Of a
// server that runs out of memory, maxmemory-policy volatile-ttl gives up the keys that are nearest to being whole. A user with
// limited rights needs EVALSHA, EVAL, GET and SET on latchkey:* keys, HELLO, SELECT, and CLUSTER for a cluster.
//
// The client is this package's own, for one script and nothing else (docs/adr/020-own-valkey-client.md): resp.go is the
// protocol, conn.go one connection, node.go one server, cluster.go which server has a key.
package valkey

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Limiter counts in Valkey. Make one with New. The Takes of many callers travel together over one connection to each server,
// which comes back by itself. A Take is one round trip; in a cluster, where the keys of one Take live on different nodes, one
// for each key, in their order.
type Limiter struct {
	*settings
	digest  string // of the script, by which servers know it
	cluster atomic.Pointer[layout]
	first   atomic.Uint32 // where among the addresses to begin: the one that answered last
	asking  chan struct{} // has room for one who asks for the layout

	mu     sync.Mutex
	nodes  map[string]*node // by address
	closed bool
}

//go:embed take.lua
var script string

// New reads the server's URL (see parse) and touches nothing: the first Take connects. So a node can start while the
// server is down.
func New(url string) (*Limiter, error) {
	s, err := parse(url)
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum([]byte(script)) // not a secret: the protocol's name for the script
	return &Limiter{settings: &s, digest: hex.EncodeToString(sum[:]), asking: make(chan struct{}, 1), nodes: map[string]*node{}}, nil
}

// Take implements latchkey.Limiter. It answers within its timeout.
// Times are kept in microseconds; a rate that is finer is rounded to the slower side.
func (l *Limiter) Take(ctx context.Context, ts []latchkey.Take, now time.Time) ([]latchkey.Tally, error) {
	if len(ts) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	out, err := l.take(ctx, ts, now)
	if err != nil {
		return nil, &latchkey.Error{Code: latchkey.Unavailable, Err: err}
	}
	return out, nil
}

// Close implements latchkey.Limiter. Takes afterwards are Unavailable.
func (l *Limiter) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, n := range l.nodes {
		n.close()
	}
	return nil
}

func (l *Limiter) take(ctx context.Context, ts []latchkey.Take, now time.Time) ([]latchkey.Tally, error) {
	if l.cluster.Load() == nil {
		home, clustered, err := l.home(ctx)
		if err != nil {
			return nil, err
		}
		if !clustered {
			return l.ask(ts, now, func(cmd []byte) (reply, error) { return home.do(ctx, false, cmd) })
		}
	}
	// Keys of one Take count different things, so no hash tag can bring them together: an address is asked for by many
	// networks, and a network asks for many addresses.
	out := make([]latchkey.Tally, 0, len(ts))
	for i := range ts {
		one, err := l.ask(ts[i:i+1], now, func(cmd []byte) (reply, error) { return l.askOwner(ctx, slot(l.prefix+ts[i].Key), cmd) })
		if err != nil {
			return nil, err
		}
		out = append(out, one...)
		if !out[i].Allowed {
			break
		}
	}
	return out, nil
}

// home gives the first server that can be reached, and whether it is a node of a cluster.
func (l *Limiter) home(ctx context.Context) (*node, bool, error) {
	var last error
	for range l.addrs {
		at := l.first.Load()
		n, err := l.node(l.addrs[int(at)%len(l.addrs)])
		if err != nil {
			return nil, false, err
		}
		c, err := n.reach(ctx)
		switch {
		case err == nil && !c.clustered && len(l.addrs) > 1:
			// Which of them has a key would depend on who can be reached.
			return nil, false, errors.New("there are several addresses, and the server is no node of a cluster")
		case err == nil:
			return n, c.clustered, nil
		}
		l.first.CompareAndSwap(at, at+1)
		last = err
	}
	return nil, false, last
}

// ask runs the script once for ts, all of which live on one node, and reads its answer with the rule itself.
func (l *Limiter) ask(ts []latchkey.Take, now time.Time, send func(cmd []byte) (reply, error)) ([]latchkey.Tally, error) {
	now = time.UnixMicro(now.UnixMicro())
	var fulls []reply
	if n := counted(ts); n > 0 {
		a, err := send(l.command("EVALSHA", l.digest, n, ts, now))
		if err == nil && a.says("NOSCRIPT") {
			a, err = send(l.command("EVAL", script, n, ts, now)) // a server that was restarted has not heard of it
		}
		if err == nil {
			err = a.failed()
		}
		if err != nil {
			return nil, err
		}
		fulls = a.list
	}
	out := make([]latchkey.Tally, 0, len(ts))
	for _, t := range ts {
		var full time.Time
		if !t.Rate.IsZero() {
			if len(fulls) == 0 || fulls[0].kind != integer {
				return nil, errors.New("the script gave too few answers")
			}
			full, fulls = time.UnixMicro(fulls[0].number), fulls[1:]
		}
		_, tally := whole(t.Rate).Take(full, now)
		out = append(out, tally)
		if !tally.Allowed {
			break
		}
	}
	return out, nil
}

// counted is how many of ts have a rate: only those have a key.
func counted(ts []latchkey.Take) (n int) {
	for _, t := range ts {
		if !t.Rate.IsZero() {
			n++
		}
	}
	return n
}

// command is one run of the script for the n keys of ts.
func (l *Limiter) command(verb, script string, n int, ts []latchkey.Take, now time.Time) []byte {
	size := 128 + len(script) + n*(len(l.prefix)+64)
	for _, t := range ts {
		size += len(t.Key)
	}
	b := appendHead(make([]byte, 0, size), 3+n+1+2*n)
	b = appendNumber(appendWord(appendWord(b, verb, ""), script, ""), int64(n))
	for _, t := range ts {
		if !t.Rate.IsZero() {
			b = appendWord(b, l.prefix, t.Key)
		}
	}
	b = appendNumber(b, now.UnixMicro())
	for _, t := range ts {
		if r := whole(t.Rate); !r.IsZero() {
			every := r.Every.Microseconds()
			b = appendNumber(appendNumber(b, every), every*int64(r.Burst))
		}
	}
	return b
}

// whole gives r in whole microseconds, rounded to the slower side.
func whole(r latchkey.Rate) latchkey.Rate {
	r.Every = (r.Every + time.Microsecond - 1).Truncate(time.Microsecond)
	return r
}
