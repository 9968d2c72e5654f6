package sqlite

import "sync"

const (
	// checkpointAfter is the writing between two checkpoints, counted as one per verb and commitWeight per commit:
	// about 1,500 pages of log.
	checkpointAfter = 1000
	commitWeight    = 4
	// maxLogPages is the length of the log at which it must start over: 16 MiB.
	maxLogPages = 4096
)

// The checkpointer moves pages from the write-ahead log into the database on a connection of its own, so that no
// login waits for it. While others write, the log never becomes empty that way and would grow for ever: when it is
// long, the checkpointer keeps the writer out for the little that is left, and the log starts over.
type checkpointer struct {
	conn  *conn
	gate  *sync.Mutex   // the writer's
	due   chan struct{} // holds one token
	ended chan struct{}
	since int // writing since the last checkpoint; the writer's goroutine only
}

func newCheckpointer(c *conn, gate *sync.Mutex) *checkpointer {
	return &checkpointer{conn: c, gate: gate, due: make(chan struct{}, 1), ended: make(chan struct{})}
}

// committed counts a commit. Only the writer calls it.
func (k *checkpointer) committed(verbs int) {
	if k.since += verbs + commitWeight; k.since < checkpointAfter {
		return
	}
	k.since = 0
	select {
	case k.due <- struct{}{}:
	default: // one is running
	}
}

// close ends the goroutine. The writer must have ended before.
func (k *checkpointer) close() {
	close(k.due)
	<-k.ended
}

// loop is the checkpointer's goroutine. It ends after close. A checkpoint that fails has changed nothing, and the
// next one does its work: there is nobody to tell, and if the disk is at fault the writer meets it too.
func (k *checkpointer) loop() {
	defer close(k.ended)
	for range k.due {
		pages, err := k.checkpoint("PRAGMA wal_checkpoint(PASSIVE)")
		if err != nil || pages < maxLogPages {
			continue
		}
		k.gate.Lock()
		_, _ = k.checkpoint("PRAGMA wal_checkpoint(RESTART)")
		k.gate.Unlock()
	}
}

// checkpoint gives how many pages the log has.
func (k *checkpointer) checkpoint(pragma string) (pages int64, err error) {
	q := k.conn.stmt(pragma)
	defer q.reset()
	if _, err := q.row(); err != nil {
		return 0, err
	}
	q.getBool() // busy
	return q.getInt(), nil
}
