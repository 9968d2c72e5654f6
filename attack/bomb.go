package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// aDay is how many messages one address may get in a day from any number of clients, solved CAPTCHAs included: docs/limits.md
// says why.
const aDay = 140

// bomb floods the mailbox of one person for a day: new starts and resends, each from a network that was never seen before, and
// with a solved CAPTCHA where one is asked for. The person signs in meanwhile, from where they signed in before.
func bomb(ctx context.Context, l *lab) (_ []figure, err error) {
	var project string
	s, err := l.serve(ctx, setup{}, oneProject(ctx, &project))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	victim := person{client: &client{host: s.host}, s: s, project: project, address: "victim@example.com"}
	defer victim.Close()
	const home = "192.0.2.7"
	if err := victim.signIn(ctx, home); err != nil {
		return nil, err
	}
	if err := s.skip(2 * time.Hour); err != nil { // what that used up is back
		return nil, err
	}
	own, locked := len(s.box(victim.address)), 0
	var sent, refused, solved int
	step := time.Duration(l.size(30, 120)) * time.Minute
	for at := time.Duration(0); at < 24*time.Hour; at += step {
		last := ""
		for tries := 0; tries < 3; { // three refusals, each of another network: it is the address that is full
			from := network(1<<16 + sent + refused)
			a, err := victim.start(from, "operation_id", last)
			if err == nil && a.status == 429 && strings.Contains(string(a.body), "003-038") {
				solved++
				a, err = victim.solve(from, last)
			}
			switch {
			case err != nil:
				return nil, err
			case a.status == 200:
				sent++
				last = a.member("operation_id")
			case a.status == 429:
				tries++
				refused++
				last = ""
			default:
				return nil, fmt.Errorf("a start was answered %v", a)
			}
			if sent > 10*aDay {
				return nil, fmt.Errorf("%d messages in %v, and no end", sent, at)
			}
		}
		if err := s.all(ctx, own+sent); err != nil {
			return nil, err
		}
		if at == 12*time.Hour { // at the height of the flood
			if err := victim.signIn(ctx, home); err != nil {
				locked++
				fmt.Fprintln(s.log, "attack: the owner did not get in:", err)
			} else {
				own++
			}
		}
		if err := s.skip(step); err != nil {
			return nil, err
		}
	}
	return []figure{
		{What: "messages that one address got in a day, its own aside", Value: float64(len(s.box(victim.address)) - own), Rule: atMost, Bound: aDay},
		{What: "starts that were refused", Value: float64(refused)},
		{What: "CAPTCHAs that were solved", Value: float64(solved)},
		{What: "owners at a known place who got no message", Value: float64(locked), Rule: exactly},
	}, nil
}

// solve starts with a solved CAPTCHA.
func (p person) solve(from, again string) (answer, error) {
	a, err := p.send("GET", from, "/api/captcha?projectId="+p.project, "", "")
	if err != nil {
		return a, err
	}
	var puzzle struct {
		Algorithm string `json:"algorithm"`
		Challenge string `json:"challenge"`
		Salt      string `json:"salt"`
		Signature string `json:"signature"`
		Max       int    `json:"maxnumber"`
		Number    int    `json:"number"`
	}
	if err := json.Unmarshal(a.body, &puzzle); err != nil {
		return a, fmt.Errorf("no puzzle in %v: %w", a, err)
	}
	for ; puzzle.Number <= puzzle.Max; puzzle.Number++ {
		if sum := sha256.Sum256([]byte(puzzle.Salt + strconv.Itoa(puzzle.Number))); hex.EncodeToString(sum[:]) == puzzle.Challenge {
			raw, err := json.Marshal(puzzle)
			if err != nil {
				return a, err
			}
			return p.start(from, "operation_id", again, "altcha", base64.StdEncoding.EncodeToString(raw))
		}
	}
	return a, errors.New("no number solves the puzzle")
}
