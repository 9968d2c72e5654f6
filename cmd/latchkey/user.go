package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/admin"
)

type userCommands struct {
	List     userList     `cmd:"" help:"List the users of a project, in the order in which they came."`
	Create   userCreate   `cmd:"" help:"Let somebody in where sign-up is closed."`
	Show     userShow     `cmd:"" help:"Show one user."`
	Sessions userSessions `cmd:"" help:"List where a user is signed in: browsers and clients."`
	Logout   userLogout   `cmd:"" help:"Sign a user out, everywhere or in one place."`
	Ban      userBan      `cmd:"" help:"Keep a user out, and end every session at once."`
	Unban    userUnban    `cmd:"" help:"Let a user in again."`
	Delete   userDelete   `cmd:"" help:"Delete a user. Their next login makes a new one."`
}

type userList struct {
	databaseSettings
	outputSettings
	projectFlag
	Address string `placeholder:"TEXT" help:"Only the owner of this email or phone."`
	After   string `placeholder:"ID" help:"Go on after this user."`
	Limit   int    `default:"50" placeholder:"N" help:"How many at the most. Default: ${default}."`
}

// Run implements the command.
func (c userList) Run(ctx context.Context, a *app) error {
	var to latchkey.Address
	var after latchkey.UserID
	var err error
	if c.Address != "" {
		if to, err = address.Parse(c.Address); err != nil {
			return wrongUsage("--address: %q is neither an email nor a phone with its plus", c.Address)
		}
	}
	if c.After != "" {
		if after, err = latchkey.ParseUserID(c.After); err != nil {
			return wrongUsage("--after is a user id")
		}
	}
	if c.Limit < 1 || c.Limit > 100_000 {
		return wrongUsage("--limit is 1 to 100000")
	}
	return c.withStore(ctx, a, func(s latchkey.Store) error {
		p, err := findProject(ctx, s, c.Project)
		if err != nil {
			return err
		}
		users, err := s.Users(ctx, p.ID, to, after, c.Limit)
		if err != nil {
			return err
		}
		rows := []userRow{}
		for _, u := range users {
			rows = append(rows, rowOfUser(u, a.Now()))
		}
		return c.show(a.Stdout, rows, func(t *tabwriter.Writer) {
			fmt.Fprintln(t, "ID\tEMAIL\tPHONE\tNAME\tREGISTERED\tLAST LOGIN\tBANNED")
			for _, u := range users {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", u.ID, dash(u.Email.Value()), dash(u.Phone.Value()),
					dash(nameOf(u.Person)), when(u.Registered), when(u.LastLogin), banned(u, a.Now()))
			}
		})
	})
}

type userShow struct {
	databaseSettings
	outputSettings
	ID string `arg:"" help:"The user's id, which is the sub of their tokens."`
}

// Run implements the command.
func (c userShow) Run(ctx context.Context, a *app) error {
	return c.withStore(ctx, a, func(s latchkey.Store) error {
		u, err := findUser(ctx, s, c.ID)
		if err != nil {
			return err
		}
		return c.show(a.Stdout, rowOfUser(u, a.Now()), func(t *tabwriter.Writer) {
			fmt.Fprintf(t, "ID\t%s\n", u.ID)
			fmt.Fprintf(t, "Project\t%s\n", u.Project)
			fmt.Fprintf(t, "Email\t%s\n", dash(u.Email.Value()))
			fmt.Fprintf(t, "Phone\t%s\n", dash(u.Phone.Value()))
			fmt.Fprintf(t, "Contact phone\t%s\n", dash(u.ContactPhone.Value()))
			fmt.Fprintf(t, "First name\t%s\n", dash(u.Person.FirstName))
			fmt.Fprintf(t, "Last name\t%s\n", dash(u.Person.LastName))
			fmt.Fprintf(t, "Nickname\t%s\n", dash(u.Person.Nickname))
			fmt.Fprintf(t, "Birthday\t%s\n", dash(u.Person.Birthday))
			fmt.Fprintf(t, "Gender\t%s\n", dash(string(u.Person.Gender)))
			fmt.Fprintf(t, "Registered\t%s\n", when(u.Registered))
			fmt.Fprintf(t, "Last login\t%s\n", when(u.LastLogin))
			fmt.Fprintf(t, "Banned\t%s\n", banned(u, a.Now()))
		})
	})
}

