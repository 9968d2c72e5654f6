package main

import (
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const description = `Passwordless login: one-time codes and links by email and SMS, JWTs and OAuth 2.0.

To see it work, run "latchkey dev" and open the page that it prints. To run it for people, see "latchkey serve --help".

Exit codes: 0 done; 1 failed; 2 wrong flags or configuration, and nothing was done.`

// commandLine is every command. What serve and the operator's commands have in common is settings; dev has none.
type commandLine struct {
	Dev   devCommand   `cmd:"" group:"run" help:"Try it: a whole server on this machine, without any configuration."`
	Serve serveCommand `cmd:"" group:"run" help:"Run the server from flags, LATCHKEY_ variables or a YAML file."`

	Project projectCommands `cmd:"" group:"manage" help:"The products whose people sign in."`
	Client  clientCommands  `cmd:"" group:"manage" help:"The OAuth 2.0 clients of a project."`
	User    userCommands    `cmd:"" group:"manage" help:"The people who signed in."`
	Key     keyCommands     `cmd:"" group:"manage" help:"The keys that sign tokens."`
	Events  eventsCommand   `cmd:"" group:"manage" help:"List what happened, newest first: the audit trail."`

	SMS     smsCommands    `cmd:"" name:"sms" group:"operate" help:"Look at which codes by SMS came back, and at the breaker."`
	Limits  limitsCommands `cmd:"" group:"operate" help:"Look at how often each call may be made."`
	Config  configCommands `cmd:"" group:"operate" help:"Look at the configuration."`
	Migrate migrateCommand `cmd:"" group:"operate" help:"Bring the database up to this program's schema. serve and dev do it by themselves."`
	Export  exportCommand  `cmd:"" group:"operate" help:"Write everything durable to a file, to move to another database."`
	Import  importCommand  `cmd:"" group:"operate" help:"Take in what export wrote."`
	Secret  secretCommands `cmd:"" group:"operate" help:"Master secrets."`
	Version versionCommand `cmd:"" group:"operate" help:"Print the version of this program."`
}

// commandsFor gives a new commandLine, or that part of it which the first argument names: to read the flags of every command takes
// longer than everything else that a start does before its database is opened.
func commandsFor(first string) any {
	all := reflect.TypeFor[commandLine]()
	for i := range all.NumField() {
		if f := all.Field(i); strings.ToLower(f.Name) == first {
			return reflect.New(reflect.StructOf([]reflect.StructField{f})).Interface()
		}
	}
	return &commandLine{}
}

// settingNames gives the settings of all commands: one file serves them all.
func settingNames() ([]string, error) {
	parser, err := kong.New(&commandLine{}, kong.ExplicitGroups(groups))
	if err != nil {
		return nil, err
	}
	var names []string
	return names, kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if f, ok := node.(*kong.Flag); ok && f.Tag.Has(settingTag) && !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
		return next(nil)
	})
}

var groups = []kong.Group{
	{Key: "run", Title: "Run:"},
	{Key: "manage", Title: "Manage, also while a server runs on the same database:"},
	{Key: "operate", Title: "Operate:"},
	{Key: "reach", Title: "How it is reached:"},
	{Key: "keep", Title: "What it keeps:"},
	{Key: "send", Title: "How messages go out:"},
	{Key: "limit", Title: "How often calls may be made:"},
	{Key: "show", Title: "What its pages show:"},
	{Key: "watch", Title: "How it is watched and stopped:"},
	{Key: "output", Title: "Output:"},
}

// withVariable adds the variable of a setting to its help.
func withVariable(v *kong.Value) string {
	help := kong.DefaultHelpValueFormatter(v)
	if v.Flag == nil || !v.Tag.Has(settingTag) {
		return help
	}
	return strings.TrimSuffix(help, ".") + " [" + variable(v.Name) + "]."
}
