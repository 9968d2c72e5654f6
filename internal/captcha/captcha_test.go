package captcha_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/captcha"
)

var (
	noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.FixedZone("", 3600))
	game = latchkey.ProjectID{UUID: latchkey.UUID{1}}
	ip   = netip.MustParseAddr("192.0.2.7")
)

// A provider judges as it is told, and remembers what it was asked.
type provider struct {
	verdict error
	asked   []string
}

func (p *provider) Provider() (latchkey.CaptchaProvider, string) {
	return latchkey.HCaptcha, "a site key"
}

func (p *provider) Puzzle(of latchkey.ProjectID, now time.Time) (latchkey.Puzzle, error) {
	return latchkey.Puzzle{Provider: latchkey.HCaptcha, Salt: fmt.Sprint(of, now)}, nil
}

func (p *provider) Check(_ context.Context, of latchkey.ProjectID, solution string, from netip.Addr, now time.Time) (latchkey.Solution, error) {
	p.asked = append(p.asked, fmt.Sprint(of, solution, from, now))
	if p.verdict != nil {
		return latchkey.Solution{}, p.verdict
	}
	return latchkey.Solution{ID: latchkey.HashSecret(latchkey.Secret(solution)), Dies: now.Add(time.Minute)}, nil
}

// A memory is Once, for one process.
type memory struct {
	mu   sync.Mutex
	seen map[latchkey.Hash]time.Time // until
	err  error
}

func (m *memory) Once(_ context.Context, h latchkey.Hash, until, _ time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return false, m.err
	}
	if _, seen := m.seen[h]; seen {
		return false, nil
	}
	if m.seen == nil {
		m.seen = map[latchkey.Hash]time.Time{}
	}
	m.seen[h] = until
	return true, nil
}

// TestSolutions: what the provider and the memory say, what the start gets for it, and what is counted.
func TestSolutions(t *testing.T) {
	t.Parallel()
	wrong := &latchkey.Error{Code: latchkey.ChallengeRequired, Message: "no"}
	down := &latchkey.Error{Code: latchkey.Unavailable, RetryAfter: time.Second}
	for name, tt := range map[string]struct {
		provider, memory error
		open             bool
		want             latchkey.Code
		verdict          string // empty: the solution was not judged
		remembered       int
	}{
		"right":                          {nil, nil, false, "", "ok", 1},
		"wrong":                          {wrong, nil, false, latchkey.ChallengeRequired, "wrong", 0},
		"wrong, while an outage is open": {wrong, nil, true, latchkey.ChallengeRequired, "wrong", 0},
		"an outage":                      {down, nil, false, latchkey.Unavailable, "down", 0},
		"an outage that lets pass":       {down, nil, true, "", "down", 0},
		"right, but the store is down":   {nil, down, false, latchkey.Unavailable, "", 0},
		"right, the store is down, open": {nil, down, true, latchkey.Unavailable, "", 0},
	} {
		p, m := &provider{verdict: tt.provider}, &memory{err: tt.memory}
		var verdicts []string
		s := &captcha.Service{Captcha: p, Store: m, Open: tt.open, Now: func() time.Time { return noon }, Judged: func(of latchkey.CaptchaProvider, v string) {
			verdicts = append(verdicts, string(of)+" "+v)
		}}
		err := s.Solution(game, "a solution", ip)(t.Context())
		if latchkey.CodeOf(err) != tt.want || tt.want == "" && err != nil {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		want := []string{"hcaptcha " + tt.verdict}
		if tt.verdict == "" {
			want = nil
		}
		if !slices.Equal(verdicts, want) {
			t.Errorf("%s: told of %q, want %q", name, verdicts, want)
		}
		if len(m.seen) != tt.remembered {
			t.Errorf("%s: %d solutions are remembered, want %d", name, len(m.seen), tt.remembered)
		}
		if asked := fmt.Sprint(game, "a solution", ip, noon.UTC()); !slices.Equal(p.asked, []string{asked}) {
			t.Errorf("%s: the provider was asked %q, want %q", name, p.asked, asked)
		}
	}
}

// TestASolutionIsGoodOnce: of many starts with one solution at once a single one passes, and it is remembered until
// it is worth nothing by itself.
func TestASolutionIsGoodOnce(t *testing.T) {
	t.Parallel()
	m := &memory{}
	var used atomic.Int32
	s := &captcha.Service{Captcha: &judge{}, Store: m, Now: func() time.Time { return noon }, Judged: func(_ latchkey.CaptchaProvider, v string) {
		if v == "used" {
			used.Add(1)
		}
	}}
	const starts = 50
	var passed atomic.Int32
	var all sync.WaitGroup
	for range starts {
		all.Go(func() {
			err := s.Solution(game, "a solution", ip)(t.Context())
			var e *latchkey.Error
			switch {
			case err == nil:
				passed.Add(1)
			case !errors.As(err, &e) || e.Code != latchkey.ChallengeRequired || e.RetryAfter <= 0:
				t.Errorf("a solution that was used gives %v", err)
			}
		})
	}
	all.Wait()
	if passed.Load() != 1 || used.Load() != starts-1 {
		t.Errorf("%d of %d starts with one solution pass, and %d are told of as used", passed.Load(), starts, used.Load())
	}
	for _, until := range m.seen {
		if !until.Equal(noon.Add(time.Minute)) {
			t.Errorf("it is remembered until %v", until)
		}
	}
}

// A judge finds everything right.
type judge struct{ provider }

func (*judge) Check(_ context.Context, _ latchkey.ProjectID, solution string, _ netip.Addr, now time.Time) (latchkey.Solution, error) {
	return latchkey.Solution{ID: latchkey.HashSecret(latchkey.Secret(solution)), Dies: now.Add(time.Minute)}, nil
}

// TestWhenNoneIsAskedFor: without a provider, or without a solution, nothing is judged, and no policy of a project counts.
func TestWhenNoneIsAskedFor(t *testing.T) {
	t.Parallel()
	var none *captcha.Service
	some := &captcha.Service{Captcha: &provider{}, Now: func() time.Time { return noon }}
	p := latchkey.Project{}
	p.Defence.Captcha = latchkey.CaptchaAlways
	if got := none.Policy(p); got != latchkey.CaptchaNever {
		t.Errorf("without a provider a project asks %q for one", got)
	}
	if got := some.Policy(p); got != latchkey.CaptchaAlways {
		t.Errorf("with one a project asks %q for one", got)
	}
	if none.Solution(game, "a solution", ip) != nil || some.Solution(game, "", ip) != nil {
		t.Error("a solution is judged that there is not, or by nobody")
	}
	if _, err := none.Puzzle(game); latchkey.CodeOf(err) != latchkey.CallOff {
		t.Errorf("a puzzle of nobody: %v", err)
	}
	if name, key := none.Provider(); name != "" || key != "" {
		t.Errorf("nobody is %s with %s", name, key)
	}
	if name, key := some.Provider(); name != latchkey.HCaptcha || key != "a site key" {
		t.Errorf("the provider is %s with %s", name, key)
	}
	if got, err := some.Puzzle(game); err != nil || got.Salt != fmt.Sprint(game, noon.UTC()) {
		t.Errorf("the puzzle is %+v, %v", got, err)
	}
}
