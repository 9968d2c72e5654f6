package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A report is everything that one run found. Its JSON is for keeping and comparing.
type report struct {
	Options   options       `json:"options"`
	Go        string        `json:"go"`
	Cores     int           `json:"cores"`
	Floor     floor         `json:"floor"`
	ColdStart time.Duration `json:"cold_start_ns"` // from starting the process until it was ready
	Idle      memory        `json:"idle"`
	Runs      []result      `json:"runs"`
}

// ratio is logins per second against half of the bare server's requests per second: a login is two requests, so 1
// would be a login server that costs nothing.
func (r report) ratio(x result) float64 {
	if r.Floor.Requests == 0 {
		return 0
	}
	return x.PerSecond / (r.Floor.Requests / 2)
}

// print writes the tables for a person.
func (r report) print(out io.Writer) {
	o := r.Options
	fmt.Fprintf(out, "Latchkey: complete email logins, %s, %s, %d workers, %v, %d cores shared with generator and sink, %s\n\n",
		o.Protocol, o.Alg, o.Workers, o.For, r.Cores, r.Go)
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	row := func(cells ...any) {
		for _, c := range cells {
			fmt.Fprintf(t, "%v\t", c)
		}
		fmt.Fprintln(t)
	}
	row("users", "logins", "logins/s", "of bare/2", "server CPU/login", "PostgreSQL's", "bench CPU/login", "memory now", "peak")
	for _, x := range r.Runs {
		row(x.Users, x.Logins, fmt.Sprintf("%.0f", x.PerSecond), fmt.Sprintf("%.3f", r.ratio(x)), micro(x.ServerCPU),
			micro(x.StoreCPU), micro(x.GeneratorCPU), mib(x.Memory.Resident), mib(x.Memory.Peak))
	}
	row()
	row("users", "call", "p50", "p95", "p99", "max")
	for _, x := range r.Runs {
		row(x.Users, "start", milli(x.Start.P50), milli(x.Start.P95), milli(x.Start.P99), milli(x.Start.Max))
		row(x.Users, "mail there", milli(x.Mail.P50), milli(x.Mail.P95), milli(x.Mail.P99), milli(x.Mail.Max))
		row(x.Users, "confirm", milli(x.Confirm.P50), milli(x.Confirm.P95), milli(x.Confirm.P99), milli(x.Confirm.Max))
		if x.Token.N > 0 {
			row(x.Users, "token", milli(x.Token.P50), milli(x.Token.P95), milli(x.Token.P99), milli(x.Token.Max))
		}
	}
	t.Flush()
	f := r.Floor
	fmt.Fprintf(out, "\nserver: ready %s after its start, %s idle\n", milli(r.ColdStart), mib(r.Idle.Resident))
	fmt.Fprintf(out, "machine: bare net/http JSON server %.0f requests/s before and %.0f after (p99 %s), one flushed write %s, ",
		f.Before, f.After, milli(f.Latency.P99), micro(f.Flush))
	fmt.Fprintf(out, "one %s signature %s alone and %s while every core signs\n", o.Alg, micro(f.Signature), micro(f.Crowded))
	if f.unsteady() {
		fmt.Fprintln(out, "The machine was busy with something else: do not compare these figures, run again.")
	}
	for _, x := range r.Runs {
		printCosts(out, x.Users+" users", x.Costs)
	}
}

func printCosts(out io.Writer, when string, costs []cost) {
	if len(costs) == 0 {
		return
	}
	fmt.Fprintf(out, "\nwhere the server's CPU time goes, %s: in the function itself, and with what it calls\n", when)
	for _, c := range costs {
		fmt.Fprintf(out, "%6.1f%% %6.1f%%  %s\n", c.Self, c.Cumulative, c.Function)
	}
}

func milli(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1e3) }
func micro(d time.Duration) string { return fmt.Sprintf("%.1f µs", d.Seconds()*1e6) }
func mib(n int64) string           { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
