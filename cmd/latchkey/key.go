package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
	"github.com/latchkey-dev/latchkey/internal/jose"
)

type keyCommands struct {
	List   keyList   `cmd:"" help:"List the keys of a project."`
	Rotate keyRotate `cmd:"" help:"Replace the key that signs."`
}

type keyList struct {
	keyedSettings
	outputSettings
	projectFlag
	Reveal bool `help:"Show the secrets of HS256 keys, which a back end verifies tokens with. The text is the key: paste it as it is, do not decode it."`
}

// A keyRow is a key in JSON.
type keyRow struct {
	ID        string     `json:"id"`
	Algorithm string     `json:"algorithm"`
	State     string     `json:"state"`
	Created   time.Time  `json:"created"`
	Activated *time.Time `json:"activated"`
	Retires   *time.Time `json:"retires"`
	Secret    string     `json:"secret,omitempty"`
}

// Run implements the command.
func (c keyList) Run(ctx context.Context, a *app) error {
	var signer *jose.Signer
	if c.Reveal {
		secrets, err := c.secrets(a)
		if err != nil {
			return err
		}
		signer = jose.New(secrets)
	}
	return c.withStore(ctx, a, func(s latchkey.Store) error {
		p, err := findProject(ctx, s, c.Project)
		if err != nil {
			return err
		}
		keys, err := s.Keys(ctx, p.ID)
		if err != nil {
			return err
		}
		rows := []keyRow{}
		for _, k := range keys.Published(p.Algorithm) {
			row := keyRow{
				ID: string(k.ID), Algorithm: string(k.Algorithm), State: string(k.State), Created: k.Created.UTC(),
				Activated: optional(k.Activated), Retires: optional(k.Retires),
			}
			if c.Reveal && k.Algorithm == latchkey.HS256 {
				secret, err := signer.Reveal(k)
				if err != nil {
					return fmt.Errorf("key %s: %w", k.ID, err)
				}
				row.Secret = secret.Reveal()
			}
			rows = append(rows, row)
		}
		return c.show(a.Stdout, rows, func(t *tabwriter.Writer) { keyTable(t, rows, c.Reveal) })
	})
}

func keyTable(t *tabwriter.Writer, rows []keyRow, reveal bool) {
	cell := func(at *time.Time) string {
		if at == nil {
			return "-"
		}
		return when(*at)
	}
	head := "ID\tALGORITHM\tSTATE\tCREATED\tACTIVE SINCE\tRETIRES"
	if reveal {
		head += "\tSECRET"
	}
	fmt.Fprintln(t, head)
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s", r.ID, r.Algorithm, r.State, when(r.Created), cell(r.Activated), cell(r.Retires))
		if reveal {
			fmt.Fprintf(t, "\t%s", dash(r.Secret))
		}
		fmt.Fprintln(t)
	}
}

type keyRotate struct {
	keyedSettings
	projectFlag
	Now bool `help:"For a key that leaked: sign with the new one at once, and refuse every token of the old ones. Everybody signs in again."`
	confirmation
}

// Help implements kong's detail.
func (keyRotate) Help() string {
	return `The new key is published at once and signs after 11 minutes, when every back end that keeps the list of keys for 10 minutes has seen it. The old one stays published until its last token has expired. A running server does all of that by itself.`
}

// Run implements the command.
func (c keyRotate) Run(ctx context.Context, a *app) error {
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		p, err := findProject(ctx, s.Store, c.Project)
		if err != nil {
			return err
		}
		if c.Now {
			if err := c.confirm(a, "This signs everybody out of %q.", p.Name); err != nil {
				return err
			}
		}
		if err := s.RotateKey(ctx, p.ID, c.Now); err != nil {
			return refused(err)
		}
		if c.Now {
			fmt.Fprintf(a.Stdout, "A new %s key signs from now on; the old ones are gone.\n", p.Algorithm)
			return nil
		}
		fmt.Fprintf(a.Stdout, "A new %s key is published; it signs from %s UTC on.\n", p.Algorithm, when(a.Now().Add(latchkey.PublishAhead)))
		return nil
	})
}
