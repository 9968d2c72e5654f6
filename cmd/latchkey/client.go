package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
)

type clientCommands struct {
	Create clientCreate `cmd:"" help:"Make a client. Its secret is shown once."`
	List   clientList   `cmd:"" help:"List the clients of a project."`
	Update clientUpdate `cmd:"" help:"Change a client. What is not given stays."`
	Delete clientDelete `cmd:"" help:"Delete a client with its sessions."`
}

// projectFlag names the project that a command is about.
type projectFlag struct {
	Project string `short:"p" placeholder:"UUID" help:"The project. May be left out when there is only one."`
}

type clientCreate struct {
	databaseSettings
	outputSettings
	projectFlag
	Name        string   `arg:"" help:"For the operator: which program it is."`
	Kind        string   `default:"public" placeholder:"KIND" help:"public: a game, an app, a page, no secret. confidential: a web back end that signs people in. server: a back end that acts for itself. Default: ${default}."`
	RedirectURI []string `name:"redirect-uri" sep:"none" placeholder:"URL" help:"Where a code may be sent; compared byte for byte. https, an app's scheme, or http on loopback. Repeatable."`
	PKCE        bool     `name:"pkce" help:"Refuse logins without PKCE."`
	ID          int64    `name:"id" placeholder:"N" help:"Take this id. Default: the next free one."`
	ReadSecret  bool     `help:"Read the secret from standard input instead of making one."`
}

// Help implements kong's detail.
func (clientCreate) Help() string {
	return `Examples:

    latchkey client create "Android game" --redirect-uri app://xlogin.com.studio.game
    latchkey client create "Web shop" --kind confidential --redirect-uri https://shop.example.com/signed-in
    latchkey client create "Back end" --kind server`
}

// Run implements the command.
func (c clientCreate) Run(ctx context.Context, a *app) error {
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		p, err := findProject(ctx, s.Store, c.Project)
		if err != nil {
			return err
		}
		var given latchkey.Secret
		if c.ReadSecret {
			if given, err = readSecret(a); err != nil {
				return err
			}
		}
		made, secret, err := s.CreateClient(ctx, latchkey.Client{
			ID: latchkey.ClientID(c.ID), Project: p.ID, Name: c.Name, Kind: latchkey.ClientKind(strings.ToLower(c.Kind)),
			RedirectURIs: c.RedirectURI, PKCERequired: c.PKCE,
		}, given)
		if err != nil {
			return refused(err)
		}
		return c.showClient(a, made, secret)
	})
}

// readSecret takes a client secret from standard input.
func readSecret(a *app) (latchkey.Secret, error) {
	var text string
	if _, err := fmt.Fscanln(a.Stdin, &text); err != nil || len(text) < 16 || len(text) > 200 {
		return "", wrongUsage("the secret on standard input is one word of 16 to 200 characters")
	}
	return latchkey.Secret(text), nil
}

type clientList struct {
	databaseSettings
	outputSettings
	projectFlag
}

// Run implements the command.
func (c clientList) Run(ctx context.Context, a *app) error {
	return c.withStore(ctx, a, func(s latchkey.Store) error {
		p, err := findProject(ctx, s, c.Project)
		if err != nil {
			return err
		}
		clients, err := s.Clients(ctx, p.ID)
		if err != nil {
			return err
		}
		rows := []clientRow{}
		for _, cl := range clients {
			rows = append(rows, rowOfClient(cl, ""))
		}
		return c.show(a.Stdout, rows, func(t *tabwriter.Writer) {
			fmt.Fprintln(t, "ID\tNAME\tKIND\tPKCE\tREDIRECT URIS")
			for _, cl := range clients {
				fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", cl.ID, cl.Name, cl.Kind, pkce(cl), dash(strings.Join(cl.RedirectURIs, " ")))
			}
		})
	})
}

