package sqlite

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

const (
	// maxBatch bounds a transaction, and so how long its first verb waits for its last one.
	maxBatch = 256
	// maxQueue bounds what waits behind a disk that stands still; who comes later is refused at once.
	maxQueue = 8192
)

var (
	errClosed = errors.New("the store is closed")
	errFull   = errors.New("too many verbs wait for the disk")
)

// A verb is one atomic change on its way through the writer.
type verb struct {
	ctx  context.Context
	run  func(*conn) error // may run twice, the first time rolled back
	err  error             // how it ended
	done chan struct{}     // receives once, after the commit
}

// The writer is the only one that changes the database. It runs everything that is queued in one transaction and
// answers everybody after the commit: one flush of the disk for all of them. While the flush lasts the next batch
// gathers, so that nobody waits on purpose.
type writer struct {
	conn *conn
	// gate is held during a transaction; the checkpointer takes it when the log must start over.
	gate      *sync.Mutex
	committed func(verbs int) // tells the checkpointer
	wake      chan struct{}   // holds one token while there is work
	ended     chan struct{}
	batch     []*verb // reused
	mu        sync.Mutex
	pending   []*verb // guarded by mu
	closed    bool    // guarded by mu
	doneChans sync.Pool
}

func newWriter(c *conn, gate *sync.Mutex, committed func(int)) *writer {
	return &writer{
		conn: c, gate: gate, committed: committed,
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
		doneChans: sync.Pool{New: func() any { return make(chan struct{}, 1) }},
	}
}

// do queues run and waits until it is committed or ctx ends. Where ctx ends first the verb may still be committed,
// unless it had not been started: then it is dropped.
func (w *writer) do(ctx context.Context, run func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	v := &verb{ctx: ctx, run: run, done: w.doneChans.Get().(chan struct{})}
	if err := w.queue(v); err != nil {
		return unavailable(err)
	}
	select {
	case <-v.done:
		w.doneChans.Put(v.done)
		return translate(v.err)
	case <-ctx.Done():
		return unavailable(ctx.Err()) // v.done is left to the writer, and to the garbage collector
	}
}

func (w *writer) queue(v *verb) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed
	}
	if len(w.pending) >= maxQueue {
		return errFull
	}
	w.pending = append(w.pending, v)
	w.rouse()
	return nil
}

func (w *writer) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// close refuses new verbs, and returns once those that were queued are answered.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.rouse()
	w.mu.Unlock()
	<-w.ended
}

// loop is the writer's goroutine. It ends after close.
func (w *writer) loop() {
	defer close(w.ended)
	for range w.wake {
		for {
			// Whoever was just answered or is about to ask gets to queue first: a larger batch for nothing.
			runtime.Gosched()
			closed := w.take()
			if len(w.batch) > 0 {
				w.commit(w.batch)
				clear(w.batch) // or it would keep what its verbs held
				continue
			}
			if closed {
				return
			}
			break
		}
	}
}

// take moves what is queued, at most maxBatch, into batch.
func (w *writer) take() (closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.pending), maxBatch)
	w.batch = append(w.batch[:0], w.pending[:n]...)
	left := copy(w.pending, w.pending[n:])
	clear(w.pending[left:])
	w.pending = w.pending[:left]
	return w.closed
}

// commit runs batch in one transaction and answers. If a verb fails, so that the others' work is lost with its own,
// each is run again in a transaction of its own.
func (w *writer) commit(batch []*verb) {
	w.gate.Lock()
	broken, _ := w.transact(batch) // each verb has its error
	if broken && len(batch) > 1 {
		for i := range batch {
			if _, err := w.transact(batch[i : i+1]); errors.Is(err, errBegin) {
				_ = fail(batch[i:], err) // nobody gets in: 256 waits for a lock would be minutes
				break
			}
		}
	}
	w.gate.Unlock()
	for _, v := range batch {
		v.done <- struct{}{}
	}
	w.committed(len(batch) + w.conn.rows)
	w.conn.rows = 0
}

// errBegin marks a transaction that could not start.
var errBegin = errors.New("begin")

// transact runs batch in one transaction and leaves in each verb how it ended. broken says that a verb failed and
// took the others with it. err is what the transaction itself failed with.
func (w *writer) transact(batch []*verb) (broken bool, err error) {
	c := w.conn
	if !c.AutocommitEnabled() { // the last ROLLBACK failed
		if err := c.exec("ROLLBACK"); err != nil {
			return false, fail(batch, errors.Join(errBegin, err))
		}
	}
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return false, fail(batch, errors.Join(errBegin, err))
	}
	defer c.forgetEvents()
	for _, v := range batch {
		if err := v.ctx.Err(); err != nil {
			v.err = unavailable(err) // its caller has gone
			continue
		}
		if v.err = v.run(c); unexpected(v.err) {
			w.rollback()
			return true, nil
		}
	}
	if err := c.storeEvents(); err != nil {
		w.rollback()
		return true, fail(batch, err)
	}
	if err := c.exec("COMMIT"); err != nil {
		w.rollback()
		return false, fail(batch, err)
	}
	return false, nil
}

// rollback ends the transaction if the failure has not. If that fails too, the next transaction tries again.
func (w *writer) rollback() {
	if !w.conn.AutocommitEnabled() {
		_ = w.conn.exec("ROLLBACK")
	}
}

func fail(batch []*verb, err error) error {
	for _, v := range batch {
		v.err = err
	}
	return err
}

// exec runs a statement without parameters.
func (c *conn) exec(text string) error {
	q := c.stmt(text)
	return q.exec()
}

// write runs a verb that gives something.
func write[T any](ctx context.Context, s *Store, run func(*conn) (T, error)) (T, error) {
	return writeInto(ctx, s, nil, run)
}

// writeInto is write for the verbs of a login, whose outcomes are large: where the writer puts them is taken from boxes, and used
// again.
func writeInto[T any](ctx context.Context, s *Store, boxes *sync.Pool, run func(*conn) (T, error)) (T, error) {
	var out, none T
	var box *T
	if boxes != nil {
		box, _ = boxes.Get().(*T) // nil where there is none left
	}
	if box == nil {
		box = new(T)
	}
	err := s.writer.do(ctx, func(c *conn) (err error) {
		*box, err = run(c)
		return err
	})
	if err != nil {
		return none, err // the box may still be written to if ctx ended, and is never used again
	}
	out = *box
	if boxes != nil {
		*box = none // or it would keep what is in it
		boxes.Put(box)
	}
	return out, nil
}
