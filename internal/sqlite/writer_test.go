package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// hold keeps the writer inside a transaction until release is called.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	held, let := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- s.writer.do(t.Context(), func(*conn) error {
			close(held)
			<-let
			return nil
		})
	}()
	<-held
	return func() {
		close(let)
		must(t, <-ended)
	}
}

// awaitQueue returns once n verbs wait.
func awaitQueue(s *Store, n int) {
	for {
		s.writer.mu.Lock()
		waiting := len(s.writer.pending)
		s.writer.mu.Unlock()
		if waiting == n {
			return
		}
		runtime.Gosched()
	}
}

// mark stores a row that a test can count, and gives err.
func mark(name string, err error) func(*conn) error {
	return func(c *conn) error {
		return errors.Join(c.insertEvent(latchkey.Event{At: storetest.Noon(), Kind: latchkey.Kind(name)}), err)
	}
}

// marks counts the rows of mark.
func marks(t *testing.T, s *Store) map[latchkey.Kind]int {
	t.Helper()
	es, err := s.Events(t.Context(), latchkey.ProjectID{}, 1<<20)
	must(t, err)
	n := map[latchkey.Kind]int{}
	for _, e := range es {
		n[e.Kind]++
	}
	return n
}

// TestABrokenVerbHurtsNobodyElse: one batch, one verb that fails after it has written.
func TestABrokenVerbHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	release := hold(t, s)
	var wg sync.WaitGroup
	const verbs = 20
	errs := make([]error, verbs)
	for i := range verbs {
		wg.Go(func() {
			var fault error
			if i == 7 {
				fault = sqlite.ResultError.ToError()
			}
			errs[i] = s.writer.do(t.Context(), mark(fmt.Sprint(i), fault))
		})
	}
	awaitQueue(s, verbs)
	release()
	wg.Wait()
	stored := marks(t, s)
	for i, err := range errs {
		wantCode, wantRows := latchkey.Code(""), 1
		if i == 7 {
			wantCode, wantRows = latchkey.Internal, 0
		}
		if latchkey.CodeOf(err) != wantCode {
			t.Errorf("verb %d: error %v, want code %q", i, err, wantCode)
		}
		if got := stored[latchkey.Kind(fmt.Sprint(i))]; got != wantRows {
			t.Errorf("verb %d stored %d rows, want %d", i, got, wantRows)
		}
	}
}

// TestABatchIsOneCommit: what shares a flush shares a transaction.
func TestABatchIsOneCommit(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	release := hold(t, s)
	var wg sync.WaitGroup
	const verbs = 3 * maxBatch / 2
	outside := make(chan int64, verbs)
	for i := range verbs {
		wg.Go(func() {
			must(t, s.writer.do(t.Context(), func(c *conn) error {
				if err := mark(fmt.Sprint(i), nil)(c); err != nil {
					return err
				}
				return s.read(t.Context(), func(r *conn) error { // what is committed so far
					n, _, err := countEvents(r)
					outside <- int64(n)
					return err
				})
			}))
		})
	}
	awaitQueue(s, verbs)
	release()
	wg.Wait()
	close(outside)
	seen := map[int64]int{}
	for n := range outside {
		seen[n]++
	}
	if seen[0] != maxBatch || seen[maxBatch] != verbs-maxBatch {
		t.Errorf("events that others saw while verbs ran: %v, want a batch of %d and one of %d", seen, maxBatch, verbs-maxBatch)
	}
}

func TestAStuckWriterHangsNobody(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	release := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.writer.do(ctx, mark("left", nil)) }()
	awaitQueue(s, 1)
	cancel()
	if err := <-ended; !errors.Is(err, latchkey.Unavailable) {
		t.Errorf("a caller that gave up: %v, want Unavailable", err)
	}
	if _, err := s.Projects(t.Context()); err != nil {
		t.Errorf("a read while the writer is stuck: %v", err)
	}
	release()
	must(t, s.Ping(t.Context())) // after it the dropped verb would have run
	if got := marks(t, s)["left"]; got != 0 {
		t.Errorf("the verb of a caller that gave up stored %d rows", got)
	}
}

// TestBoxesAreNobodyElses: what a verb may still write to is not given to another one, and what is has nothing in it.
func TestBoxesAreNobodyElses(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var boxes sync.Pool
	started, finish := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := writeInto(ctx, s, &boxes, func(*conn) (string, error) {
			close(started)
			<-finish
			return "late", nil
		})
		if latchkey.CodeOf(err) != latchkey.Unavailable {
			t.Errorf("a verb whose caller went: %v, want Unavailable", err)
		}
	})
	<-started
	cancel()
	wg.Wait()
	if box := boxes.Get(); box != nil {
		t.Error("a box that its verb may still write to is to be used again")
	}
	close(finish)
	for range 20 { // under the race detector a pool forgets at random
		got, err := writeInto(t.Context(), s, &boxes, func(*conn) (string, error) { return "mine", nil })
		if err != nil || got != "mine" {
			t.Fatalf("%q, %v", got, err)
		}
		if box, _ := boxes.Get().(*string); box != nil && *box != "" {
			t.Fatalf("a box that is used again has %q in it", *box)
		}
	}
}

