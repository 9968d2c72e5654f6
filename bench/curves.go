package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// curves are how the figures move with what grows. Their JSON stands beside the pictures.
type curves struct {
	Began   time.Time     `json:"began"`
	Go      string        `json:"go"`
	Cores   int           `json:"cores"`
	For     time.Duration `json:"for_ns"`
	Workers []int         `json:"workers"`
	Users   []int         `json:"users"`
	Polls   []int         `json:"polls"`
	// The lines, by name of the picture.
	Lines map[string][]series `json:"lines"`

	program string
	dir     string
}

// printCurves is `bench curves`.
func printCurves(ctx context.Context, args []string, out io.Writer) (err error) {
	c := curves{Began: time.Now().UTC(), Go: runtime.Version(), Cores: runtime.NumCPU(), Lines: map[string][]series{}}
	f := flag.NewFlagSet("bench curves", flag.ContinueOnError)
	to := f.String("to", "docs/img", "folder for the pictures")
	workers := f.String("workers", "1,2,4,8,16,32,64,128,256,512", "how many sign in at the same time; empty: no such curve")
	users := f.String("users", "1000,10000,100000,1000000,10000000", "how many users the store has")
	polls := f.String("polls", "1000,2000,5000,10000,18000", "how many devices wait on one server")
	f.DurationVar(&c.For, "for", 10*time.Second, "how long each point takes")
	f.StringVar(&c.dir, "dir", ".cache/bench", "folder on the disk that is to hold the databases")
	if err := f.Parse(args); err != nil {
		return err
	}
	var bad [3]error
	c.Workers, bad[0] = numbers(*workers)
	c.Users, bad[1] = numbers(*users)
	c.Polls, bad[2] = numbers(*polls)
	if err := errors.Join(bad[:]...); err != nil || f.NArg() > 0 || c.For < time.Second {
		return cmp.Or(err, errors.New("takes flags only, and -for is a second at least"))
	}
	if err := errors.Join(os.MkdirAll(*to, 0o755), os.MkdirAll(c.dir, 0o700)); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(c.dir, "program-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if c.program, err = filepath.Abs(filepath.Join(folder, "latchkey")); err != nil {
		return err
	}
	if _, err := buildStripped(ctx, c.program); err != nil {
		return err
	}
	if err := c.measure(ctx); err != nil {
		return err
	}
	return c.save(*to, out)
}

// numbers reads a list such as 1,2,4, growing.
func numbers(list string) (out []int, err error) {
	for word := range strings.SplitSeq(list, ",") {
		if word == "" {
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || len(out) > 0 && n <= out[len(out)-1] {
			return nil, fmt.Errorf("%q is not a list of growing numbers", list)
		}
		out = append(out, n)
	}
	return out, nil
}

func (c *curves) measure(ctx context.Context) error {
	base := options{
		Workers: 32, For: c.For, Warmup: c.For / 5, Floor: 2 * time.Second, Users: "new", Pool: 2000, Alg: "HS256", Limit: "1000000/1s",
		Limiter: "memory", Protocol: "jwt", Store: "sqlite", Dir: c.dir, Binary: c.program, Servers: 1,
	}
	for _, n := range c.Workers {
		fmt.Fprintf(os.Stderr, "%d workers\n", n)
		o := base
		o.Workers = n
		if err := c.logins(ctx, o, "workers", n); err != nil {
			return err
		}
	}
	for _, n := range c.Users {
		fmt.Fprintf(os.Stderr, "%s users\n", thousands(n))
		o := base
		o.Users, o.Seed = "returning", n
		if err := c.logins(ctx, o, "users", n); err != nil {
			return err
		}
	}
	for _, n := range c.Polls {
		fmt.Fprintf(os.Stderr, "%s held polls\n", thousands(n))
		o := base
		o.Polls = n
		r, err := holdAll(ctx, o)
		if err != nil {
			return fmt.Errorf("%d polls: %w", n, err)
		}
		c.add("polls-memory", "memory", n, float64(r.Rest.Memory)/(1<<20))
	}
	return nil
}

// logins measures one point of the two pictures named by.
func (c *curves) logins(ctx context.Context, o options, by string, n int) error {
	var r report
	if err := measureServer(ctx, o, &r); err != nil {
		return fmt.Errorf("%d %s: %w", n, by, err)
	}
	x := r.Runs[0]
	c.add(by+"-throughput", "logins", n, x.PerSecond)
	c.add(by+"-p99", "start", n, x.Start.P99.Seconds()*1e3)
	c.add(by+"-p99", "confirm", n, x.Confirm.P99.Seconds()*1e3)
	return nil
}

func (c *curves) add(picture, line string, x int, y float64) {
	lines := c.Lines[picture]
	i := slices.IndexFunc(lines, func(s series) bool { return s.Name == line })
	if i < 0 {
		i, lines = len(lines), append(lines, series{Name: line})
	}
	lines[i].Points = append(lines[i].Points, point{float64(x), y})
	c.Lines[picture] = lines
}

// charts are the pictures, without their lines.
func charts() map[string]chart {
	const workers, users, p99 = "people who sign in at the same time", "users in the store", "ms, 99th percentile"
	return map[string]chart{
		"workers-throughput": {Title: "Logins a second by workers", X: workers, Y: "complete logins/s, new users"},
		"workers-p99":        {Title: "Latency by workers", X: workers, Y: p99, LogY: true},
		"users-throughput":   {Title: "Logins a second by users stored", X: users, Y: "complete logins/s, returning users, 32 workers"},
		"users-p99":          {Title: "Latency by users stored", X: users, Y: p99},
		"polls-memory":       {Title: "Memory by held polls", X: "devices that wait on one server", Y: "MiB resident"},
	}
}

// save writes the pictures and the figures that they show.
func (c *curves) save(to string, out io.Writer) error {
	for name, ch := range charts() {
		ch.Series = c.Lines[name]
		if len(ch.Series) == 0 {
			continue
		}
		ch.Y += fmt.Sprintf("; %d cores with the generator, %s", c.Cores, c.Began.Format("2006-01-02"))
		path := filepath.Join(to, name+".svg")
		if err := os.WriteFile(path, []byte(ch.svg()), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(out, path)
	}
	return saveJSON(c, filepath.Join(to, "curves.json"))
}
