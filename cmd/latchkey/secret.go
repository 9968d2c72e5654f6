package main

import (
	"fmt"
	"text/tabwriter"
)

type secretCommands struct {
	Generate secretGenerate `cmd:"" help:"Print a new master secret."`
}

type secretGenerate struct{ outputSettings }

// Help implements kong's detail.
func (secretGenerate) Help() string {
	return `Whoever has the master secret can derive every code, link and token: keep it apart from the database and its backups. To replace it, put the new one first and keep the old one behind it until what was made with it has expired.

Example:

    latchkey secret generate > latchkey.secret && chmod 600 latchkey.secret
    latchkey serve --secret-file latchkey.secret ...`
}

// Run implements the command.
func (c secretGenerate) Run(a *app) error {
	secret := newMasterSecret()
	return c.show(a.Stdout, map[string]string{"secret": secret}, func(t *tabwriter.Writer) { fmt.Fprintln(t, secret) })
}
