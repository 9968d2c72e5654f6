// Command attack attacks a Latchkey server and says in figures what came of it: it builds the real program, starts it on a
// database of its own beside a sink for mails and SMS, and does to it over HTTP what somebody with bad intent would do.
//
//	go run ./attack guess-one         one attack
//	go run ./attack all               all of them
//	go run ./attack -small all        at the size at which the tests run them
//
// Each prints what it measured, the bound of each figure, and whether it held; one that did not hold makes the exit status 1.
// docs/attacks.md says what each one tries and why the bounds are what they are.
//
// The server is `latchkey serve` as it is shipped, but for its clock: this build of it (-tags fastclock) can be told what time
// it is, so that a month takes a minute. Its rules follow that clock; the strokes of its worker (looking into the outbox once
// a second, sweeping every ten) follow the machine's, which no figure here depends on: rules go by the times of things, not
// by whether they were swept. Client addresses come from X-Forwarded-For, which the server is told to believe this machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"text/tabwriter"
)

// An attack is one thing that somebody with bad intent tries.
type attack struct {
	name  string
	what  string // for the list
	run   func(context.Context, *lab) ([]figure, error)
	again int // how often a test tries again before it believes that a bound was not held: for what is a matter of chance
}

// attacks are all there are, in the order in which `all` runs them.
func attacks() []attack {
	return []attack{
		{name: "guess-one", what: "guess at the code of one account for 30 days, from 10,000 addresses", run: guessOne},
		{name: "guess-many", what: "guess once at each of 100,000 accounts", run: guessMany},
		{name: "bomb", what: "fill one mailbox for a day, from as many addresses as it takes, solving every CAPTCHA", run: bomb},
		{name: "pump", what: "have SMS sent for money: random numbers of three countries, from 500 addresses, for a month", run: pump},
		{name: "surge", what: "be a launch day, which is no attack", run: surge},
		{name: "enumerate", what: "learn from bytes and times who has an account", run: enumerate, again: 2},
		{name: "spoof", what: "claim to come from elsewhere; smuggle requests; send too much of everything", run: spoof},
		{name: "slow", what: "hold 10,000 connections that say next to nothing", run: slow, again: 2},
	}
}

var (
	errNotHeld = errors.New("a bound was not held")
	errUsage   = errors.New("see attack --help")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, hints io.Writer) (err error) {
	var small, asJSON bool
	f := flag.NewFlagSet("attack", flag.ContinueOnError)
	f.SetOutput(hints)
	f.BoolVar(&small, "small", false, "at the size at which the tests run it: seconds instead of minutes")
	f.BoolVar(&asJSON, "json", false, "print JSON, one report a line")
	f.Usage = func() { usage(f, hints) }
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	chosen, err := choose(f.Args())
	if err != nil {
		return err
	}
	l, err := newLab(ctx, small)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	held := true
	for _, a := range chosen {
		r, err := l.try(ctx, a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		if err := r.print(out, asJSON); err != nil {
			return err
		}
		held = held && r.Held
	}
	if !held {
		return errNotHeld
	}
	return nil
}

// choose gives the attacks that were named.
func choose(names []string) ([]attack, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("name an attack, or all: %w", errUsage)
	}
	if slices.Equal(names, []string{"all"}) {
		return attacks(), nil
	}
	var out []attack
	for _, name := range names {
		i := slices.IndexFunc(attacks(), func(a attack) bool { return a.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no attack %q: %w", name, errUsage)
		}
		out = append(out, attacks()[i])
	}
	return out, nil
}

func usage(f *flag.FlagSet, out io.Writer) {
	fmt.Fprint(out, "Usage: go run ./attack [flags] NAME... | all     (in the root of the module)\n\n")
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, a := range attacks() {
		fmt.Fprintf(t, "  %s\t%s\n", a.name, a.what)
	}
	_ = t.Flush() // to a terminal
	fmt.Fprint(out, "\nFlags:\n")
	f.PrintDefaults()
	fmt.Fprint(out, "\nThe exit status is 1 when a bound was not held, or the attack could not be made.\n")
}
