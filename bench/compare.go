package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// A comparison is two revisions, measured by turns. Its JSON is for keeping.
type comparison struct {
	Base    string       `json:"base"` // the commit
	Pairs   int          `json:"pairs"`
	Options options      `json:"options"`
	Rows    []comparable `json:"rows"`

	programs [2]string // of the base and of this tree
}

// A comparable is one figure of both: what each run gave, in their order.
type comparable struct {
	Name   string     `json:"name"`
	Unit   string     `json:"unit"`
	Base   []float64  `json:"base"`
	Now    []float64  `json:"now"`
	Ratio  float64    `json:"ratio"` // now by base: the median of the pairs
	Spread [2]float64 `json:"interval"`
	Sure   float64    `json:"confidence"` // that Spread has the true ratio; under 0.95 with few pairs
	P      float64    `json:"p"`
}

// printComparison is `bench compare`. Both programs are built first and then run by turns, base and now, each on a fresh
// database: what the machine does otherwise over minutes meets both alike, and each pair is compared by itself.
func printComparison(ctx context.Context, args []string, out io.Writer) (err error) {
	var c comparison
	f := flag.NewFlagSet("bench compare", flag.ContinueOnError)
	f.StringVar(&c.Base, "base", "", "the revision to compare this tree with, as git names it")
	f.IntVar(&c.Pairs, "n", 10, "how often each is run; six at the least give an interval of 95 %")
	c.Options.flags(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	if c.Options.Users == "both" {
		c.Options.Users = "new"
	}
	switch {
	case c.Base == "":
		return errors.New("-base REVISION is missing")
	case c.Pairs < 2 || f.NArg() > 0 || c.Options.Polls > 0 || c.Options.Binary != "" || c.Options.Profile:
		return errors.New("-n is 2 at least; arguments, -polls, -binary and -profile are not for compare")
	}
	if err := c.Options.check(); err != nil {
		return err
	}
	if err := c.build(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(filepath.Dir(c.programs[0]))) }()
	if err := c.measure(ctx); err != nil {
		return err
	}
	c.print(out)
	if c.Options.JSON == "" {
		return nil
	}
	return saveJSON(c, c.Options.JSON)
}

// build makes the program of the base, in a working tree of its own that goes again, and that of this tree.
func (c *comparison) build(ctx context.Context) (err error) {
	name, err := exec.CommandContext(ctx, "git", "rev-parse", "--verify", "--end-of-options", c.Base+"^{commit}").Output()
	if err != nil {
		return fmt.Errorf("git knows no revision %q: %w", c.Base, err)
	}
	c.Base = strings.TrimSpace(string(name))
	dir, err := os.MkdirTemp("", "latchkey-compare-")
	if err != nil {
		return err
	}
	c.programs = [2]string{filepath.Join(dir, "base"), filepath.Join(dir, "now")}
	tree := filepath.Join(dir, "tree")
	if out, err := exec.CommandContext(ctx, "git", "worktree", "add", "--detach", tree, c.Base).CombinedOutput(); err != nil {
		return fmt.Errorf("git worktree add: %w\n%s", err, out)
	}
	defer func() { // also when ctx has ended
		if out, bad := exec.Command("git", "worktree", "remove", "--force", tree).CombinedOutput(); bad != nil {
			err = errors.Join(err, fmt.Errorf("git worktree remove: %w\n%s", bad, out))
		}
	}()
	for i, from := range []string{tree, "."} {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", c.programs[i], "./cmd/latchkey")
		cmd.Dir = from
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build ./cmd/latchkey in %s: %w\n%s", []string{c.Base, "this tree"}[i], err, out)
		}
	}
	return nil
}

func (c *comparison) measure(ctx context.Context) error {
	o := c.Options
	whole := time.Duration(2*c.Pairs) * (o.For + o.Warmup + 2*time.Second)
	fmt.Fprintf(os.Stderr, "%d runs of each, about %v; leave the machine alone\n", c.Pairs, whole.Round(time.Second))
	c.Rows = []comparable{
		{Name: "logins", Unit: "/s"}, {Name: "server CPU a login", Unit: " µs"}, {Name: "p99 of start", Unit: " ms"},
		{Name: "p99 of confirm", Unit: " ms"}, {Name: "memory at most", Unit: " MiB"},
	}
	if o.Store == "postgres" {
		c.Rows = append(c.Rows, comparable{Name: "PostgreSQL's CPU a login", Unit: " µs"})
	}
	for n := range c.Pairs {
		for k := range 2 {
			which := (n + k) % 2 // base first, then now first: whoever comes second gains or loses by it in half of the pairs
			o.Binary = c.programs[which]
			var r report
			if err := measureServer(ctx, o, &r); err != nil {
				return fmt.Errorf("%s: %w", []string{"base", "now"}[which], err)
			}
			x := r.Runs[0]
			for i, v := range []float64{
				x.PerSecond, x.ServerCPU.Seconds() * 1e6, x.Start.P99.Seconds() * 1e3, x.Confirm.P99.Seconds() * 1e3,
				float64(x.Memory.Peak) / (1 << 20), x.StoreCPU.Seconds() * 1e6,
			}[:len(c.Rows)] {
				row := &c.Rows[i]
				if which == 0 {
					row.Base = append(row.Base, v)
				} else {
					row.Now = append(row.Now, v)
				}
			}
		}
		fmt.Fprintf(os.Stderr, "pair %d: base %.0f/s, now %.0f/s\n", n+1, c.Rows[0].Base[n], c.Rows[0].Now[n])
	}
	for i := range c.Rows {
		c.Rows[i].conclude()
	}
	return nil
}

// conclude says what the runs come to.
func (x *comparable) conclude() {
	ratios := make([]float64, len(x.Base))
	for i := range ratios {
		ratios[i] = x.Now[i] / x.Base[i]
	}
	x.Ratio, x.Spread, x.Sure = medianOf(ratios)
	x.P = mannWhitney(x.Base, x.Now)
}

func (c *comparison) print(out io.Writer) {
	fmt.Fprintf(out, "this tree against %.12s, %d pairs of %v, %s users, %s, %s, %s\n\n", c.Base, c.Pairs, c.Options.For,
		c.Options.Users, c.Options.Protocol, c.Options.Alg, c.Options.Store)
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tbase\tnow\tnow ÷ base\tinterval\tp\t\t")
	for _, x := range c.Rows {
		base, _, _ := medianOf(x.Base)
		now, _, _ := medianOf(x.Now)
		verdict := "no difference is shown"
		switch {
		case x.Sure < 0.95:
			verdict = "too few pairs to say"
		case x.Spread[0] > 1 || x.Spread[1] < 1:
			verdict = fmt.Sprintf("%+.1f %%", 100*(x.Ratio-1))
		}
		fmt.Fprintf(w, "%s\t%.1f%s\t%.1f%s\t%.3f\t%.3f – %.3f\t%.3f\t%s\t\n", x.Name, base, x.Unit, now, x.Unit, x.Ratio, x.Spread[0],
			x.Spread[1], x.P, verdict)
	}
	w.Flush()
	fmt.Fprintf(out, "\nmedians; the interval has the true ratio with %.1f %%; p is the chance of runs this far apart if nothing had changed\n",
		100*c.Rows[0].Sure)
}
