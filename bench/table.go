package main

import (
	"cmp"
	"context"
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
	For    time.Duration `json:"for_ns"` // of each measurement of a round
	Rounds int           `json:"rounds"`
	Few    int           `json:"few"` // users in the store that returning ones are compared with
	Many   int           `json:"many"`
	Polls  int           `json:"polls"`
	Dir    string        `json:"-"`
	JSON   string        `json:"-"`
}

// A table is everything that is promised, measured in one go. Its JSON is for keeping.
type table struct {
	Options tableOptions        `json:"options"`
	Began   time.Time           `json:"began"`
	Go      string              `json:"go"`
	Cores   int                 `json:"cores"`
	Binary  int64               `json:"binary_bytes"` // stripped
	Logins  map[string][]report `json:"logins"`       // by name of the lane: one report for each of its rounds
	Polls   *pollReport         `json:"polls,omitempty"`
	Failed  map[string]string   `json:"failed,omitempty"` // lanes that gave nothing, and why
	Rows    []row               `json:"rows"`

	program string // the binary that everything is measured on: the one that ships
}

// A step is a part of the table that is measured in one go: one lane alone, or several by turns.
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
		Logins: map[string][]report{}, Failed: map[string]string{},
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
	short := f.Bool("short", false, "two rounds of a second, few users, few polls: under three minutes, to see that it works")
	f.DurationVar(&o.For, "for", 0, "how long each measurement of a round takes (5s; with -short 1s)")
	f.IntVar(&o.Rounds, "rounds", 0, "how often each is measured (7; with -short 2); what is measured once takes as long as all of them")
	f.IntVar(&o.Few, "few", 0, "how many users the small store has that returning ones sign in to (10,000)")
	f.IntVar(&o.Many, "many", 0, "and the large one (10,000,000; with -short 100,000)")
	f.IntVar(&o.Polls, "polls", 0, "how many devices wait (10,000; with -short 1,000); their CPU is scaled to 100,000")
	f.StringVar(&o.Dir, "dir", ".cache/bench", "folder on the disk that is to hold the databases; 10 million users take 3 GB")
	f.StringVar(&o.JSON, "json", "", "also write every figure to this file")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	full := tableOptions{For: 5 * time.Second, Rounds: 7, Few: 10_000, Many: 10_000_000, Polls: 10_000}
	if *short {
		full = tableOptions{For: time.Second, Rounds: 2, Few: 10_000, Many: 100_000, Polls: 1_000}
	}
	o.For, o.Rounds, o.Few = cmp.Or(o.For, full.For), cmp.Or(o.Rounds, full.Rounds), cmp.Or(o.Few, full.Few)
	o.Many, o.Polls = cmp.Or(o.Many, full.Many), cmp.Or(o.Polls, full.Polls)
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("takes no arguments, only flags: %q", f.Args())
	case o.For < time.Second || o.Rounds < 1:
		return o, fmt.Errorf("-for is a second at least, and -rounds 1")
	case o.Few < 1000 || o.Many < o.Few:
		return o, fmt.Errorf("-few is 1,000 at least, and -many no less than -few")
	case o.Polls < 100 || o.Polls > 18_000:
		return o, fmt.Errorf("-polls is 100 to 18,000: they are one server's")
	}
	return o, nil
}

// measure takes the steps. What fails is a row that says why; the others go on. Only being stopped stops it.
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
	say("%d parts, about %s after building; leave the machine alone", len(steps), whole.Round(10*time.Second))
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
			t.fail(s.name, err)
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

// The names of the lanes.
const (
	stepHS256    = "new users, HS256"
	stepEdDSA    = "new users, EdDSA"
	stepES256    = "new users, ES256"
	stepRS256    = "new users, RS256"
	stepOAuth2   = "new users, OAuth 2.0"
	stepTLS      = "new users, TLS"
	stepWhole    = "new users, mail without CHUNKING"
	stepPostgres = "new users, PostgreSQL"
	stepRate     = "new users at half the top rate"
	stepProfile  = "new users, with a profile"
	stepFew      = "returning users, a small store"
	stepMany     = "returning users, a large store"
	stepPolls    = "held polls"
)

// steps are the parts in their order. What is promised as a share of HS256 stands beside it.
func (t *table) steps() []step {
	alg := func(alg string) func(*options) { return func(o *options) { o.Alg = alg } }
	returning := func(n int) func(*options) { return func(o *options) { o.Users, o.Seed = "returning", n } }
	return []step{
		t.fresh([]lane{
			{stepEdDSA, alg("EdDSA")},
			{stepHS256, func(*options) {}},
			{stepES256, alg("ES256")},
			{stepTLS, func(o *options) { o.TLS = true }},
			{stepWhole, func(o *options) { o.Whole = true }},
			{stepRS256, alg("RS256")},
			{stepOAuth2, func(o *options) { o.Protocol = "oauth2" }},
			{stepPostgres, func(o *options) { o.Store = "postgres" }},
		}),
		t.once(lane{stepRate, func(o *options) { o.Rate = t.top() / 2 }}),
		t.once(lane{stepProfile, func(o *options) { o.Profile = true }}),
		t.kept([]lane{{stepFew, returning(t.Options.Few)}, {stepMany, returning(t.Options.Many)}}),
		{stepPolls, 50*time.Second + 2*t.pollTime() + time.Duration(t.Options.Polls)*time.Millisecond, holdPolls},
	}
}

// top is the rate of HS256; zero if it failed.
func (t *table) top() float64 { return over(t.Logins[stepHS256], perSecond).Median }

// pollTime is how long the parts with held polls take.
func (t *table) pollTime() time.Duration {
	return max(time.Duration(t.Options.Rounds)*t.Options.For/2, 2*time.Second)
}

func holdPolls(ctx context.Context, t *table) error {
	o := options{
		Workers: 32, For: t.pollTime(), Alg: "HS256", Dir: t.Options.Dir, Binary: t.program,
		Polls: t.Options.Polls, Servers: 1, Store: "sqlite", Users: "new",
	}
	r, err := holdAll(ctx, o)
	if err == nil {
		t.Polls = &r
	}
	return err
}
