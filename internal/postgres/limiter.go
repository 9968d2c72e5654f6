package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey"
)

const (
	// limiterPatience is how long a Take may take in all. A login waits for it.
	limiterPatience = time.Second
	// maxKeys bounds the keys of one statement. A Take of more is several, one after the other.
	maxKeys = 16
	// A limiter sweeps one part of its keys with every so many Takes.
	sweepEvery = 16
	sweepParts = 1024
	// skew is by how much the clocks of two nodes may differ before one sweeps what the other still counts.
	skew = time.Minute
)

// Limiter counts in the table limits of a database that Migrate made, for every node that uses it. It is safe for concurrent
// use.
//
// The Takes of many callers travel together over one connection, each as a transaction of its own, so that nobody holds what
// another batch waits for. One statement asks for all keys of a Take, each only if the one before was there. It locks their rows
// in the order that it is given; every caller in the house asks in the order of one table, and one that does not is told to
// ask again by the server, which finds the deadlock.
type Limiter struct {
	pool   *pgxpool.Pool
	shapes [maxKeys + 1]shape // the statement for so many keys

	mu      sync.Mutex
	work    sync.Cond
	pending []*ticket // guarded by mu
	closed  bool      // guarded by mu
	ended   sync.WaitGroup

	taken, part int // of the loop alone: Takes since the last sweep, and the next part to sweep
}

// A ticket is one statement on its way.
type ticket struct {
	ctx   context.Context
	stmt  *stmt
	asked []int64       // what each key had before, in order; shorter after a refusal
	err   error         // how it ended
	done  chan struct{} // closed after the commit
}

// OpenLimiter reads the connection string and touches nothing: the first Take connects. It starts a goroutine, which Close ends.
func OpenLimiter(ctx context.Context, url string) (*Limiter, error) {
	config, pooled, err := configOf(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 1
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error { return greet(ctx, c.PgConn(), pooled) }
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, explain(err)
	}
	l := &Limiter{pool: pool}
	l.work.L = &l.mu
	for n := range l.shapes {
		l.shapes[n] = query(takeText(n)).shape
	}
	l.run()
	return l, nil
}

func (l *Limiter) run() { l.ended.Go(l.loop) }

// takeText is the statement for n keys. Its parameters are the time now and, for each key, its id, the time between two units
// and that of the whole burst. Each INSERT reads what the one before gave, which puts them into their order, and inserts nothing
// after a refusal. It finds the newest version of a row, whoever wrote it a moment ago (PostgreSQL §13.2.1).
func takeText(n int) string {
	var b strings.Builder
	b.WriteString("WITH" + takeNothing)
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, takeKey, i, i-1, 3*i-1, 3*i, 3*i+1)
	}
	b.WriteString(" SELECT")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, takenFrom, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// The parts of takeText. Those of takeKey are the number of the key, that of the one before, and those of its three parameters.
const (
	takeNothing = ` k0 AS (SELECT true AS passed)`
	takeKey     = `, k%[1]d AS (
		INSERT INTO limits AS l (id, full_at, asked) SELECT $%[3]d, $1 + $%[4]d, $1 FROM k%[2]d WHERE passed
		ON CONFLICT (id) DO UPDATE SET asked = greatest(l.full_at, $1), full_at = CASE
			WHEN greatest(l.full_at, $1) + $%[4]d - $1 <= $%[5]d THEN greatest(l.full_at, $1) + $%[4]d ELSE l.full_at END
		RETURNING asked, asked + $%[4]d - $1 <= $%[5]d AS passed)`
	takenFrom = ` (SELECT asked FROM k%d),`
)

const sweepLimits = `DELETE FROM limits WHERE id IN (SELECT id FROM limits WHERE id BETWEEN $1 AND $2 AND full_at <= $3
	ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED)`

// Take implements latchkey.Limiter. Times are kept in microseconds; a rate that is finer is rounded to the slower side.
func (l *Limiter) Take(ctx context.Context, ts []latchkey.Take, now time.Time) ([]latchkey.Tally, error) {
	now = time.UnixMicro(now.UnixMicro())
	ctx, cancel := context.WithTimeout(ctx, limiterPatience)
	defer cancel()
	out := make([]latchkey.Tally, 0, len(ts))
	for len(out) < len(ts) {
		t, n := l.ticket(ctx, ts[len(out):], now)
		if len(t.stmt.values) > 1 {
			if err := l.carry(t); err != nil {
				return nil, err
			}
		}
		asked := t.asked
		for _, one := range ts[len(out) : len(out)+n] {
			r := inMicroseconds(one.Rate)
			var full time.Time
			if !r.IsZero() {
				if len(asked) == 0 {
					return nil, unavailable(errShape)
				}
				full, asked = time.UnixMicro(asked[0]), asked[1:]
			}
			_, tally := r.Take(full, now)
			out = append(out, tally)
			if !tally.Allowed {
				return out, nil
			}
		}
	}
	return out, nil
}

