// Command bench measures Latchkey as its users meet it: it builds the real program, starts it on a database on disk
// beside an SMTP sink, and has workers sign in (start, read the code in the mail, confirm) as fast as they are answered.
//
//	go run ./bench                                     32 workers, 20 s, new and returning users, HS256
//	go run ./bench -alg RS256 -protocol oauth2 -profile
//	go run ./bench -store postgres -seed 10000000
//	go run ./bench -rate 1000                          people who come by themselves, a thousand a second
//	go run ./bench -polls 18000                        devices that wait for their link, held at the same time
//	go run ./bench table                               everything that is promised, each figure with what it must reach
//	go run ./bench compare -base main                  this tree against a revision, by turns
//	go run ./bench curves -to docs/img                 pictures: by workers, by users stored, by held polls
//
// README.md says how to read what it prints. It is a program of its own and talks to the server only as a client would:
// commands, HTTP, SMTP.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	Workers  int           `json:"workers"`
	For      time.Duration `json:"for_ns"`
	Warmup   time.Duration `json:"warmup_ns"`
	Floor    time.Duration `json:"floor_ns"`
	Users    string        `json:"users"`
	Pool     int           `json:"pool"` // how many users return
	Alg      string        `json:"alg"`
	Limit    string        `json:"limit"`
	Limiter  string        `json:"limiter"`
	Protocol string        `json:"protocol"`
	Store    string        `json:"store"`
	Seed     int           `json:"seed,omitempty"` // users that are there before
	Rate     float64       `json:"rate,omitempty"` // logins that begin in a second, done or not; 0: as fast as they are answered
	TLS      bool          `json:"tls,omitempty"`
	Whole    bool          `json:"whole,omitempty"` // the sink does without CHUNKING
	Binary   string        `json:"-"`               // empty: build one
	Dir      string        `json:"-"`               // where the database goes
	JSON     string        `json:"-"`
	Profile  bool          `json:"-"`

	Polls   int `json:"polls,omitempty"`   // held at the same time, over all servers; 0: measure logins
	Servers int `json:"servers,omitempty"` // that hold them
	Files   int `json:"files,omitempty"`   // that each server may open, if polls beyond that are to be refused; 0: none are
	First   int `json:"-"`                 // number of this process's first poll

	serveFloor bool // this process is the bare server
	serveHall  bool // this process has one server and its polls
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "table":
			return printTable(ctx, args[1:], out)
		case "compare":
			return printComparison(ctx, args[1:], out)
		case "curves":
			return printCurves(ctx, args[1:], out)
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	switch {
	case o.serveFloor:
		return serveFloor(ctx, out)
	case o.serveHall:
		return serveHall(ctx, o, os.Stdin, out)
	case o.Polls > 0:
		return measurePolls(ctx, o, out)
	}
	r, err := measure(ctx, o)
	if err != nil {
		return err
	}
	r.print(out)
	if o.JSON == "" {
		return nil
	}
	return saveJSON(r, o.JSON)
}

// measure is one measurement whole, on a server of its own: the floor, the logins, and the floor again.
func measure(ctx context.Context, o options) (report, error) {
	return betweenFloors(ctx, o, func(r *report) error { return measureServer(ctx, o, r) })
}

func betweenFloors(ctx context.Context, o options, logins func(*report) error) (r report, err error) {
	r = report{Options: o, Go: runtime.Version(), Cores: runtime.NumCPU()}
	if r.Floor, err = measureFloor(ctx, o); err != nil {
		return r, fmt.Errorf("floor: %w", err)
	}
	if err := logins(&r); err != nil {
		return r, err
	}
	if err := r.Floor.again(ctx, o); err != nil {
		return r, fmt.Errorf("floor: %w", err)
	}
	return r, nil
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	o.flags(f)
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("takes no arguments, only flags: %q", f.Args())
	}
	return o, o.check()
}

