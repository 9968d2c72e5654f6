package postgres

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// lanes is how many rows, roughly, verbs of this node can be in line for at the same time.
const lanes = 256

// A verb that met others twice waits before it tries again, from the first to the second of these times: a transaction that
// holds what it needs is over by then, or is a long one.
const firstPause, longestPause = time.Millisecond, 50 * time.Millisecond

// pause waits for d, and gives how long to wait the next time.
func pause(ctx context.Context, d time.Duration) (next time.Duration, err error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return min(2*d, longestPause), nil
	case <-ctx.Done():
		return 0, unavailable(errContended)
	}
}

// The classes of rows that verbs lock, in the order in which everybody takes them (job.order). A verb that locks rows of several
// classes goes alone.
const (
	byAddress = iota // challenges, guesses and users
	byCode
	bySession
	byGrant
	byDevice
	byMessage
	byOnce
)

// orderOfAddress places the challenges, the guesses and the user of an address. It is the same on every node.
func orderOfAddress(p latchkey.ProjectID, a latchkey.Address) uint64 {
	h := fnv.New64a()
	h.Write(p.UUID[:])
	h.Write([]byte(a.Value()))
	return byAddress<<60 | h.Sum64()>>4
}

// orderOfHandle places a row that a handle names.
func orderOfHandle(class uint64, h latchkey.Handle) uint64 {
	return class<<60 | binary.BigEndian.Uint64(h[16:])>>4 // its random half
}

// settle is the frame of a verb: judge loads what the rule asks for, applies it, and gives the change to store; nil for none.
// If the rows are not as they were loaded, all of it is done again: at once the first time, and after that in a lane, one verb
// at a time, so that a thousand guesses at one address do not chase each other.
func (s *Store) settle(ctx context.Context, judge func(context.Context) (*change, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	leave := func() {}
	defer func() { leave() }()
	wait := firstPause
	for round := 0; ; round++ {
		c, err := judge(ctx)
		if c == nil || err != nil {
			return err
		}
		guards := c.guards
		if guards == 0 {
			leave() // nobody can come in between any more
			leave = func() {}
		}
		held, err := s.store(ctx, c)
		switch {
		case err != nil || held == guards:
			return err
		case round == 0:
			continue
		case round == 1:
			if leave, err = s.enterLane(ctx, c.order); err != nil {
				leave = func() {}
				return err
			}
		}
		if wait, err = pause(ctx, wait); err != nil {
			return err
		}
	}
}

func (s *Store) enterLane(ctx context.Context, order uint64) (leave func(), err error) {
	lane := s.lanes[order%lanes]
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, outOfTime(ctx)
	}
}

// storeAtOnce stores a change that nothing has to be loaded for, and gives how many of its guards held.
func (s *Store) storeAtOnce(ctx context.Context, c *change) (held int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.store(ctx, c)
}

// administer runs statements as one transaction, of which the first is a change, and gives how many of its guards held. They
// go by themselves, not in a batch of logins.
func (s *Store) administer(ctx context.Context, within time.Duration, stmts ...*stmt) (held int, err error) {
	got := new(int)
	_, err = s.alone(ctx, within, &job{row: func(i int, r *row) {
		if i == 0 {
			*got = int(r.getInt())
		}
	}}, stmts...)
	if err != nil {
		return 0, err
	}
	return *got, nil
}

// longest is how long an administrator's act may take that goes through whole tables.
const longest = 10 * time.Minute

// unlimited lifts the session's own limits for the rest of the transaction.
const unlimited = `SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)`
