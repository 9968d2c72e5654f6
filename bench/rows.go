package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// A row is one line of the table: what is promised, and whether it was held.
type row struct {
	What   string  `json:"what"`
	Target string  `json:"target"` // empty: measured, and promised by nobody
	Figure float64 `json:"figure"`
	Low    float64 `json:"low,omitempty"` // of the rounds, if there are several: Figure is their median
	High   float64 `json:"high,omitempty"`
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
	add("logins, HS256", []string{stepHS256}, t.judgeHS256)
	for _, alg := range []struct{ step, name string }{{stepEdDSA, "EdDSA"}, {stepES256, "ES256"}} {
		add("the same, "+alg.name, []string{stepHS256, alg.step}, func() []row {
			return []row{t.judgeSigned(alg.name, alg.step)}
		})
	}
	add("the same, RS256", []string{stepRS256}, t.judgeRS256)
	add("logins, OAuth 2.0 with exchange", []string{stepOAuth2}, func() []row {
		return []row{t.rate("logins, OAuth 2.0 with exchange", stepOAuth2, wantOAuth2)}
	})
	add("p99 at half the top rate", []string{stepRate}, t.judgeRate)
	add("returning users", []string{stepFew, stepMany}, func() []row {
		what := fmt.Sprintf("returning users, %s against %s", thousands(t.Options.Many), thousands(t.Options.Few))
		return []row{t.share(what, stepMany, stepFew, "of the small store's", wantReturning)}
	})
	add("memory and cold start", []string{stepHS256}, t.judgeProcess)
	rows = append(rows, atMost("binary, stripped", float64(t.Binary), wantBinary, mib(t.Binary), "< 30 MiB"))
	add("logins, PostgreSQL", []string{stepPostgres}, func() []row {
		return []row{t.rate("logins, PostgreSQL", stepPostgres, wantPostgres)}
	})
	add("with TLS", []string{stepHS256, stepTLS}, func() []row {
		r := t.share("with TLS", stepTLS, stepHS256, "of plain HTTP", 0)
		r.Target, r.Held = "", nil
		return []row{r}
	})
	add("mail by a server without CHUNKING", []string{stepHS256, stepWhole}, func() []row {
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
	x := over(t.Logins[step], perSecond)
	out := atLeast(what, x.Median, want, x.with("%.0f")+" a second", fmt.Sprintf("≥ %s a second", thousands(int(want)))).ranging(x)
	out.Floor = over(t.Logins[step], ofBare).with("%.3f") + " of bare/2"
	return out
}

// share is a row that compares two lanes, round by round.
func (t *table) share(what, step, with, of string, want float64) row {
	x := against(t.Logins[step], t.Logins[with])
	text := fmt.Sprintf("%s: %.0f a second", x.with("%.2f"), over(t.Logins[step], perSecond).Median)
	out := atLeast(what, x.Median, want, text, fmt.Sprintf("≥ %.2f %s", want, of)).ranging(x)
	out.Floor = over(t.Logins[step], ofBare).with("%.3f") + " of bare/2"
	return out
}

func (r row) ranging(x middle) row {
	r.Low, r.High = x.Low, x.High
	return r
}

func (t *table) judgeHS256() []row {
	rounds := t.Logins[stepHS256]
	x := over(rounds, ofBare)
	const what = "the same, of the bare server's requests ÷ 2"
	of := atLeast(what, x.Median, wantOfBare, x.with("%.3f"), fmt.Sprintf("≥ %.2f", wantOfBare)).ranging(x)
	of.Floor = "bare: " + over(rounds, func(r report) float64 { return r.Floor.Requests }).with("%.0f") + " a second"
	return []row{t.rate("logins, new users, JWT, HS256", stepHS256, wantLogins), of}
}

// judgeSigned compares an algorithm with HS256, and says beside it what arithmetic leaves: a login that takes one signature longer
// than one with HS256. Nothing that is promised is lowered to that.
func (t *table) judgeSigned(name, step string) row {
	out := t.share("the same, "+name, step, stepHS256, "of HS256", wantOfHS256)
	hs := t.Logins[stepHS256]
	signature := over(t.Logins[step], func(r report) float64 { return r.Floor.Crowded.Seconds() })
	most := over(hs, func(r report) float64 {
		login := float64(r.Cores) / max(1, perSecond(r)) // of one core, generator and sink included
		return login / (login + signature.Median)
	})
	out.Floor = fmt.Sprintf("%.2f is what a signature of %.0f µs leaves", most.Median, signature.Median*1e6)
	return out
}

// judgeRS256 holds RS256 to what its signatures leave: the cores, without what generator and sink took of them, by the
// time of one signature while all cores sign. The time of one that is alone, which no run can have, stands beside it.
func (t *table) judgeRS256() []row {
	rounds := t.Logins[stepRS256]
	free := func(r report) float64 { return float64(r.Cores) - perSecond(r)*r.Runs[0].GeneratorCPU.Seconds() }
	most := func(r report) float64 { return free(r) / max(r.Floor.Crowded, 1).Seconds() }
	alone := func(r report) float64 { return free(r) / max(r.Floor.Signature, 1).Seconds() }
	x := over(rounds, func(r report) float64 { return perSecond(r) / max(1, most(r)) })
	text := fmt.Sprintf("%s: %.0f a second", x.with("%.2f"), over(rounds, perSecond).Median)
	out := atLeast("the same, RS256", x.Median, wantOfRS256, text, fmt.Sprintf("≥ %.2f of cores ÷ signature", wantOfRS256)).ranging(x)
	out.Floor = fmt.Sprintf("%.0f signatures in %.2f cores; %.2f of the %.0f of cores that sign alone", over(rounds, most).Median,
		over(rounds, free).Median, over(rounds, func(r report) float64 { return perSecond(r) / max(1, alone(r)) }).Median,
		over(rounds, alone).Median)
	return []row{out}
}

// judgeRate is about waiting, so it needs the rate to be held at all.
func (t *table) judgeRate() []row {
	r := t.Logins[stepRate][0]
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

// judgeProcess takes of the memory at top rate the most of any run: the one with a profile is the longest.
func (t *table) judgeProcess() []row {
	rounds := t.Logins[stepHS256]
	bytes := func(m func(report) int64) func(report) float64 {
		return func(r report) float64 { return float64(m(r)) }
	}
	idle := over(rounds, bytes(func(r report) int64 { return r.Idle.Resident }))
	peak := over(append(slices.Clone(t.Logins[stepProfile]), rounds...), bytes(func(r report) int64 { return r.Runs[0].Memory.Peak }))
	cold := over(rounds, func(r report) float64 { return r.ColdStart.Seconds() })
	return []row{
		atMost("memory, idle", idle.Median, wantIdle, mib(int64(idle.Median)), "< 25 MiB").ranging(idle),
		atMost("memory, at top rate", peak.High, wantPeak, mib(int64(peak.High)), "< 80 MiB").ranging(peak),
		atMost("cold start to ready", cold.Median, wantCold.Seconds(), milli(seconds(cold.Median)), "< 60 ms").ranging(cold),
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

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
	fmt.Fprintf(out, "Latchkey, %s, %d cores shared with generator and sink, %s, %d rounds of %v each: medians, and their range\n\n",
		t.Began.Format("2006-01-02"), t.Cores, t.Go, t.Options.Rounds, t.Options.For)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\ttarget\tthis run\tfloor, same run\t")
	for _, r := range t.Rows {
		verdict := ""
		if r.Held != nil {
			verdict = map[bool]string{true: "held", false: "NOT HELD"}[*r.Held]
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.What, r.Target, r.Text, r.Floor, verdict)
	}
	w.Flush()
	t.printUnsteady(out)
	rounds := t.Logins[stepProfile]
	if len(rounds) == 0 {
		return
	}
	x := rounds[0].Runs[0]
	fmt.Fprintf(out, "\nwhat a login costs the server: %s of processor time; the ten largest parts\n", micro(x.ServerCPU))
	for _, p := range x.Parts[:min(10, len(x.Parts))] {
		fmt.Fprintf(out, "%6.1f%%  %8s  %s\n", p.Share, micro(time.Duration(p.Share/100*float64(x.ServerCPU))), p.Name)
	}
}

// printUnsteady says how often the bare server was not the same before and after. Medians stand a few such rounds, and not many.
func (t *table) printUnsteady(out io.Writer) {
	bad, all := 0, 0
	for _, rounds := range t.Logins {
		for _, r := range rounds {
			all++
			if r.Floor.unsteady() {
				bad++
			}
		}
	}
	if bad == 0 {
		return
	}
	fmt.Fprintf(out, "\nIn %d of %d measurements the bare server was not the same before and after.", bad, all)
	if 4*bad > all {
		fmt.Fprint(out, " The machine was busy with something else: do not compare these figures, run again.")
	}
	fmt.Fprintln(out)
}

// thousands writes 10000 as 10,000.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
