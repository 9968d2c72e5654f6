package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A lane is one way of signing in that is compared with others.
type lane struct {
	name   string
	change func(*options) // what it is, out of the usual options
}

// byTurns measures lanes in rounds, each of them once a round. A machine that is not alone on its host changes within minutes by
// more than what is to be told apart, so only what ran within one round is compared.
func (t *table) byTurns(ctx context.Context, lanes []lane, run func(context.Context, lane) (report, error)) error {
	for n := range t.Options.Rounds {
		for _, l := range inOrder(lanes, n) {
			if t.Failed[l.name] != "" {
				continue
			}
			r, err := run(ctx, l)
			if err == nil {
				t.Logins[l.name] = append(t.Logins[l.name], r)
				continue
			}
			if ctx.Err() != nil {
				return err
			}
			t.fail(l.name, err)
			delete(t.Logins, l.name) // what it gave before belongs to rounds that it is not whole in
		}
	}
	return nil
}

// inOrder gives the lanes of round n, there and back: whoever comes late in a round comes early in the next.
func inOrder(lanes []lane, n int) []lane {
	lanes = slices.Clone(lanes)
	if n%2 == 1 {
		slices.Reverse(lanes)
	}
	return lanes
}

// fresh is the step that measures lanes by turns, each time on a new server with a new database.
func (t *table) fresh(lanes []lane) step {
	takes := time.Duration(t.Options.Rounds*len(lanes)) * t.planned(t.Options.For).takes()
	return step{"by turns: " + named(lanes), takes, func(ctx context.Context, t *table) error {
		return t.byTurns(ctx, lanes, func(ctx context.Context, l lane) (report, error) {
			o := t.planned(t.Options.For)
			l.change(&o)
			if err := o.check(); err != nil {
				return report{}, err
			}
			return measure(ctx, o)
		})
	}}
}

// kept is the step that measures lanes by turns, each on a server that stays: their stores take long to fill.
func (t *table) kept(lanes []lane) step {
	takes := time.Duration(t.Options.Rounds*len(lanes)) * t.planned(t.Options.For).takes()
	for _, l := range lanes {
		o := options{}
		l.change(&o)
		takes += o.seeding()
	}
	return step{"by turns: " + named(lanes), takes, func(ctx context.Context, t *table) (err error) {
		stages := map[string]*stage{}
		defer func() {
			for _, at := range stages {
				err = errors.Join(err, at.Close())
			}
		}()
		for _, l := range lanes {
			o := t.planned(t.Options.For)
			l.change(&o)
			at, err := openStage(ctx, o)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				t.fail(l.name, err)
				continue
			}
			stages[l.name] = at
		}
		return t.byTurns(ctx, lanes, func(ctx context.Context, l lane) (report, error) {
			o := t.planned(t.Options.For)
			l.change(&o)
			return betweenFloors(ctx, o, func(r *report) error { return stages[l.name].play(ctx, o, r) })
		})
	}}
}

// once is the step that measures one lane alone, for as long as all rounds of another take.
func (t *table) once(l lane) step {
	long := time.Duration(t.Options.Rounds) * t.Options.For
	return step{l.name, t.planned(long).takes(), func(ctx context.Context, t *table) error {
		o := t.planned(long)
		l.change(&o)
		if o.Rate == 0 && l.name == stepRate {
			return errors.New("the top rate is not known")
		}
		r, err := measure(ctx, o)
		if err == nil {
			t.Logins[l.name] = []report{r}
		}
		return err
	}}
}

// planned are the usual options of a measurement of that length.
func (t *table) planned(long time.Duration) options {
	return options{
		Workers: 32, For: long, Warmup: max(long/10, time.Second/2), Floor: max(long/5, time.Second), Users: "new", Pool: 2000,
		Alg: "HS256", Limit: "1000000/1s", Limiter: "memory", Protocol: "jwt", Store: "sqlite", Dir: t.Options.Dir, Servers: 1,
		Binary: t.program,
	}
}

// takes is about how long a measurement is: signatures and flushes take a second and a half, making a server and ending it another.
func (o options) takes() time.Duration { return o.For + o.Warmup + o.Floor + 2500*time.Millisecond }

func (o options) seeding() time.Duration {
	const rate = 15_000 // users a second, about
	return time.Duration(o.Seed) * time.Second / rate
}

func (t *table) fail(name string, err error) {
	t.Failed[name] = err.Error()
	fmt.Fprintf(os.Stderr, "        %s failed: %v\n", name, err)
}

func named(lanes []lane) string {
	var names []string
	for _, l := range lanes {
		names = append(names, strings.TrimPrefix(l.name, "new users, "))
	}
	return strings.Join(names, ", ")
}

// A middle is what the rounds came to. Its median is what counts: a round in which the machine was busy with something else
// does not move it far.
type middle struct{ Median, Low, High float64 }

// over gives a figure of every round.
func over(rounds []report, of func(report) float64) middle {
	var values []float64
	for _, r := range rounds {
		values = append(values, of(r))
	}
	if len(values) == 0 {
		return middle{}
	}
	median, _, _ := medianOf(values)
	return middle{median, slices.Min(values), slices.Max(values)}
}

// against gives the logins of a by those of b, round by round: what the machine was otherwise is in both.
func against(a, b []report) middle {
	n := 0
	return over(a[:min(len(a), len(b))], func(r report) float64 {
		n++
		return perSecond(r) / max(1, perSecond(b[n-1]))
	})
}

func perSecond(r report) float64 { return r.Runs[0].PerSecond }

func ofBare(r report) float64 { return r.ratio(r.Runs[0]) }

// with writes the median in a format, and its range if there is more than one round.
func (m middle) with(format string) string {
	out := fmt.Sprintf(format, m.Median)
	if m.Low < m.High {
		out += fmt.Sprintf(" ("+format+" to "+format+")", m.Low, m.High)
	}
	return out
}
