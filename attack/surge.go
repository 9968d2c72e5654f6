package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// A country is where SMS are pumped to: numbers of its mobile networks, and what a message there costs, about.
type country struct {
	code   string
	prefix string
	digits int // behind the prefix
	euros  float64
}

var countries = []country{{"GB", "+447400", 6, 0.05}, {"DE", "+491511", 7, 0.10}, {"ID", "+628121", 7, 0.30}}

func (c country) number(roll *rand.Rand) string {
	n := c.prefix
	for range c.digits {
		n += fmt.Sprint(roll.IntN(10))
	}
	return n
}

// usual is how many people sign in by phone on a day before the launch.
const usual = 100

// surge is no attack but what one must not be taken for: after 14 usual days comes a launch with ten times as many people, of whom
// 70 % sign in, most of them in the evening. None may be refused.
func surge(ctx context.Context, l *lab) (_ []figure, err error) {
	var project string
	s, err := l.serve(ctx, setup{}, oneProject(ctx, &project, "--sms-country", "DE"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	c := &client{host: s.host}
	defer c.Close()
	roll := dice()
	refused, sent := 0, 0
	for day := range 15 {
		people := usual
		if day == 14 {
			people = 10 * usual
		}
		for hour, share := range evening {
			for range people * share / 100 {
				p := person{client: c, s: s, project: project, address: countries[1].number(roll)}
				operation, m, a, err := p.challenge(ctx, network(1000+sent))
				sent++
				switch {
				case err != nil:
					return nil, err
				case a.status == 429:
					refused++
				case a.status != 200:
					return nil, fmt.Errorf("hour %d of day %d: a start was answered %v", hour, day, a)
				case roll.IntN(10) < 7:
					if a, err = p.confirm(network(1000+sent), operation, m.Code); err != nil || a.status != 200 {
						return nil, fmt.Errorf("hour %d of day %d: a right code was answered %v, %w", hour, day, a, err)
					}
				}
			}
			if err := s.skip(time.Hour); err != nil {
				return nil, err
			}
		}
	}
	return []figure{
		{What: "people who asked for a code, in 14 usual days and on the day of the launch", Value: float64(sent)},
		{What: "of them, refused", Value: float64(refused), Rule: exactly},
	}, nil
}

// evening is the part of a day's people, of 100, that comes in each of its hours.
var evening = [24]int{1, 1, 1, 0, 0, 0, 1, 2, 3, 4, 4, 4, 5, 5, 5, 5, 5, 6, 8, 11, 12, 9, 6, 2}
