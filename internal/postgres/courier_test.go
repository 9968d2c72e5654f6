package postgres

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// carryTogether hands jobs to a courier in such a way that they go as one batch.
func carryTogether(c *courier, jobs ...*job) []error {
	errs := make([]error, len(jobs))
	var all sync.WaitGroup
	c.mu.Lock()
	for i, j := range jobs {
		j.done = make(chan struct{})
		c.pending = append(c.pending, j)
		all.Go(func() {
			select {
			case <-j.done:
				errs[i] = translate(j.err)
			case <-j.ctx.Done():
				errs[i] = j.ctx.Err()
			}
		})
	}
	c.work.Signal()
	c.mu.Unlock()
	all.Wait()
	return errs
}

// TestOneFailureSpoilsNoBatch: a statement that the server refuses costs its own verb, not the others in its batch.
func TestOneFailureSpoilsNoBatch(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	remember := func(order uint64, h byte) *job {
		c := newChange(order).guard(rememberOnce)
		put(&c.stmt, oidBytea, []byte{h})
		c.putInt(1)
		c.putInt(0)
		return &job{ctx: t.Context(), order: order, stmts: []*stmt{c.end()}}
	}
	bad := &job{ctx: t.Context(), order: 2, stmts: []*stmt{query("SELECT 1 / 0")}}
	taken := &job{ctx: t.Context(), order: 3, stmts: []*stmt{query("INSERT INTO latchkey SELECT * FROM latchkey")}}
	errs := carryTogether(s.writes, remember(1, 1), bad, taken, remember(4, 4))
	for i, want := range []latchkey.Code{"", latchkey.Internal, latchkey.Conflict, ""} {
		if latchkey.CodeOf(errs[i]) != want {
			t.Errorf("job %d of the batch: %v, want %q", i+1, errs[i], want)
		}
	}
	var n int
	must(t, s.pool.QueryRow(t.Context(), "SELECT count(*) FROM once").Scan(&n))
	if n != 2 {
		t.Errorf("%d of the 2 good jobs were stored", n)
	}
}

// TestBatchGoesInOrder: whatever the order in which verbs are queued, a batch locks in the order of the rows.
func TestBatchGoesInOrder(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var mu sync.Mutex
	var order []uint64
	var jobs []*job
	for _, n := range []uint64{5, 3, 9, 1, 7} {
		jobs = append(jobs, &job{ctx: t.Context(), order: n, stmts: []*stmt{query("SELECT 1")}, row: func(int, *row) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, n)
		}})
	}
	for _, err := range carryTogether(s.writes, jobs...) {
		must(t, err)
	}
	if len(order) != 5 || order[0] != 1 || order[1] != 3 || order[2] != 5 || order[3] != 7 || order[4] != 9 {
		t.Errorf("a batch went in the order %v", order)
	}
}

// TestDeadlocksPass: two nodes whose batches meet head on, by a mistake in the order of locking: both get through in the end.
func TestDeadlocksPass(t *testing.T) {
	t.Parallel()
	at, err := url.Parse(newDatabase(t))
	must(t, err)
	// The server looks for a deadlock after a second, which leaves little of the 1.8 that a verb may take.
	settings := at.Query()
	settings.Set("deadlock_timeout", "50ms")
	at.RawQuery = settings.Encode()
	nodes := []*Store{openAt(t, at.String()), openAt(t, at.String())}
	for _, s := range nodes {
		defer s.Close()
	}
	for _, h := range []string{`\x01`, `\x02`} {
		_, err := nodes[0].pool.Exec(t.Context(), "INSERT INTO once (hash, expires) VALUES ($1::text::bytea, 0)", h)
		must(t, err)
	}
	touch := func(h string) *stmt {
		return query(`UPDATE once SET expires = expires + 1 WHERE hash = '` + h + `'`)
	}
	together(2, func(i int) {
		stmts := []*stmt{touch(`\x01`), query("SELECT pg_sleep(0.1)"), touch(`\x02`)}
		if i == 1 {
			stmts[0], stmts[2] = stmts[2], stmts[0]
		}
		if err := nodes[i].writes.carry(&job{ctx: t.Context(), stmts: stmts}); err != nil {
			t.Errorf("node %d: %v", i, err)
		}
	})
	var sum int
	must(t, nodes[0].pool.QueryRow(t.Context(), "SELECT sum(expires) FROM once").Scan(&sum))
	if sum != 4 {
		t.Errorf("the rows were touched %d times, want 4: each by both", sum)
	}
}

