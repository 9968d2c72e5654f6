package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/latchkey-dev/latchkey/internal/sqlite"
)

type migrateCommand struct {
	databaseSettings
	outputSettings
	Check  bool `help:"Change nothing; exit with 1 if something is to do."`
	DryRun bool `help:"Change nothing; list what would be done."`
}

// Run implements the command.
func (c migrateCommand) Run(ctx context.Context, a *app) error {
	if err := mistakes("the configuration is not right", a.settings.problems); err != nil {
		return err
	}
	look := c.Check || c.DryRun
	do, verb := sqlite.Migrate, "applied"
	if look {
		do, verb = sqlite.Pending, "pending"
	} else if c.Database == "" {
		if err := os.MkdirAll(c.Data, 0o700); err != nil {
			return fmt.Errorf("the data folder cannot be made, choose another with --data: %w", err)
		}
	}
	names, err := do(ctx, c.path())
	if err != nil {
		return err
	}
	err = c.show(a.Stdout, map[string]any{"database": c.path(), verb: lines(names)}, func(t *tabwriter.Writer) {
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
