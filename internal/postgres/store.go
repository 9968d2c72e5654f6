package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// How many connections a node has: for what its verbs store, for what they read, and for what administrators and the worker
// do. A batch fills a connection, so that few carry much; and every one costs the server a process.
const (
	writeConns  = 2
	readConns   = 2
	singleConns = 4
)

// Options say where the database is.
type Options struct {
	// URL is a connection string of PostgreSQL, postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=…,
	// of several hosts if a standby may take over.
	URL string
	// BellURL is the same for the Bell, whose one connection must reach the server itself and not a pooler; empty: URL.
	BellURL string
	// Migrate applies the migrations that the database lacks, where Open otherwise refuses it.
	Migrate bool
	// Lost is told, if it is not nil, of each failure of the Bell's connection, which nobody waits for. It must return at once.
	Lost func(error)
}

// Store is a latchkey.Store in PostgreSQL. It is safe for concurrent use, by this program and by others at the same time.
type Store struct {
	pool    *pgxpool.Pool
	writes  *courier
	reads   *courier
	singles chan struct{} // holds one token for each verb that goes by itself
	lanes   [lanes]chan struct{}
	herds   [lanes]herd
	bell    *Bell
	close   sync.Once
}

// Open connects to a database that Migrate made. It starts a few goroutines, which Close ends.
//
// It fails with one clear sentence: Unavailable if the database cannot be reached, so that trying again may help, and anything
// else if it is not a Latchkey database, or older or newer than this program.
func Open(ctx context.Context, o Options) (*Store, error) {
	return open(ctx, o, tuning{writes: writeConns, reads: readConns, batch: maxBatch})
}

// tuning is what was measured and is fixed: how many connections there are for what verbs store and for what they read, and
// how many jobs go in a batch.
type tuning struct{ writes, reads, batch int }

func open(ctx context.Context, o Options, t tuning) (*Store, error) {
	if o.Migrate {
		if _, err := Migrate(ctx, o.URL); err != nil {
			return nil, err
		}
	}
	config, pooled, err := configOf(o.URL)
	if err != nil {
		return nil, err
	}
	bellURL := o.BellURL
	if bellURL == "" {
		bellURL = o.URL
	}
	listen, _, err := configOf(bellURL)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(t.writes + t.reads + singleConns + 1) // the last one is the Bell's, to tell the other nodes
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error { return greet(ctx, c.PgConn(), pooled) }
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, explain(err)
	}
	if err := checkSchema(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	s := &Store{
		pool: pool, writes: newCourier(pool, t.writes, t.batch, false), reads: newCourier(pool, t.reads, t.batch, true),
		singles: make(chan struct{}, singleConns),
	}
	for i := range s.lanes {
		s.lanes[i] = make(chan struct{}, 1)
		s.herds[i].lane = make(chan struct{}, 1)
	}
	s.bell = newBell(listen.ConnConfig, pool, o.Lost)
	s.run()
	return s, nil
}

// run starts the goroutines, which end with Close.
func (s *Store) run() {
	s.writes.run()
	s.reads.run()
	s.bell.run()
}

// configOf reads a connection string. pooled is nil where each connection is to find out.
func configOf(url string) (_ *pgxpool.Config, pooled *bool, err error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, nil, badURL(err)
	}
	c := config.ConnConfig
	if c.ConnectTimeout == 0 || c.ConnectTimeout > patience {
		c.ConnectTimeout = patience
	}
	if c.ValidateConnect == nil { // no target_session_attrs: a standby is of no use to us
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeExec // of the few statements that do not go through exchange: leaves nothing behind
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "latchkey"
	}
	pooled, err = takePooler(c.RuntimeParams)
	return config, pooled, err
}

// Bell gives the Bell of the database. It ends with the store.
func (s *Store) Bell() *Bell { return s.bell }

// Ping implements latchkey.Store: it reads, and asks whether the server could write.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	readOnly := new(bool)
	err := s.writes.carry(&job{ctx: ctx, stmts: []*stmt{query(ping)}, row: func(_ int, r *row) { *readOnly = r.getBool() }})
	if err == nil && *readOnly {
		err = unavailable(errors.New("the server is read-only"))
	}
	return err
}

const ping = `SELECT current_setting('transaction_read_only') = 'on' FROM latchkey`

// Close implements latchkey.Store.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.bell.close()
		s.writes.close()
		s.reads.close()
		s.pool.Close()
	})
	return nil
}

// find reads what a verb or a caller asks for; zero if there is no row. It holds the value off the stack: a held poll (GET
// /otc/code) reads once and then waits, and would keep a stack that the read made large.
func find[T any](ctx context.Context, s *Store, q *stmt, read func(*T, *row)) (*T, error) {
	return findAll(ctx, s, func(held *T, _ int, r *row) { read(held, r) }, q)
}

// findAll is find for the answers to several statements, which read is told the number of.
func findAll[T any](ctx context.Context, s *Store, read func(*T, int, *row), stmts ...*stmt) (*T, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	held := new(T)
	err := s.reads.carry(&job{
		ctx: ctx, stmts: stmts, begin: func() { *held = *new(T) }, row: func(i int, r *row) { read(held, i, r) },
	})
	if err != nil {
		return new(T), err // held may still be written to if ctx ended
	}
	return held, nil
}

// store stores a change and gives how many of its guards held.
func (s *Store) store(ctx context.Context, c *change) (held int, err error) {
	got, stmts := new(int), append(c.before, c.end())
	j := &job{ctx: ctx, order: c.order, stmts: stmts, row: func(i int, r *row) {
		if i == len(stmts)-1 {
			*got = int(r.getInt())
		}
	}}
	if c.alone {
		_, err = s.alone(ctx, patience, j, j.stmts...)
	} else {
		err = s.writes.carry(j)
	}
	if err != nil {
		return 0, err
	}
	return *got, nil
}

// alone runs statements as one transaction by themselves, not in a batch: for what administrators and the worker do, which may
// take long or fail. within is how long it may take in all. changed is how many rows they changed or gave.
func (s *Store) alone(ctx context.Context, within time.Duration, j *job, stmts ...*stmt) (changed int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	select {
	case s.singles <- struct{}{}:
	case <-ctx.Done():
		return 0, outOfTime(ctx)
	}
	defer func() { <-s.singles }()
	if j == nil {
		j = &job{}
	}
	j.ctx, j.stmts = ctx, stmts
	err = translate(s.writes.perform(ctx, []*job{j}))
	return j.changed, err
}

// takePooler takes the parameter pooler=yes|no, which is ours, out of those for the server.
func takePooler(params map[string]string) (pooled *bool, err error) {
	said, given := params["pooler"]
	delete(params, "pooler")
	yes := said == "yes"
	switch {
	case !given:
		return nil, nil
	case yes || said == "no":
		return &yes, nil
	}
	return nil, errors.New("the database URL: pooler is yes or no")
}

// badURL says what is wrong with a connection string without showing any of it: a password may be in it anywhere.
func badURL(err error) error {
	var file *fs.PathError
	if errors.As(err, &file) {
		return fmt.Errorf("the database URL: %w", file)
	}
	return errors.New("the database URL cannot be read: it is postgres://user:password@host:port/database?sslmode=verify-full")
}
