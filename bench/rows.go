package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A row is one line of the table: what is promised, and whether it was held.
type row struct {
	What   string  `json:"what"`
	Target string  `json:"target"` // empty: measured, and promised by nobody
	Figure float64 `json:"figure"`
	Text   string  `json:"text"`            // Figure with its unit
	Floor  string  `json:"floor,omitempty"` // the ratio to what this machine does at best, measured in the same minute
	Held   *bool   `json:"held,omitempty"`  // nil: nothing is promised, or nothing was measured
}

// What is promised, on two cores that also run generator and sink.
const (
	wantLogins    = 4500
	wantOfBare    = 0.22
	wantOfHS256   = 0.90
	wantOfRS256   = 0.80
	wantOAuth2    = 3300
	wantP99       = 10 * time.Millisecond
	wantReturning = 0.90
	wantIdle      = 25 << 20
	wantPeak      = 80 << 20
	wantCold      = 60 * time.Millisecond
	wantBinary    = 30 << 20
	wantPostgres  = 1800
	wantPoll      = 10 << 10
	wantPollCores = 0.5 // with 100,000 of them
	wantWake      = 20 * time.Millisecond
	manyPolls     = 100_000
)

// judge makes the rows out of what was measured.
func (t *table) judge() []row {
	var rows []row
	add := func(names string, steps []string, make func() []row) {
		for _, s := range steps {
			if _, ok := t.Logins[s]; !ok {
				rows = append(rows, row{What: names, Text: "not measured: " + t.Failed[s]})
				return
			}
		}
		rows = append(rows, make()...)
	}
	add("logins/s, HS256", []string{stepHS256}, t.judgeHS256)
	for _, alg := range []struct{ step, name string }{{stepEdDSA, "EdDSA"}, {stepES256, "ES256"}} {
		add("the same, "+alg.name, []string{stepHS256, alg.step}, func() []row {
			return []row{t.share("the same, "+alg.name, alg.step, stepHS256, "of HS256", wantOfHS256)}
		})
	}
	add("the same, RS256", []string{stepRS256}, t.judgeRS256)
	add("OAuth 2.0 with exchange, logins/s", []string{stepOAuth2}, func() []row {
		return []row{t.rate("OAuth 2.0 with exchange, logins/s", stepOAuth2, wantOAuth2)}
	})
	add("p99 at half the top rate", []string{stepRate}, t.judgeRate)
	add("returning users", []string{stepFew, stepMany}, func() []row {
		what := fmt.Sprintf("returning users, %s against %s", thousands(t.Options.Many), thousands(t.Options.Few))
		return []row{t.share(what, stepMany, stepFew, "of the small store's", wantReturning)}
	})
	add("memory and cold start", []string{stepHS256}, t.judgeProcess)
	rows = append(rows, atMost("binary, stripped", float64(t.Binary), wantBinary, mib(t.Binary), "< 30 MiB"))
	add("PostgreSQL, logins/s", []string{stepPostgres}, func() []row {
		return []row{t.rate("PostgreSQL, logins/s", stepPostgres, wantPostgres)}
	})
	add("with TLS, logins/s", []string{stepHS256, stepTLS}, func() []row {
		r := t.share("with TLS", stepTLS, stepHS256, "of plain HTTP", 0)
		r.Target, r.Held = "", nil
		return []row{r}
	})
	add("mail without CHUNKING, logins/s", []string{stepHS256, stepWhole}, func() []row {
		r := t.share("mail by a server without CHUNKING", stepWhole, stepHS256, "of one with it", 0)
		r.Target, r.Held = "", nil
		return []row{r}
	})
	return append(rows, t.judgePolls()...)
}

func atLeast(what string, figure, want float64, text, target string) row {
	held := figure >= want
	return row{What: what, Target: target, Figure: figure, Text: text, Held: &held}
}

func atMost(what string, figure, want float64, text, target string) row {
	held := figure < want
	return row{What: what, Target: target, Figure: figure, Text: text, Held: &held}
}

// rate is a row in logins a second.
func (t *table) rate(what, step string, want float64) row {
	r := t.Logins[step]
	x := r.Runs[0]
	out := atLeast(what, x.PerSecond, want, fmt.Sprintf("%.0f/s", x.PerSecond), fmt.Sprintf("≥ %s/s", thousands(int(want))))
	out.Floor = fmt.Sprintf("%.3f of bare/2", r.ratio(x))
	return out
}

// share is a row that compares two steps. The figures are compared as they are; the ratios to the floor stand beside it.
func (t *table) share(what, step, with, of string, want float64) row {
	a, b := t.Logins[step], t.Logins[with]
	figure := a.Runs[0].PerSecond / max(1, b.Runs[0].PerSecond)
	out := atLeast(what, figure, want, fmt.Sprintf("%.2f (%.0f/s)", figure, a.Runs[0].PerSecond), fmt.Sprintf("≥ %.2f %s", want, of))
	out.Floor = fmt.Sprintf("%.3f of bare/2", a.ratio(a.Runs[0]))
	return out
}

