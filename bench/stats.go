package main

import (
	"math"
	"slices"
	"time"
)

// A spread says how long one kind of call took.
type spread struct {
	N   int           `json:"n"`
	P50 time.Duration `json:"p50_ns"`
	P95 time.Duration `json:"p95_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// spreadOf sorts ds, and counts every one: nothing is sampled or put into buckets.
func spreadOf(ds []time.Duration) spread {
	slices.Sort(ds)
	return spread{
		N: len(ds), P50: percentile(ds, 50), P95: percentile(ds, 95), P99: percentile(ds, 99), Max: percentile(ds, 100),
	}
}

// percentile gives the smallest value that at least p percent of the sorted values do not exceed (nearest rank); zero
// when there is none.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}
