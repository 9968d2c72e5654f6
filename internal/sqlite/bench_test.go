package sqlite

import (
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// BenchmarkStartComplete measures one login of a new user and one of a returning one in turn: a start, the message
// sent, the code completed. "alone" pays a disk flush per verb, "32 writers" shares them.
func BenchmarkStartComplete(b *testing.B) {
	for name, writers := range map[string]int{"alone": 1, "32 writers": 32} {
		b.Run(name, func(b *testing.B) { benchmarkLogins(b, writers) })
	}
}

func benchmarkLogins(b *testing.B, writers int) {
	var ns storetest.Nouns
	s := openAt(b, filepath.Join(b.TempDir(), "latchkey.db"))
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	now := storetest.Noon()
	p := ns.Project("Bench")
	if err := s.CreateProject(b.Context(), p, nil, ns.Event(latchkey.ProjectCreated, p.ID, now)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var wg sync.WaitGroup
	work := make(chan time.Time, writers)
	took := make([][]time.Duration, writers)
	for i := range writers {
		wg.Go(func() {
			to := ns.Email()
			for n := 0; ; n++ {
				now, ok := <-work
				if !ok {
					return
				}
				if n%2 == 0 {
					to = ns.Email()
				}
				start := time.Now()
				if err := login(b, s, &ns, p.ID, to, now); err != nil {
					b.Error(err)
				}
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	b.ResetTimer()
	for n := range b.N { // 2,500 a second: ids begin with their time, and so tables grow at their end
		work <- now.Add(time.Duration(n) * 400 * time.Microsecond)
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "logins/s")
	b.ReportMetric(3*float64(b.N)/b.Elapsed().Seconds(), "verbs/s")
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkStartChallenge is one verb: what a start costs the store, alone and shared by 32 writers.
func BenchmarkStartChallenge(b *testing.B) {
	for name, writers := range map[string]int{"alone": 1, "32 writers": 32} {
		b.Run(name, func(b *testing.B) {
			var ns storetest.Nouns
			s := openAt(b, filepath.Join(b.TempDir(), "latchkey.db"))
			defer func() {
				if err := s.Close(); err != nil {
					b.Error(err)
				}
			}()
			now := storetest.Noon()
			p := ns.Project("Bench")
			if err := s.CreateProject(b.Context(), p, nil, ns.Event(latchkey.ProjectCreated, p.ID, now)); err != nil {
				b.Fatal(err)
			}
			start := func() {
				if _, err := s.StartChallenge(b.Context(), ns.Start(ns.Challenge(p.ID, ns.Email(), now)), now); err != nil {
					b.Error(err)
				}
			}
			b.ReportAllocs()
			if writers == 1 {
				for b.Loop() {
					start()
				}
				return
			}
			b.SetParallelism((writers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					start()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "verbs/s")
		})
	}
}

// BenchmarkRedeemCode is the verb of a token exchange, shared by 32 writers.
func BenchmarkRedeemCode(b *testing.B) {
	var ns storetest.Nouns
	s := openAt(b, filepath.Join(b.TempDir(), "latchkey.db"))
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	now := storetest.Noon()
	p := ns.Project("Bench")
	if err := s.CreateProject(b.Context(), p, nil, ns.Event(latchkey.ProjectCreated, p.ID, now)); err != nil {
		b.Fatal(err)
	}
	codes := make(chan latchkey.AuthorizationCode, b.N)
	const writers = 32
	each := func(do func() error) {
		var wg sync.WaitGroup
		share := make(chan struct{}, writers)
		for range writers {
			wg.Go(func() {
				for range share {
					if err := do(); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for range b.N {
			share <- struct{}{}
		}
		close(share)
		wg.Wait()
	}
	each(func() error {
		started, err := s.StartChallenge(b.Context(), ns.Start(ns.Challenge(p.ID, ns.Email(), now)), now)
		if err != nil {
			return err
		}
		out, err := s.CompleteChallenge(b.Context(), ns.Attempt(started.Challenge, now), now)
		codes <- out.Code
		return err
	})
	b.ReportAllocs()
	b.ResetTimer()
	each(func() error {
		out, err := s.RedeemCode(b.Context(), ns.Redemption(<-codes, now), now)
		if err == nil {
			err = out.Verdict
		}
		return err
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "verbs/s")
}

func login(b *testing.B, s *Store, ns *storetest.Nouns, p latchkey.ProjectID, to latchkey.Address, now time.Time) error {
	started, err := s.StartChallenge(b.Context(), ns.Start(ns.Challenge(p, to, now)), now)
	if err != nil {
		return err
	}
	sent := latchkey.Delivery{Message: started.Message, Event: latchkey.Event{At: now, Kind: latchkey.MessageSent, Project: p}}
	if err := s.SettleMessages(b.Context(), []latchkey.Delivery{sent}); err != nil {
		return err
	}
	out, err := s.CompleteChallenge(b.Context(), ns.Attempt(started.Challenge, now), now)
	if err != nil {
		return err
	}
	return out.Verdict
}
