package main

import (
	"math"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) < 5e-4 }

// TestMannWhitneyKnownValues: tables of the U test, and what any statistics program says.
func TestMannWhitneyKnownValues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a, b []float64
		want float64
	}{
		"3 against 3, apart":      {[]float64{1, 2, 3}, []float64{4, 5, 6}, 0.1},
		"apart the other way":     {[]float64{4, 5, 6}, []float64{1, 2, 3}, 0.1},
		"5 against 5, apart":      {[]float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, 2.0 / 252},
		"5 against 5, one across": {[]float64{1, 2, 3, 4, 6}, []float64{5, 7, 8, 9, 10}, 4.0 / 252},
		"mixed":                   {[]float64{1, 4, 5, 8}, []float64{2, 3, 6, 7}, 1},
		"all equal":               {[]float64{1, 1, 1}, []float64{1, 1, 1}, 1},
		"ties":                    {[]float64{1, 2, 2, 3, 4}, []float64{2, 4, 5, 6, 7}, 0.0714},
	} {
		if got := mannWhitney(c.a, c.b); !near(got, c.want) {
			t.Errorf("%s: p is %.4f, want %.4f", name, got, c.want)
		}
	}
	if got := exactU(8, 8, 13); !near(2*got, 0.0499) { // 13 is the critical value of every table
		t.Errorf("U = 13 of 8 and 8: p is %.4f", 2*got)
	}
}

func TestMedianAndItsInterval(t *testing.T) {
	t.Parallel()
	for n, c := range map[int]struct {
		median, low, high, sure float64
	}{
		2:  {1.5, 1, 2, 0.5},
		5:  {3, 1, 5, 0.9375},
		6:  {3.5, 1, 6, 0.96875},
		10: {5.5, 2, 9, 0.97852},
		20: {10.5, 6, 15, 0.95861},
	} {
		values := make([]float64, n)
		for i := range values {
			values[(i*7+3)%n] = float64(i + 1) // in no order: 7 is prime to every n here
		}
		median, interval, sure := medianOf(values)
		if median != c.median || interval != [2]float64{c.low, c.high} || !near(sure, c.sure) {
			t.Errorf("of 1 to %d: %v in %v with %.5f, want %+v", n, median, interval, sure, c)
		}
	}
}

// TestAShiftIsFound: 5 % between runs that scatter by 2 % show, and no difference does not.
func TestAShiftIsFound(t *testing.T) {
	t.Parallel()
	scatter := []float64{1.013, 0.991, 1.004, 0.982, 1.019, 0.996, 1.008, 0.987, 1.001, 0.994}
	moved := comparable{}
	same := comparable{}
	for i, s := range scatter {
		base := 3000 * s
		moved.Base, moved.Now = append(moved.Base, base), append(moved.Now, 1.05*3000*scatter[(i+3)%10])
		same.Base, same.Now = append(same.Base, base), append(same.Now, 3000*scatter[(i+3)%10])
	}
	moved.conclude()
	same.conclude()
	if moved.Spread[0] <= 1 || moved.P > 0.05 {
		t.Errorf("a shift of 5 %% is not found: %v, p %.3f", moved.Spread, moved.P)
	}
	if same.Spread[0] > 1 || same.Spread[1] < 1 || same.P < 0.05 {
		t.Errorf("a difference is found where none is: %v, p %.3f", same.Spread, same.P)
	}
}
