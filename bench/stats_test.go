package main

import (
	"testing"
	"time"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for name, c := range map[string]struct {
		in   []time.Duration
		p    float64
		want time.Duration
	}{
		"none":               {nil, 99, 0},
		"one is every one":   {[]time.Duration{7}, 50, 7},
		"p50 of two":         {[]time.Duration{1, 9}, 50, 1},
		"p51 of two":         {[]time.Duration{1, 9}, 51, 9},
		"p99 of a hundred":   {hundred, 99, 99},
		"p99 of ninety-nine": {hundred[:99], 99, 99},
		"p100 is the worst":  {hundred, 100, 100},
		"p0 is the best":     {hundred, 0, 1},
	} {
		if got := percentile(c.in, c.p); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestSpreadSortsAndCountsEveryCall(t *testing.T) {
	t.Parallel()
	got := spreadOf([]time.Duration{3, 1, 2, 5, 4})
	if want := (spread{N: 5, P50: 3, P95: 5, P99: 5, Max: 5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestOnlyTheWindowCounts: the warm-up and the logins that end after the last second are left out.
func TestOnlyTheWindowCounts(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	v := window{start: noon, end: noon.Add(2 * time.Second), to: cpuTimes{server: time.Second, self: 3 * time.Second}}
	w := &worker{load: load{oauth2: true}}
	for _, at := range []time.Duration{-1, 0, time.Second, 2 * time.Second, 2*time.Second + 1} {
		w.samples = append(w.samples, sample{done: noon.Add(at), start: 4, confirm: 5, token: 6})
	}
	got := v.summarise([]*worker{w})
	if got.Logins != 3 || got.PerSecond != 1.5 {
		t.Errorf("got %d logins, %v a second; want 3 and 1.5", got.Logins, got.PerSecond)
	}
	if got.ServerCPU != time.Second/3 || got.GeneratorCPU != time.Second {
		t.Errorf("got %v and %v of CPU per login, want a third of a second and a second", got.ServerCPU, got.GeneratorCPU)
	}
	if got.Start.P99 != 4 || got.Confirm.P99 != 5 || got.Token.P99 != 6 {
		t.Errorf("calls are mixed up: %+v", got)
	}
}

func TestProcFiles(t *testing.T) {
	t.Parallel()
	stat := "42 (a (strange) name) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 100 1000 10 0"
	if got, err := parseStat([]byte(stat)); err != nil || got != 3*time.Second {
		t.Errorf("stat: got %v, %v; want 3 s", got, err)
	}
	if _, err := parseStat([]byte("42 (x) S 1")); err == nil {
		t.Error("stat: a short line was taken")
	}
	got, err := parseStatus([]byte("Name:\tlatchkey\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n"))
	if want := (memory{Resident: 1 << 20, Peak: 2 << 20}); err != nil || got != want {
		t.Errorf("status: got %+v, %v; want %+v", got, err, want)
	}
	if _, err := parseStatus([]byte("Name:\tlatchkey\n")); err == nil {
		t.Error("status: no memory was taken for an answer")
	}
}

func TestTopCostsAreRead(t *testing.T) {
	t.Parallel()
	const out = `File: latchkey
Showing nodes accounting for 9s, 90% of 10s total
      flat  flat%   sum%        cum   cum%
     2.50s 25.00% 25.00%      8.10s 81.00%  runtime.goexit
     1.20s 12.00% 37.00%      1.30s 13.00%  syscall.Syscall
         0     0% 37.00%      5.00s 50.00%  net/http.(*conn).serve (inline)
     0.10s  1.00% 38.00%      3.00s 30.00%  github.com/latchkey-dev/latchkey/internal/smtp.(*Sender).Send
         0     0% 38.00%      3.00s 30.00%  github.com/latchkey-dev/latchkey/internal/sqlite.write[go.shape.struct {}]
     0.50s  5.00% 43.00%      1.00s 10.00%  runtime.mallocgc
`
	if got := parseTop(out, false); len(got) != 6 || got[1] != (cost{"syscall.Syscall", 12, 13}) {
		t.Errorf("by own time: %+v", got)
	}
	if got := parseTop(out, true); len(got) != 2 || got[0] != (cost{"internal/smtp.(*Sender).Send", 1, 30}) {
		t.Errorf("cumulative: %+v", got)
	}
}
