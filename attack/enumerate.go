package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
)

// leastP is the p below which two samples are taken for different: with nothing to find, once in a thousand comparisons.
const leastP = 0.001

// pool is how many addresses of each kind take turns. Each then gets so few wrong codes that none is closed to codes alone.
const pool = 25

// A kind is addresses that an outsider must not be able to tell from those of the kind that it is compared with.
type kind struct {
	name    string
	project string
	like    string // the kind to compare with; empty: none
	letter  string // what its addresses begin with; all are of one length
	times   map[string][]float64
	looks   map[string]map[string]int // answers without what is different in each, by call
	turn    int
	ops     []string // the operations to confirm
}

// enumerate asks for codes, and gives wrong ones, for addresses with and without an account, banned, and with sign-up closed:
// interleaved at random, over one connection. Answers must be equal byte for byte but for ids, dates and what is left of the
// client's own limits, and the times must not tell the kinds apart.
func enumerate(ctx context.Context, l *lab) (_ []figure, err error) {
	kinds := []*kind{
		{name: "an account", letter: "k"},
		{name: "no account", letter: "u", like: "an account"},
		{name: "a banned account", letter: "b", like: "an account"},
		{name: "an account, sign-up closed", letter: "m"},
		{name: "no account, sign-up closed", letter: "n", like: "an account, sign-up closed"},
	}
	var open, closed string
	s, err := l.serve(ctx, setup{args: []string{"--limit", "all=1000000/1s"}}, func(s *server) (err error) { // all are counted
		if open, err = s.project(ctx, "--code-life", "600s"); err != nil {
			return err
		}
		closed, err = s.project(ctx, "--code-life", "600s") // is closed below, once its people have accounts
		return err
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	c := &client{host: s.host}
	defer c.Close()
	for _, k := range kinds {
		k.project, k.times, k.looks = open, map[string][]float64{}, map[string]map[string]int{}
		if strings.Contains(k.name, "closed") {
			k.project = closed
		}
		if err := k.people(ctx, c, s); err != nil {
			return nil, err
		}
	}
	if err := s.command(ctx, nil, "project", "update", closed, "--sign-up", "closed", "--json"); err != nil {
		return nil, err
	}
	if err := s.skip(2 * time.Second); err != nil { // in which the server looks at its settings again
		return nil, err
	}
	if err := sample(c, s, kinds, l.size(2000, 300)); err != nil {
		return nil, err
	}
	return compare(kinds), nil
}

// nobody reports whether the addresses of k have no account.
func (k *kind) nobody() bool { return strings.HasPrefix(k.name, "no ") }

func (k *kind) person(c *client, s *server, i int) person {
	return person{client: c, s: s, project: k.project, address: fmt.Sprintf("%s%05d@example.com", k.letter, i%pool)}
}

// people makes the accounts of a kind.
func (k *kind) people(ctx context.Context, c *client, s *server) error {
	for i := range pool {
		if k.nobody() {
			break
		}
		p := k.person(c, s, i)
		if err := p.signIn(ctx, "192.0.2.7"); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		if k.name != "a banned account" {
			continue
		}
		var found []struct {
			ID string `json:"id"`
		}
		if err := s.command(ctx, &found, "user", "list", "--project", k.project, "--address", p.address, "--json"); err != nil {
			return err
		}
		if len(found) != 1 {
			return fmt.Errorf("%d users have %s", len(found), p.address)
		}
		if err := s.command(ctx, nil, "user", "ban", found[0].ID); err != nil {
			return err
		}
	}
	return nil
}

// sample makes n starts and n wrong confirms of each kind.
func sample(c *client, s *server, kinds []*kind, n int) error {
	roll := dice()
	var plan []*kind
	for _, k := range kinds {
		plan = append(plan, slices.Repeat([]*kind{k}, n)...)
	}
	for _, call := range []string{"start", "confirm"} {
		roll.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
		for _, k := range kinds {
			k.turn = 0
		}
		for _, k := range plan {
			p, from := k.person(c, s, k.turn), network(roll.IntN(1<<20))
			var a answer
			var err error
			if call == "start" {
				a, err = p.start(from)
				k.ops = append(k.ops, a.member("operation_id"))
			} else {
				a, err = p.confirm(from, k.ops[k.turn], wrongCode(roll))
			}
			if err != nil {
				return err
			}
			k.turn++
			k.times[call] = append(k.times[call], float64(a.took))
			if k.looks[call] == nil {
				k.looks[call] = map[string]int{}
			}
			k.looks[call][bare(a)]++
		}
	}
	return nil
}

// wrongCode is wrong but once in a million; a right one shows as an answer unlike the others.
func wrongCode(roll *rand.Rand) string { return fmt.Sprintf("%06d", roll.IntN(1e6)) }

var differs = regexp.MustCompile(`(?i)(\n(?:date|x-request-id):)[^\n]*|("operation_id":")[^"]*`)

// bare is an answer without what differs in each.
func bare(a answer) string {
	return differs.ReplaceAllString(fmt.Sprintf("%d\n%s\n\n%s", a.status, strings.Join(a.heads, "\n"), a.body), "$1$2")
}

// compare tells how many looks answers have, and whether the times of each kind are those of the kind it is like.
func compare(kinds []*kind) []figure {
	var out []figure
	for _, k := range kinds {
		i := slices.IndexFunc(kinds, func(o *kind) bool { return o.name == k.like })
		if i < 0 {
			continue
		}
		for _, call := range []string{"start", "confirm"} {
			looks := map[string]bool{}
			for _, one := range []*kind{k, kinds[i]} {
				for look := range one.looks[call] {
					looks[look] = true
				}
			}
			pair := call + ": " + k.name + ", against " + k.like
			out = append(out,
				figure{What: pair + ": different answers", Value: float64(len(looks)), Rule: exactly, Bound: 1},
				figure{What: pair + ": medians, apart by", Value: 100 * (median(k.times[call])/median(kinds[i].times[call]) - 1), Unit: "%"},
				figure{What: pair + ": p of the times", Value: mannWhitney(k.times[call], kinds[i].times[call]), Rule: atLeast, Bound: leastP},
			)
		}
	}
	return out
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
