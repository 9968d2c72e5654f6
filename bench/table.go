package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// tableOptions are the command line of `bench table`.
type tableOptions struct {
	For   time.Duration `json:"for_ns"` // of each measurement
	Few   int           `json:"few"`    // users in the store that returning ones are compared with
	Many  int           `json:"many"`
	Polls int           `json:"polls"`
	Dir   string        `json:"-"`
	JSON  string        `json:"-"`
}

// A table is everything that is promised, measured in one go. Its JSON is for keeping.
type table struct {
	Options tableOptions      `json:"options"`
	Began   time.Time         `json:"began"`
	Go      string            `json:"go"`
	Cores   int               `json:"cores"`
	Binary  int64             `json:"binary_bytes"` // stripped
	Logins  map[string]report `json:"logins"`       // by name of the step
	Polls   *pollReport       `json:"polls,omitempty"`
	Failed  map[string]string `json:"failed,omitempty"` // steps that gave nothing, and why
	Rows    []row             `json:"rows"`

	program string // the binary that everything is measured on: the one that ships
}

// A step is one measurement of the table.
type step struct {
	name  string
	takes time.Duration // about
	run   func(context.Context, *table) error
}

// printTable is `bench table`.
func printTable(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseTable(args)
	if err != nil {
		return err
	}
	t := &table{
		Options: o, Began: time.Now().UTC(), Go: runtime.Version(), Cores: runtime.NumCPU(),
		Logins: map[string]report{}, Failed: map[string]string{},
	}
	if err := t.measure(ctx, t.steps()); err != nil {
		return err
	}
	t.Rows = t.judge()
	t.print(out)
	if o.JSON != "" {
		if err := saveJSON(t, o.JSON); err != nil {
			return err
		}
	}
	if n := len(t.Failed); n > 0 {
		return fmt.Errorf("%d measurements gave nothing", n)
	}
	return nil
}

func parseTable(args []string) (o tableOptions, err error) {
	f := flag.NewFlagSet("bench table", flag.ContinueOnError)
	short := f.Bool("short", false, "two seconds for each measurement, few users, few polls: under three minutes, to see that it works")
	f.DurationVar(&o.For, "for", 0, "how long each measurement takes (20s; with -short 2s)")
	f.IntVar(&o.Few, "few", 0, "how many users the small store has that returning ones sign in to (10,000)")
	f.IntVar(&o.Many, "many", 0, "and the large one (10,000,000; with -short 100,000)")
	f.IntVar(&o.Polls, "polls", 0, "how many devices wait (10,000; with -short 1,000); their CPU is scaled to 100,000")
	f.StringVar(&o.Dir, "dir", ".cache/bench", "folder on the disk that is to hold the databases; 10 million users take 3 GB")
	f.StringVar(&o.JSON, "json", "", "also write every figure to this file")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	full := tableOptions{For: 20 * time.Second, Few: 10_000, Many: 10_000_000, Polls: 10_000}
	if *short {
		full = tableOptions{For: 2 * time.Second, Few: 10_000, Many: 100_000, Polls: 1_000}
	}
	o.For, o.Few = cmp.Or(o.For, full.For), cmp.Or(o.Few, full.Few)
	o.Many, o.Polls = cmp.Or(o.Many, full.Many), cmp.Or(o.Polls, full.Polls)
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("takes no arguments, only flags: %q", f.Args())
	case o.For < time.Second:
		return o, fmt.Errorf("-for is a second at least")
	case o.Few < 1000 || o.Many < o.Few:
		return o, fmt.Errorf("-few is 1,000 at least, and -many no less than -few")
	case o.Polls < 100 || o.Polls > 18_000:
		return o, fmt.Errorf("-polls is 100 to 18,000: they are one server's")
	}
	return o, nil
}

// measure takes the steps. One that fails is a row that says why; the others go on. Only being stopped stops it.
func (t *table) measure(ctx context.Context, steps []step) error {
	if err := os.MkdirAll(t.Options.Dir, 0o700); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(t.Options.Dir, "program-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var whole time.Duration
	for _, s := range steps {
		whole += s.takes
	}
	began := time.Now()
	say := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%6s  %s\n", time.Since(began).Round(time.Second), fmt.Sprintf(format, args...))
	}
	say("%d measurements, about %s after building; leave the machine alone", len(steps), whole.Round(10*time.Second))
	if t.program, err = filepath.Abs(filepath.Join(dir, "latchkey")); err != nil {
		return err
	}
	if t.Binary, err = buildStripped(ctx, t.program); err != nil {
		return err
	}
	for i, s := range steps {
		say("%d/%d %s, about %s", i+1, len(steps), s.name, s.takes.Round(time.Second))
		if err := s.run(ctx, t); err != nil {
			if ctx.Err() != nil {
				return err
			}
			t.Failed[s.name] = err.Error()
			say("      failed: %v", err)
		}
	}
	say("done")
	return nil
}

