package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestFilesAreKeptForLogins: however many files there are, polls do not get them all.
func TestFilesAreKeptForLogins(t *testing.T) {
	t.Parallel()
	for files, want := range map[int]int{
		256: 128, 1024: 512, 2048: 1024, 4096: 3072, 10_240: 9216, 20_000: 18_000, 524_288: 471_860,
	} {
		if got := pollsFor(files); got != want {
			t.Errorf("%d files: %d polls, want %d", files, got, want)
		}
	}
}

func TestPollLimitsResolve(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ given, files, want int }{
		"auto":                         {0, 20_000, 18_000},
		"auto without a limit":         {0, 0, 0},
		"a number":                     {100, 20_000, 100},
		"a number without a limit":     {100, 0, 100},
		"more than the files allow":    {19_000, 20_000, 19_000},
		"exactly what the files allow": {18_000, 20_000, 18_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			got := pollLimits{all: tt.given, perClient: 7}.resolve(tt.files, newLog(&log, slog.LevelInfo))
			if got.all != tt.want || got.perClient != 7 {
				t.Errorf("limits %+v, want %d in all and 7 per client", got, tt.want)
			}
			if warned, want := strings.Contains(log.String(), "WARN"), tt.given > 18_000; warned != want {
				t.Errorf("warned: %v, want %v", warned, want)
			}
		})
	}
}
