package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kong"

	"github.com/latchkey-dev/latchkey"
)

// The exit codes; `latchkey --help` documents them.
const (
	exitOK      = 0
	exitFailure = 1 // the command was understood and failed
	exitUsage   = 2 // wrong flags or configuration: nothing was done
)

// A world is everything outside the program that a run touches.
type world struct {
	Getenv func(string) string
	Stdin  io.Reader
	Stdout io.Writer // what a command answers
	Stderr io.Writer // errors, questions and the server's log
	Now    func() time.Time
}

// A usageError is a mistake in flags or configuration.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func wrongUsage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run is one run of the program; it gives the exit code. It returns when the command is done or ctx has ended and
// everything is put away.
func run(ctx context.Context, args []string, w world) int {
	err := execute(ctx, args, w)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(w.Stderr, "latchkey: "+words(err))
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

func execute(ctx context.Context, args []string, w world) error {
	helped := false
	origins := &origins{getenv: w.Getenv, known: settingNames}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parser, err := kong.New(commandsFor(args[0]),
		kong.Name("latchkey"), kong.Description(description), kong.Writers(w.Stdout, w.Stderr),
		kong.Exit(func(int) { helped = true }), // --help: kong goes on, and what it then finds is of no interest
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110, FlagsLast: true}),
		kong.ValueFormatter(withVariable), kong.ExplicitGroups(groups), kong.Resolvers(origins),
		kong.Bind(origins), kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if helped {
		return nil
	}
	if err != nil {
		return wrongUsage("%w%s", err, helpHint(err))
	}
	origins.noteFlags(parsed)
	return parsed.Run(&app{world: w, settings: origins})
}

// An app is what a command works with.
type app struct {
	world
	settings *origins
}

// words is an error for the one who sits at the terminal, who may see causes.
func words(err error) string {
	var e *latchkey.Error
	if errors.As(err, &e) && e.Code == latchkey.Unavailable && e.Err == nil {
		return err.Error() + ": try again in a moment"
	}
	return err.Error()
}

// helpHint says where the flags of the command are explained that err is about, as far as one was named.
func helpHint(err error) string {
	words := "latchkey"
	var mistake *kong.ParseError
	if errors.As(err, &mistake) {
		for _, step := range mistake.Context.Path {
			if step.Command != nil {
				words += " " + step.Command.Name
			}
		}
	}
	return "\nTry: " + words + " --help"
}
