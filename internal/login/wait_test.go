package login

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

// oneChallenge is a store with one challenge, which the test changes, or that is down.
type oneChallenge struct {
	latchkey.Store
	mu    sync.Mutex
	c     latchkey.Challenge
	down  error
	looks int
}

func (s *oneChallenge) Challenge(_ context.Context, id latchkey.ChallengeID) (latchkey.Challenge, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	if s.down != nil {
		return latchkey.Challenge{}, s.down
	}
	if id != s.c.ID {
		return latchkey.Challenge{}, latchkey.NotFound
	}
	return s.c, nil
}

func (s *oneChallenge) set(change func(*oneChallenge)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// answer is what a poll ended with.
type answer struct {
	code  latchkey.Secret
	err   error
	after time.Duration
}

// TestWait holds what a ring means: that it is worth another look, and no more. A Bell between nodes wakes polls for nothing.
func TestWait(t *testing.T) {
	t.Parallel()
	secrets, err := latchkey.NewSecrets(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	approve := func(s *oneChallenge) { s.c.State = latchkey.Approved }
	for name, c := range map[string]struct {
		changes []func(*oneChallenge) // one a second, each followed by a ring
		silent  bool                  // but nobody rings
		foreign bool                  // the poll is for somebody else's address
		want    latchkey.Code
		after   time.Duration
		looks   int
	}{
		"nothing happens":            {want: latchkey.DeadlineExceeded, after: 20 * time.Second, looks: 1},
		"approved":                   {changes: []func(*oneChallenge){approve}, after: time.Second, looks: 2},
		"a ring without approval":    {changes: []func(*oneChallenge){func(*oneChallenge) {}}, want: latchkey.DeadlineExceeded, after: 20 * time.Second, looks: 2},
		"approved at the third ring": {changes: []func(*oneChallenge){func(*oneChallenge) {}, func(*oneChallenge) {}, approve}, after: 3 * time.Second, looks: 4},
		"denied":                     {changes: []func(*oneChallenge){func(s *oneChallenge) { s.c.State = latchkey.Denied }}, want: latchkey.DeadlineExceeded, after: 20 * time.Second, looks: 2},
		"approved, and dead by then": {changes: []func(*oneChallenge){func(s *oneChallenge) { approve(s); s.c.Expires = s.c.Started }}, want: latchkey.DeadlineExceeded, after: 20 * time.Second, looks: 2},
		"approved, but nobody rang":  {changes: []func(*oneChallenge){approve}, silent: true, want: latchkey.DeadlineExceeded, after: 20 * time.Second, looks: 1},
		"somebody else's":            {changes: []func(*oneChallenge){approve}, foreign: true, want: latchkey.DeadlineExceeded, after: 20 * time.Second, looks: 1},
		"the store is down by then":  {changes: []func(*oneChallenge){func(s *oneChallenge) { s.down = latchkey.Unavailable }}, want: latchkey.Unavailable, after: time.Second, looks: 2},
		"gone by then":               {changes: []func(*oneChallenge){func(s *oneChallenge) { s.c = latchkey.Challenge{} }}, want: latchkey.DeadlineExceeded, after: 20 * time.Second, looks: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				store := &oneChallenge{c: latchkey.Challenge{
					ID: latchkey.ChallengeID{Handle: latchkey.NewHandle(now, secrets.Current(), [16]byte{1})}, State: latchkey.Waiting, Digits: 6,
					To: latchkey.CanonicalAddress(latchkey.Email, "ann@example.com"), Started: now, Expires: now.Add(time.Minute),
				}}
				bell := &memory.Bell{}
				s := &Service{Store: store, Secrets: secrets, Bell: bell, Hold: 20 * time.Second, Now: time.Now}
				r := WaitRequest{To: store.c.To, Operation: store.c.ID.String()}
				right, _ := secrets.Code(store.c.ID, store.c.Project, store.c.To, 6)
				if c.foreign {
					r.To = latchkey.CanonicalAddress(latchkey.Email, "bob@example.com")
				}
				id := store.c.ID
				done := make(chan answer, 1)
				go func() {
					code, err := s.Wait(t.Context(), r)
					done <- answer{code, err, time.Since(now)}
				}()
				for _, change := range c.changes {
					time.Sleep(time.Second)
					synctest.Wait()
					store.set(change)
					if !c.silent {
						bell.Ring(t.Context(), id)
					}
				}
				got := <-done
				if c.want == "" && (got.err != nil || got.code != right) {
					t.Errorf("Wait gave %q, %v; want the code", got.code.Reveal(), got.err)
				}
				if c.want != "" && (!errors.Is(got.err, c.want) || got.code != "") {
					t.Errorf("Wait gave code %q, %v; want no code and %q", got.code.Reveal(), got.err, c.want)
				}
				if got.after != c.after || store.looks != c.looks {
					t.Errorf("it took %v and %d looks at the store, want %v and %d", got.after, store.looks, c.after, c.looks)
				}
				if n := bell.Waiting(); n != 0 {
					t.Errorf("%d challenges are still waited for, nobody waits", n)
				}
			})
		})
	}
}

// TestAHeldPollKeepsNoRequest: the address may be a part of the request's memory, and a hundred thousand polls are held for minutes.
func TestAHeldPollKeepsNoRequest(t *testing.T) {
	t.Parallel()
	request := strings.Repeat("GET /poll?login=", 100) + "a@example.com"
	value := request[strings.Index(request, "a@"):]
	s := &Service{Bell: new(memory.Bell)}
	p := s.Poll(WaitRequest{To: latchkey.CanonicalAddress(latchkey.Email, value)}, func() {})
	defer p.End()
	if got := p.to.Value(); got != value || unsafe.StringData(got) == unsafe.StringData(value) {
		t.Errorf("the poll keeps %q, a part of the request: want a copy of %q", got, value)
	}
}
