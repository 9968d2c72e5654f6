package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// A pollReport is everything that one run with polls found. Figures of several servers are added up.
type pollReport struct {
	Options options `json:"options"`
	Go      string  `json:"go"`
	Cores   int     `json:"cores"`

	Start struct {
		Took   time.Duration `json:"took_ns"` // to make a challenge for every poll
		Opened time.Duration `json:"opened_ns"`
		Idle   int64         `json:"idle"`   // resident memory of the servers, fresh
		Before int64         `json:"before"` // and with every challenge, before the first poll
	} `json:"start"`
	Rest struct {
		Took         time.Duration `json:"took_ns"`
		ServerCPU    float64       `json:"server_cores"` // share of one core
		GeneratorCPU float64       `json:"generator_cores"`
		Others       float64       `json:"other_cores"` // what was used by something else
		Asked        float64       `json:"requests_per_second"`
		Memory       int64         `json:"memory"`
		PerPoll      int64         `json:"memory_per_poll"` // what the polls added
		Go           figures       `json:"go"`
		Held         spread        `json:"held"`    // how long polls were held that were let go
		Refused      int           `json:"refused"` // polls that were refused in the time
		Made         int64         `json:"made"`    // bytes that the servers allocated in the time
		Collections  int64         `json:"collections"`
		Costs        []cost        `json:"costs,omitempty"`
	} `json:"rest"`
	Approve struct {
		Approved     int           `json:"approved"`
		Took         time.Duration `json:"took_ns"`
		Press        spread        `json:"press"`
		Wake         spread        `json:"wake"`
		ServerCPU    float64       `json:"server_cores"`
		GeneratorCPU float64       `json:"generator_cores"`
		Others       float64       `json:"other_cores"`
	} `json:"approve"`
	Logins struct {
		Logins    int     `json:"logins"`
		PerSecond float64 `json:"logins_per_second"`
		Start     spread  `json:"start"`
		Confirm   spread  `json:"confirm"`
		Refused   int     `json:"refused"` // polls that were refused meanwhile
		Held      int64   `json:"held"`    // at the end
	} `json:"logins"`
	Stop struct {
		Took     time.Duration `json:"took_ns"` // the slowest server
		Released int           `json:"released"`
		Cut      int           `json:"cut"`
		Outside  int           `json:"outside"`
		Peak     int64         `json:"peak"` // memory, all servers
		Lost     int           `json:"lost"` // always 0: a lost poll fails the run
	} `json:"stop"`
}

func (r *pollReport) addStart(starts []started, opened []holding) {
	for i, x := range starts {
		r.Start.Took = max(r.Start.Took, x.Took)
		r.Start.Opened = max(r.Start.Opened, opened[i].Took)
		r.Start.Idle += x.Idle.Resident
		r.Start.Before += x.Memory.Resident
	}
}

// addRest also makes sure that the polls are there: all of them, or, with a limit, as many as the server says.
func (r *pollReport) addRest(rests []rested) error {
	var held []time.Duration
	for _, x := range rests {
		r.Rest.Took = max(r.Rest.Took, x.Took)
		r.Rest.ServerCPU += x.ServerCPU.Seconds() / x.Took.Seconds()
		r.Rest.GeneratorCPU += x.GeneratorCPU.Seconds() / x.Took.Seconds()
		r.Rest.Asked += float64(len(x.Held)) / x.Took.Seconds()
		r.Rest.Memory += x.Memory.Resident
		r.Rest.Go.add(x.Go)
		r.Rest.Made += x.Made
		r.Rest.Collections += x.Collections
		r.Rest.Refused += x.Refused
		r.Rest.Costs = x.Costs
		held = append(held, x.Held...)
	}
	r.Rest.Held = spreadOf(held)
	polls, want := int(r.Rest.Go.Polls), r.Options.Polls
	// Some polls are on their way between a 408 and the next request at any time.
	if r.Options.Files == 0 && polls < want-want/100-10 {
		return fmt.Errorf("the servers hold %d polls, not %d", polls, want)
	}
	if r.Options.Files > 0 && r.Rest.Refused == 0 {
		return fmt.Errorf("nothing was refused: %d polls are too few for %d files", want, r.Options.Files)
	}
	r.Rest.PerPoll = (r.Rest.Memory - r.Start.Before) / int64(max(1, polls))
	return nil
}

func (f *figures) add(x figures) {
	f.Heap += x.Heap
	f.Stack += x.Stack
	f.Spare += x.Spare
	f.Goroutines += x.Goroutines
	f.Polls += x.Polls
}

func (r *pollReport) addApprove(presses []approvals) {
	var press, wake []time.Duration
	for _, x := range presses {
		press, wake = append(press, x.Press...), append(wake, x.Wake...)
		r.Approve.Took = max(r.Approve.Took, x.Took)
		r.Approve.ServerCPU += x.ServerCPU.Seconds() / x.Took.Seconds()
		r.Approve.GeneratorCPU += x.GeneratorCPU.Seconds() / x.Took.Seconds()
	}
	r.Approve.Approved, r.Approve.Press, r.Approve.Wake = len(wake), spreadOf(press), spreadOf(wake)
}

