package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A guesser tries to get into one account, from many networks.
type guesser struct {
	person
	networks int
	next     int    // network to use
	last     string // its last challenge
	careful  int    // tries to use of the next challenge: few after the account was closed, so that the count is of what was judged
	judged   int    // wrong answers that a right one could have been in the place of
	in       int    // right answers that got in although the account was closed to codes alone
	probes   int    // right answers that did not
	refused  int    // starts that were refused
}

// guessOne guesses at the code of one account for 30 days, from 10,000 networks. Its owner signs in every day, at another
// hour each, and so forgives all wrong answers in a row.
//
// A wrong answer counts as a guess when the message of its challenge did not say that the link comes first. That is not taken
// on trust: whenever a message says so, the attacker, who could not know it, gives the right code, and must be refused. So the
// figure is an upper bound: the last few guesses before a closing can be later than the one that closed the account.
func guessOne(ctx context.Context, l *lab) (_ []figure, err error) {
	var project string
	s, err := l.serve(ctx, setup{}, oneProject(ctx, &project))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	const days = 30
	owner := person{client: &client{host: s.host}, s: s, project: project, address: "owner@example.com"}
	g := &guesser{person: owner, networks: 10_000, careful: allTries}
	locked := 0
	roll := dice()
	for range days {
		at := roll.IntN(24)
		for hour := range 24 {
			if hour == at {
				if err := owner.signIn(ctx, "192.0.2.7"); err != nil {
					locked++
					fmt.Fprintln(s.log, "attack: the owner did not get in:", err)
				}
			}
			if err := g.hour(ctx); err != nil {
				return nil, err
			}
			if err := s.skip(time.Hour); err != nil {
				return nil, err
			}
		}
	}
	return []figure{
		{What: "guesses that could have been right, in 30 days", Value: float64(g.judged)},
		{What: "chance to get in, in 30 days", Value: 100 * float64(g.judged) / codes, Unit: "%", Rule: atMost, Bound: 0.1},
		{What: "right codes given while a message said that the link comes first", Value: float64(g.probes), Rule: atLeast, Bound: 1},
		{What: "of them, that got in", Value: float64(g.in), Rule: exactly},
		{What: "starts that were refused", Value: float64(g.refused)},
		{What: "days on which the owner did not get in", Value: float64(locked), Rule: exactly},
	}, nil
}

// hour guesses as often as it goes at one time of the day: challenge by challenge, until the starts are refused or the link
// comes first.
func (g *guesser) hour(ctx context.Context) error {
	for {
		from := network(g.next % g.networks)
		g.next++
		var again []string // every second start is a resend, as far as the server lets it be one
		if g.next%2 == 0 {
			again = []string{"operation_id", g.last}
		}
		operation, m, a, err := g.challenge(ctx, from, again...)
		if err != nil {
			return err
		}
		if a.status != 200 {
			g.refused++
			return nil // from everywhere: the network is a fresh one
		}
		g.last = operation
		if m.linkFirst {
			g.careful = 1
			return g.probe(from, operation, m)
		}
		if err := g.guess(from, operation, m.Code); err != nil {
			return err
		}
		g.careful = min(2*g.careful, allTries)
	}
}

// allTries is more than a challenge takes.
const allTries = 8

// guess uses up the tries of one challenge, or as many as it is careful about. It tells only guesses that were judged: the right code is never one of them.
func (g *guesser) guess(from, operation, right string) error {
	for i, tries := 0, 0; tries < g.careful; i++ {
		code := fmt.Sprintf("%06d", i)
		if code == right {
			continue
		}
		a, err := g.confirm(from, operation, code)
		switch {
		case err != nil:
			return err
		case a.status == 429:
			return nil
		case a.status != 401:
			return fmt.Errorf("a wrong code was answered %v", a)
		}
		g.judged++
		tries++
	}
	return nil
}

// probe gives the right code where the link comes first.
func (g *guesser) probe(from, operation string, m message) error {
	a, err := g.confirm(from, operation, m.Code)
	if err != nil {
		return err
	}
	g.probes++
	if a.status == 200 {
		g.in++
	}
	return nil
}
