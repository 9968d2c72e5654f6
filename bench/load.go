package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A sample is one complete login.
type sample struct {
	done    time.Time
	start   time.Duration // the start call
	mail    time.Duration // from its answer until the mail was there; zero when the mail was faster
	confirm time.Duration // the complete call
	token   time.Duration // the token exchange; zero on the JWT protocol
}

// A run is what one scenario gave.
type result struct {
	Users        string        `json:"users"`
	Logins       int           `json:"logins"` // completed within the window
	Took         time.Duration `json:"took_ns"`
	PerSecond    float64       `json:"logins_per_second"`
	Start        spread        `json:"start"`
	Mail         spread        `json:"mail"`
	Confirm      spread        `json:"confirm"`
	Token        spread        `json:"token"`
	ServerCPU    time.Duration `json:"server_cpu_per_login_ns"`
	GeneratorCPU time.Duration `json:"generator_and_sink_cpu_per_login_ns"`
	StoreCPU     time.Duration `json:"store_cpu_per_login_ns,omitempty"` // of PostgreSQL
	Memory       memory        `json:"memory"`
	Costs        []cost        `json:"costs,omitempty"`
	Parts        []part        `json:"parts,omitempty"`
}

// measureScenario signs in for o.Warmup uncounted and then for o.For. One failed login fails the run: a figure with
// failures in it says nothing.
func measureScenario(ctx context.Context, o options, s *server, k *sink, users string) (result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	crew, err := hire(o, s, k, users)
	if err != nil {
		return result{}, err
	}
	defer dismiss(crew)
	if users == "returning" {
		if err := each(crew, func(w *worker) error { return w.once(ctx, cancel) }); err != nil {
			return result{}, fmt.Errorf("first logins: %w", err)
		}
	}
	var window window
	keep := steady(o)
	watched := make(chan error, 1)
	go func() { watched <- window.watch(ctx, o, s) }()
	if err := each(crew, func(w *worker) error { return keep(ctx, cancel, w) }); err != nil {
		return result{}, err
	}
	if err := <-watched; err != nil {
		return result{}, err
	}
	if err := each(crew, func(w *worker) error { return w.proveToken() }); err != nil {
		return result{}, err
	}
	if n := k.strays(); n > 0 {
		return result{}, fmt.Errorf("%d mails came that nobody waited for: messages are sent twice", n)
	}
	res := window.summarise(crew)
	res.Users = users
	if res.Memory, err = s.memory(); err != nil || window.profile == "" {
		return res, err
	}
	if res.Costs, err = readCosts(ctx, window.profile); err != nil {
		return res, err
	}
	res.Parts, err = readParts(ctx, window.profile)
	return res, err
}

// each runs f for every worker at once, and gives the first error that is a worker's own.
func each(crew []*worker, f func(*worker) error) error {
	errs := make([]error, len(crew))
	var all sync.WaitGroup
	for i, w := range crew {
		all.Go(func() { errs[i] = f(w) })
	}
	all.Wait()
	var stopped error // by another worker's failure, or from outside
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		if err != nil {
			stopped = err
		}
	}
	return stopped
}

// A window is the time that counts, with the CPU that server and bench used in it.
type window struct {
	from, to   cpuTimes
	start, end time.Time
	profile    string // the file; empty without one
}

type cpuTimes struct{ server, self, store time.Duration }

// watch waits for the warm-up to pass and then for the window, and takes the times at both ends.
func (v *window) watch(ctx context.Context, o options, s *server) (err error) {
	if err := sleep(ctx, o.Warmup); err != nil {
		return err
	}
	if v.from, err = s.cpu(); err != nil {
		return err
	}
	v.start = time.Now()
	if o.Profile {
		v.profile, err = s.record(ctx, o.For)
	} else {
		err = sleep(ctx, o.For)
	}
	if err != nil {
		return err
	}
	v.end = time.Now()
	v.to, err = s.cpu()
	return err
}

// summarise counts the logins that were completed within the window.
func (v *window) summarise(crew []*worker) result {
	var start, mail, confirm, token []time.Duration
	for _, w := range crew {
		for _, x := range w.samples {
			if x.done.Before(v.start) || x.done.After(v.end) {
				continue
			}
			start, mail, confirm = append(start, x.start), append(mail, x.mail), append(confirm, x.confirm)
			if w.load.oauth2 {
				token = append(token, x.token)
			}
		}
	}
	n := len(start)
	r := result{
		Logins: n, Took: v.end.Sub(v.start), Start: spreadOf(start), Mail: spreadOf(mail), Confirm: spreadOf(confirm),
		Token: spreadOf(token),
	}
	r.PerSecond = float64(n) / r.Took.Seconds()
	r.ServerCPU = (v.to.server - v.from.server) / time.Duration(max(n, 1))
	r.GeneratorCPU = (v.to.self - v.from.self) / time.Duration(max(n, 1))
	r.StoreCPU = (v.to.store - v.from.store) / time.Duration(max(n, 1))
	return r
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
