package latchkey_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-dev/latchkey"
)

func TestRateTake(t *testing.T) {
	t.Parallel()
	r := latchkey.Rate{Every: 10 * time.Second, Burst: 3}
	var full time.Time
	var got latchkey.Tally
	for i, want := range []latchkey.Tally{
		{Allowed: true, Remaining: 2, Reset: 10 * time.Second},
		{Allowed: true, Remaining: 1, Reset: 20 * time.Second},
		{Allowed: true, Remaining: 0, Reset: 30 * time.Second},
		{Retry: 10 * time.Second, Reset: 30 * time.Second},
	} {
		if full, got = r.Take(full, noon); got != want {
			t.Errorf("take %d: %+v, want %+v", i+1, got, want)
		}
	}
	if _, got = r.Take(full, noon.Add(10*time.Second-1)); got.Allowed || got.Retry != 1 {
		t.Errorf("a nanosecond too early: %+v", got)
	}
	if _, got = r.Take(full, noon.Add(10*time.Second)); !got.Allowed || got.Remaining != 0 {
		t.Errorf("at the exact instant: %+v", got)
	}
	if _, got = r.Take(full, noon.Add(time.Hour)); !got.Allowed || got.Remaining != 2 {
		t.Errorf("after a long rest: %+v", got)
	}
	if _, got = (latchkey.Rate{}).Take(full, noon); !got.Allowed {
		t.Errorf("the zero rate: %+v", got)
	}
}

// TestRateNeverGivesMore: in any stretch of time no more is taken than the burst and what came in since.
func TestRateNeverGivesMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := latchkey.Rate{
			Every: time.Duration(rapid.IntRange(1, 1000).Draw(t, "every")) * time.Millisecond, Burst: rapid.IntRange(1, 20).Draw(t, "burst"),
		}
		var full time.Time
		now, taken := noon, 0
		for range rapid.IntRange(1, 200).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "pause")) * time.Millisecond)
			var got latchkey.Tally
			before := full
			full, got = r.Take(full, now)
			if got.Allowed {
				taken++
			} else if full.After(before) && before.After(now) {
				t.Fatal("a refusal was charged")
			}
			if most := r.Burst + int(now.Sub(noon)/r.Every); taken > most {
				t.Fatalf("%d taken after %s, at most %d are there", taken, now.Sub(noon), most)
			}
			if !got.Allowed && got.Retry <= 0 {
				t.Fatalf("a refusal that says to come back in %s", got.Retry)
			}
		}
	})
}
