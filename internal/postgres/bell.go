package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

const (
	channel = "latchkey_bell"
	// A payload is under 8,000 bytes (PostgreSQL, NOTIFY); an id is 32 letters.
	idLetters = 32
	maxIDs    = 7999 / idLetters
	// maxRings bounds what is kept for the other nodes while the server is away. Who is not woken asks again within 20 s.
	maxRings = 10_000
	// The server is asked whether it is still there after so much silence, and has so long to answer.
	silence = 5 * time.Second
	// A connection that broke is tried again after these times, doubling from the first to the second.
	firstRetry, lastRetry = 50 * time.Millisecond, 2 * time.Second
)

// ring tells the other nodes. It never goes inside a transaction that stores something: the server lets one transaction with a
// notice commit at a time, and every login would wait for that. Nothing is lost with a notice, so its commit does not wait for
// the disk.
const ring = `SELECT set_config('synchronous_commit', 'off', true), pg_notify('` + channel + `', $1)`

// A Bell is a latchkey.Bell between all nodes of a database. Polls of this node are woken at once; those of others by a notice
// of the server, which every node hears on one connection of its own. When that breaks, it is made again, and every poll of the
// node is woken then, to look for itself: nothing is missed. Where the server cannot be heard at all (a pooler stands between,
// or it has no LISTEN), polls are woken every other second instead.
type Bell struct {
	polls     memory.Bell
	config    *pgx.ConnConfig
	pool      *pgxpool.Pool
	lost      func(error)
	listening atomic.Bool
	ctx       context.Context // ends with the Bell
	stop      context.CancelFunc
	ended     sync.WaitGroup
	wake      chan struct{} // holds one token while there are rings
	mu        sync.Mutex
	rings     []latchkey.ChallengeID // guarded by mu; for the other nodes
}

func newBell(config *pgx.ConnConfig, pool *pgxpool.Pool, lost func(error)) *Bell {
	if lost == nil {
		lost = func(error) {}
	}
	b := &Bell{config: config, pool: pool, lost: lost, wake: make(chan struct{}, 1)}
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

// run starts the goroutines, which end with close.
func (b *Bell) run() {
	b.ended.Go(b.listen)
	b.ended.Go(b.tell)
}

func (b *Bell) close() {
	b.stop()
	b.ended.Wait()
}

// Listen implements latchkey.Bell.
func (b *Bell) Listen(id latchkey.ChallengeID, wake func()) (stop func()) {
	return b.polls.Listen(id, wake)
}

// Ring implements latchkey.Bell. The other nodes are told in the background.
func (b *Bell) Ring(ctx context.Context, id latchkey.ChallengeID) {
	b.polls.Ring(ctx, id)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.rings) < maxRings {
		b.rings = append(b.rings, id)
	}
	b.rouse()
}

// Listening reports whether this node hears the others.
func (b *Bell) Listening() bool { return b.listening.Load() }

func (b *Bell) rouse() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// tell is the goroutine that passes rings on. What comes while one notice is on its way goes with the next.
func (b *Bell) tell() {
	retry := firstRetry
	for {
		select {
		case <-b.wake:
		case <-b.ctx.Done():
			return
		}
		for {
			ids := b.take()
			if len(ids) == 0 {
				break
			}
			err := b.notify(ids)
			if err == nil {
				retry = firstRetry
				continue
			}
			b.lost(translate(err))
			b.mu.Lock()
			b.rings = append(ids, b.rings...)
			b.mu.Unlock()
			if retry = b.pause(retry); b.ctx.Err() != nil {
				return
			}
		}
	}
}

// take takes the ids of one notice.
func (b *Bell) take() []latchkey.ChallengeID {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.rings), maxIDs)
	ids := b.rings[:n:n]
	b.rings = b.rings[n:]
	return ids
}

func (b *Bell) notify(ids []latchkey.ChallengeID) error {
	var text strings.Builder
	text.Grow(len(ids) * idLetters)
	for _, id := range ids {
		text.WriteString(id.String())
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	q := query(ring)
	q.putText(text.String())
	return send(ctx, b.pool, []*job{{ctx: ctx, stmts: []*stmt{q}}})
}

// listen is the goroutine that hears the other nodes.
func (b *Bell) listen() {
	for retry := firstRetry; b.ctx.Err() == nil; {
		err := b.hear(func() { retry = firstRetry })
		b.listening.Store(false)
		if b.ctx.Err() != nil {
			return
		}
		b.lost(explain(err))
		if retry = b.pause(retry); retry == lastRetry && b.reachable() {
			b.wakeAll() // somebody else may have rung meanwhile
		}
	}
}

// pause waits, and gives how long the next pause is.
func (b *Bell) pause(d time.Duration) time.Duration {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.ctx.Done():
	}
	return min(2*d, lastRetry)
}

func (b *Bell) reachable() bool {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return b.pool.Ping(ctx) == nil
}

// hear listens on a new connection until it breaks. listening is called once it is there.
func (b *Bell) hear(listening func()) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	c, err := pgx.ConnectConfig(ctx, b.config)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(b.ctx))
	if err := greet(ctx, c.PgConn(), nil); err != nil {
		return err
	}
	if memoOf(c.PgConn()).pooled {
		return errors.New("a pooler stands between the Bell and the server: give it a URL that leads to the server itself")
	}
	if _, err := c.PgConn().Exec(ctx, `LISTEN `+channel).ReadAll(); err != nil {
		return err
	}
	listening()
	b.wakeAll() // what rang before this was not heard
	b.listening.Store(true)
	for {
		if err := b.hearOne(c); err != nil {
			return err
		}
	}
}

// hearOne waits for a notice, or makes sure after a while that the server is still there.
func (b *Bell) hearOne(c *pgx.Conn) error {
	quiet, cancel := context.WithTimeout(b.ctx, silence)
	defer cancel()
	n, err := c.WaitForNotification(quiet)
	switch {
	case err == nil:
		b.heard(n.Payload)
		return nil
	case b.ctx.Err() != nil || quiet.Err() == nil:
		return err
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return c.Ping(ctx)
}

func (b *Bell) heard(payload string) {
	for len(payload) >= idLetters {
		if id, ok := latchkey.ParseChallengeID(payload[:idLetters]); ok {
			b.polls.Ring(b.ctx, id)
		}
		payload = payload[idLetters:]
	}
}

// wakeAll wakes every poll of this node, some at a time: each of them reads the store.
func (b *Bell) wakeAll() {
	b.polls.RingAll(func() { b.pause(10 * time.Millisecond) })
}
