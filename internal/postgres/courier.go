package postgres

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// patience is how long a verb may take in all, waiting for a connection included: a store that is down must say so within
	// 2 s (design.md §8).
	patience = 1800 * time.Millisecond
	// maxBatch bounds a transaction, and so how long its first verb waits for its last one, and its locks with it.
	maxBatch = 64
	// crowd is how many jobs wait when another connection than the first joins in, and lateness how long one of them does. A batch
	// costs the server and the node as much as several verbs, so that few large ones are better, unless the first one is held up.
	crowd    = 32
	lateness = 25 * time.Millisecond
	// maxQueue bounds what waits behind a database that stands still; who comes later is refused at once.
	maxQueue = 8192
)

// A job is the statements of one verb on their way to the database.
type job struct {
	ctx     context.Context
	order   uint64 // of the rows that it locks: a batch takes them in this order, or two could wait for each other
	stmts   []*stmt
	begin   func()              // forgets what row has read; it may all come again
	row     func(i int, r *row) // reads a row of the answer to statement i
	number  uint32              // of the connection that it went over last
	changed int64               // rows that its statements changed or gave
	err     error               // how it ended
	done    chan struct{}       // closed after the commit
}

func (j *job) start() {
	j.err, j.changed = nil, 0
	if j.begin != nil {
		j.begin()
	}
}

// A courier carries jobs to the database: everything that is queued goes as one batch over its first connection. While one is on
// its way the next batch gathers, so that nobody waits on purpose, and a batch costs one commit. The other connections are for
// what the first cannot keep up with.
type courier struct {
	pool    *pgxpool.Pool
	conns   int
	most    int  // jobs in a batch
	reads   bool // its jobs change nothing
	mu      sync.Mutex
	work    sync.Cond   // the first connection has something to do
	help    sync.Cond   // the others have
	late    *time.Timer // runs while somebody waits
	overdue bool        // guarded by mu; the first connection is held up
	pending []*job      // guarded by mu
	closed  bool        // guarded by mu
	ended   sync.WaitGroup
}

func newCourier(pool *pgxpool.Pool, conns, most int, reads bool) *courier {
	c := &courier{pool: pool, conns: conns, most: most, reads: reads}
	c.work.L, c.help.L = &c.mu, &c.mu
	c.late = time.AfterFunc(lateness, c.relieve)
	c.late.Stop() // nobody waits yet
	return c
}

// run starts the goroutines, which end with close.
func (c *courier) run() {
	for i := range c.conns {
		c.ended.Go(func() { c.loop(i == 0) })
	}
}

// carry queues j and waits until it is done or its context ends. Where the context ends first it may still be committed,
// unless it had not been sent.
func (c *courier) carry(j *job) error {
	if err := c.queue(j); err != nil {
		return unavailable(err)
	}
	select {
	case <-j.done:
		return translate(j.err)
	case <-j.ctx.Done():
		return outOfTime(j.ctx)
	}
}

func (c *courier) queue(j *job) error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	j.done = make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errClosed
	}
	if len(c.pending) >= maxQueue {
		return errFull
	}
	c.pending = append(c.pending, j)
	if len(c.pending) == 1 {
		c.late.Reset(lateness)
	}
	c.rouse()
	return nil
}

// rouse wakes whoever has something to do.
func (c *courier) rouse() {
	if c.due(true) {
		c.work.Signal()
	}
	if c.due(false) {
		c.help.Signal()
	}
}

// due reports whether the first connection, or another one, has something to do.
func (c *courier) due(first bool) bool {
	n := len(c.pending)
	return n > 0 && (first || c.overdue || n >= min(crowd, c.most))
}

// relieve has the other connections take what the first one does not come for, until it does.
func (c *courier) relieve() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.overdue = true
	c.rouse()
}

// close refuses new jobs, and returns once those that were queued are answered.
func (c *courier) close() {
	c.mu.Lock()
	c.closed = true
	c.work.Broadcast()
	c.help.Broadcast()
	c.mu.Unlock()
	c.ended.Wait()
	c.late.Stop()
}

