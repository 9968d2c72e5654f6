package main

import (
	"context"
	"fmt"
	"text/tabwriter"
)

type migrateCommand struct {
	databaseSettings
	outputSettings
	Check  bool `help:"Change nothing; exit with 1 if something is to do."`
	DryRun bool `help:"Change nothing; list what would be done."`
}

// Run implements the command.
func (c migrateCommand) Run(ctx context.Context, a *app) error {
	if err := mistakes("the configuration is not right", append(a.settings.problems, c.problems(a.settings)...)); err != nil {
		return err
	}
	look := c.Check || c.DryRun
	verb := "applied"
	if look {
		verb = "pending"
	}
	names, err := c.migrations(ctx, look)
	if err != nil {
		return err
	}
	err = c.show(a.Stdout, map[string]any{"database": c.name(), verb: lines(names)}, func(t *tabwriter.Writer) {
		for _, name := range names {
			fmt.Fprintln(t, verb, name)
		}
		if len(names) == 0 {
			fmt.Fprintln(t, "The database is up to date.")
		}
	})
	if err == nil && c.Check && len(names) > 0 {
		return fmt.Errorf("%d migrations are pending: run `latchkey migrate`", len(names))
	}
	return err
}
