package main

import (
	"math"
	"slices"
)

// The statistics are those of benchstat: medians, intervals from order statistics, and the Mann-Whitney U test, which
// suppose nothing about how runs are distributed.

// medianOf gives the median, and the narrowest pair of values, equally far from both ends, that has the median of what the
// values are drawn from with 95 %, or all of them if there are too few for that; and with how much it does.
func medianOf(values []float64) (median float64, interval [2]float64, sure float64) {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	median = (s[(n-1)/2] + s[n/2]) / 2
	// The k-th value from below exceeds the true median if fewer than k of n tosses of a coin fall below it.
	tail, out := math.Pow(0.5, float64(n)), 0 // tail: the chance of out or fewer below
	for more := tail; ; {
		more *= float64(n-out) / float64(out+1)
		if tail+more > 0.025 || out+1 > (n-1)/2 {
			break
		}
		tail += more
		out++
	}
	return median, [2]float64{s[out], s[n-1-out]}, 1 - 2*tail
}

// mannWhitney gives the chance that two samples differ this much or more, either way, if both are drawn from the same: exactly
// without ties, by the normal approximation with them.
func mannWhitney(a, b []float64) float64 {
	all := slices.Sorted(slices.Values(slices.Concat(a, b)))
	rank := func(v float64) float64 { // the mean of the ranks of all that are equal to v
		first, _ := slices.BinarySearch(all, v)
		last := first
		for last+1 < len(all) && all[last+1] == v {
			last++
		}
		return float64(first+last)/2 + 1
	}
	n, m := float64(len(a)), float64(len(b))
	u := -n * (n + 1) / 2
	for _, v := range a {
		u += rank(v)
	}
	u = min(u, n*m-u)
	ties := 0.0
	for i := 0; i < len(all); {
		same := i
		for same < len(all) && all[same] == all[i] {
			same++
		}
		t := float64(same - i)
		ties += t*t*t - t
		i = same
	}
	if ties == 0 {
		return min(1, 2*exactU(len(a), len(b), int(u)))
	}
	deviation := math.Sqrt(n * m / 12 * ((n + m + 1) - ties/((n+m)*(n+m-1))))
	if deviation == 0 {
		return 1 // everything is equal
	}
	z := max(0, math.Abs(u-n*m/2)-0.5) / deviation
	return math.Erfc(z / math.Sqrt2)
}

// exactU gives the chance of U ≤ u for samples of n and m values: the share of the orders of all values, each as likely, in
// which at most u pairs stand the wrong way round. The orders with U = k are counted by which sample the last value is of.
func exactU(n, m, u int) float64 {
	ways := make([][]float64, m+1) // of i values of the first sample and j of the second, by U
	for j := range ways {
		ways[j] = make([]float64, n*m+1)
		ways[j][0] = 1 // i = 0
	}
	for range n {
		next := make([][]float64, m+1)
		for j := range next {
			next[j] = make([]float64, n*m+1)
			for k := range next[j] {
				if k >= j {
					next[j][k] = ways[j][k-j] // the last is of the first sample: all j of the second stand before it
				}
				if j > 0 {
					next[j][k] += next[j-1][k]
				}
			}
		}
		ways = next
	}
	below, all := 0.0, 0.0
	for k, w := range ways[m] {
		all += w
		if k <= u {
			below += w
		}
	}
	return below / all
}
