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

// A courier carries jobs to the database: everything that is queued goes as one batch, over each of its connections. While
// one is on its way the next batch gathers, so that nobody waits on purpose, and a batch costs one commit.
type courier struct {
	pool    *pgxpool.Pool
	conns   int
	most    int  // jobs in a batch
	reads   bool // its jobs change nothing
	mu      sync.Mutex
	work    sync.Cond
	pending []*job // guarded by mu
	closed  bool   // guarded by mu
	ended   sync.WaitGroup
}

func newCourier(pool *pgxpool.Pool, conns, most int, reads bool) *courier {
	c := &courier{pool: pool, conns: conns, most: most, reads: reads}
	c.work.L = &c.mu
	return c
}

// run starts the goroutines, which end with close.
func (c *courier) run() {
	for range c.conns {
		c.ended.Go(c.loop)
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
	c.work.Signal()
	return nil
}

// close refuses new jobs, and returns once those that were queued are answered.
func (c *courier) close() {
	c.mu.Lock()
	c.closed = true
	c.work.Broadcast()
	c.mu.Unlock()
	c.ended.Wait()
}

// loop is the goroutine of one connection.
func (c *courier) loop() {
	batch := make([]*job, 0, c.most)
	for {
		var more bool
		if batch, more = c.take(batch); !more {
			return
		}
		if len(batch) > 0 {
			c.deliver(batch)
			clear(batch) // or it would keep what its jobs held
		}
	}
}

// take waits for work and moves what is queued into batch; false once all is done and the courier is closed.
func (c *courier) take(batch []*job) ([]*job, bool) {
	c.mu.Lock()
	for len(c.pending) == 0 && !c.closed {
		c.work.Wait()
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
	if left > 0 {
		c.work.Signal()
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
