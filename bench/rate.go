package main

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// A pace is how one worker goes on until the measurement ends. The first failure stops the other workers too.
type pace func(ctx context.Context, fail context.CancelCauseFunc, w *worker) error

// steady gives the pace that o asks for: as fast as each worker is answered (a closed loop), or at a rate.
func steady(o options) pace {
	began := time.Now()
	if o.Rate == 0 {
		end := began.Add(o.Warmup + o.For)
		return func(ctx context.Context, fail context.CancelCauseFunc, w *worker) error {
			return w.until(ctx, fail, end)
		}
	}
	q := &queue{began: began, due: arrivals(o.Rate, o.Warmup+o.For)}
	return q.serve
}

// hands is how many connections a measurement has. At a rate there are more than workers, so that somebody who comes
// finds a free one while others wait for their answers.
func (o options) hands() int {
	if o.Rate > 0 {
		return 4 * o.Workers
	}
	return o.Workers
}

// A queue is people who come by themselves (an open loop): the next one comes when they come, whether or not those before
// have been served. If nobody is free they wait, and that time is the server's: leaving it out would hide exactly the
// moments at which it stood still.
type queue struct {
	began time.Time
	due   []time.Duration // after began, growing
	next  atomic.Int64
}

// arrivals are the times of a Poisson process: gaps of an exponential distribution, as strangers to one another come. The
// same rate gives the same times in every run.
func arrivals(rate float64, length time.Duration) (due []time.Duration) {
	r := rand.New(rand.NewPCG(math.Float64bits(rate), 1))
	for at := 0.0; ; {
		at += r.ExpFloat64() / rate
		if d := time.Duration(at * float64(time.Second)); d < length {
			due = append(due, d)
			continue
		}
		return due
	}
}

func (q *queue) serve(ctx context.Context, fail context.CancelCauseFunc, w *worker) error {
	for i := q.next.Add(1) - 1; i < int64(len(q.due)); i = q.next.Add(1) - 1 {
		w.due = q.began.Add(q.due[i])
		if err := sleep(ctx, time.Until(w.due)); err != nil {
			return err
		}
		if err := w.login(ctx, w.next()); err != nil {
			fail(err)
			return err
		}
	}
	return ctx.Err()
}
