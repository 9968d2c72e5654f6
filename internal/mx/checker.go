// Package mx is the room that asks DNS whether a domain takes mail at all: one that has a mail exchanger, or, without one, an
// address (RFC 5321 §5.1), and that does not say by a null MX that it takes none (RFC 7505). It knows nothing of mailboxes.
//
// A domain is refused only when DNS says so. Whoever does not answer in time, or answers with a failure, lets it pass: mail is
// tried again for longer than anybody here waits.
package mx

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// The bounds of a Checker.
const (
	patience = 500 * time.Millisecond // of somebody who waits for a code; both questions together
	inFlight = 100                    // questions at once: past it everybody passes, rather than waits
	kept     = 10_000                 // domains that are remembered

	// Of what is remembered. A domain that was put right must not wait long; nobody moves away from mail.
	goodFor    = time.Hour
	badFor     = 5 * time.Minute
	unknownFor = 30 * time.Second // so that a DNS that is down costs a domain its half second once
)

// A Checker asks, and remembers for a while. It is safe for concurrent use.
type Checker struct {
	resolver *net.Resolver
	now      func() time.Time
	asking   chan struct{}

	mu      sync.Mutex
	answers map[string]*answer
}

// An answer is about one domain. Whoever comes while it is being asked for waits for it.
type answer struct {
	done  chan struct{} // closed when the rest stands
	takes bool
	ends  time.Time
}

// New gives a Checker that asks resolver.
func New(resolver *net.Resolver, now func() time.Time) *Checker {
	return &Checker{resolver: resolver, now: now, asking: make(chan struct{}, inFlight), answers: map[string]*answer{}}
}

// Takes reports whether domain takes mail, as far as anybody knows. It takes half a second at the most.
func (c *Checker) Takes(ctx context.Context, domain string) bool {
	a, mine := c.find(domain)
	if mine {
		c.settle(ctx, domain, a)
		return a.takes
	}
	select {
	case <-a.done:
		return a.takes
	case <-ctx.Done():
		return true
	}
}

// find gives what is remembered, or a new answer that the caller must settle.
func (c *Checker) find(domain string) (a *answer, mine bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.answers[domain]; ok && a.fresh(now) {
		return a, false
	}
	if len(c.answers) >= kept {
		c.forget(now)
	}
	a = &answer{done: make(chan struct{})}
	c.answers[domain] = a
	return a, true
}

// fresh reports an answer that is good yet, or still asked for.
func (a *answer) fresh(now time.Time) bool {
	select {
	case <-a.done:
		return now.Before(a.ends)
	default:
		return true
	}
}

// forget makes room: first of what is old, and if that does not help, of whatever comes first.
func (c *Checker) forget(now time.Time) {
	for domain, a := range c.answers {
		if !a.fresh(now) {
			delete(c.answers, domain)
		}
	}
	for domain := range c.answers {
		if len(c.answers) < kept {
			return
		}
		delete(c.answers, domain)
	}
}

// settle asks DNS. Others wait for the same answer, so it goes on when its caller leaves.
func (c *Checker) settle(ctx context.Context, domain string, a *answer) {
	a.takes = true
	keep := unknownFor
	defer func() {
		a.ends = c.now().Add(keep)
		close(a.done)
	}()
	select {
	case c.asking <- struct{}{}:
		defer func() { <-c.asking }()
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	takes, err := c.ask(ctx, domain+".") // the dot keeps the machine's own search domains out of it
	switch {
	case err != nil:
	case takes:
		keep = goodFor
	default:
		a.takes, keep = false, badFor
	}
}

// ask reports what DNS says. An error means that it said nothing of use.
func (c *Checker) ask(ctx context.Context, name string) (takes bool, err error) {
	found, err := c.resolver.LookupMX(ctx, name)
	if len(found) > 0 { // with an error, if some others of them are broken
		return len(found) > 1 || found[0].Host != ".", nil
	}
	if !absent(err) {
		return true, err
	}
	addresses, err := c.resolver.LookupNetIP(ctx, "ip", name)
	if absent(err) {
		return false, nil
	}
	return len(addresses) > 0, err
}

// absent reports the answer that there is none: no such name, or no such record.
func absent(err error) bool {
	var d *net.DNSError
	return errors.As(err, &d) && d.IsNotFound
}
