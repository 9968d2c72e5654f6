package main

import (
	"math"
	"slices"
)

// mannWhitney gives the chance to see so great a difference between two samples, in either direction, when there is none: the
// two-sided p of the U test (Mann and Whitney 1947), by its normal approximation, corrected for ties and for continuity.
// Both samples need twenty values or more for the approximation to be good. It asks nothing of how the values are
// distributed, which for times of a shared machine is as well.
func mannWhitney(a, b []float64) float64 {
	type value struct {
		v     float64
		fromA bool
	}
	var all []value
	for _, v := range a {
		all = append(all, value{v, true})
	}
	for _, v := range b {
		all = append(all, value{v, false})
	}
	slices.SortFunc(all, func(x, y value) int {
		switch {
		case x.v < y.v:
			return -1
		case x.v > y.v:
			return 1
		}
		return 0
	})
	rankSum, ties := 0.0, 0.0 // of a; the sum of t³-t over groups of t equal values
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].v == all[i].v {
			j++
		}
		rank := float64(i+j+1) / 2 // the middle of ranks i+1 to j
		for _, v := range all[i:j] {
			if v.fromA {
				rankSum += rank
			}
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	n, m := float64(len(a)), float64(len(b))
	u := rankSum - n*(n+1)/2
	variance := n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1)))
	if variance <= 0 {
		return 1 // all are equal
	}
	z := max(0, math.Abs(u-n*m/2)-0.5) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}
