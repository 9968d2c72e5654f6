package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
)

type clientCommands struct {
	Create clientCreate `cmd:"" help:"Make a client. Its secret is shown once."`
	List   clientList   `cmd:"" help:"List the clients of a project."`
	Show   clientShow   `cmd:"" help:"Show one client."`
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
	LogoutURI   []string `name:"logout-uri" sep:"none" placeholder:"URL" help:"Where a browser may be sent when its person signed out; compared byte for byte. Repeatable."`
	PKCE        bool     `name:"pkce" help:"Refuse logins without PKCE."`
	PublicKeys  string   `placeholder:"FILE" help:"A JWK set, from a file or from standard input (-): the public keys of a client that signs its own assertions (private_key_jwt). It needs no secret then, and gets none."`
	DeviceLogin bool     `help:"Let it sign in devices without a keyboard: a television that shows a code, which the person types on a phone."`
	ThirdParty  bool     `help:"Another party runs it: keep it to OpenID Connect, where the scope limits what its tokens open, and out of /api."`
	ID          int64    `name:"id" placeholder:"N" help:"Take this id. Default: the next free one."`
	ReadSecret  bool     `help:"Read the secret from standard input instead of making one."`
}

// Help implements kong's detail.
func (clientCreate) Help() string {
	return `Examples:

    latchkey client create "Android game" --redirect-uri app://xlogin.com.studio.game
    latchkey client create "Web shop" --kind confidential --redirect-uri https://shop.example.com/signed-in
    latchkey client create "Wiki" --kind confidential --redirect-uri https://wiki.example.com/oidc --public-keys wiki.jwks.json
    latchkey client create "Television app" --device-login
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
		keys, err := readKeySet(a, c.PublicKeys)
		if err != nil {
			return err
		}
		made, secret, err := s.CreateClient(ctx, latchkey.Client{
			ID: latchkey.ClientID(c.ID), Project: p.ID, Name: c.Name, Kind: latchkey.ClientKind(strings.ToLower(c.Kind)),
			RedirectURIs: c.RedirectURI, LogoutURIs: c.LogoutURI, PKCERequired: c.PKCE, PublicKeys: keys, DeviceLogin: c.DeviceLogin,
			ThirdParty: c.ThirdParty,
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

// readKeySet reads a JWK set as it stands in a file; which keys it may have is the use case's to say. No file is none.
func readKeySet(a *app, file string) (string, error) {
	const most = 64 << 10
	in := a.Stdin
	switch file {
	case "":
		return "", nil
	case "-":
	default:
		f, err := os.Open(file)
		if err != nil {
			return "", wrongUsage("--public-keys: %v", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", wrongUsage("--public-keys: %v", err)
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return "", wrongUsage("--public-keys: there is nothing in %s", file)
	}
	return string(text), nil
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

type clientShow struct {
	databaseSettings
	outputSettings
	ID int64 `arg:"" help:"Its id."`
}

// Run implements the command.
func (c clientShow) Run(ctx context.Context, a *app) error {
	return c.withStore(ctx, a, func(s latchkey.Store) error {
		cl, err := findClient(ctx, s, c.ID)
		if err != nil {
			return err
		}
		return c.showClient(a, cl, "")
	})
}

type clientUpdate struct {
	databaseSettings
	outputSettings
	ID          int64    `arg:"" help:"Its id."`
	Name        string   `placeholder:"TEXT" help:"For the operator: which program it is."`
	RedirectURI []string `name:"redirect-uri" sep:"none" placeholder:"URL" help:"Replaces all redirect URIs; empty: none. Repeatable."`
	LogoutURI   []string `name:"logout-uri" sep:"none" placeholder:"URL" help:"Replaces all logout URIs; empty: none. Repeatable."`
	PKCE        *bool    `name:"pkce" negatable:"" help:"Refuse logins without PKCE, or no longer."`
	PublicKeys  *string  `placeholder:"FILE" help:"Replaces the public keys, from a file or from standard input (-); empty: none."`
	DeviceLogin *bool    `negatable:"" help:"Let it sign in devices without a keyboard, or no longer."`
	ThirdParty  *bool    `negatable:"" help:"Another party runs it: keep it to OpenID Connect and out of /api, or no longer."`
	NewSecret   bool     `xor:"secret" help:"Make a new secret, which is shown once. The old one stops working at once."`
	DropSecret  bool     `xor:"secret" help:"Take the secret away from a client that has public keys."`
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
		replace(&cl.LogoutURIs, c.LogoutURI)
		if c.PKCE != nil {
			cl.PKCERequired = *c.PKCE
		}
		if c.DeviceLogin != nil {
			cl.DeviceLogin = *c.DeviceLogin
		}
		if c.ThirdParty != nil {
			cl.ThirdParty = *c.ThirdParty
		}
		if c.DropSecret {
			cl.SecretHash = latchkey.Hash{}
		}
		if c.PublicKeys != nil {
			if cl.PublicKeys, err = readKeySet(a, *c.PublicKeys); err != nil {
				return err
			}
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