// ticket asks for the first n of ts: up to maxKeys of them, and none twice, which one statement cannot count. Zero rates need
// no asking.
func (l *Limiter) ticket(ctx context.Context, ts []latchkey.Take, now time.Time) (t *ticket, n int) {
	most := min(len(ts), maxKeys)
	q := &stmt{oids: make([]uint32, 0, 1+3*most), values: make([][]byte, 0, 1+3*most), arena: make([]byte, 0, 8+32*most)}
	q.putInt(now.UnixMicro())
	seen := make([][16]byte, 0, maxKeys)
	for _, one := range ts {
		r := inMicroseconds(one.Rate)
		if r.IsZero() {
			n++
			continue
		}
		sum := sha256.Sum256([]byte(one.Key))
		id := [16]byte(sum[:16])
		if len(seen) == maxKeys || contains(seen, id) {
			break
		}
		seen = append(seen, id)
		put(q, oidUUID, id[:])
		q.putInt(r.Every.Microseconds())
		q.putInt(int64(r.Burst) * r.Every.Microseconds())
		n++
	}
	q.shape = l.shapes[len(seen)]
	return &ticket{ctx: ctx, stmt: q}, n
}

func contains(ids [][16]byte, id [16]byte) bool {
	for _, known := range ids {
		if known == id {
			return true
		}
	}
	return false
}

// inMicroseconds gives r in whole microseconds, rounded to the slower side.
func inMicroseconds(r latchkey.Rate) latchkey.Rate {
	r.Every = (r.Every + time.Microsecond - 1).Truncate(time.Microsecond)
	return r
}

// Close implements latchkey.Limiter. What is queued is answered. Takes afterwards are Unavailable.
func (l *Limiter) Close() error {
	l.mu.Lock()
	l.closed = true
	l.work.Broadcast()
	l.mu.Unlock()
	l.ended.Wait()
	l.pool.Close()
	return nil
}

// carry queues t and waits until it is done or its context ends.
func (l *Limiter) carry(t *ticket) error {
	if err := l.queue(t); err != nil {
		return unavailable(err)
	}
	select {
	case <-t.done:
		return translate(t.err)
	case <-t.ctx.Done():
		return outOfTime(t.ctx)
	}
}

func (l *Limiter) queue(t *ticket) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	t.done = make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	if len(l.pending) >= maxQueue {
		return errFull
	}
	l.pending = append(l.pending, t)
	l.work.Signal()
	return nil
}

// loop is the goroutine of the connection.
func (l *Limiter) loop() {
	for {
		l.mu.Lock()
		for len(l.pending) == 0 && !l.closed {
			l.work.Wait()
		}
		l.mu.Unlock()
		runtime.Gosched() // whoever was just answered or is about to ask gets to queue first
		l.mu.Lock()
		batch := l.pending
		l.pending = nil
		l.mu.Unlock()
		if len(batch) == 0 {
			return // closed, and all is done: nobody else takes from it
		}
		for from := 0; from < len(batch); from += maxBatch {
			l.deliver(batch[from:min(from+maxBatch, len(batch))])
		}
	}
}

// deliver carries a batch and answers. What fell for no fault of its own is asked for again: a Take that was counted before its
// connection broke costs its caller one unit more, and gives nobody anything.
func (l *Limiter) deliver(batch []*ticket) {
	ctx, cancel := context.WithTimeout(context.Background(), limiterPatience)
	defer cancel()
	all := batch
	for range maxTries {
		l.send(ctx, append(batch[:len(batch):len(batch)], l.broom(batch)...))
		var again []*ticket
		for _, t := range batch {
			if t.err != nil && t.ctx.Err() == nil && passingBy(t.err) {
				again = append(again, t)
			}
		}
		if batch = again; len(batch) == 0 || ctx.Err() != nil {
			break
		}
	}
	for _, t := range all {
		close(t.done)
	}
}

// passingBy reports a failure that asking again may get past: a connection that broke, was ended or met a server that starts
// (57P01 to 57P03), or a row that another node held.
func passingBy(err error) bool {
	state := sqlState(err)
	return state == "" && !errors.Is(err, errShape) || strings.HasPrefix(state, "57P") || conflicting(err)
}

