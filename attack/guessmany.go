package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// codes is how many codes of six digits there are: one guess is right with a chance of one in as many.
const codes = 1e6

// guessMany gives one guess at each of 100,000 accounts. What gets through in a simulated hour is measured, and must be what the
// table of limits says; from the table follows how many accounts such an attacker may expect to get into in a day.
func guessMany(ctx context.Context, l *lab) (_ []figure, err error) {
	var project string
	s, err := l.serve(ctx, setup{}, oneProject(ctx, &project))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	table, err := s.limits(ctx)
	if err != nil {
		return nil, err
	}
	clients, span, began := l.size(20, 3), time.Hour, s.now()
	passed, err := sprayed(ctx, s, project, clients, span)
	if err != nil {
		return nil, err
	}
	most := float64(clients) * table["start-client"].most(s.now().Sub(began))
	out := []figure{
		{What: fmt.Sprintf("guesses that %d clients get judged in %v, each at another account", clients, span), Value: float64(passed), Rule: atMost, Bound: math.Floor(most)},
		{What: "of what the table of limits lets pass", Value: 100 * float64(passed) / most, Unit: "%", Rule: atLeast, Bound: 95},
	}
	const accounts = 100_000
	day := 24 * time.Hour
	for _, n := range []float64{1, 100, 10_000} {
		// A guess is a start and a confirm; the narrower of their limits counts, and those of the project and the server.
		guesses := min(
			accounts, n*table["start-client"].most(day), n*table["confirm-client"].most(day),
			table["start-project"].most(day), table["start-server"].most(day), table["confirm-project"].most(day), table["confirm-server"].most(day),
		)
		out = append(out, figure{
			What: fmt.Sprintf("accounts taken over in a day, one guess at each of 100,000, from %.0f clients", n), Value: guesses / codes,
			Rule: atMost, Bound: bounds[n], Computed: true,
		})
	}
	return out, nil
}

// bounds are the accounts that may be expected to be taken over in a day, by how many clients try. docs/attacks.md says more.
var bounds = map[float64]float64{1: 0.009, 100: 0.1, 10_000: 0.1}

// sprayed gives how many guesses are judged, of which each is at another account.
func sprayed(ctx context.Context, s *server, project string, clients int, span time.Duration) (int, error) {
	const step = 10 * time.Minute // in which start-client comes back whole
	c := &client{host: s.host}
	defer c.Close()
	judged, account := 0, 0
	for at := time.Duration(0); ; at += step {
		for n := range clients {
			for {
				account++
				p := person{client: c, s: s, project: project, address: fmt.Sprintf("p%d@example.com", account)}
				a, err := p.start(network(n))
				if err != nil {
					return 0, err
				}
				if a.status == 429 {
					break
				}
				a, err = p.confirm(network(n), a.member("operation_id"), "000000")
				switch {
				case err != nil:
					return 0, err
				case a.status == 401, a.status == 200: // the one in a million is a guess that was judged, too
					judged++
				case a.status != 429:
					return 0, fmt.Errorf("a guess was answered %v", a)
				}
			}
		}
		if at >= span {
			return judged, nil
		}
		if err := s.all(ctx, judged); err != nil {
			return 0, err
		}
		if err := s.skip(step); err != nil {
			return 0, err
		}
	}
}
