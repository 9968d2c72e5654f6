package main

import (
	"context"
	"runtime/debug"
	"testing"
)

func TestGrowth(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		live, made uint64
		want       int
	}{
		"before the first collection":   {0, 0, 100},
		"at rest":                       {8 << 20, 1 << 20, 100},
		"nearly at work":                {4 << 20, 8<<20 - 1, 100},
		"at work":                       {4 << 20, 8 << 20, 400},
		"at work, with more that lives": {8 << 20, 1 << 30, 300},
		"just as much as the room":      {24 << 20, 0, 100},
		"twice the room":                {48 << 20, 1 << 30, 50},
		"17,000 polls by TLS":           {80 << 20, 0, 50},
		"the same, and logins":          {80 << 20, 1 << 30, 50},
		"18,000 polls by HTTP/2":        {280 << 20, 0, 14},
		"far too much":                  {1 << 30, 1 << 30, 10},
	} {
		if got := growth(c.live, c.made); got != c.want {
			t.Errorf("%s: %d %%, want %d %%", name, got, c.want)
		}
	}
}

func TestTheCollectorIsLeftAsItWasFound(t *testing.T) {
	was := debug.SetGCPercent(77)
	defer debug.SetGCPercent(was)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tendHeap(ended); err != nil {
		t.Fatal(err)
	}
	if now := debug.SetGCPercent(77); now != 77 {
		t.Errorf("the collector was left at %d, found at 77", now)
	}
}
