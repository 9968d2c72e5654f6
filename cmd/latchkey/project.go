package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
)

type projectCommands struct {
	Create projectCreate `cmd:"" help:"Make a project, with its first signing key."`
	List   projectList   `cmd:"" help:"List all projects."`
	Show   projectShow   `cmd:"" help:"Show one project."`
	Update projectUpdate `cmd:"" help:"Change a project's settings. What is not given stays."`
	Delete projectDelete `cmd:"" help:"Delete a project with its clients, users and keys."`
}

// projectFlags are the settings of a project. A list that is given replaces the old one; an empty value empties it.
type projectFlags struct {
	CallbackURL   []string `name:"callback-url" sep:"none" placeholder:"URL" help:"Where the JWT protocol may send a token; compared byte for byte. Repeatable."`
	LinkURL       []string `name:"link-url" sep:"none" placeholder:"URL" help:"Where an approved link may lead, besides the callback URLs. Repeatable."`
	AllowedOrigin []string `sep:"none" placeholder:"ORIGIN" help:"Web origin whose pages may call, such as https://game.example.com or http://localhost:*. Repeatable."`
	Channel       []string `placeholder:"NAME" help:"Ways to sign in: email, phone. Default: both."`
	Locale        *string  `placeholder:"TAG" help:"Language of messages when nothing else says, such as de or zh_CN."`
	Algorithm     string   `placeholder:"NAME" help:"What signs new tokens: HS256, RS256, ES256 or EdDSA. Default: RS256."`
	TokenLife     span     `placeholder:"TIME" help:"Life of a token of the JWT protocol. Default: 24h."`
	AccessLife    span     `placeholder:"TIME" help:"Life of an OAuth 2.0 access token. Default: 1h."`
	RefreshLife   span     `placeholder:"TIME" help:"Life of a refresh token, from the login on, however often it is used. Default: 90d."`
	CodeDigits    int      `placeholder:"N" help:"Digits of a code: 6 to 10. Default: 6."`
	CodeLife      span     `placeholder:"TIME" help:"Life of a code: 30s to 600s. Default: 180s."`
	CodeTries     int      `placeholder:"N" help:"Wrong answers that a code takes: 1 to 10. Default: 5."`
	LinkApproval  string   `placeholder:"HOW" help:"How the page behind a link lets the waiting device in: button, or number for the one that the device shows. Default: button."`
	SessionIdle   span     `placeholder:"TIME" help:"How long a browser that is not used stays signed in: until then its person gets into every client without a code. Default: 7d."`
	SessionLife   span     `placeholder:"TIME" help:"How long it stays signed in at the longest. Default: 30d."`
	smsFlags
	signUpFlags
	captchaFlags
	lookFlags
}

// apply puts what was given into p.
func (f projectFlags) apply(p latchkey.Project) (latchkey.Project, error) {
	replace(&p.CallbackURLs, f.CallbackURL)
	replace(&p.LinkURLs, f.LinkURL)
	replace(&p.AllowedOrigins, f.AllowedOrigin)
	if f.Channel != nil {
		p.Channels = nil
		for _, c := range f.Channel {
			p.Channels = append(p.Channels, latchkey.Channel(strings.ToLower(c)))
		}
	}
	if f.Locale != nil {
		p.DefaultLocale = *f.Locale
	}
	for _, a := range latchkey.Algorithms() {
		if strings.EqualFold(f.Algorithm, string(a)) {
			f.Algorithm = string(a)
		}
	}
	setIf(&p.Algorithm, latchkey.Algorithm(f.Algorithm))
	setIf(&p.TokenLife, time.Duration(f.TokenLife))
	setIf(&p.AccessLife, time.Duration(f.AccessLife))
	setIf(&p.RefreshLife, time.Duration(f.RefreshLife))
	setIf(&p.Codes.Digits, f.CodeDigits)
	setIf(&p.Codes.Life, time.Duration(f.CodeLife))
	setIf(&p.Codes.Tries, f.CodeTries)
	setIf(&p.Approval, latchkey.Approval(strings.ToLower(f.LinkApproval)))
	setIf(&p.Sessions.Idle, time.Duration(f.SessionIdle))
	setIf(&p.Sessions.Life, time.Duration(f.SessionLife))
	p, err := f.smsFlags.apply(p)
	if err != nil {
		return p, err
	}
	if p, err = f.signUpFlags.apply(p); err != nil {
		return p, err
	}
	return f.lookFlags.apply(f.captchaFlags.apply(p))
}

