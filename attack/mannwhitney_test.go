package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The values were computed by hand; the arithmetic stands beside them.
func TestMannWhitneyGivesKnownValues(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		a, b []float64
		want float64
	}{
		// U = 0 of 9: z = (4.5-0.5)/√(9·7/12) = 4/2.291288 = 1.745743, p = 0.080856
		"apart":               {[]float64{1, 2, 3}, []float64{4, 5, 6}, 0.080856},
		"the other way":       {[]float64{4, 5, 6}, []float64{1, 2, 3}, 0.080856},
		"the same":            {[]float64{1, 2, 3}, []float64{1, 2, 3}, 1},
		"all equal":           {[]float64{7, 7, 7}, []float64{7, 7}, 1},
		"by less than a half": {[]float64{1, 4}, []float64{2, 3}, 1},
		// ranks of a: 1, 3, 3 = 7, U = 1; ties: 3³-3 = 24; variance = 9/12·(7-24/30) = 4.65; z = (3.5-0.5)/2.156386 = 1.391217
		"with ties": {[]float64{1, 2, 2}, []float64{2, 5, 6}, 0.164159},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := mannWhitney(tt.a, tt.b); math.Abs(got-tt.want) > 1e-5 {
				t.Errorf("p = %.6f, want %.6f", got, tt.want)
			}
		})
	}
}

// TestMannWhitneyFindsFivePercent: a test that finds nothing proves nothing. Times as they are met (a long tail to the right)
// that are 5 % longer are told apart by 2,000 samples, and equal ones are not.
func TestMannWhitneyFindsFivePercent(t *testing.T) {
	t.Parallel()
	roll := rand.New(rand.NewPCG(1, 2))
	times := func(longer float64) []float64 {
		out := make([]float64, 2000)
		for i := range out {
			out[i] = longer * 300 * math.Exp(0.25*roll.NormFloat64())
		}
		return out
	}
	base := times(1)
	if p := mannWhitney(base, times(1.05)); p >= leastP {
		t.Errorf("5 %% more time gives p = %g, want less than %g", p, leastP)
	}
	found := 0
	const runs = 200
	for range runs {
		if mannWhitney(base, times(1)) < 0.05 {
			found++
		}
	}
	if found > runs/8 {
		t.Errorf("%d of %d equal samples are told apart at 5 %%: the statistic finds what is not there", found, runs)
	}
}