func (r *pollReport) addLogins(visits []guests) {
	var start, confirm []time.Duration
	for _, x := range visits {
		start, confirm = append(start, x.Start...), append(confirm, x.Confirm...)
		r.Logins.PerSecond += float64(x.Logins) / x.Took.Seconds()
		r.Logins.Refused += x.Refused
		r.Logins.Held += x.Go.Polls
	}
	r.Logins.Logins, r.Logins.Start, r.Logins.Confirm = len(start), spreadOf(start), spreadOf(confirm)
}

// addStop counts once more: a poll was approved, released, cut off by the stop, or waits to come again.
func (r *pollReport) addStop(stops []stopped) error {
	for _, x := range stops {
		r.Stop.Took = max(r.Stop.Took, x.Took)
		r.Stop.Released += x.Released
		r.Stop.Cut += x.Cut
		r.Stop.Outside += x.Outside
		r.Stop.Peak += x.Peak
	}
	if r.Stop.Lost = r.Options.Polls - r.Approve.Approved - r.Stop.Released - r.Stop.Cut - r.Stop.Outside; r.Stop.Lost != 0 {
		return fmt.Errorf("lost: nobody accounts for %d polls", r.Stop.Lost)
	}
	return nil
}

// print writes the tables for a person.
func (r *pollReport) print(out io.Writer) {
	o := r.Options
	fmt.Fprintf(out, "Latchkey: %d polls of GET /otc/code on %d server processes, %v at rest, %d cores shared with the clients, %s\n\n",
		o.Polls, o.Servers, o.For, r.Cores, r.Go)
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	row := func(cells ...any) {
		for _, c := range cells {
			fmt.Fprintf(t, "%v\t", c)
		}
		fmt.Fprintln(t)
	}
	row("", "polls held", "requests/s", "servers CPU", "clients CPU", "anything else")
	row("at rest", r.Rest.Go.Polls, fmt.Sprintf("%.0f", r.Rest.Asked), cores(r.Rest.ServerCPU), cores(r.Rest.GeneratorCPU), cores(r.Rest.Others))
	if r.Approve.Approved > 0 {
		asked := float64(r.Approve.Approved) / r.Approve.Took.Seconds()
		row("approving", "", fmt.Sprintf("+%.0f", asked), cores(r.Approve.ServerCPU), cores(r.Approve.GeneratorCPU), cores(r.Approve.Others))
	}
	row()
	row("memory of the servers", "fresh", "before the polls", "with them", "a poll", "at most")
	row("resident", mib(r.Start.Idle), mib(r.Start.Before), mib(r.Rest.Memory), kib(r.Rest.PerPoll), mib(r.Stop.Peak))
	held := max(1, r.Rest.Go.Polls)
	row("Go heap", "", "", mib(r.Rest.Go.Heap), kib(r.Rest.Go.Heap/held), "")
	row("Go stacks", "", "", mib(r.Rest.Go.Stack), kib(r.Rest.Go.Stack/held), "")
	row("Go, given up", "", "", mib(r.Rest.Go.Spare), kib(r.Rest.Go.Spare/held), "")
	row("goroutines", "", "", r.Rest.Go.Goroutines, fmt.Sprintf("%.2f", float64(r.Rest.Go.Goroutines)/float64(held)), "")
	row()
	row("garbage at rest", "", "", "a second", "asked again", "collections/s")
	took := r.Rest.Took.Seconds()
	row("", "", "", mib(int64(float64(r.Rest.Made)/took)), kib(r.Rest.Made/int64(max(1, r.Rest.Held.N))),
		fmt.Sprintf("%.2f", float64(r.Rest.Collections)/took))
	row()
	row("", "how many", "p50", "p95", "p99", "max")
	line := func(name string, s spread) {
		if s.N > 0 {
			row(name, s.N, milli(s.P50), milli(s.P95), milli(s.P99), milli(s.Max))
		}
	}
	line("held until 408", r.Rest.Held)
	line("approving POST", r.Approve.Press)
	line("poll awake after it", r.Approve.Wake)
	line("login: start", r.Logins.Start)
	line("login: confirm", r.Logins.Confirm)
	t.Flush()
	fmt.Fprintf(out, "\n%d challenges were started in %v, the polls opened in %v; none was lost.\n", o.Polls,
		r.Start.Took.Round(time.Millisecond), r.Start.Opened.Round(time.Millisecond))
	if r.Options.Files > 0 {
		fmt.Fprintf(out, "With %d files a server held %d polls and refused the rest (%d refusals with Retry-After in %v), while %d logins were completed, %.0f a second.\n",
			o.Files, r.Logins.Held, r.Logins.Refused, o.For, r.Logins.Logins, r.Logins.PerSecond)
	}
	fmt.Fprintf(out, "Stopping answered the other %d polls and took %v a server at most", r.Stop.Released, r.Stop.Took.Round(time.Millisecond))
	if r.Stop.Cut > 0 {
		fmt.Fprintf(out, "; %d asked again as their connection was closed", r.Stop.Cut)
	}
	fmt.Fprintln(out, ".")
	if r.Rest.Others > 0.2 || r.Approve.Others > 0.2 {
		fmt.Fprintln(out, "The machine was busy with something else: do not compare these figures, run again.")
	}
	printCosts(out, "with polls at rest", r.Rest.Costs)
}

func cores(share float64) string { return fmt.Sprintf("%.2f cores", share) }
func kib(n int64) string         { return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10)) }

// saveJSON writes a report for keeping and comparing.
func saveJSON(r any, path string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}