// replace puts given in place of old, unless the flag is absent. One empty value empties the list.
func replace(old *[]string, given []string) {
	switch {
	case given == nil:
	case len(given) == 1 && given[0] == "":
		*old = nil
	default:
		*old = given
	}
}

// setIf sets a value that was given.
func setIf[T comparable](old *T, given T) {
	var none T
	if given != none {
		*old = given
	}
}

type projectCreate struct {
	keyedSettings
	outputSettings
	projectFlags
	Name string `arg:"" help:"Shown to people, in messages and on pages."`
	ID   string `name:"id" placeholder:"UUID" help:"Take this id, to move a project here from elsewhere. Default: a new one."`
}

// Help implements kong's detail.
func (projectCreate) Help() string {
	return `Example:

    latchkey project create "My game" --callback-url https://game.example.com/signed-in --algorithm HS256
    latchkey project create "Web shop" --color 1f6f43 --terms https://shop.example.com/terms --text title="Welcome" --text de.title="Willkommen"`
}

// Run implements the command.
func (c projectCreate) Run(ctx context.Context, a *app) error {
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		p := s.NewProject(c.Name)
		if c.ID != "" {
			id, err := latchkey.ParseProjectID(c.ID)
			if err != nil {
				return wrongUsage("--id is a UUID, such as %s", demoProject)
			}
			p.ID = id
		}
		p, err := c.apply(p)
		if err != nil {
			return err
		}
		if err := s.CreateProject(ctx, p); err != nil {
			return refused(err)
		}
		return showProject(a.Stdout, c.outputSettings, p)
	})
}

type projectList struct {
	databaseSettings
	outputSettings
}

// Run implements the command.
func (c projectList) Run(ctx context.Context, a *app) error {
	return c.withStore(ctx, a, func(s latchkey.Store) error {
		ps, err := s.Projects(ctx)
		if err != nil {
			return err
		}
		rows := []projectRow{}
		for _, p := range ps {
			rows = append(rows, rowOfProject(p))
		}
		return c.show(a.Stdout, rows, func(t *tabwriter.Writer) {
			fmt.Fprintln(t, "ID\tNAME\tALGORITHM\tCHANNELS\tCREATED")
			for _, p := range ps {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.ID, p.Name, p.Algorithm, strings.Join(channelNames(p.Channels), ","), when(p.Created))
			}
		})
	})
}

type projectShow struct {
	databaseSettings
	outputSettings
	ID string `arg:"" optional:"" help:"Its id. May be left out when there is only one."`
}

// Run implements the command.
func (c projectShow) Run(ctx context.Context, a *app) error {
	return c.withStore(ctx, a, func(s latchkey.Store) error {
		p, err := findProject(ctx, s, c.ID)
		if err != nil {
			return err
		}
		return showProject(a.Stdout, c.outputSettings, p)
	})
}

type projectUpdate struct {
	keyedSettings
	outputSettings
	projectFlags
	ID   string `arg:"" help:"Its id."`
	Name string `placeholder:"TEXT" help:"Shown to people, in messages and on pages."`
}

// Help implements kong's detail.
func (projectUpdate) Help() string {
	return `A list that is given replaces the old one; an empty value empties it. Texts are set one by one. A new algorithm signs from then on, and tokens of the old one stay good.

Example:

    latchkey project update 0190c5a4-7c3e-7b1a-9f00-0123456789ab --code-digits 8 --link-url=`
}