// loop is the goroutine of one connection.
func (c *courier) loop(first bool) {
	batch := make([]*job, 0, c.most)
	for {
		var more bool
		if batch, more = c.take(batch, first); !more {
			return
		}
		if len(batch) > 0 {
			c.deliver(batch)
			clear(batch) // or it would keep what its jobs held
		}
	}
}

// take waits for work and moves what is queued into batch; false once all is done and the courier is closed.
func (c *courier) take(batch []*job, first bool) ([]*job, bool) {
	wake := &c.help
	if first {
		wake = &c.work
	}
	c.mu.Lock()
	for !c.due(first) && !c.closed {
		wake.Wait()
	}
	if first {
		c.overdue = false
	}
	c.mu.Unlock()
	runtime.Gosched() // whoever was just answered or is about to ask gets to queue first: a larger batch for nothing
	c.mu.Lock()
	defer c.mu.Unlock()
	batch = batch[:0]
	taken := 0
	for _, j := range c.pending[:min(len(c.pending), c.most)] {
		taken++
		if err := j.ctx.Err(); err != nil {
			j.err = err // its caller has gone
			close(j.done)
			continue
		}
		batch = append(batch, j)
	}
	left := copy(c.pending, c.pending[taken:])
	clear(c.pending[left:])
	c.pending = c.pending[:left]
	if c.late.Stop(); left > 0 {
		c.late.Reset(lateness)
		c.rouse()
	}
	return batch, len(batch) > 0 || left > 0 || !c.closed
}

// deliver carries a batch and answers. If the server refuses a statement, so that the others' work is lost with its own, each
// goes again by itself, and last of all those that others stand in the way of.
func (c *courier) deliver(batch []*job) {
	slices.SortStableFunc(batch, func(a, b *job) int { return cmp.Compare(a.order, b.order) })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := c.perform(ctx, batch)
	if len(batch) == 1 || !undone(err) {
		for _, j := range batch {
			j.end(err)
		}
		return
	}
	var late []*job
	for _, j := range batch {
		if err := c.send(ctx, []*job{j}); conflicting(err) {
			late = append(late, j)
		} else {
			j.end(err)
		}
	}
	for _, j := range late {
		j.end(c.perform(ctx, []*job{j}))
	}
}

// end answers.
func (j *job) end(err error) {
	if err != nil {
		j.err = err
	}
	close(j.done)
}

// maxTries bounds how often a transaction is sent again that fell for no fault of its own.
const maxTries = 4

// perform carries out jobs as one transaction. It is done again if another transaction undid it, and if its connection broke
// before anything was sent, or before anything could be changed: after a restart of the server there are several such.
func (c *courier) perform(ctx context.Context, jobs []*job) (err error) {
	for try := range maxTries {
		err = c.send(ctx, jobs)
		conflict := conflicting(err) && len(jobs) == 1
		broken := sqlState(err) == "" && (c.reads || pgconn.SafeToRetry(err)) && !errors.Is(err, errShape)
		if err == nil || !conflict && !broken {
			break
		}
		if conflict {
			// Two that met head on must not do so again in step: each has a time of its own.
			if _, late := pause(ctx, time.Duration(try+1)*time.Duration(1+jobs[0].number%16)*time.Millisecond); late != nil {
				break
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	return err
}

// send carries out jobs as one transaction, once.
func (c *courier) send(ctx context.Context, jobs []*job) error { return send(ctx, c.pool, jobs) }

// send carries out jobs as one transaction on a connection of pool.
func send(ctx context.Context, pool *pgxpool.Pool, jobs []*job) error {
	held, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer held.Release()
	c := held.Conn().PgConn()
	for _, j := range jobs {
		j.start()
	}
	jobs[0].number = c.PID()
	failed, err := exchange(ctx, c, jobs)
	if err != nil && failed != nil {
		failed.err = err
	}
	if sqlState(err) == readOnlyTransaction {
		abandon(ctx, pool, c)
	}
	if err == nil && len(jobs) == 1 {
		return jobs[0].err
	}
	return err
}

// abandon gives up every connection to a server that is a standby now, so that the next ones look for the primary.
func abandon(ctx context.Context, pool *pgxpool.Pool, c *pgconn.PgConn) {
	_ = c.Close(ctx) // it is closed whatever comes of saying so
	pool.Reset()
}