type clientUpdate struct {
	databaseSettings
	outputSettings
	ID          int64    `arg:"" help:"Its id."`
	Name        string   `placeholder:"TEXT" help:"For the operator: which program it is."`
	RedirectURI []string `name:"redirect-uri" sep:"none" placeholder:"URL" help:"Replaces all redirect URIs; empty: none. Repeatable."`
	PKCE        *bool    `name:"pkce" negatable:"" help:"Refuse logins without PKCE, or no longer."`
	NewSecret   bool     `help:"Make a new secret, which is shown once. The old one stops working at once."`
}

// Run implements the command.
func (c clientUpdate) Run(ctx context.Context, a *app) error {
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		cl, err := findClient(ctx, s.Store, c.ID)
		if err != nil {
			return err
		}
		setIf(&cl.Name, c.Name)
		replace(&cl.RedirectURIs, c.RedirectURI)
		if c.PKCE != nil {
			cl.PKCERequired = *c.PKCE
		}
		secret, err := s.UpdateClient(ctx, cl, c.NewSecret)
		if err != nil {
			return refused(err)
		}
		return c.showClient(a, cl, secret)
	})
}

type clientDelete struct {
	databaseSettings
	confirmation
	ID int64 `arg:"" help:"Its id."`
}

// Run implements the command.
func (c clientDelete) Run(ctx context.Context, a *app) error {
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		cl, err := findClient(ctx, s.Store, c.ID)
		if err != nil {
			return err
		}
		if err := c.confirm(a, "This deletes client %d, %q, and ends the sessions that it has.", cl.ID, cl.Name); err != nil {
			return err
		}
		if err := s.DeleteClient(ctx, cl.ID); err != nil {
			return err
		}
		fmt.Fprintf(a.Stdout, "Deleted client %d.\n", cl.ID)
		return nil
	})
}

func findClient(ctx context.Context, s latchkey.Store, id int64) (latchkey.Client, error) {
	cl, err := s.Client(ctx, latchkey.ClientID(id))
	if latchkey.CodeOf(err) == latchkey.UnknownClient {
		err = fmt.Errorf("there is no client %d: `latchkey client list` lists them", id)
	}
	return cl, err
}

// A clientRow is a client in JSON. The secret is there when it was just made.
type clientRow struct {
	ID           int64    `json:"id"`
	Project      string   `json:"project"`
	Name         string   `json:"name"`
	Kind         string   `json:"kind"`
	RedirectURIs []string `json:"redirect_uris"`
	PKCERequired bool     `json:"pkce_required"`
	Secret       string   `json:"secret,omitempty"`
}

func rowOfClient(c latchkey.Client, secret latchkey.Secret) clientRow {
	return clientRow{
		ID: int64(c.ID), Project: c.Project.String(), Name: c.Name, Kind: string(c.Kind), RedirectURIs: lines(c.RedirectURIs),
		PKCERequired: c.PKCERequired, Secret: secret.Reveal(),
	}
}

func (o outputSettings) showClient(a *app, c latchkey.Client, secret latchkey.Secret) error {
	return o.show(a.Stdout, rowOfClient(c, secret), func(t *tabwriter.Writer) {
		fmt.Fprintf(t, "ID\t%d\n", c.ID)
		fmt.Fprintf(t, "Name\t%s\n", c.Name)
		fmt.Fprintf(t, "Kind\t%s\n", c.Kind)
		fmt.Fprintf(t, "Project\t%s\n", c.Project)
		fmt.Fprintf(t, "Redirect URIs\t%s\n", dash(strings.Join(c.RedirectURIs, " ")))
		fmt.Fprintf(t, "PKCE\t%s\n", pkce(c))
		if secret != "" {
			fmt.Fprintf(t, "Secret\t%s\tshown this once: keep it now\n", secret.Reveal())
		}
	})
}

func pkce(c latchkey.Client) string {
	if c.PKCERequired {
		return "required"
	}
	return "optional"
}