// Run implements the command.
func (c projectUpdate) Run(ctx context.Context, a *app) error {
	update := func(s *admin.Service) error {
		p, err := findProject(ctx, s.Store, c.ID)
		if err != nil {
			return err
		}
		if p, err = c.apply(p); err != nil {
			return err
		}
		setIf(&p.Name, c.Name)
		if err := s.UpdateProject(ctx, p); err != nil {
			return refused(err)
		}
		return showProject(a.Stdout, c.outputSettings, p)
	}
	if c.Algorithm == "" { // makes no key, so needs no master secret
		return c.databaseSettings.withAdmin(ctx, a, update)
	}
	return c.withAdmin(ctx, a, update)
}

type projectDelete struct {
	databaseSettings
	confirmation
	ID string `arg:"" help:"Its id."`
}

// Run implements the command.
func (c projectDelete) Run(ctx context.Context, a *app) error {
	return c.withAdmin(ctx, a, func(s *admin.Service) error {
		p, err := findProject(ctx, s.Store, c.ID)
		if err != nil {
			return err
		}
		if err := c.confirm(a, "This deletes project %q with its clients, users and keys.", p.Name); err != nil {
			return err
		}
		if err := s.DeleteProject(ctx, p.ID); err != nil {
			return err
		}
		fmt.Fprintf(a.Stdout, "Deleted project %s.\n", p.ID)
		return nil
	})
}

// findProject gives the project with this id, or the only one if none is named.
func findProject(ctx context.Context, s latchkey.Store, id string) (latchkey.Project, error) {
	if id != "" {
		parsed, err := latchkey.ParseProjectID(id)
		if err != nil {
			return latchkey.Project{}, wrongUsage("%q is not a project id, which is a UUID: `latchkey project list` lists them", id)
		}
		p, err := s.Project(ctx, parsed)
		if latchkey.CodeOf(err) == latchkey.ProjectNotFound {
			err = fmt.Errorf("there is no project %s: `latchkey project list` lists them", id)
		}
		return p, err
	}
	ps, err := s.Projects(ctx)
	switch {
	case err != nil:
		return latchkey.Project{}, err
	case len(ps) == 0:
		return latchkey.Project{}, errors.New("there is no project yet: make one with `latchkey project create NAME`")
	case len(ps) > 1:
		return latchkey.Project{}, wrongUsage("there are %d projects: say which one; `latchkey project list` lists them", len(ps))
	}
	return ps[0], nil
}

// refused is an error of a rule, as a mistake in the flags: the wire's name of a setting becomes the flag's.
func refused(err error) error {
	e := &latchkey.Error{Code: latchkey.CodeOf(err)}
	errors.As(err, &e)
	switch e.Code {
	case latchkey.Invalid:
		field := map[string]string{
			"callback_urls": "--callback-url: ", "link_urls": "--link-url: ", "allowed_origins": "--allowed-origin: ",
			"channels": "--channel: ", "algorithm": "--algorithm: ", "token_life": "--token-life: ",
			"access_life": "--access-life: ", "refresh_life": "--refresh-life: ", "codes.digits": "--code-digits: ",
			"codes.life": "--code-life: ", "codes.tries": "--code-tries: ", "redirect_uris": "--redirect-uri: ",
			"kind": "--kind: ", "link_approval": "--link-approval: ", "logo": "--logo: ", "color": "--color: ",
			"look.theme": "--theme: ", "look.dark_color": "--dark-color: ", "look.terms": "--terms: ",
			"look.privacy": "--privacy: ", "look.texts": "--text: ", "sessions": "--session-idle, --session-life: ",
			"logout_uris": "--logout-uri: ", "defence.sign_up.contact": "--sign-up-contact: ", "defence.test_identities": "--test-identity: ", "public_keys": "--public-keys: ",
			"defence.sms.countries": "--sms-country: ", "defence.sms.breaker": "--sms-breaker: ", "defence.sms.budget": "--sms-budget: ",
		}[e.Field]
		return wrongUsage("%s%s", field, e.Message)
	case latchkey.Conflict:
		if e.Message != "" {
			return errors.New(e.Message)
		}
		return errors.New("this id is taken: leave it out to get a new one")
	}
	return err
}
