package httpapi_test

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A spy counts what came to be stored and how often a challenge was read, and can play dead.
type spy struct {
	latchkey.Store
	stored atomic.Int64
	reads  atomic.Int64
	onRead func() // after a challenge was read; may be nil
	err    atomic.Pointer[error]
}

func (s *spy) count(err, verdict error) {
	if err == nil && verdict == nil {
		s.stored.Add(1)
	}
}

func (s *spy) die(err error) { s.err.Store(&err) }

func (s *spy) dead() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *spy) Challenge(ctx context.Context, id latchkey.ChallengeID) (latchkey.Challenge, error) {
	c, err := s.Store.Challenge(ctx, id)
	s.reads.Add(1)
	if err := s.dead(); err != nil {
		return latchkey.Challenge{}, err
	}
	if s.onRead != nil {
		s.onRead()
	}
	return c, err
}

func (s *spy) StartChallenge(ctx context.Context, a latchkey.Start, now time.Time) (latchkey.Started, error) {
	if err := s.dead(); err != nil {
		return latchkey.Started{}, err
	}
	out, err := s.Store.StartChallenge(ctx, a, now)
	s.count(err, nil)
	return out, err
}

func (s *spy) CompleteChallenge(ctx context.Context, a latchkey.Attempt, now time.Time) (latchkey.Outcome, error) {
	out, err := s.Store.CompleteChallenge(ctx, a, now)
	s.count(err, out.Verdict)
	return out, err
}

func (s *spy) RedeemCode(ctx context.Context, a latchkey.Redemption, now time.Time) (latchkey.Redeemed, error) {
	out, err := s.Store.RedeemCode(ctx, a, now)
	s.count(err, out.Verdict)
	return out, err
}

func (s *spy) RotateGrant(ctx context.Context, a latchkey.Rotation, now time.Time) (latchkey.Rotated, error) {
	out, err := s.Store.RotateGrant(ctx, a, now)
	s.count(err, out.Verdict)
	return out, err
}

func (s *spy) SetContactPhone(ctx context.Context, id latchkey.UserID, phone latchkey.Address, e latchkey.Event) error {
	err := s.Store.SetContactPhone(ctx, id, phone, e)
	s.count(err, nil)
	return err
}

func (s *spy) DescribeUser(ctx context.Context, id latchkey.UserID, c latchkey.PersonChange, e latchkey.Event) (latchkey.User, error) {
	u, err := s.Store.DescribeUser(ctx, id, c, e)
	s.count(err, nil)
	return u, err
}

func (s *spy) EndSessions(ctx context.Context, id latchkey.UserID, e latchkey.Event) error {
	err := s.Store.EndSessions(ctx, id, e)
	s.count(err, nil)
	return err
}

func (s *spy) Ping(ctx context.Context) error {
	if err := s.dead(); err != nil {
		return err
	}
	return s.Store.Ping(ctx)
}

// A logBuffer is a log that a test can read.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
