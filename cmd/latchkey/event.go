package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/latchkey-dev/latchkey"
)

type eventsCommand struct {
	databaseSettings
	outputSettings
	Project string `short:"p" placeholder:"UUID" help:"Only of this project."`
	Limit   int    `default:"50" placeholder:"N" help:"How many at the most. Default: ${default}."`
}

// An eventRow is an event in JSON. Addresses are masked.
type eventRow struct {
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	Project   string    `json:"project"`
	Client    int64     `json:"client,omitempty"`
	User      string    `json:"user,omitempty"`
	Challenge string    `json:"challenge,omitempty"`
	Grant     string    `json:"grant,omitempty"`
	Address   string    `json:"address,omitempty"`
	IP        string    `json:"ip,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
	Detail    string    `json:"detail,omitempty"`
}

// Run implements the command.
func (c eventsCommand) Run(ctx context.Context, a *app) error {
	if c.Limit < 1 || c.Limit > 100_000 {
		return wrongUsage("--limit is 1 to 100000")
	}
	return c.withStore(ctx, a, func(s latchkey.Store) error {
		var id latchkey.ProjectID
		if c.Project != "" {
			p, err := findProject(ctx, s, c.Project)
			if err != nil {
				return err
			}
			id = p.ID
		}
		events, err := s.Events(ctx, id, c.Limit)
		if err != nil {
			return err
		}
		rows := []eventRow{}
		for _, e := range events {
			rows = append(rows, rowOfEvent(e))
		}
		return c.show(a.Stdout, rows, func(t *tabwriter.Writer) {
			fmt.Fprintln(t, "AT\tKIND\tADDRESS\tUSER\tFROM\tDETAIL")
			for _, r := range rows {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", when(r.At), r.Kind, dash(r.Address), dash(r.User), dash(r.IP), dash(r.Detail))
			}
		})
	})
}

func rowOfEvent(e latchkey.Event) eventRow {
	r := eventRow{
		At: e.At.UTC(), Kind: string(e.Kind), Project: e.Project.String(), Client: int64(e.Client), Address: e.Address,
		UserAgent: e.From.UserAgent, Detail: e.Detail,
	}
	if !e.User.IsZero() {
		r.User = e.User.String()
	}
	if !e.Challenge.IsZero() {
		r.Challenge = e.Challenge.String()
	}
	if !e.Grant.IsZero() {
		r.Grant = e.Grant.String()
	}
	if e.From.IP.IsValid() {
		r.IP = e.From.IP.String()
	}
	return r
}
