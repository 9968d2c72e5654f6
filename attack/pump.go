package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The most that pumping gets out of a project with default settings: in its first day, and in a month. docs/attacks.md says why.
const (
	pumpedDay   = 300
	pumpedMonth = 2100
)

// pump asks for codes for random numbers of three countries from 500 networks, as many as are sent, and never gives one: whoever
// does so has a share in what the messages cost.
func pump(ctx context.Context, l *lab) (_ []figure, err error) {
	var project string
	s, err := l.serve(ctx, setup{}, oneProject(ctx, &project, "--sms-country", "GB", "--sms-country", "DE", "--sms-country", "ID"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	c := &client{host: s.host}
	defer c.Close()
	const days = 30
	sent, firstDay, cost, dayCost := 0, 0, 0.0, 0.0
	roll := dice()
	for hour := range days * 24 {
		if hour == 24 {
			firstDay, dayCost = sent, cost
		}
		for _, to := range countries {
			for refused := 0; refused < 5; { // from five networks: it is the country that is stopped
				p := person{client: c, s: s, project: project, address: to.number(roll)}
				a, err := p.start(network(roll.IntN(500)))
				switch {
				case err != nil:
					return nil, err
				case a.status == 200:
					sent++
					cost += to.euros
				case a.status == 429:
					refused++
				default:
					return nil, fmt.Errorf("a start for a number of %s was answered %v", to.code, a)
				}
				if sent > 10*pumpedMonth {
					return nil, fmt.Errorf("%d messages within %d hours, and no end", sent, hour+1)
				}
			}
		}
		if err := s.all(ctx, sent); err != nil {
			return nil, err
		}
		if err := s.skip(time.Hour); err != nil {
			return nil, err
		}
	}
	return []figure{
		{What: "messages in the first day", Value: float64(firstDay), Rule: atMost, Bound: pumpedDay},
		{What: "what they cost", Value: dayCost, Unit: "EUR"},
		{What: "messages in a month", Value: float64(sent), Rule: atMost, Bound: pumpedMonth},
		{What: "what they cost", Value: cost, Unit: "EUR"},
	}, nil
}