func (o *options) flags(f *flag.FlagSet) {
	f.IntVar(&o.Workers, "workers", 32, "people who sign in at the same time")
	f.DurationVar(&o.For, "for", 20*time.Second, "how long each measurement takes")
	f.DurationVar(&o.Warmup, "warmup", 2*time.Second, "how long it runs before that, uncounted")
	f.DurationVar(&o.Floor, "floor", 5*time.Second, "how long the bare server is measured, half of it before and half after")
	f.StringVar(&o.Users, "users", "both", "new, returning or both")
	f.IntVar(&o.Pool, "pool", 2000, "how many different users return")
	f.StringVar(&o.Alg, "alg", "HS256", "HS256, RS256, ES256 or EdDSA")
	f.StringVar(&o.Protocol, "protocol", "jwt", "jwt, or oauth2 with the token exchange")
	f.StringVar(&o.Store, "store", "sqlite", "sqlite, or postgres: a server of its own, of the system's packages")
	f.IntVar(&o.Seed, "seed", 0, "put so many users into the store first")
	f.Float64Var(&o.Rate, "rate", 0, "have so many logins begin in a second, whether or not those before are done; 0: each worker as fast as it is answered")
	f.BoolVar(&o.TLS, "tls", false, "serve and ask by HTTPS")
	f.BoolVar(&o.Whole, "no-chunking", false, "have the mail sink take texts by DATA only: a mail is two round trips then, and not one")
	f.StringVar(&o.Limit, "limit", "1000000/1s", "the limit of every call: all are counted and none is refused; off counts nothing")
	f.StringVar(&o.Limiter, "limiter", "memory", "where calls are counted: memory, postgres with -store postgres, or the URL of a Valkey server")
	f.StringVar(&o.Binary, "binary", "", "measure this program instead of building one")
	f.StringVar(&o.Dir, "dir", ".cache/bench", "folder on the disk that is to hold the database; it is emptied afterwards")
	f.StringVar(&o.JSON, "json", "", "also write the figures to this file")
	f.BoolVar(&o.Profile, "profile", false, "profile the server and print where its CPU time goes")
	f.IntVar(&o.Polls, "polls", 0, "hold so many polls instead of signing in")
	f.IntVar(&o.Servers, "servers", 1, "with -polls: how many server processes hold them; none can have more than 20,000 open files in some places")
	f.IntVar(&o.Files, "files", 0, "with -polls: let a server open only so many files, and expect it to refuse polls beyond that while logins go on")
	f.IntVar(&o.First, "first", 0, "number of the first poll (used by bench itself)")
	f.BoolVar(&o.serveHall, "hall", false, "be one server's polls (used by bench itself)")
	f.BoolVar(&o.serveFloor, "serve-floor", false, "be the bare server (used by bench itself)")
}

func (o options) check() error {
	switch {
	case o.Workers < 1 || o.For <= 0 || o.Floor <= 0 || o.Warmup < 0:
		return fmt.Errorf("-workers, -for and -floor must be positive")
	case !slices.Contains([]string{"new", "returning", "both"}, o.Users):
		return fmt.Errorf("-users is new, returning or both, not %q", o.Users)
	case !slices.Contains([]string{"HS256", "RS256", "ES256", "EdDSA"}, o.Alg):
		return fmt.Errorf("-alg is HS256, RS256, ES256 or EdDSA, not %q", o.Alg)
	case !slices.Contains([]string{"jwt", "oauth2"}, o.Protocol):
		return fmt.Errorf("-protocol is jwt or oauth2, not %q", o.Protocol)
	case !slices.Contains([]string{"sqlite", "postgres"}, o.Store):
		return fmt.Errorf("-store is sqlite or postgres, not %q", o.Store)
	case o.Seed < 0 || o.Rate < 0:
		return fmt.Errorf("-seed and -rate must not be negative")
	case o.Polls > 0 && (o.Store != "sqlite" || o.Seed > 0):
		return fmt.Errorf("-store and -seed are for logins, not for -polls")
	case o.Polls < 0 || o.Servers < 1 || o.Files < 0 || o.Polls > 0 && o.Polls < o.Servers:
		return fmt.Errorf("-polls and -files must not be negative, and each of the -servers needs a poll")
	case o.Polls > 0 && o.For < time.Second:
		return fmt.Errorf("with -polls, -for is a second at least")
	case o.Polls > 0 && o.Servers > 1 && o.Profile:
		return fmt.Errorf("-profile is of one server: leave -servers at 1")
	case o.Pool < o.Workers:
		return fmt.Errorf("-pool must be at least -workers: nobody signs in twice at once")
	}
	return nil
}

// measureServer starts the server and its sink, runs every scenario against it, and stops both.
func measureServer(ctx context.Context, o options, r *report) (err error) {
	at, err := openStage(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.Close()) }()
	return at.play(ctx, o, r)
}

// A stage is a server that runs, and the sink that takes its mails.
type stage struct {
	sink   *sink
	server *server
	idle   memory // before anybody came
}

func openStage(ctx context.Context, o options) (at *stage, err error) {
	at = &stage{}
	if at.sink, err = newSink(); err != nil {
		return nil, err
	}
	at.sink.whole = o.Whole
	go at.sink.Serve()
	if at.server, err = startServer(ctx, o, at.sink.Addr()); err != nil {
		at.sink.Close()
		return nil, err
	}
	if at.idle, err = at.server.memory(); err != nil {
		return nil, errors.Join(err, at.Close())
	}
	return at, nil
}

// play runs every scenario.
func (at *stage) play(ctx context.Context, o options, r *report) error {
	r.ColdStart, r.Idle = at.server.ready, at.idle
	for _, users := range []string{"new", "returning"} {
		if o.Users != "both" && o.Users != users {
			continue
		}
		res, err := measureScenario(ctx, o, at.server, at.sink, users)
		if err != nil {
			return fmt.Errorf("%s users: %w%s", users, err, at.server.lastWords())
		}
		r.Runs = append(r.Runs, res)
	}
	return nil
}

// Close stops the server and then the sink, and removes the database.
func (at *stage) Close() error {
	defer at.sink.Close()
	return at.server.stop()
}
