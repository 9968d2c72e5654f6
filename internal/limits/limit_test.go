package limits_test

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
)

func TestParseLimit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]limits.Limit{
		"off":                  {},
		" off ":                {},
		"60/10m":               {Count: 60, Per: 10 * time.Minute, Burst: 60},
		"1/1s":                 {Count: 1, Per: time.Second, Burst: 1},
		"2/1h burst 3":         {Count: 2, Per: time.Hour, Burst: 3},
		"2/60m  burst   3":     {Count: 2, Per: time.Hour, Burst: 3},
		"20/1d":                {Count: 20, Per: 24 * time.Hour, Burst: 20},
		"1/366d":               {Count: 1, Per: 366 * 24 * time.Hour, Burst: 1},
		"1000000/1s burst 900": {Count: 1_000_000, Per: time.Second, Burst: 900},
	} {
		if got, err := limits.ParseLimit(text); err != nil || got != want {
			t.Errorf("ParseLimit(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                       "COUNT/TIME",
		"60":                     "COUNT/TIME",
		"60/10m burst":           "COUNT/TIME",
		"60/10m at 5":            "COUNT/TIME",
		"60/10m burst 5 6":       "COUNT/TIME",
		"off off":                "COUNT/TIME",
		"/10m":                   "no count",
		"0/10m":                  "no count",
		"-1/10m":                 "no count",
		"+1/10m":                 "no count",
		"1e3/10m":                "no count",
		"99999999999/10m":        "no count",
		"60/10m burst 0":         "no count",
		"60/":                    "no time",
		"60/10":                  "no time",
		"60/m":                   "no time",
		"60/0m":                  "no time",
		"60/-1m":                 "no time",
		"60/+1m":                 "no time",
		"60/1.5h":                "no time",
		"60/10ms":                "no time",
		"60/1h30m":               "no time",
		"60/367d":                "no time",
		"60/99999999999d":        "no time",
		"1000001/1s":             "million in a second",
		"1/366d burst 2":         "within a year",
		"1/1s burst 1000000000":  "within a year",
		"1/1d burst 999999999":   "within a year",
		"60/10m/5m":              "no time",
		"unlimited":              "COUNT/TIME",
		"\x00":                   "COUNT/TIME",
		"６０/10m":                 "no count",
		strings.Repeat("9", 400): "COUNT/TIME",
	} {
		if got, err := limits.ParseLimit(text); err == nil || !strings.Contains(err.Error(), want) || got != (limits.Limit{}) {
			t.Errorf("ParseLimit(%q) = %+v, %v; want an error with %q", text, got, err, want)
		}
	}
}

func FuzzParseLimit(f *testing.F) {
	for _, s := range []string{"off", "60/10m", "2/1h burst 3", "1/366d", "1000000/1s", "0/0s", "60/1h30m", " 1/1s burst 1 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := limits.ParseLimit(text)
		if err != nil {
			return
		}
		again, err := limits.ParseLimit(l.String())
		if err != nil || again != l {
			t.Fatalf("ParseLimit(%q) = %+v prints as %q, which reads as %+v, %v", text, l, l, again, err)
		}
		r := l.Rate()
		if l.IsZero() != r.IsZero() || !l.IsZero() && (r.Every < time.Microsecond || r.Burst < 1 || r.Every*time.Duration(r.Burst) <= 0) {
			t.Fatalf("ParseLimit(%q).Rate() = %+v", text, r)
		}
	})
}

// TestALimitHoldsInAnyStretchOfTime: what Most says is what the rule lets pass, and no more, for the hungriest caller.
func TestALimitHoldsInAnyStretchOfTime(t *testing.T) {
	t.Parallel()
	for _, l := range []limits.Limit{
		{Count: 2, Per: time.Hour, Burst: 3}, {Count: 10, Per: time.Hour, Burst: 10}, {Count: 7, Per: time.Minute, Burst: 2},
		{Count: 3, Per: time.Second, Burst: 3},
	} {
		var full time.Time
		var tally latchkey.Tally
		allowed := 0
		for at := time.Duration(0); at <= l.Per; at += l.Per / 5000 {
			for {
				if full, tally = l.Rate().Take(full, noon.Add(at)); !tally.Allowed {
					break
				}
				allowed++
			}
		}
		if most := l.Most(l.Per); allowed > most || most > l.Burst+l.Count {
			t.Errorf("%s: %d pass within %s; Most says %d, and Burst + Count is %d", l, allowed, l.Per, most, l.Burst+l.Count)
		}
	}
}