// TestHeldLocksEndInTime: somebody else's transaction holds a user and does not end. The login says so in time, and the
// logins of others in its batch are not held up for long.
func TestHeldLocksEndInTime(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ns := &storetest.Nouns{}
	p, now := newProject(t, s, ns), storetest.Noon()
	to := ns.Email()
	login := func(to latchkey.Address) (latchkey.Outcome, error) {
		started, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, to, now)), now)
		must(t, err)
		return s.CompleteChallenge(t.Context(), ns.Attempt(started.Challenge, now), now)
	}
	_, err := login(to)
	must(t, err)
	tx, err := s.pool.BeginTx(t.Context(), pgx.TxOptions{})
	must(t, err)
	_, err = tx.Exec(t.Context(), "SELECT * FROM users FOR UPDATE")
	must(t, err)
	together(8, func(i int) {
		began := time.Now()
		if i == 0 {
			if _, err := login(to); latchkey.CodeOf(err) != latchkey.Unavailable {
				t.Errorf("a login whose user is held: %v, want Unavailable", err)
			}
		} else if out, err := login(ns.Email()); err != nil || out.Verdict != nil {
			t.Errorf("a login beside it: %v, %v", err, out.Verdict)
		}
		if took := time.Since(began); took > 2*atOnce {
			t.Errorf("login %d took %v", i, took)
		}
	})
	must(t, tx.Rollback(t.Context()))
	out, err := login(to)
	must(t, err)
	must(t, out.Verdict)
}

// TestFullQueueRefuses: behind a database that stands still verbs do not pile up without end.
func TestFullQueueRefuses(t *testing.T) {
	t.Parallel()
	c := newCourier(nil, 0, 1, false) // nobody carries anything
	for range maxQueue {
		must(t, c.queue(&job{ctx: t.Context()}))
	}
	if err := c.carry(&job{ctx: t.Context()}); latchkey.CodeOf(err) != latchkey.Unavailable || !errors.Is(err, errFull) {
		t.Errorf("a job for a full queue: %v, want Unavailable", err)
	}
}

// TestTranslate: errors become the program's words by their SQLSTATE.
func TestTranslate(t *testing.T) {
	t.Parallel()
	server := func(state string) error {
		return errors.Join(errors.New("somewhere"), &pgconn.PgError{Code: state, Message: "words that mean nothing"})
	}
	for what, c := range map[string]struct {
		err  error
		want latchkey.Code
	}{
		"none":                       {nil, ""},
		"our own":                    {latchkey.NotFound, latchkey.NotFound},
		"unique violation":           {server("23505"), latchkey.Conflict},
		"another constraint":         {server("23514"), latchkey.Internal},
		"syntax error":               {server("42601"), latchkey.Internal},
		"undefined column":           {server("42703"), latchkey.Internal},
		"zero byte in a text":        {server("22021"), latchkey.Internal},
		"data corrupted":             {server("XX001"), latchkey.Internal},
		"read-only":                  {server("25006"), latchkey.Unavailable},
		"serialization failure":      {server("40001"), latchkey.Unavailable},
		"deadlock":                   {server("40P01"), latchkey.Unavailable},
		"lock not available":         {server("55P03"), latchkey.Unavailable},
		"too many connections":       {server("53300"), latchkey.Unavailable},
		"disk full":                  {server("53100"), latchkey.Unavailable},
		"admin shutdown":             {server("57P01"), latchkey.Unavailable},
		"starting up":                {server("57P03"), latchkey.Unavailable},
		"statement timeout":          {server("57014"), latchkey.Unavailable},
		"connection failure":         {server("08006"), latchkey.Unavailable},
		"password changed":           {server("28P01"), latchkey.Unavailable},
		"I/O error":                  {server("58030"), latchkey.Unavailable},
		"a connection that broke":    {errors.New("unexpected EOF"), latchkey.Unavailable},
		"the caller has gone":        {context.Canceled, latchkey.Unavailable},
		"a column that does not fit": {errShape, latchkey.Internal},
	} {
		err := translate(c.err)
		if latchkey.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
		var said *latchkey.Error
		if c.want == latchkey.Unavailable && (!errors.As(err, &said) || said.RetryAfter <= 0) {
			t.Errorf("%s: no RetryAfter", what)
		}
	}
}

// TestChangesAreWhole holds how a change is put together: parameters in their order, each part under the guard before it.
func TestChangesAreWhole(t *testing.T) {
	t.Parallel()
	c := newChange(0).guard("A ? @").guard("B ? ? @").step("C @ ?")
	const want = "WITH s1 AS (A $1 true), s2 AS (B $2 $3 EXISTS (SELECT FROM s1)), s3 AS (C EXISTS (SELECT FROM s2) $4)" +
		" SELECT CASE WHEN EXISTS (SELECT FROM s2) THEN 2 WHEN EXISTS (SELECT FROM s1) THEN 1 WHEN true THEN 0 END::bigint"
	if got := c.end().text(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	long := newChange(0)
	for range 3 * maxParts {
		long.step("D ?")
	}
	if got := long.end().text(); strings.Count(got, "D $") != 3*maxParts || !strings.Contains(got, "s30 AS (D $30)") {
		t.Errorf("a long change: %s", got)
	}
}
