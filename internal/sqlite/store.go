// Package sqlite is the default room for latchkey.Store: one file, no server. It owns the module
// zombiezen.com/go/sqlite. Only cmd/latchkey opens it.
//
// All changes go through one goroutine with one connection (writer.go), which commits whatever is queued together.
// Reads have connections of their own and never wait for a write. The file may be open in other processes at the same
// time, such as a command of an administrator while the server runs; two servers refuse each other.
package sqlite

import (
	"context"
	"errors"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
)

const (
	// lockWait is how long anybody waits for another process's transaction: a store that is down must say so within
	// 2 s (design.md §8).
	lockWait = 1500 * time.Millisecond
	// restartWait is how long the checkpointer, and the writer with it, waits for readers to let go of the log.
	restartWait = 50 * time.Millisecond
	readers     = 4
)

// Store is a latchkey.Store in an SQLite file. It is safe for concurrent use.
type Store struct {
	path       string
	writer     *writer
	checkpoint *checkpointer
	looks      chan *look // to whichever reader is free
	reading    sync.WaitGroup
	readErrs   [readers]error // of closing each reader
	lock       *fileLock      // of a server; nil otherwise
	closing    chan struct{}
	closeOnce  sync.Once
	closeErr   error

	started, outcomes, redeemed sync.Pool // boxes of writeInto
	restingLooks                sync.Pool // of *look
}

// Open opens the database at path, creates it (mode 0600) if there is none, and applies the migrations it lacks. It
// starts a goroutine for each connection, which Close ends.
//
// It fails with one clear sentence if the folder is missing, the file is read-only, locked, damaged, not a Latchkey
// database, or newer than this program.
func Open(ctx context.Context, path string) (*Store, error) { return open(ctx, path, nil) }

// OpenServer is Open for a server: a second server on the same file is refused, while Open still works next to it.
func OpenServer(ctx context.Context, path string) (*Store, error) {
	if err := checkFolder(path); err != nil {
		return nil, err
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, path, lock)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	return s, nil
}

func open(ctx context.Context, path string, lock *fileLock) (_ *Store, err error) {
	if err := createFile(path); err != nil {
		return nil, err
	}
	var conns []*conn
	defer func() {
		if err != nil {
			err = explain(path, err)
			for _, c := range conns {
				err = errors.Join(err, c.Close())
			}
		}
	}()
	for range readers + 2 {
		c, err := connect(path)
		if err != nil {
			return nil, err
		}
		conns = append(conns, c)
		if len(conns) > 1 {
			continue
		}
		if err := c.mend(ctx, path, lock); err != nil {
			return nil, err
		}
		if _, err := migrate(ctx, c); err != nil {
			return nil, err
		}
	}
	// The writer's checkpoints are the checkpointer's work. Its cache holds the upper levels of every tree: 8 MiB cost no
	// more CPU per login than 16, and a server under load stays below 64 MiB with them.
	if err := conns[0].pragmas("wal_autocheckpoint=0", "cache_size=-8192"); err != nil {
		return nil, err
	}
	conns[1].SetBusyTimeout(restartWait)
	s := &Store{path: path, looks: make(chan *look), lock: lock, closing: make(chan struct{})}
	for _, c := range conns[2:] {
		if err := c.pragmas("query_only=1"); err != nil {
			return nil, err
		}
	}
	var gate sync.Mutex
	s.checkpoint = newCheckpointer(conns[1], &gate)
	s.writer = newWriter(conns[0], &gate, s.checkpoint.committed)
	s.run(conns[2:])
	return s, nil
}

// run starts the goroutines, which end with Close.
func (s *Store) run(reading []*conn) {
	go s.writer.loop()
	go s.checkpoint.loop()
	for i, c := range reading {
		s.reading.Go(func() { s.readErrs[i] = s.serveLooks(c) })
	}
}

// connect opens one connection to a database that exists, with what every connection needs.
func connect(path string) (*conn, error) {
	raw, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw}
	c.SetBusyTimeout(lockWait)
	// FULL: a commit is on the disk before it is answered, not only safe from a crash of the process.
	if err := c.pragmas("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY"); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// pragmas applies settings and passes over what they answer.
func (c *conn) pragmas(settings ...string) error {
	for _, p := range settings {
		s, _, err := c.PrepareTransient("PRAGMA " + p)
		if err != nil {
			return err
		}
		_, err = s.Step()
		if err = errors.Join(err, s.Finalize()); err != nil {
			return err
		}
	}
	return nil
}

// Ping implements latchkey.Store: it reads, and starts a transaction that writes nothing.
func (s *Store) Ping(ctx context.Context) error {
	ping := func(c *conn) error {
		q := c.stmt("SELECT 1 FROM projects LIMIT 1")
		defer q.reset()
		_, err := q.row()
		return err
	}
	if err := s.read(ctx, ping); err != nil {
		return err
	}
	return s.writer.do(ctx, ping)
}

// Close implements latchkey.Store. The last one to close the file leaves no log behind.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.writer.close()
		s.checkpoint.close()
		s.reading.Wait()
		errs := append(s.readErrs[:], s.checkpoint.conn.Close(), s.writer.conn.Close())
		if s.lock != nil {
			errs = append(errs, s.lock.release())
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

// A look is one read on its way through a reader.
type look struct {
	run  func(*conn) error
	done chan error
}

// serveLooks is the goroutine of one reader. SQLite's code uses deep stacks: on the caller's goroutine a read would make
// its stack 16 KiB large, and a held poll (GET /otc/code), which reads once and then waits, would keep that.
func (s *Store) serveLooks(c *conn) error {
	for {
		select {
		case l := <-s.looks:
			l.done <- l.run(c)
		case <-s.closing:
			return c.Close()
		}
	}
}

// read lets a reader run f, and waits for it: nothing that f writes to is touched afterwards.
func (s *Store) read(ctx context.Context, f func(*conn) error) error {
	select { // first: where several cases are ready the other select takes any
	case <-s.closing:
		return unavailable(errClosed)
	case <-ctx.Done():
		return unavailable(ctx.Err())
	default:
	}
	l, _ := s.restingLooks.Get().(*look) // the pool holds nothing else
	if l == nil {
		l = &look{done: make(chan error, 1)}
	}
	l.run = f
	defer func() {
		l.run = nil
		s.restingLooks.Put(l)
	}()
	select {
	case s.looks <- l:
		return translate(<-l.done)
	case <-s.closing:
		return unavailable(errClosed)
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
}

// find is read for something. It holds the value off the stack: see serveLooks.
func find[T any](ctx context.Context, s *Store, f func(*conn) (T, error)) (out T, err error) {
	held := new(T)
	err = s.read(ctx, func(c *conn) (err error) {
		*held, err = f(c)
		return err
	})
	if err == nil {
		out = *held
	}
	return out, err
}
