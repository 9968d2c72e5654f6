package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// TestAttacksHold makes every attack against the real program, at the size that CI has time for, and holds its figures to
// their bounds. They run one after the other: some measure times.
func TestAttacksHold(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the attacks take a minute and a half")
	}
	l, err := newLab(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	})
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			r, err := l.try(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			for again := 0; again < a.again && !r.Held; again++ {
				t.Logf("once more: what chance did once it does not do again\n%s", text(t, r))
				if r, err = l.try(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
			t.Log("\n" + text(t, r))
			for _, f := range r.Figures {
				if !f.held() {
					t.Errorf("%s: %s %s, want %s %s", f.What, number(f.Value), f.Unit, f.Rule, number(f.Bound))
				}
			}
			if len(r.Figures) == 0 {
				t.Error("it found out nothing")
			}
		})
	}
}

func text(t *testing.T, r report) string {
	t.Helper()
	var b strings.Builder
	if err := r.print(&b, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestNamesAreChecked: a mistyped attack is a mistake, and not an attack that held.
func TestNamesAreChecked(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"none": {}, "unknown": {"gues-one"}, "one of two": {"bomb", "nothing"}, "a flag": {"-nothing"}, "all and more": {"all", "bomb"},
	} {
		if err := run(context.Background(), args, io.Discard, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%s: %v, want the usage", name, err)
		}
	}
}

func TestAFigureIsHeldToItsBound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule  rule
		value float64
		want  bool
	}{
		{told, 1e9, true}, {atMost, 3, true}, {atMost, 3.1, false}, {atLeast, 3, true}, {atLeast, 2.9, false},
		{exactly, 3, true}, {exactly, 2, false}, {exactly, 4, false},
	} {
		if got := (figure{Value: tt.value, Rule: tt.rule, Bound: 3}).held(); got != tt.want {
			t.Errorf("%v %s 3 is held: %v, want %v", tt.value, tt.rule, got, tt.want)
		}
	}
}

func TestLimitsAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]limit{
		"60/10m": {60, 60, 10 * time.Minute}, "20/1h burst 10": {20, 10, time.Hour}, "50/1d": {50, 50, 24 * time.Hour},
	} {
		if got, err := parseLimit(text); err != nil || got != want {
			t.Errorf("%q is read as %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "off", "60", "x/1m", "6/x", "6/1m burst x"} {
		if got, err := parseLimit(text); err == nil {
			t.Errorf("%q is read as %+v, want an error", text, got)
		}
	}
}
