package postgres

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	// maxHerd bounds how many attempts go together.
	maxHerd = 64
	// leading is the time that somebody must have left who takes the others along.
	leading = patience / 3
)

// A herd is the attempts of this node that came into each other's way, because they are at one address: somebody guesses in
// parallel. Each of them alone would find the counts changed by another one again and again. Whoever is in the lane takes all
// of them along: what they need is loaded at once, each is judged after the one before it, and all is stored as one batch.
type herd struct {
	lane    chan struct{} // holds one token while somebody leads
	mu      sync.Mutex
	waiting []*herded // guarded by mu
}

// A herded is one attempt in a herd.
type herded struct {
	latchkey.Attempt
	now  time.Time
	ctx  context.Context
	out  latchkey.Outcome
	err  error
	done chan struct{} // closed once out or err is there
}

func (s *Store) completeInHerd(ctx context.Context, a latchkey.Attempt, now time.Time) (latchkey.Outcome, error) {
	h := &s.herds[orderOfAddress(a.Project, a.To)>>1%lanes]
	x := &herded{Attempt: a, now: now, ctx: ctx, done: make(chan struct{})}
	h.add(x)
	end, _ := ctx.Deadline()
	early, cancel := context.WithDeadline(ctx, end.Add(-leading))
	defer cancel()
	lane, late, wait := h.lane, early.Done(), firstPause
	for {
		select {
		case <-x.done:
			return x.out, x.err
		case <-ctx.Done():
			return latchkey.Outcome{}, outOfTime(ctx)
		case <-late:
			lane, late = nil, nil // somebody else may take this one along still
		case lane <- struct{}{}:
			if !s.lead(ctx, h) {
				wait, _ = pause(ctx, wait) // another node is at it; that ctx has ended is seen above
			}
			<-lane
		}
	}
}

// lead takes those who wait along, once, and reports whether anybody got through. It goes on if its caller leaves: the others
// must learn what became of them.
func (s *Store) lead(ctx context.Context, h *herd) (through bool) {
	end, _ := ctx.Deadline()
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	defer cancel()
	xs := h.take()
	if len(xs) == 0 {
		return true
	}
	olds, err := s.loadHerd(ctx, xs)
	if err == nil {
		through, err = s.storeHerd(ctx, h, xs, olds)
	}
	if err != nil {
		for _, x := range xs {
			x.err = err
			close(x.done)
		}
	}
	return through || err != nil
}

func (s *Store) loadHerd(ctx context.Context, xs []*herded) ([]*attemptLoaded, error) {
	var stmts []*stmt
	for _, x := range xs {
		stmts = append(stmts, attemptStatements(x.Attempt)...)
	}
	olds, err := findAll(ctx, s, func(got *[]*attemptLoaded, i int, r *row) {
		for len(*got) < len(xs) {
			*got = append(*got, new(attemptLoaded))
		}
		readAttempt((*got)[i], 0, r)
	}, stmts...)
	return *olds, err
}

// storeHerd judges xs one after the other and stores it. Whoever met a row that another node changed waits on.
func (s *Store) storeHerd(ctx context.Context, h *herd, xs []*herded, olds []*attemptLoaded) (through bool, err error) {
	ahead := foresight{challenges: map[latchkey.ChallengeID]latchkey.Challenge{}, places: map[place]*sight{}}
	stmts, guards, held := make([]*stmt, len(xs)), make([]int, len(xs)), make([]int, len(xs))
	for i, x := range xs {
		ahead.look(x.Attempt, olds[i])
		x.out = x.Judge(olds[i].challenge, olds[i].guesses, olds[i].user, x.now)
		ahead.remember(x.Attempt, olds[i], &x.out)
		back, err := s.takenBack(ctx, x.Attempt, &x.out, x.now)
		if err != nil {
			return false, err
		}
		c := completion(x.Attempt, olds[i], &x.out, back, x.now)
		stmts[i], guards[i] = c.end(), c.guards
	}
	err = s.writes.carry(&job{
		ctx: ctx, order: xs[0].order(), stmts: stmts,
		row: func(i int, r *row) { held[i] = int(r.getInt()) },
	})
	if err != nil {
		return false, err
	}
	for i, x := range xs {
		if held[i] == guards[i] {
			through = true
			close(x.done)
		} else {
			h.add(x)
		}
	}
	return through, nil
}

func (h *herd) add(x *herded) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = append(h.waiting, x)
}

// take takes those who wait and whose callers do, address by address.
func (h *herd) take() []*herded {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = slices.DeleteFunc(h.waiting, func(x *herded) bool { return x.ctx.Err() != nil })
	n := min(len(h.waiting), maxHerd)
	xs := slices.Clone(h.waiting[:n])
	h.waiting = slices.Delete(h.waiting, 0, n)
	slices.SortStableFunc(xs, func(a, b *herded) int { return cmp.Compare(a.order(), b.order()) })
	return xs
}

// order is that of completion, before it is judged: what is not even the right code is no login.
func (x *herded) order() uint64 {
	order := orderOfAddress(x.Project, x.To) &^ 1
	if x.Given.Equal(x.Right) {
		order++
	}
	return order
}

// foresight is how things will stand once those in front have been stored.
type foresight struct {
	challenges map[latchkey.ChallengeID]latchkey.Challenge
	places     map[place]*sight
}

type place struct {
	project latchkey.ProjectID
	to      latchkey.Address
}

// A sight is one address.
type sight struct {
	total     int
	whole     time.Time
	forgotten bool // a login has forgotten what is not in networks
	networks  map[latchkey.Network]latchkey.Guesses
	user      latchkey.User
}

// look brings what was loaded for a up to date, and notes whether there was anything to bring.
func (f *foresight) look(a latchkey.Attempt, old *attemptLoaded) {
	challenge, guesses := old.challenge, old.guesses
	defer func() { old.foreseen = old.challenge != challenge || old.guesses != guesses }()
	if c, known := f.challenges[a.ID]; known {
		old.challenge = c
	}
	at := f.places[place{a.Project, a.To}]
	if at == nil {
		return
	}
	if g, known := at.networks[a.From.Network()]; known || at.forgotten {
		old.guesses = g
	}
	old.guesses.Total, old.guesses.Whole = at.total, at.whole
	if !at.user.ID.IsZero() {
		old.user = at.user
	}
}

// remember takes in what came of a.
func (f *foresight) remember(a latchkey.Attempt, old *attemptLoaded, out *latchkey.Outcome) {
	if out.Challenge != old.challenge {
		f.challenges[a.ID] = out.Challenge
	}
	where := place{a.Project, a.To}
	at := f.places[where]
	if at == nil {
		at = &sight{total: old.guesses.Total, whole: old.guesses.Whole, networks: map[latchkey.Network]latchkey.Guesses{}}
		f.places[where] = at
	}
	at.user = out.User
	switch {
	case out.Guesses == old.guesses:
	case out.Guesses.Total == 0:
		at.total, at.whole, at.forgotten = 0, out.Guesses.Whole, true
		clear(at.networks)
	default:
		at.total, at.whole = out.Guesses.Total, out.Guesses.Whole
		at.networks[a.From.Network()] = out.Guesses
	}
}
