package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
)

type smsCommands struct {
	Show  smsShow  `cmd:"" help:"Show how the codes by SMS came back, and what is tripped."`
	Reset smsReset `cmd:"" help:"Forget the codes that were lost: SMS go again."`
}

type smsShow struct {
	databaseSettings
	outputSettings
	Project string `placeholder:"UUID" help:"The project. May be left out when there is only one."`
	Limit   int    `default:"50" placeholder:"N" help:"How many countries and networks, those that lost most first. Default: ${default}."`
}

// An smsScopeRow is how the codes of one country or network came back, in JSON.
type smsScopeRow struct {
	Scope    string     `json:"scope"`
	LostHour int        `json:"lost_hour"`
	LostDay  int        `json:"lost_day"`
	BackDay  int        `json:"back_day"`
	Budget   int        `json:"budget"`
	Until    *time.Time `json:"tripped_until"` // null: it is not
}

// Run implements the command.
func (c smsShow) Run(ctx context.Context, a *app) error {
	return c.withStore(ctx, a, func(s latchkey.Store) error {
		p, err := findProject(ctx, s, c.Project)
		if err != nil {
			return err
		}
		now := a.Now()
		found, err := s.Conversions(ctx, p.ID, c.Limit, now)
		if err != nil {
			return err
		}
		rows := []smsScopeRow{}
		for _, x := range found {
			row := smsScopeRow{
				Scope: string(x.Scope), LostHour: x.LostHour, LostDay: x.LostDay, BackDay: x.BackDay, Budget: x.Budget(p.Defence.SMS),
			}
			if x.Paused(now) > 0 {
				row.Until = &x.Until
			}
			rows = append(rows, row)
		}
		return c.show(a.Stdout, rows, func(t *tabwriter.Writer) {
			fmt.Fprintln(t, "SCOPE\tLOST, HOUR\tBUDGET\tLOST, DAY\tBACK, DAY\tTRIPPED UNTIL")
			for _, r := range rows {
				until := "-"
				if r.Until != nil {
					until = when(*r.Until)
				}
				fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\n", r.Scope, r.LostHour, r.Budget, r.LostDay, r.BackDay, until)
			}
		})
	})
}

type smsReset struct {
	databaseSettings
	Project string `placeholder:"UUID" help:"The project. May be left out when there is only one."`
	Scope   string `arg:"" optional:"" help:"The country or network, as latchkey sms show has it: country:DE. Default: all of them."`
}

// Help implements kong's detail.
func (smsReset) Help() string {
	return `Look first at "latchkey sms show" and find out why: fraud goes on where it is let. docs/sms.md has the questions to ask.

Example:

    latchkey sms reset country:DE`
}

// Run implements the command.
func (c smsReset) Run(ctx context.Context, a *app) error {
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		p, err := findProject(ctx, s.Store, c.Project)
		if err != nil {
			return err
		}
		scope := latchkey.Scope(c.Scope)
		if by := scope.By(); scope != "" && by != "country" && by != "network" {
			return wrongUsage("%q is no country or network, such as country:DE: latchkey sms show lists them", c.Scope)
		}
		if err := s.ResetSMS(ctx, p.ID, scope); err != nil {
			return err
		}
		what := "every country and network"
		if scope != "" {
			what = c.Scope
		}
		fmt.Fprintf(a.Stdout, "Reset %s of project %s.\n", what, p.ID)
		return nil
	})
}
