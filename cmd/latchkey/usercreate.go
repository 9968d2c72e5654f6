package main

import (
	"context"
	"fmt"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/admin"
)

type userCreate struct {
	databaseSettings
	projectFlag
	Email string `placeholder:"TEXT" help:"The email that they sign in with."`
	Phone string `placeholder:"TEXT" help:"The phone that they sign in with, with its plus."`
}

// Help implements kong's detail.
func (userCreate) Help() string {
	return `They prove the address by their first login. Where sign-up is open nobody needs this: the first login makes the user.

Example:

    latchkey user create --email jo@example.com`
}

// Run implements the command.
func (c userCreate) Run(ctx context.Context, a *app) error {
	var email, phone latchkey.Address
	var err error
	if c.Email == "" && c.Phone == "" {
		return wrongUsage("who is it? give --email, --phone or both")
	}
	if c.Email != "" {
		if email, err = address.ParseEmail(c.Email); err != nil {
			return wrongUsage("--email: %q is no email", c.Email)
		}
	}
	if c.Phone != "" {
		if phone, err = address.ParsePhone(c.Phone); err != nil {
			return wrongUsage("--phone: %q is no phone number with its plus", c.Phone)
		}
	}
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		p, err := findProject(ctx, s.Store, c.Project)
		if err != nil {
			return err
		}
		u, err := s.CreateUser(ctx, p.ID, email, phone)
		if err != nil {
			return refused(err)
		}
		fmt.Fprintf(a.Stdout, "Made user %s, %s.\n", u.ID, u.Name())
		return nil
	})
}