func TestAFullQueueRefuses(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	release := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	for range maxQueue {
		must(t, s.writer.queue(&verb{ctx: ctx, run: mark("queued", nil), done: make(chan struct{}, 1)}))
	}
	if err := s.writer.do(t.Context(), mark("late", nil)); !errors.Is(err, latchkey.Unavailable) {
		t.Errorf("one verb too many: %v, want Unavailable", err)
	}
	cancel()
	release()
	awaitQueue(s, 0)
	must(t, s.Ping(t.Context()))
}

func TestCloseFinishesWhatIsQueued(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	s := openAt(t, path)
	release := hold(t, s)
	const verbs = 2 * maxBatch
	var wg sync.WaitGroup
	for range verbs {
		wg.Go(func() {
			if err := s.writer.do(t.Context(), mark("queued", nil)); err != nil {
				t.Errorf("a queued verb: %v", err)
			}
		})
	}
	awaitQueue(s, verbs)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	<-s.closing
	release()
	wg.Wait()
	must(t, <-closed)
	must(t, s.Close()) // twice is once
	s = openAt(t, path)
	if got := marks(t, s)["queued"]; got != verbs {
		t.Errorf("%d of %d verbs are there after Close", got, verbs)
	}
	must(t, s.Close())
}

// TestALockedDatabaseIsUnavailable: another program that holds the write lock costs 503 within 2 s, not a hang.
func TestALockedDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	s := openAt(t, path)
	other, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	must(t, err)
	must(t, sqlitex.ExecuteTransient(other, "BEGIN IMMEDIATE", nil))
	if err := s.writer.do(t.Context(), mark("x", nil)); !errors.Is(err, latchkey.Unavailable) {
		t.Errorf("a verb: %v, want Unavailable", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, latchkey.Unavailable) {
		t.Errorf("Ping: %v, want Unavailable", err)
	}
	must(t, other.Close())
	must(t, s.Ping(t.Context()))
	must(t, s.Close())
}

func TestAFullDiskIsUnavailable(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	size := pragma(t, s.writer.conn, "page_count")
	must(t, s.writer.do(t.Context(), func(c *conn) error { return c.pragmas("max_page_count=" + size) }))
	var err error
	for n := 0; err == nil && n < 1000; n++ {
		err = s.writer.do(t.Context(), mark(fmt.Sprint(n), nil))
	}
	if !errors.Is(err, latchkey.Unavailable) {
		t.Fatalf("writing to a full disk: %v, want Unavailable", err)
	}
	must(t, s.writer.do(t.Context(), func(c *conn) error { return c.pragmas("max_page_count=1000000") }))
	must(t, s.writer.do(t.Context(), mark("after", nil)))
}

// TestTheLogStaysShort: checkpoints alone never empty a log that is being written to.
func TestTheLogStaysShort(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	s := openAt(t, path)
	var ns storetest.Nouns
	p := newProject(t, s)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 600 {
				c := ns.Challenge(p.ID, ns.Email(), storetest.Noon())
				c.Ask.Payload = string(make([]byte, 2000))
				if _, err := s.StartChallenge(t.Context(), ns.Start(c), storetest.Noon()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	info, err := os.Stat(path + "-wal")
	must(t, err)
	if most := int64(2 * maxLogPages * 4096); info.Size() > most {
		t.Errorf("the log has %d bytes, want at most %d", info.Size(), most)
	}
	must(t, s.Close())
}

func TestTranslate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want latchkey.Code
	}{
		"none":          {nil, ""},
		"ours":          {latchkey.NotFound, latchkey.NotFound},
		"busy":          {sqlite.ResultBusy.ToError(), latchkey.Unavailable},
		"busy snapshot": {sqlite.ResultBusySnapshot.ToError(), latchkey.Unavailable},
		"disk full":     {sqlite.ResultFull.ToError(), latchkey.Unavailable},
		"I/O":           {sqlite.ResultIOErrFsync.ToError(), latchkey.Unavailable},
		"read-only":     {sqlite.ResultReadOnly.ToError(), latchkey.Unavailable},
		"wrapped":       {fmt.Errorf("step: %w", sqlite.ResultLocked.ToError()), latchkey.Unavailable},
		"deadline":      {context.DeadlineExceeded, latchkey.Unavailable},
		"taken":         {sqlite.ResultConstraintPrimaryKey.ToError(), latchkey.Conflict},
		"not null":      {sqlite.ResultConstraintNotNull.ToError(), latchkey.Internal},
		"damaged":       {sqlite.ResultCorrupt.ToError(), latchkey.Internal},
		"SQL":           {sqlite.ResultError.ToError(), latchkey.Internal},
	} {
		got := translate(c.err)
		if latchkey.CodeOf(got) != c.want {
			t.Errorf("%s: %v, want code %q", name, got, c.want)
		}
		if c.err != nil && !errors.Is(got, c.err) {
			t.Errorf("%s: the cause is lost", name)
		}
		if name == "damaged" && !strings.Contains(got.Error(), "restore a backup") {
			t.Errorf("%s: %v does not say what to do", name, got)
		}
	}
}