// buildStripped makes the program as `make build` does and gives its size.
func buildStripped(ctx context.Context, binary string) (int64, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/latchkey")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build ./cmd/latchkey (run bench in the module's root): %w\n%s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// The names of the steps.
const (
	stepHS256    = "new users, HS256"
	stepEdDSA    = "new users, EdDSA"
	stepES256    = "new users, ES256"
	stepRS256    = "new users, RS256"
	stepOAuth2   = "new users, OAuth 2.0, HS256"
	stepRate     = "new users at half the top rate"
	stepTLS      = "new users, TLS"
	stepWhole    = "new users, mail without CHUNKING"
	stepFew      = "returning users, a small store"
	stepMany     = "returning users, a large store"
	stepPostgres = "new users, PostgreSQL"
	stepProfile  = "new users, with a profile"
	stepPolls    = "held polls"
)

// steps are the measurements in their order.
func (t *table) steps() []step {
	alg := func(alg string) func(*options) { return func(o *options) { o.Alg = alg } }
	return []step{
		t.logins(stepHS256, func(*options) {}),
		t.logins(stepEdDSA, alg("EdDSA")),
		t.logins(stepES256, alg("ES256")),
		t.logins(stepRS256, alg("RS256")),
		t.logins(stepOAuth2, func(o *options) { o.Protocol = "oauth2" }),
		t.logins(stepRate, func(o *options) { o.Rate = t.top() / 2 }),
		t.logins(stepTLS, func(o *options) { o.TLS = true }),
		t.logins(stepWhole, func(o *options) { o.Whole = true }),
		t.logins(stepProfile, func(o *options) { o.Profile = true }),
		t.logins(stepPostgres, func(o *options) { o.Store = "postgres" }),
		t.logins(stepFew, func(o *options) { o.Users, o.Seed = "returning", t.Options.Few }),
		t.logins(stepMany, func(o *options) { o.Users, o.Seed = "returning", t.Options.Many }),
		{stepPolls, 50*time.Second + 2*t.Options.For + time.Duration(t.Options.Polls)*time.Millisecond, holdPolls},
	}
}

// logins is the step that measures o, which change makes out of the usual options.
func (t *table) logins(name string, change func(*options)) step {
	o := options{
		Workers: 32, For: t.Options.For, Warmup: t.Options.For / 10, Floor: max(time.Second, t.Options.For/5), Users: "new", Pool: 2000,
		Alg: "HS256", Limit: "1000000/1s", Limiter: "memory", Protocol: "jwt", Store: "sqlite", Dir: t.Options.Dir, Servers: 1,
	}
	planned := o
	change(&planned)
	const seedingRate = 20_000 // users a second, about
	takes := o.For + o.Warmup + o.Floor + 3*time.Second + time.Duration(planned.Seed)*time.Second/seedingRate
	return step{name, takes, func(ctx context.Context, t *table) (err error) {
		change(&o) // again: it may ask for what an earlier step found
		o.Binary = t.program
		if o.Rate == 0 && name == stepRate {
			return errors.New("the top rate is not known")
		}
		if err := o.check(); err != nil {
			return err
		}
		r, err := measure(ctx, o)
		if err == nil {
			t.Logins[name] = r
		}
		return err
	}}
}

// top is the rate of the first step; zero if it failed.
func (t *table) top() float64 {
	r, ok := t.Logins[stepHS256]
	if !ok {
		return 0
	}
	return r.Runs[0].PerSecond
}

func holdPolls(ctx context.Context, t *table) error {
	o := options{
		Workers: 32, For: max(t.Options.For/2, 2*time.Second), Alg: "HS256", Dir: t.Options.Dir, Binary: t.program,
		Polls: t.Options.Polls, Servers: 1, Store: "sqlite", Users: "new",
	}
	r, err := holdAll(ctx, o)
	if err == nil {
		t.Polls = &r
	}
	return err
}
