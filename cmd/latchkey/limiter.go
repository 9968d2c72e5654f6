package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/memory"
	"github.com/latchkey-dev/latchkey/internal/outage"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/telemetry"
	"github.com/latchkey-dev/latchkey/internal/valkey"
)

// limiterSettings say how often calls may be made, and where that is counted.
type limiterSettings struct {
	Limiter     string   `setting:"" group:"limit" placeholder:"URL" help:"Where calls are counted: memory, which each server has for itself; postgres, the database of --store, for all servers together; or a Valkey or Redis server, valkey://user:password@host:6379/0, valkeys:// with TLS. Default: postgres with --store, or else memory."`
	LimiterDown string   `setting:"" group:"limit" default:"open" placeholder:"CHOICE" help:"What it means when a limiter that servers share does not answer. open: each server counts for itself meanwhile. closed: calls that are limited are refused. Default: ${default}."`
	Limit       []string `setting:"" sep:"none" group:"limit" placeholder:"NAME=LIMIT" help:"Another limit than the default: start-client=120/10m, page-client=off. Repeatable. latchkey limits show lists them all."`
}

// kind is which limiter is meant.
func (s limiterSettings) kind(d databaseSettings) string {
	switch {
	case s.Limiter != "":
		return s.Limiter
	case d.shared():
		return inPostgres
	}
	return inMemory
}

// limiterName is the limiter for the log, without a password.
func (s settings) limiterName() string {
	return strings.Join(redacted(given(s.kind(s.databaseSettings))), "")
}

// The limiters that are named by a word.
const (
	inMemory   = "memory"
	inPostgres = "postgres"
)

// A limiterChoice is limiterSettings, judged.
type limiterChoice struct {
	table  limits.Table
	open   func(ctx context.Context) (latchkey.Limiter, error) // of all servers together; nil: each counts for itself
	closed bool                                                // nothing passes while it is down
}

// limiter judges the settings.
func (j *judge) limiter(s limiterSettings, d databaseSettings) limiterChoice {
	c := limiterChoice{table: j.limits(s.Limit), closed: s.LimiterDown == "closed"}
	if !c.closed && s.LimiterDown != "open" {
		j.wrong("limiter-down", fmt.Sprintf("is %q", s.LimiterDown), "it is open or closed")
	}
	switch kind := s.kind(d); {
	case kind == inMemory:
	case kind == inPostgres && !d.shared():
		j.wrong("limiter", "is postgres without --store", "it counts in the database of --store")
	case kind == inPostgres:
		c.open = func(ctx context.Context) (latchkey.Limiter, error) { return postgres.OpenLimiter(ctx, d.Store) }
	default:
		if l, err := valkey.New(kind); err != nil {
			j.wrong("limiter", "cannot be used", "it is memory, postgres, or the URL of a Valkey or Redis server: "+err.Error())
		} else {
			c.open = func(context.Context) (latchkey.Limiter, error) { return l, nil }
		}
	}
	return c
}

