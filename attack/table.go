package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A limits is the server's table of limits, by name, as `latchkey limits show` prints it.
type limits map[string]limit

// A limit lets count pass in every stretch of per, and burst of them at once.
type limit struct {
	count, burst float64
	per          time.Duration
}

// limits asks the server under attack for its defaults.
func (s *server) limits(ctx context.Context) (limits, error) {
	var rows []struct {
		Name  string `json:"name"`
		Limit string `json:"limit"`
	}
	if err := s.command(ctx, &rows, "limits", "show", "--json"); err != nil {
		return nil, err
	}
	out := limits{}
	for _, r := range rows {
		l, err := parseLimit(r.Limit)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		out[r.Name] = l
	}
	return out, nil
}

// parseLimit reads COUNT/TIME, with or without "burst N".
func parseLimit(text string) (l limit, err error) {
	rate, burst, some := strings.Cut(text, " burst ")
	count, per, ok := strings.Cut(rate, "/")
	if !ok {
		return l, fmt.Errorf("%q is no limit", text)
	}
	if l.count, err = strconv.ParseFloat(count, 64); err != nil {
		return l, err
	}
	if days, ok := strings.CutSuffix(per, "d"); ok {
		n, err := strconv.Atoi(days)
		l.per = time.Duration(n) * 24 * time.Hour
		if err != nil {
			return l, err
		}
	} else if l.per, err = time.ParseDuration(per); err != nil {
		return l, err
	}
	l.burst = l.count
	if some {
		l.burst, err = strconv.ParseFloat(burst, 64)
	}
	return l, err
}

// most is how many pass in a stretch of time that begins with nothing used.
func (l limit) most(d time.Duration) float64 {
	return l.burst + l.count*float64(d)/float64(l.per)
}
