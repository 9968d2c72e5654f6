package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/address"
)

// signUpFlags are who may sign in to a project.
type signUpFlags struct {
	SignUp        string   `placeholder:"HOW" help:"Whether an address that never signed in may: open or closed. Closed, the operator lets people in with latchkey user create. Default: open."`
	SignUpContact *string  `placeholder:"TEXT" help:"How to ask for access, such as an address or a URL: an unknown address gets it in a message where sign-up is closed. Default: none, and no message."`
	TestIdentity  []string `sep:"none" placeholder:"ADDRESS=CODE,until=DATE" help:"Email or phone that signs in with this code, without a message, until a date such as 2030-01-31: for the reviewers of app stores, and tests. Repeatable."`
}

// testIdentitySettings turn all test identities off at once.
type testIdentitySettings struct {
	NoTestIdentities bool `setting:"" name:"no-test-identities" group:"limit" help:"Treat the test identities of every project as addresses like any other: no fixed codes, no exceptions."`
}

// apply puts what was given into p.
func (f signUpFlags) apply(p latchkey.Project) (latchkey.Project, error) {
	switch strings.ToLower(f.SignUp) {
	case "":
	case "open":
		p.Defence.SignUp.Closed = false
	case "closed":
		p.Defence.SignUp.Closed = true
	default:
		return p, wrongUsage("--sign-up: sign-up is open or closed")
	}
	if f.SignUpContact != nil {
		p.Defence.SignUp.Contact = strings.TrimSpace(*f.SignUpContact)
	}
	if f.TestIdentity == nil {
		return p, nil
	}
	p.Defence.TestIdentities = nil
	for _, given := range f.TestIdentity {
		if given == "" && len(f.TestIdentity) == 1 {
			break
		}
		t, err := parseTestIdentity(given)
		if err != nil {
			return p, err
		}
		p.Defence.TestIdentities = append(p.Defence.TestIdentities, t)
	}
	return p, nil
}

// parseTestIdentity reads ADDRESS=CODE,until=DATE. An email may have an = of its own before the last one.
func parseTestIdentity(given string) (t latchkey.TestIdentity, err error) {
	who, until, ok := strings.Cut(given, ",until=")
	i := strings.LastIndexByte(who, '=')
	if !ok || i < 0 {
		return t, wrongUsage("--test-identity: %q is not ADDRESS=CODE,until=DATE, such as review@example.com=135790,until=2030-01-31", given)
	}
	to, err := address.Parse(who[:i])
	if err != nil {
		return t, wrongUsage("--test-identity: %q is neither an email nor a phone with its plus", who[:i])
	}
	end, err := time.Parse(time.DateOnly, until)
	if err != nil {
		end, err = time.Parse(time.RFC3339, until)
	}
	if err != nil {
		return t, wrongUsage("--test-identity: %q is not a date such as 2030-01-31, or a time such as 2030-01-31T12:00:00Z", until)
	}
	return latchkey.TestIdentity{Channel: to.Channel(), Address: to.Value(), Code: who[i+1:], Until: end.UTC()}, nil
}

// A signUpRow is the same in JSON.
type signUpRow struct {
	SignUp         string                  `json:"sign_up"`
	SignUpContact  string                  `json:"sign_up_contact"`
	TestIdentities []latchkey.TestIdentity `json:"test_identities"`
}

func rowOfSignUp(d latchkey.Defence) signUpRow {
	row := signUpRow{SignUp: "open", SignUpContact: d.SignUp.Contact, TestIdentities: d.TestIdentities}
	if d.SignUp.Closed {
		row.SignUp = "closed"
	}
	if row.TestIdentities == nil {
		row.TestIdentities = []latchkey.TestIdentity{}
	}
	return row
}

// showSignUp shows the same to people.
func showSignUp(d latchkey.Defence, row func(name, value string)) {
	r := rowOfSignUp(d)
	row("Sign-up", r.SignUp)
	row("Contact", r.SignUpContact)
	for _, t := range d.TestIdentities {
		row("Test identity", t.Address+" with "+t.Code+" until "+when(t.Until))
	}
}

// tellTestIdentities names every address that signs in without a message: who runs the server knows of each. They are
// nobody's, so that they stand in the log in full.
func tellTestIdentities(ctx context.Context, store latchkey.Store, off bool, now time.Time, log *slog.Logger) error {
	projects, err := store.Projects(ctx)
	for _, p := range projects {
		for _, t := range p.Defence.TestIdentities {
			if _, live := p.TestIdentity(t.To(), now); !live {
				continue
			}
			if off {
				log.Info("test identity turned off", "project", p.ID.String(), "address", t.Address)
				continue
			}
			log.Warn("test identity: signs in with a fixed code", "project", p.ID.String(), "address", t.Address, "until", t.Until)
		}
	}
	return err
}