// limits judges --limit. In a variable values are separated by spaces, and one may stand within a limit: what names nothing
// belongs to what stands before it.
func (j *judge) limits(entries []string) limits.Table {
	var whole []string
	for _, e := range entries {
		if n := len(whole); n > 0 && !strings.Contains(e, "=") {
			whole[n-1] += " " + e
			continue
		}
		whole = append(whole, e)
	}
	table, err := limits.Default().Override(whole...)
	if err != nil {
		j.wrong("limit", "is not right", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return table
}

// make opens the limiter that a server uses.
func (c limiterChoice) make(ctx context.Context, log *slog.Logger, metrics *telemetry.Metrics) (latchkey.Limiter, error) {
	local := memory.NewLimiter(memory.DefaultKeys)
	if c.open == nil {
		return local, nil
	}
	shared, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	out := &outage.Limiter{Shared: shared, Missed: metrics.LimiterMissed, Changed: func(ctx context.Context, err error) {
		if err != nil {
			log.LogAttrs(ctx, slog.LevelWarn, "the limiter does not answer", slog.Bool("closed", c.closed), slog.String("err", err.Error()))
			return
		}
		log.LogAttrs(ctx, slog.LevelInfo, "the limiter answers again")
	}}
	if !c.closed {
		out.Local = local
	}
	return out, nil
}

// gate makes the gate of a server; nil without limits.
func (s *server) gate(ctx context.Context, metrics *telemetry.Metrics) (*limits.Gate, error) {
	if s.limits.table == nil {
		return nil, nil
	}
	limiter, err := s.limits.make(ctx, s.log, metrics)
	if err != nil {
		return nil, err
	}
	s.limiter = limiter
	w := &witness{store: s.store, metrics: metrics, log: s.log, now: s.now}
	return &limits.Gate{
		Limiter: limiter, Table: s.limits.table, Key: s.secrets.LimiterKey(),
		Screen: s.screen(w), Limited: w.limited,
	}, nil
}

// knownTo asks whether the address of a start has signed in from its network or its browser before.
func knownTo(logins *login.Service) func(context.Context, limits.Sign) (bool, error) {
	return func(ctx context.Context, s limits.Sign) (bool, error) {
		return logins.Known(ctx, s.Project, s.To, latchkey.Origin{IP: s.IP}, s.Browser)
	}
}

// limitsCommands is `latchkey limits`.
type limitsCommands struct {
	Show limitsShow `cmd:"" help:"List how often each call may be made, and why."`
}

type limitsShow struct {
	Config configFile `setting:"" placeholder:"FILE" help:"YAML file with any of serve's settings."`
	Limit  []string   `setting:"" sep:"none" placeholder:"NAME=LIMIT" help:"Another limit than the default, as serve takes it. Repeatable."`
	outputSettings
}

// Help implements kong's detail.
func (limitsShow) Help() string {
	return `A limit is COUNT/TIME, such as 60/10m: sixty in ten minutes, and all sixty at once if none was used. "burst N" says how many at once, if not COUNT. What was used comes back evenly, one by one. off is no limit.

Whoever is over a limit gets 429 with Retry-After. all=LIMIT stands for every limit that is not named.

Examples:

    latchkey limits show
    latchkey limits show --limit start-client=120/10m --limit "start-client-sms=20/1h burst 10"`
}

// A limitRow is one policy.
type limitRow struct {
	Name    string `json:"name"`
	Call    string `json:"call"`
	By      string `json:"by"`
	Channel string `json:"channel,omitempty"` // of starts, if it is of one only
	Limit   string `json:"limit"`
	Default string `json:"default"`
	Beyond  string `json:"beyond"` // refuse or challenge
	Why     string `json:"why"`    // of the default
}

// Run implements the command.
func (c limitsShow) Run(a *app) error {
	j := &judge{from: a.settings, now: a.Now}
	j.problems = append(j.problems, a.settings.problems...)
	table := j.limits(c.Limit)
	if err := mistakes("the configuration is not right", j.problems); err != nil {
		return err
	}
	rows := limitRows(table)
	return c.show(a.Stdout, rows, func(t *tabwriter.Writer) {
		fmt.Fprintln(t, "NAME\tCALL\tCOUNTED BY\tLIMIT\tBEYOND\tWHY")
		for _, r := range rows {
			why := r.Why
			if r.Limit != r.Default {
				why = "Yours. By default " + r.Default + ": " + why
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Call+channelOf(r), r.By, r.Limit, r.Beyond, why)
		}
	})
}

func channelOf(r limitRow) string {
	if r.Channel == "" {
		return ""
	}
	return " by " + r.Channel
}

func limitRows(table limits.Table) []limitRow {
	var rows []limitRow
	for i, p := range limits.Default() {
		beyond := "refuse"
		if p.Beyond == latchkey.ChallengeRequired {
			beyond = "challenge"
		}
		rows = append(rows, limitRow{
			Name: p.Name, Call: string(p.Call), By: string(p.By), Channel: string(p.Only), Limit: table[i].Limit.String(),
			Default: p.Limit.String(), Beyond: beyond, Why: p.Why,
		})
	}
	return rows
}
