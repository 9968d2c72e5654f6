package postgres

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/pgtest"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// BenchmarkLogins measures complete logins, each a start, a right answer and a redeemed code, with nothing around them: by
// verbs that go singly over many connections, and by batches.
//
//	go test -run ^$ -bench Logins -benchtime 5s ./internal/postgres
func BenchmarkLogins(b *testing.B) {
	for _, workers := range []int{1, 32, 256} {
		for name, t := range map[string]tuning{
			"singly":       {writes: 16, reads: 8, batch: 1},
			"batches of 1": {writes: 1, reads: 1, batch: maxBatch},
			"batches of 2": {writes: writeConns, reads: readConns, batch: maxBatch},
			"batches of 4": {writes: 4, reads: 2, batch: maxBatch},
		} {
			b.Run(fmt.Sprintf("%s/%d workers", name, workers), func(b *testing.B) { benchLogins(b, t, workers) })
		}
	}
}

func benchLogins(b *testing.B, how tuning, workers int) {
	s, err := open(b.Context(), Options{URL: newDatabase(b)}, how)
	must(b, err)
	defer s.Close()
	var ns storetest.Nouns
	now := storetest.Noon()
	p := ns.Project("The Game")
	must(b, s.CreateProject(b.Context(), p, nil, ns.Event(latchkey.ProjectCreated, p.ID, now)))
	server := pgtest.Shared(b)
	used, err := server.CPU()
	must(b, err)
	own := cpu(b)
	var left, slowest atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ResetTimer()
	for range workers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				began := time.Now()
				if err := oneLogin(b, s, &ns, p.ID, now); err != nil {
					b.Error(err)
					return
				}
				if took := int64(time.Since(began)); took > slowest.Load() {
					slowest.Store(took)
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	perLogin := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(b.N) }
	after, err := server.CPU()
	must(b, err)
	b.ReportMetric(perLogin(after-used), "server-cpu-µs/op")
	b.ReportMetric(perLogin(cpu(b)-own), "own-cpu-µs/op")
	b.ReportMetric(float64(3*b.N)/b.Elapsed().Seconds(), "verbs/s")
	b.ReportMetric(float64(slowest.Load())/1e6, "ms-slowest")
}

func oneLogin(t testing.TB, s *Store, ns *storetest.Nouns, p latchkey.ProjectID, now time.Time) error {
	started, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(p, ns.Email(), now)), now)
	if err != nil {
		return err
	}
	out, err := s.CompleteChallenge(t.Context(), ns.Attempt(started.Challenge, now), now)
	if err != nil {
		return err
	}
	if out.Verdict != nil {
		return out.Verdict
	}
	red, err := s.RedeemCode(t.Context(), ns.Redemption(out.Code, now), now)
	if err == nil {
		err = red.Verdict
	}
	return err
}

// cpu is how much processor time this process has used.
func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
