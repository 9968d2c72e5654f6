package valkey

import (
	"context"
	"errors"
	"sync"
)

// A node is one server: the one there is, or one of a cluster. Its connection is made when it is first needed, and again
// when it broke.
type node struct {
	*settings
	addr string

	mu     sync.Mutex
	conn   *conn // nil until somebody has reached the server
	dial   *dial // the attempt to reach it that is under way; nil without one
	closed bool
}

// A dial is one attempt to reach a server; the Takes that meanwhile come share it, each no longer than its own ctx.
type dial struct {
	done chan struct{} // closed when conn and err are there
	conn *conn
	err  error
}

var (
	errClosed  = errors.New("the limiter is closed")
	errReplica = errors.New("the server has become a replica")
)

// tries is how often a command is sent: a connection may break under it, and the next one too.
const tries = 3

// do asks the server, and again if a connection broke. If the first command did count before that, its caller has one unit
// less, and nobody has more.
func (n *node) do(ctx context.Context, asking bool, cmd []byte) (a reply, err error) {
	left := false
	for range tries {
		var c *conn
		if c, err = n.reach(ctx); err != nil {
			return reply{}, err
		}
		a, err = c.do(ctx, asking, cmd)
		switch {
		case err == nil && a.says("READONLY") && !left:
			// The server has become a replica, and its address may lead to the new primary by now. Nothing was written.
			left = true
			c.end(errReplica)
		case !errors.Is(err, errBroken) || ctx.Err() != nil:
			return a, err
		}
	}
	return a, err
}

// reach gives the connection.
func (n *node) reach(ctx context.Context) (*conn, error) {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil, errClosed
	}
	if c := n.conn; c != nil && c.reason() == nil {
		n.mu.Unlock()
		return c, nil
	}
	d := n.dial
	if d == nil {
		d = &dial{done: make(chan struct{})}
		n.dial = d
		n.run(context.WithoutCancel(ctx), d)
	}
	n.mu.Unlock()
	select {
	case <-d.done:
		return d.conn, d.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run makes the attempt. It ends within its timeout, whoever still waits for it.
func (n *node) run(ctx context.Context, d *dial) {
	go func() {
		d.conn, d.err = n.connect(ctx, n.addr)
		n.mu.Lock()
		n.dial = nil
		if n.closed && d.err == nil {
			d.conn.end(errClosed)
			d.conn, d.err = nil, errClosed
		}
		n.conn = d.conn
		n.mu.Unlock()
		close(d.done)
	}()
}

// close ends the connection for good.
func (n *node) close() {
	n.mu.Lock()
	c := n.conn
	n.closed, n.conn = true, nil
	n.mu.Unlock()
	if c != nil {
		c.end(errClosed)
	}
}
