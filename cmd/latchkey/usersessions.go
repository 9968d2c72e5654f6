package main

import (
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
	"github.com/latchkey-dev/latchkey/internal/device"
)

type userSessions struct {
	databaseSettings
	outputSettings
	ID string `arg:"" help:"The user's id."`
}

// Help implements kong's detail.
func (userSessions) Help() string {
	return `A browser is signed in to the hosted pages, and gets into every client without a code. A client holds what a login gave it: tokens, and refresh tokens if it asked for offline access. Tokens of the JWT protocol are kept nowhere, so they are not listed; "latchkey user logout" ends them too.`
}

// A sessionRow is a browser or a client in JSON.
type sessionRow struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"` // browser or client
	Client   int64     `json:"client,omitempty"`
	Name     string    `json:"name"` // of the client; of a browser, what could be recognised
	Scope    string    `json:"scope,omitempty"`
	Address  string    `json:"address,omitempty"` // that was proved, masked
	IP       string    `json:"ip,omitempty"`      // where a browser's session began
	SignedIn time.Time `json:"signed_in"`
	LastUsed time.Time `json:"last_used"`
	Ends     time.Time `json:"ends"`
}

// Run implements the command.
func (c userSessions) Run(ctx context.Context, a *app) error {
	return c.withStore(ctx, a, func(s latchkey.Store) error {
		u, err := findUser(ctx, s, c.ID)
		if err != nil {
			return err
		}
		rows, err := sessionRows(ctx, s, u, a.Now())
		if err != nil {
			return err
		}
		return c.show(a.Stdout, rows, func(t *tabwriter.Writer) {
			fmt.Fprintln(t, "ID\tWHERE\tNAME\tFROM\tSCOPE\tSIGNED IN\tLAST USED\tENDS")
			for _, r := range rows {
				where := r.Kind
				if r.Client != 0 {
					where += " " + strconv.FormatInt(r.Client, 10)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, where, dash(r.Name), dash(r.IP), dash(r.Scope),
					when(r.SignedIn), when(r.LastUsed), when(r.Ends))
			}
		})
	})
}

// sessionRows lists what is good: browsers first, each kind newest first.
func sessionRows(ctx context.Context, s latchkey.Store, u latchkey.User, now time.Time) ([]sessionRow, error) {
	rows := []sessionRow{}
	browsers, err := s.Sessions(ctx, u.ID, now)
	if err != nil {
		return nil, err
	}
	for _, b := range browsers {
		if b.Good(u, now) {
			rows = append(rows, rowOfSession(b))
		}
	}
	grants, err := s.Grants(ctx, u.ID, now)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if !g.Good(u, now) {
			continue
		}
		client, err := s.Client(ctx, g.Client)
		if err != nil && latchkey.CodeOf(err) != latchkey.UnknownClient {
			return nil, err
		}
		rows = append(rows, sessionRow{
			ID: g.ID.String(), Kind: "client", Client: int64(g.Client), Name: client.Name, Scope: g.Scope,
			SignedIn: g.Created.UTC(), LastUsed: g.Rotated.UTC(), Ends: g.Expires.UTC(),
		})
	}
	return rows, nil
}

func rowOfSession(b latchkey.Session) sessionRow {
	out := sessionRow{
		ID: b.ID.String(), Kind: "browser", Name: recognised(b.From.UserAgent), Address: b.To.String(),
		SignedIn: b.AuthTime.UTC(), LastUsed: b.Used.UTC(), Ends: b.Expires.UTC(),
	}
	if b.From.IP.IsValid() {
		out.IP = b.From.IP.String()
	}
	return out
}

// recognised is a user agent in a few words of ours: what the browser sent is anybody's text.
func recognised(agent string) string {
	d := device.Read(agent)
	if d.Browser != "" && d.System != "" {
		return d.Browser + ", " + d.System
	}
	return d.Browser + d.Engine + d.System
}

type userLogout struct {
	databaseSettings
	ID   string `arg:"" help:"The user's id."`
	Only string `placeholder:"ID" help:"Only in this browser, or out of this client: an id that \"latchkey user sessions\" lists."`
}

// Run implements the command.
func (c userLogout) Run(ctx context.Context, a *app) error {
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		u, err := findUser(ctx, s.Store, c.ID)
		if err != nil {
			return err
		}
		if c.Only == "" {
			if err := s.LogOut(ctx, u.ID); err != nil {
				return err
			}
			fmt.Fprintf(a.Stdout, "Signed user %s out everywhere; every token is dead.\n", u.ID)
			return nil
		}
		id, ok := latchkey.ParseHandle(c.Only)
		if !ok {
			return wrongUsage("--only: %q is no id of a browser or a client: `latchkey user sessions %s` lists them", c.Only, u.ID)
		}
		ended, err := s.EndOne(ctx, u, id)
		if err != nil {
			return err
		}
		if !ended {
			return fmt.Errorf("user %s is signed in nowhere by %s: `latchkey user sessions %s` lists where", u.ID, c.Only, u.ID)
		}
		fmt.Fprintf(a.Stdout, "Signed user %s out there.\n", u.ID)
		return nil
	})
}
