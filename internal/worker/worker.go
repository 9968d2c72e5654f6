// Package worker is the way in that the clock uses: it sends what the outbox holds, sweeps the store and lets keys come
// of age. It calls no provider that cmd/latchkey did not hand to it.
//
// A message takes one of two ways here. Right after its commit the use case that made it offers it on In, and it is
// sent at once. If that fails, or the process died, its lease (Message.NextTry) passes and the next claim finds it in
// the store. Whoever holds a message may send it only as long as its lease lasts, so that no two ever do.
package worker

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
)

// A Worker is filled in by cmd/latchkey and then run, once. The optional fields say so.
type Worker struct {
	Store     latchkey.Store
	Catalog   *catalog.Catalog
	Secrets   latchkey.Secrets
	Senders   map[latchkey.Channel][]latchkey.Sender // of each channel, in the order in which they are tried
	PublicURL string                                 // what a link starts with, without a slash at its end
	In        <-chan latchkey.Message                // messages fresh from their commit, leased until their NextTry; optional
	Now       func() time.Time
	Log       *slog.Logger
	Parallel  int // sends at a time; 0 is 8

	// Sent is told of every try: its provider, its channel, "sent", "unavailable" or "undeliverable", and how long it
	// took. It is for metrics. Optional.
	Sent func(provider string, channel latchkey.Channel, result string, took time.Duration)

	host     string // of PublicURL, for the origin-bound line
	claimed  chan latchkey.Message
	finished chan latchkey.Delivery

	mu   sync.Mutex
	held map[name]struct{} // messages between the start of their send and the commit of what became of them
}

// name is what one message is known by.
type name struct {
	challenge latchkey.ChallengeID
	resend    int
}

func nameOf(m latchkey.Message) name { return name{m.Challenge, m.Resend} }

// How often the clock strikes, and how much is taken at a stroke.
const (
	claimEvery   = time.Second
	claimLimit   = 100
	sweepEvery   = 10 * time.Second
	sweepLimit   = 1000 // rows of each kind in one commit: a few milliseconds
	advanceEvery = 30 * time.Second
	keepEvents   = 90 * 24 * time.Hour
	settleLimit  = 256
	settleAgain  = 200 * time.Millisecond // after a failed settlement
	storeTimeout = 5 * time.Second        // of one store verb
	sendTimeout  = 10 * time.Second       // of one message, all its providers together
	leaseMargin  = time.Second            // of a lease, kept for storing what became of the send
	shortestSend = time.Second            // a send with less time than this is not begun
	grace        = 5 * time.Second        // for sends in flight once the process is told to stop
)

// Run works until ctx ends; then it takes nothing new from the store, finishes what is in flight and what In still
// holds within grace, stores what became of it, and returns nil. A message that it could not get to stays in the store.
func (w *Worker) Run(ctx context.Context) error {
	u, err := url.Parse(w.PublicURL)
	if err != nil {
		return err
	}
	w.host = originHost(u)
	w.claimed = make(chan latchkey.Message)
	w.finished = make(chan latchkey.Delivery, settleLimit)
	w.held = map[name]struct{}{}
	parallel := w.Parallel
	if parallel <= 0 {
		parallel = 8
	}

	// Sends outlive ctx, by grace at most.
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var senders, clocks, settler sync.WaitGroup
	clocks.Go(func() { w.claim(ctx) })
	clocks.Go(func() { w.sweep(ctx) })
	clocks.Go(func() { w.advanceKeys(ctx) })
	settler.Go(func() { w.settle(sending) })
	for range parallel {
		senders.Go(func() { w.send(ctx, sending) })
	}
	<-ctx.Done()
	over := time.AfterFunc(grace, cancel)
	defer over.Stop()
	clocks.Wait()
	senders.Wait()
	close(w.finished)
	settler.Wait()
	return nil
}

// originHost is the host of the origin-bound line: the port is left out where the scheme implies it.
func originHost(u *url.URL) string {
	switch u.Scheme {
	case "https":
		return strings.TrimSuffix(u.Host, ":443")
	case "http":
		return strings.TrimSuffix(u.Host, ":80")
	}
	return u.Host
}

// claim hands due messages from the store to the senders. A full batch means that there are more.
func (w *Worker) claim(ctx context.Context) {
	tick := time.NewTicker(claimEvery)
	defer tick.Stop()
	for {
		now := w.Now()
		ms, err := w.Store.ClaimMessages(ctx, claimLimit, now.Add(latchkey.MessageLease), now)
		if err != nil && ctx.Err() == nil {
			w.Log.Warn("outbox not read", "code", string(latchkey.CodeOf(err)), "err", err)
		}
		for _, m := range ms {
			select {
			case w.claimed <- m:
			case <-ctx.Done():
				return
			}
		}
		if len(ms) == claimLimit && ctx.Err() == nil {
			continue
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweep lets the store forget, a little at a time, so that logins get their turn between two commits.
func (w *Worker) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for {
			n, err := w.Store.Sweep(ctx, keepEvents, sweepLimit, w.Now())
			if err != nil && ctx.Err() == nil {
				w.Log.Warn("store not swept", "code", string(latchkey.CodeOf(err)), "err", err)
			}
			if n == 0 || err != nil {
				break
			}
			pause.Reset(10 * time.Millisecond)
			select {
			case <-pause.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// advanceKeys lets keys come of age.
func (w *Worker) advanceKeys(ctx context.Context) {
	tick := time.NewTicker(advanceEvery)
	defer tick.Stop()
	for {
		ks, err := w.Store.AdvanceKeys(ctx, w.Now())
		if err != nil && ctx.Err() == nil {
			w.Log.Warn("keys not advanced", "code", string(latchkey.CodeOf(err)), "err", err)
		}
		for _, k := range ks {
			w.Log.Info("key became active", "project", k.Project.String(), "kid", string(k.ID), "alg", string(k.Algorithm))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