// broom gives a ticket that sweeps, now and then.
func (l *Limiter) broom(batch []*ticket) []*ticket {
	if l.taken += len(batch); l.taken < sweepEvery {
		return nil
	}
	first := batch[0].stmt.values
	if l.taken -= sweepEvery; l.part == 0 {
		l.part = 1 + int(binary.BigEndian.Uint16(first[1])) // anywhere: other nodes begin elsewhere
	}
	l.part++
	t := &ticket{ctx: batch[0].ctx, stmt: query(sweepLimits)}
	var from, to [16]byte
	part := uint16(l.part%sweepParts) << 6 // of 2^10
	binary.BigEndian.PutUint16(from[:], part)
	for i := range to {
		to[i] = 0xff
	}
	binary.BigEndian.PutUint16(to[:], part|(1<<6-1))
	put(t.stmt, oidUUID, from[:])
	put(t.stmt, oidUUID, to[:])
	t.stmt.putInt(int64(binary.BigEndian.Uint64(first[0])) - skew.Microseconds()) // the first parameter is the time
	return []*ticket{t}
}

// send carries out tickets on the connection, each as one transaction, and notes how each ended.
func (l *Limiter) send(ctx context.Context, batch []*ticket) {
	for _, t := range batch {
		t.err, t.asked = nil, nil
	}
	held, err := l.pool.Acquire(ctx)
	if err == nil {
		err = l.exchange(ctx, held.Conn().PgConn(), batch)
		held.Release()
	}
	if err != nil {
		for _, t := range batch {
			if t.err == nil && t.asked == nil {
				t.err = err
			}
		}
	}
	if sqlState(err) == readOnlyTransaction || batch[0].err != nil && sqlState(batch[0].err) == readOnlyTransaction {
		l.pool.Reset() // it is a standby now: the next connection looks for the primary
	}
}

// exchange sends tickets in one go. Its error is of the connection.
func (l *Limiter) exchange(ctx context.Context, c *pgconn.PgConn, batch []*ticket) error {
	m := memoOf(c)
	p := c.StartPipeline(ctx)
	fresh := map[shape]string{} // prepared on the way: names
	for _, t := range batch {
		q := t.stmt
		q.prepares = false
		switch known := m.prepared[q.shape]; {
		case m.pooled:
			p.SendQueryParams(q.text(), q.values, q.oids, inBinary(), inBinary())
		case known != nil:
			p.SendQueryPrepared(known.Name, q.values, inBinary(), inBinary())
		default:
			name, sent := fresh[q.shape]
			if !sent {
				name = fmt.Sprint("latchkey_", len(m.prepared)+len(fresh))
				fresh[q.shape], q.prepares = name, true
				p.SendPrepare(name, q.text(), q.oids)
			}
			p.SendQueryPrepared(name, q.values, inBinary(), inBinary())
		}
		p.SendPipelineSync() // the end of its transaction
	}
	err := p.Flush()
	for _, t := range batch {
		if err == nil {
			err = t.read(p, m, fresh[t.stmt.shape])
		}
	}
	if closing := p.Close(); err == nil {
		err = closing
	}
	return err
}

// read reads the answer to t, and the end of its transaction. Its error is of the connection; what the server refused is in t.
func (t *ticket) read(p *pgconn.Pipeline, m *memo, name string) error {
	err := t.readAnswer(p, m, name)
	var said *pgconn.PgError
	if errors.As(err, &said) {
		t.err, err = err, nil
	}
	if err == nil {
		_, err = p.GetResults() // the Sync
	}
	return err
}

func (t *ticket) readAnswer(p *pgconn.Pipeline, m *memo, name string) error {
	if t.stmt.prepares {
		if err := learn(p, m, name, t.stmt.shape); err != nil {
			return err
		}
	}
	answer, err := p.GetResults()
	if err != nil {
		return err
	}
	rows, ok := answer.(*pgconn.ResultReader)
	if !ok {
		return errors.New("the server gave no rows")
	}
	asked := []int64{}
	for rows.NextRow() {
		r := row{values: rows.Values()}
		for _, v := range r.values {
			if v == nil {
				break // after a refusal
			}
			asked = append(asked, r.getInt())
		}
		if r.err != nil {
			t.err = r.err
		}
	}
	if _, err := rows.Close(); err != nil {
		return err
	}
	t.asked = asked
	return nil
}
