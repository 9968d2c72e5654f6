// Package valkey keeps the Limiter of many nodes in Valkey, or in Redis 7: one server, or a cluster.
//
// It holds nothing that must last: no persistence is needed, and a server that comes back empty counts from nothing. Of a
// server that runs out of memory, maxmemory-policy volatile-ttl gives up the keys that are nearest to being whole. A user with
// limited rights needs EVALSHA, EVAL, GET and SET on latchkey:* keys, HELLO, PING, SELECT, and CLUSTER for a cluster.
package valkey

import (
	"context"
	_ "embed"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	client "github.com/valkey-io/valkey-go"

	"github.com/latchkey-dev/latchkey"
)

// A Limiter counts in Valkey. Make one with New. The Takes of many callers travel together over a few connections, which
// come back by themselves. A Take is one round trip; in a cluster, where the keys of one Take live on different nodes, one
// for each key, in their order.
type Limiter struct {
	settings
	script *client.Lua

	mu     sync.Mutex
	client client.Client // nil until a Take has reached the server
	dial   *dial         // the attempt to reach it that is under way; nil without one
	closed bool
}

// A dial is one attempt to reach the server; the Takes that meanwhile come share it.
type dial struct {
	done   chan struct{} // closed when client and err are there
	client client.Client
	err    error
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
	return &Limiter{settings: s, script: client.NewLuaScript(script)}, nil
}

// Take implements latchkey.Limiter. It answers within its timeout, or twice that if it has to connect first.
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
	c := l.client
	l.closed, l.client = true, nil
	l.mu.Unlock()
	if c != nil {
		c.Close()
	}
	return nil
}

func (l *Limiter) take(ctx context.Context, ts []latchkey.Take, now time.Time) ([]latchkey.Tally, error) {
	c, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	if c.Mode() != client.ClientModeCluster {
		out, err := l.ask(ctx, c, ts, now)
		if !readOnly(err) {
			return out, err
		}
		// The server has become a replica, and its address may lead to the new primary by now. Nothing was written.
		l.leave(c)
		if c, err = l.connect(ctx); err != nil {
			return nil, err
		}
		return l.ask(ctx, c, ts, now)
	}
	// Keys of one Take count different things, so no hash tag can bring them together: an address is asked for by many
	// networks, and a network asks for many addresses.
	out := make([]latchkey.Tally, 0, len(ts))
	for i := range ts {
		one, err := l.ask(ctx, c, ts[i:i+1], now)
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

// ask runs the script once for ts, all of which live on one node, and reads its answer with the rule itself.
func (l *Limiter) ask(ctx context.Context, c client.Client, ts []latchkey.Take, now time.Time) ([]latchkey.Tally, error) {
	now = time.UnixMicro(now.UnixMicro())
	keys, args := make([]string, 0, len(ts)), make([]string, 1, 2*len(ts)+1)
	args[0] = strconv.FormatInt(now.UnixMicro(), 10)
	for _, t := range ts {
		if r := whole(t.Rate); !r.IsZero() {
			every := r.Every.Microseconds()
			keys = append(keys, l.prefix+t.Key)
			args = append(args, strconv.FormatInt(every, 10), strconv.FormatInt(every*int64(r.Burst), 10))
		}
	}
	fulls, err := l.run(ctx, c, keys, args)
	if err != nil {
		return nil, err
	}
	out := make([]latchkey.Tally, 0, len(ts))
	for _, t := range ts {
		var full time.Time
		if !t.Rate.IsZero() {
			if len(fulls) == 0 {
				return nil, errors.New("the script gave too few answers")
			}
			full, fulls = time.UnixMicro(fulls[0]), fulls[1:]
		}
		_, tally := whole(t.Rate).Take(full, now)
		out = append(out, tally)
		if !tally.Allowed {
			break
		}
	}
	return out, nil
}

// run runs the script, and again if a connection broke, once for each that there is: a server that was restarted has broken
// them all. If a run did count before its connection broke, its caller has one unit less, and nobody has more.
func (l *Limiter) run(ctx context.Context, c client.Client, keys, args []string) ([]int64, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	answer := l.script.Exec(ctx, c, keys, args)
	for range 1 << multiplex {
		if answer.NonValkeyError() == nil || ctx.Err() != nil {
			break
		}
		answer = l.script.Exec(ctx, c, keys, args)
	}
	return answer.AsIntSlice()
}

// readOnly reports the answer of a replica. An answer's first word is its code.
func readOnly(err error) bool {
	said, ok := client.IsValkeyErr(err)
	return ok && strings.HasPrefix(said.Error(), "READONLY ")
}

// connect gives the client. If there is none yet, one Take makes it and the others wait for it, each no longer than its
// own ctx.
func (l *Limiter) connect(ctx context.Context) (client.Client, error) {
	l.mu.Lock()
	if l.closed || l.client != nil {
		defer l.mu.Unlock()
		if l.closed {
			return nil, errors.New("the limiter is closed")
		}
		return l.client, nil
	}
	d, mine := l.dial, false
	if d == nil {
		d, mine = &dial{done: make(chan struct{})}, true
		l.dial = d
	}
	l.mu.Unlock()
	if mine {
		l.reach(d)
	}
	select {
	case <-d.done:
		return d.client, d.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *Limiter) reach(d *dial) {
	d.client, d.err = client.NewClient(l.option)
	l.mu.Lock()
	l.dial = nil
	if d.err == nil && l.closed {
		d.client.Close()
		d.client, d.err = nil, errors.New("the limiter is closed")
	}
	l.client = d.client
	l.mu.Unlock()
	close(d.done)
}

// leave gives up a client whose server has become a replica: connections that live would stay with it.
func (l *Limiter) leave(c client.Client) {
	l.mu.Lock()
	ours := l.client == c
	if ours {
		l.client = nil
	}
	l.mu.Unlock()
	if ours {
		c.Close()
	}
}

// whole gives r in whole microseconds, rounded to the slower side.
func whole(r latchkey.Rate) latchkey.Rate {
	r.Every = (r.Every + time.Microsecond - 1).Truncate(time.Microsecond)
	return r
}
