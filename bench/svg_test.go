package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryPictureIsWellFormed: it parses as XML, shows every point and both axes, and every figure is inside the frame.
func TestEveryPictureIsWellFormed(t *testing.T) {
	t.Parallel()
	c := curves{Cores: 2, Lines: map[string][]series{}}
	for i, n := range []int{1, 2, 64, 512} {
		c.add("workers-throughput", "logins", n, float64(1000*(i+1)))
		c.add("workers-p99", "start", n, math.Pow(10, float64(i)-1))
		c.add("workers-p99", "confirm", n, math.Pow(9, float64(i)-1))
		c.add("polls-memory", "memory", n, 33.5*float64(n))
	}
	dir := t.TempDir()
	if err := c.save(dir, io.Discard); err != nil {
		t.Fatal(err)
	}
	for name, circles := range map[string]int{"workers-throughput": 4, "workers-p99": 8 + 2, "polls-memory": 4} {
		raw, err := os.ReadFile(filepath.Join(dir, name+".svg"))
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		if got := strings.Count(text, "<circle"); got != circles {
			t.Errorf("%s has %d circles, want %d", name, got, circles)
		}
		for _, want := range []string{charts()[name].X, charts()[name].Y, "prefers-color-scheme:dark", ">512<"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", name, want)
			}
		}
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("%s has a point that is nowhere", name)
		}
		for d := xml.NewDecoder(strings.NewReader(text)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "curves.json")); err != nil {
		t.Error(err)
	}
}

func TestScalesHoldEveryPoint(t *testing.T) {
	t.Parallel()
	for _, most := range []float64{0, 0.03, 0.9, 1, 7, 10, 33, 999, 1000, 4321, 2.5e6} {
		ticks := steps(most)
		if last := ticks[len(ticks)-1]; ticks[0] != 0 || last < most || len(ticks) > 8 {
			t.Errorf("steps to %v: %v", most, ticks)
		}
		for _, least := range []float64{0.02, 0.5, 1, 3} {
			if most < least {
				continue
			}
			ticks := decades(least, most)
			if ticks[0] > least || ticks[len(ticks)-1] < most || len(ticks) > 30 {
				t.Errorf("decades of %v to %v: %v", least, most, ticks)
			}
		}
	}
	s := scale{log: true, from: 1, to: 100, start: 0, end: 200}
	if got := s.at(10); math.Abs(got-100) > 1e-9 {
		t.Errorf("10 between 1 and 100 is at %v, want the middle", got)
	}
	one := chart{Series: []series{{Points: []point{{5, 5}}}}}
	if x, y := one.scales(); math.IsNaN(x.at(5)) || y.at(5) < top || y.at(5) > baseline {
		t.Error("a single point is nowhere")
	}
}

func TestListsOfNumbers(t *testing.T) {
	t.Parallel()
	for list, good := range map[string]bool{"": true, "1": true, "1,2,4": true, "4,2": false, "1,1": false, "x": false, "-1": false} {
		if _, err := numbers(list); (err == nil) != good {
			t.Errorf("%q: %v", list, err)
		}
	}
	for v, want := range map[float64]string{0: "0", 0.5: "0.5", 12: "12", 2000: "2,000", 1e7: "10 M", 2.5e6: "2.5 M"} {
		if got := figure(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}
