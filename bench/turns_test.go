package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestTurnsGoThereAndBack(t *testing.T) {
	t.Parallel()
	m := &table{Options: tableOptions{Rounds: 3}, Logins: map[string][]report{}, Failed: map[string]string{}}
	var order []string
	err := m.byTurns(t.Context(), []lane{{name: "a"}, {name: "b"}, {name: "c"}}, func(_ context.Context, l lane) (report, error) {
		order = append(order, l.name)
		if l.name == "b" && len(order) > 3 {
			return report{}, errors.New("out of order")
		}
		return report{Runs: []result{{PerSecond: float64(len(order))}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, ""); got != "abc"+"cba"+"ac" {
		t.Errorf("measured %s, want abc there, cba back, and no b after it failed", got)
	}
	if len(m.Logins["a"]) != 3 || len(m.Logins["c"]) != 3 || m.Logins["b"] != nil || m.Failed["b"] != "out of order" {
		t.Errorf("kept %v, failed %v; want three rounds of a and c, and none of b", m.Logins, m.Failed)
	}
}

// TestTurnsStopWithTheirContext: whoever stops the table gets no rows out of what was not measured.
func TestTurnsStopWithTheirContext(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	m := &table{Options: tableOptions{Rounds: 3}, Logins: map[string][]report{}, Failed: map[string]string{}}
	n := 0
	err := m.byTurns(ctx, []lane{{name: "a"}, {name: "b"}}, func(ctx context.Context, _ lane) (report, error) {
		n++
		stop()
		return report{}, ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || n != 1 || len(m.Failed) != 0 {
		t.Errorf("got %v after %d measurements, %v failed; want to be stopped by the first", err, n, m.Failed)
	}
}

// TestRatiosAreOfOneRound: a machine that is half as fast in one round, and as fast again in the next, changes no ratio.
func TestRatiosAreOfOneRound(t *testing.T) {
	t.Parallel()
	rounds := func(values ...float64) (out []report) {
		for _, v := range values {
			out = append(out, report{Runs: []result{{PerSecond: v}}})
		}
		return out
	}
	for name, c := range map[string]struct {
		a, b []report
		want middle
	}{
		"one round":             {rounds(90), rounds(100), middle{0.9, 0.9, 0.9}},
		"a machine that drifts": {rounds(90, 45, 180), rounds(100, 50, 200), middle{0.9, 0.9, 0.9}},
		"one bad round":         {rounds(90, 10, 91), rounds(100, 100, 100), middle{0.9, 0.1, 0.91}},
		"not of the medians":    {rounds(90, 50, 20), rounds(100, 40, 30), middle{0.9, 2.0 / 3, 1.25}},
		"an even number":        {rounds(80, 90), rounds(100, 100), middle{0.85, 0.8, 0.9}},
		"nothing":               {nil, rounds(100), middle{}},
	} {
		got := against(c.a, c.b)
		near := func(x, y float64) bool { return x-y < 1e-9 && y-x < 1e-9 }
		if !near(got.Median, c.want.Median) || !near(got.Low, c.want.Low) || !near(got.High, c.want.High) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// TestEveryAlgorithmIsTimed: alone and on all cores, by the CPU time of one.
func TestEveryAlgorithmIsTimed(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"HS256", "RS256", "ES256", "EdDSA"} {
		sign, err := signature(alg)
		if err != nil {
			t.Fatal(alg, err)
		}
		if err := sign(); err != nil {
			t.Error(alg, err)
		}
	}
	if _, err := signature("none"); err == nil {
		t.Error("an algorithm that nobody knows was taken")
	}
	var failed = errors.New("failed")
	if _, err := timeCPU(2, func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v, want what failed", err)
	}
}

func TestWhatIsPromisedOfHS256StandsBesideIt(t *testing.T) {
	t.Parallel()
	m := measured()
	name := m.steps()[0].name
	words := strings.Split(strings.TrimPrefix(name, "by turns: "), ", ")
	at := slices.Index(words, "HS256")
	if at < 1 || words[at-1] != "EdDSA" || words[at+1] != "ES256" {
		t.Errorf("%q has not EdDSA and ES256 beside HS256", name)
	}
}
