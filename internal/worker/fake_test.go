package worker

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
)

// store is an outbox in memory that keeps the promises of OutboxStore; the real one has a file under it, which the
// fake clock of these tests cannot wait for (outbox_test.go runs the worker on it). Every other verb of Store panics.
type store struct {
	latchkey.Store
	project latchkey.Project

	mu      sync.Mutex
	rows    map[name]latchkey.Message
	settled []latchkey.Delivery
	batches []int
	sweeps  int
	dust    int // rows that a sweep still finds
	advance int
	down    bool
	slow    time.Duration // that a settlement takes
}

func newStore(p latchkey.Project) *store {
	return &store{project: p, rows: map[name]latchkey.Message{}}
}

func (s *store) Project(_ context.Context, id latchkey.ProjectID) (latchkey.Project, error) {
	if id != s.project.ID {
		return latchkey.Project{}, latchkey.ProjectNotFound
	}
	return s.project, nil
}

func (s *store) put(ms ...latchkey.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range ms {
		s.rows[nameOf(m)] = m
	}
}

func (s *store) ClaimMessages(_ context.Context, limit int, until, now time.Time) ([]latchkey.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, latchkey.Unavailable
	}
	var out []latchkey.Message
	for n, m := range s.rows {
		if len(out) < limit && !m.NextTry.After(now) && now.Before(m.Dies) {
			m.NextTry = until
			s.rows[n] = m
			out = append(out, m)
		}
	}
	return out, nil
}

func (s *store) SettleMessages(ctx context.Context, ds []latchkey.Delivery) error {
	if s.slow > 0 {
		time.Sleep(s.slow)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return latchkey.Unavailable
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.batches = append(s.batches, len(ds))
	for _, d := range ds {
		s.settled = append(s.settled, d)
		if d.Again {
			s.rows[nameOf(d.Message)] = d.Message
		} else {
			delete(s.rows, nameOf(d.Message))
		}
	}
	return nil
}

func (s *store) Sweep(_ context.Context, keep time.Duration, limit int, _ time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweeps++
	n := min(s.dust, limit)
	s.dust -= n
	return n, nil
}

func (s *store) AdvanceKeys(context.Context, time.Time) (latchkey.Keys, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance++
	return nil, nil
}

func (s *store) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *store) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows)
}

// kinds gives the events of what was settled, in order; "again" for a delivery that waits.
func (s *store) kinds() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, d := range s.settled {
		if d.Again {
			out = append(out, "again")
		} else {
			out = append(out, string(d.Event.Kind)+" "+d.Event.Detail)
		}
	}
	return out
}

// provider is a Sender that does as it is told.
type provider struct {
	name string
	do   func(ctx context.Context, try int, e latchkey.Envelope) error // nil: accept

	mu   sync.Mutex
	sent []latchkey.Envelope
	at   []time.Time
	busy int // sends under way
	most int // the most at a time
}

func (p *provider) Name() string { return p.name }
func (p *provider) Close() error { return nil }

func (p *provider) Send(ctx context.Context, e latchkey.Envelope) error {
	p.mu.Lock()
	p.sent = append(p.sent, e)
	p.at = append(p.at, time.Now())
	try := len(p.sent)
	p.busy++
	p.most = max(p.most, p.busy)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.busy--
		p.mu.Unlock()
	}()
	if p.do == nil {
		return nil
	}
	return p.do(ctx, try, e)
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent)
}

// hang is a provider that answers when ctx ends.
func hang(ctx context.Context, _ int, _ latchkey.Envelope) error {
	<-ctx.Done()
	return &latchkey.Error{Code: latchkey.Unavailable, Err: ctx.Err()}
}

// house is a worker with everything around it, on the clock of a synctest bubble.
type house struct {
	*Worker
	store   *store
	in      chan latchkey.Message
	log     *strings.Builder
	project latchkey.Project
	stop    func()
	done    chan struct{}
}

func open(t *testing.T, providers ...latchkey.Sender) *house {
	t.Helper()
	texts, err := catalog.New()
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := latchkey.NewSecrets([]byte("a master secret of 32 bytes, long"))
	if err != nil {
		t.Fatal(err)
	}
	p := latchkey.NewProject(latchkey.ProjectID{UUID: latchkey.UUID{1}}, "Demo", time.Now())
	h := &house{store: newStore(p), in: make(chan latchkey.Message, 1000), log: &strings.Builder{}, project: p, done: make(chan struct{})}
	h.Worker = &Worker{
		Store: h.store, Catalog: texts, Secrets: secrets, PublicURL: "https://login.example.com", In: h.in, Now: time.Now,
		Senders: map[latchkey.Channel][]latchkey.Sender{latchkey.Email: providers, latchkey.Phone: providers},
		Log:     slog.New(slog.NewTextHandler(&locked{w: h.log}, nil)),
	}
	return h
}

// locked lets goroutines share a builder.
type locked struct {
	mu sync.Mutex
	w  *strings.Builder
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (h *house) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h.stop = cancel
	go func() {
		defer close(h.done)
		if err := h.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
}

// end stops the worker and waits for it.
func (h *house) end() {
	h.stop()
	<-h.done
}

// message makes message n, as a start call stores it.
func (h *house) message(n byte) latchkey.Message {
	now := time.Now()
	return latchkey.Message{
		Challenge: latchkey.ChallengeID{Handle: latchkey.NewHandle(now, h.Secrets.Current(), [16]byte{n})}, Project: h.project.ID,
		To: latchkey.CanonicalAddress(latchkey.Email, "someone@example.org"), Locale: "en", Digits: 6,
		NextTry: now.Add(latchkey.MessageLease), Dies: now.Add(180 * time.Second),
	}
}

// due makes a message that nobody holds.
func (h *house) due(n byte) latchkey.Message {
	m := h.message(n)
	m.NextTry = time.Now()
	return m
}

func wantKinds(t *testing.T, s *store, want ...string) {
	t.Helper()
	if got := s.kinds(); !slices.Equal(got, want) {
		t.Errorf("settled %q, want %q", got, want)
	}
}