type userBan struct {
	databaseSettings
	ID     string `arg:"" help:"The user's id."`
	For    span   `placeholder:"TIME" help:"How long, such as 24h or 30d. Default: for good."`
	Reason string `placeholder:"TEXT" help:"Why, for the operator."`
}

// Run implements the command.
func (c userBan) Run(ctx context.Context, a *app) error {
	if len(c.Reason) > 500 {
		return wrongUsage("--reason has 500 bytes at the most")
	}
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		u, err := findUser(ctx, s.Store, c.ID)
		if err != nil {
			return err
		}
		var until time.Time
		if c.For > 0 {
			until = a.Now().UTC().Add(time.Duration(c.For)).Truncate(time.Second)
		}
		if err := s.Ban(ctx, u.ID, until, c.Reason); err != nil {
			return err
		}
		how := "for good"
		if c.For > 0 {
			how = "until " + when(until) + " UTC"
		}
		fmt.Fprintf(a.Stdout, "Banned user %s %s; every session has ended.\n", u.ID, how)
		return nil
	})
}

type userUnban struct {
	databaseSettings
	ID string `arg:"" help:"The user's id."`
}

// Run implements the command.
func (c userUnban) Run(ctx context.Context, a *app) error {
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		u, err := findUser(ctx, s.Store, c.ID)
		if err != nil {
			return err
		}
		if err := s.Unban(ctx, u.ID); err != nil {
			return err
		}
		fmt.Fprintf(a.Stdout, "User %s may sign in again.\n", u.ID)
		return nil
	})
}

type userDelete struct {
	databaseSettings
	confirmation
	ID string `arg:"" help:"The user's id."`
}

// Run implements the command.
func (c userDelete) Run(ctx context.Context, a *app) error {
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		u, err := findUser(ctx, s.Store, c.ID)
		if err != nil {
			return err
		}
		if err := c.confirm(a, "This deletes user %s, %s.", u.ID, u.Name()); err != nil {
			return err
		}
		if err := s.DeleteUser(ctx, u.ID); err != nil {
			return err
		}
		fmt.Fprintf(a.Stdout, "Deleted user %s.\n", u.ID)
		return nil
	})
}

func findUser(ctx context.Context, s latchkey.Store, id string) (latchkey.User, error) {
	parsed, err := latchkey.ParseUserID(id)
	if err != nil {
		return latchkey.User{}, wrongUsage("%q is not a user id, which is a UUID: `latchkey user list --address a@example.com` finds it", id)
	}
	u, err := s.User(ctx, parsed)
	if latchkey.CodeOf(err) == latchkey.UserNotFound {
		err = fmt.Errorf("there is no user %s: `latchkey user list` lists them", id)
	}
	return u, err
}

// A userRow is a user in JSON.
type userRow struct {
	ID           string     `json:"id"`
	Project      string     `json:"project"`
	Email        string     `json:"email"`
	Phone        string     `json:"phone"`
	ContactPhone string     `json:"contact_phone"`
	FirstName    string     `json:"first_name"` // this and the next four: what they said of themselves
	LastName     string     `json:"last_name"`
	Nickname     string     `json:"nickname"`
	Birthday     string     `json:"birthday"`
	Gender       string     `json:"gender"`
	Registered   time.Time  `json:"registered"`
	LastLogin    *time.Time `json:"last_login"`
	Banned       bool       `json:"banned"`
	BannedUntil  *time.Time `json:"banned_until"` // null: for good, or not banned
	BanReason    string     `json:"ban_reason"`
}

func rowOfUser(u latchkey.User, now time.Time) userRow {
	return userRow{
		ID: u.ID.String(), Project: u.Project.String(), Email: u.Email.Value(), Phone: u.Phone.Value(),
		ContactPhone: u.ContactPhone.Value(), FirstName: u.Person.FirstName, LastName: u.Person.LastName, Nickname: u.Person.Nickname,
		Birthday: u.Person.Birthday, Gender: string(u.Person.Gender), Registered: u.Registered.UTC(), LastLogin: optional(u.LastLogin),
		Banned: u.Banned(now), BannedUntil: optional(u.Ban.Until), BanReason: u.Ban.Reason,
	}
}

// nameOf is what a person goes by, if they said.
func nameOf(p latchkey.Person) string {
	if name := p.FullName(); name != "" {
		return name
	}
	return p.Nickname
}

func banned(u latchkey.User, now time.Time) string {
	switch {
	case !u.Banned(now):
		return "-"
	case u.Ban.Until.IsZero():
		return "for good"
	}
	return "until " + when(u.Ban.Until)
}