func (t *table) judgeHS256() []row {
	r := t.Logins[stepHS256]
	ratio := r.ratio(r.Runs[0])
	of := atLeast("the same, of the bare server's requests/s ÷ 2", ratio, wantOfBare, fmt.Sprintf("%.3f", ratio), fmt.Sprintf("≥ %.2f", wantOfBare))
	of.Floor = fmt.Sprintf("bare: %.0f/s", r.Floor.Requests)
	return []row{t.rate("logins/s, new users, JWT, HS256", stepHS256, wantLogins), of}
}

// judgeRS256 holds RS256 to what its signatures leave: the cores, without what generator and sink took of them, by the
// time of one signature.
func (t *table) judgeRS256() []row {
	r := t.Logins[stepRS256]
	x := r.Runs[0]
	free := float64(r.Cores) - x.PerSecond*x.GeneratorCPU.Seconds()
	most := free / max(r.Floor.Signature, 1).Seconds()
	share := x.PerSecond / max(1, most)
	out := atLeast("the same, RS256", share, wantOfRS256, fmt.Sprintf("%.2f (%.0f/s)", share, x.PerSecond),
		fmt.Sprintf("≥ %.2f of cores ÷ signature", wantOfRS256))
	out.Floor = fmt.Sprintf("%.0f signatures/s in %.2f cores", most, free)
	return []row{out}
}

// judgeRate is about waiting, so it needs the rate to be held at all.
func (t *table) judgeRate() []row {
	r := t.Logins[stepRate]
	x := r.Runs[0]
	late := ""
	if x.PerSecond < 0.97*r.Options.Rate {
		late = fmt.Sprintf("; came %.0f/s, done %.0f/s", r.Options.Rate, x.PerSecond)
	}
	var rows []row
	for _, call := range []struct {
		name string
		s    spread
	}{{"start", x.Start}, {"confirm", x.Confirm}} {
		out := atMost(fmt.Sprintf("p99 of %s at %.0f logins/s", call.name, r.Options.Rate), call.s.P99.Seconds(), wantP99.Seconds(),
			milli(call.s.P99)+late, "< 10 ms")
		if late != "" {
			*out.Held = false
		}
		out.Floor = fmt.Sprintf("bare p99 %s, flush %s", milli(r.Floor.Latency.P99), micro(r.Floor.Flush))
		rows = append(rows, out)
	}
	return rows
}

func (t *table) judgeProcess() []row {
	r := t.Logins[stepHS256]
	idle, peak := r.Idle.Resident, r.Runs[0].Memory.Peak
	return []row{
		atMost("memory, idle", float64(idle), wantIdle, mib(idle), "< 25 MiB"),
		atMost("memory, at top rate", float64(peak), wantPeak, mib(peak), "< 80 MiB"),
		atMost("cold start to ready", r.ColdStart.Seconds(), wantCold.Seconds(), milli(r.ColdStart), "< 60 ms"),
	}
}

// judgePolls scales the CPU time to 100,000 polls, which take several servers; what one costs is what each of many costs.
func (t *table) judgePolls() []row {
	if t.Polls == nil {
		return []row{{What: "held polls", Text: "not measured: " + t.Failed[stepPolls]}}
	}
	p := t.Polls
	held := fmt.Sprintf("%s held polls", thousands(int(p.Rest.Go.Polls)))
	load := p.Rest.ServerCPU * manyPolls / float64(max(1, p.Rest.Go.Polls))
	rows := []row{
		atMost(held+": memory of each", float64(p.Rest.PerPoll), wantPoll+1, kib(p.Rest.PerPoll), "≤ 10 KiB"),
		atMost(held+": CPU at rest, × 100,000", load, wantPollCores, cores(load), "< 0.50 cores"),
		atMost(held+": p99 from approval to answer", p.Approve.Wake.P99.Seconds(), wantWake.Seconds(), milli(p.Approve.Wake.P99), "< 20 ms"),
	}
	rows[1].Floor = fmt.Sprintf("%.0f asked again/s", p.Rest.Asked)
	return rows
}

// print writes the table for a person.
func (t *table) print(out io.Writer) {
	fmt.Fprintf(out, "Latchkey, %s, %d cores shared with generator and sink, %s, %v each\n\n", t.Began.Format("2006-01-02"), t.Cores, t.Go, t.Options.For)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\ttarget\tthis run\tfloor, same run\t")
	var unsteady bool
	for _, r := range t.Rows {
		verdict := ""
		if r.Held != nil {
			verdict = map[bool]string{true: "held", false: "NOT HELD"}[*r.Held]
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.What, r.Target, r.Text, r.Floor, verdict)
	}
	w.Flush()
	for _, r := range t.Logins {
		unsteady = unsteady || r.Floor.unsteady()
	}
	if unsteady {
		fmt.Fprintln(out, "\nThe machine was busy with something else: do not compare these figures, run again.")
	}
	r, ok := t.Logins[stepProfile]
	if !ok {
		return
	}
	fmt.Fprintf(out, "\nwhat a login costs the server: %s of processor time; the ten largest parts\n", micro(r.Runs[0].ServerCPU))
	for _, p := range r.Runs[0].Parts[:min(10, len(r.Runs[0].Parts))] {
		fmt.Fprintf(out, "%6.1f%%  %8s  %s\n", p.Share, micro(time.Duration(p.Share/100*float64(r.Runs[0].ServerCPU))), p.Name)
	}
}

// thousands writes 10000 as 10,000.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
