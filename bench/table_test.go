package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// measured is a table in which everything just holds, in three rounds. The machine is half as fast in the second one, and in the
// last one nothing is the same before and after.
func measured() *table {
	login := func(perSecond float64, change func(*report)) []report {
		var rounds []report
		for _, speed := range []float64{1, 0.5, 1} {
			bare := 40_000 * speed
			r := report{Cores: 2, Floor: floor{
				Requests: bare, Before: bare, After: bare, Signature: time.Millisecond / 2, Crowded: time.Millisecond,
			}}
			r.Runs = []result{{PerSecond: perSecond * speed, Memory: memory{Peak: 79 << 20}, GeneratorCPU: 100 * time.Microsecond}}
			r.Idle, r.ColdStart = memory{Resident: 24 << 20}, 59*time.Millisecond
			if change != nil {
				change(&r)
			}
			rounds = append(rounds, r)
		}
		rounds[2].Floor.After *= 2
		return rounds
	}
	signed := func(d time.Duration) func(*report) { return func(r *report) { r.Floor.Crowded = d } }
	t := &table{Options: tableOptions{Rounds: 3, Few: 10_000, Many: 10_000_000}, Binary: 29 << 20, Cores: 2, Logins: map[string][]report{
		stepHS256: login(4500, nil), stepEdDSA: login(4060, signed(30*time.Microsecond)), stepES256: login(4051, signed(100*time.Microsecond)),
		stepRS256: login(1481.5, func(r *report) { // (2 - 0.15) cores ÷ 1 ms = 1,852; 0.8 of it
			if r.Floor.Requests < 40_000 {
				r.Floor.Crowded, r.Floor.Signature = 2*time.Millisecond, time.Millisecond
			}
		}),
		stepOAuth2: login(3300, nil), stepTLS: login(4000, nil), stepWhole: login(4200, nil), stepPostgres: login(1800, nil),
		stepFew: login(4000, nil), stepMany: login(3600, nil), stepProfile: login(4300, nil)[:1],
		stepRate: login(2250, func(r *report) {
			r.Options.Rate = 2250
			r.Runs[0].Start.P99, r.Runs[0].Confirm.P99 = 9*time.Millisecond, 9*time.Millisecond
		})[:1],
	}}
	p := &pollReport{}
	p.Rest.Go.Polls, p.Rest.PerPoll, p.Rest.ServerCPU = 10_000, 10<<10, 0.049
	p.Approve.Wake.P99 = 19 * time.Millisecond
	t.Polls = p
	return t
}

func TestTheTableJudgesEveryPromise(t *testing.T) {
	t.Parallel()
	for _, r := range measured().judge() {
		if r.Held != nil && !*r.Held {
			t.Errorf("%s: %s is said not to hold %s", r.What, r.Text, r.Target)
		}
	}
	every := func(step string, change func(*report)) func(*table) {
		return func(t *table) {
			for i := range t.Logins[step] {
				change(&t.Logins[step][i])
			}
		}
	}
	slower := func(step string, by float64) func(*table) {
		return every(step, func(r *report) { r.Runs[0].PerSecond *= by })
	}
	for name, c := range map[string]struct {
		spoil func(*table)
		rows  string // part of the name of what must not hold
		n     int
	}{
		"slow":                 {slower(stepHS256, 0.9), "logins, new", 1},
		"slow for the machine": {every(stepHS256, func(r *report) { r.Floor.Requests *= 1.25 }), "of the bare", 1},
		"EdDSA":                {slower(stepEdDSA, 0.99), "EdDSA", 1},
		"ES256":                {slower(stepES256, 0.99), "ES256", 1},
		"RS256":                {slower(stepRS256, 0.99), "RS256", 1},
		"OAuth 2.0":            {slower(stepOAuth2, 0.99), "OAuth", 1},
		"PostgreSQL":           {slower(stepPostgres, 0.99), "PostgreSQL", 1},
		"many users":           {slower(stepMany, 0.99), "returning", 1},
		"a rate not reached":   {slower(stepRate, 0.9), "p99 of", 2},
		"a slow confirm": {every(stepRate, func(r *report) {
			r.Runs[0].Confirm.P99 = 10 * time.Millisecond
		}), "p99 of confirm", 1},
		"idle":               {every(stepHS256, func(r *report) { r.Idle.Resident = 25 << 20 }), "idle", 1},
		"peak of one round":  {func(t *table) { t.Logins[stepHS256][1].Runs[0].Memory.Peak = 80 << 20 }, "top rate", 1},
		"peak of a long run": {every(stepProfile, func(r *report) { r.Runs[0].Memory.Peak = 80 << 20 }), "top rate", 1},
		"cold":               {every(stepHS256, func(r *report) { r.ColdStart = wantCold }), "cold", 1},
		"binary":             {func(t *table) { t.Binary = wantBinary }, "binary", 1},
		"a poll":             {func(t *table) { t.Polls.Rest.PerPoll++; t.Polls.Rest.PerPoll++ }, "memory of each", 1},
		"polls":              {func(t *table) { t.Polls.Rest.ServerCPU = 0.05 }, "CPU at rest", 1},
		"wake":               {func(t *table) { t.Polls.Approve.Wake.P99 = wantWake }, "approval", 1},
	} {
		m := measured()
		c.spoil(m)
		n := 0
		for _, r := range m.judge() {
			if r.Held != nil && !*r.Held && strings.Contains(r.What, c.rows) {
				n++
			}
		}
		if n != c.n {
			t.Errorf("%s: %d rows named %q do not hold, want %d", name, n, c.rows, c.n)
		}
	}
}

// TestTheTableSaysWhatIsLeft: the range of the rounds, what one signature leaves of a login, and what all cores together can sign.
func TestTheTableSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	m := measured()
	var out strings.Builder
	m.Rows = m.judge()
	m.print(&out)
	for _, want := range []string{
		"4500 (2250 to 4500) a second", "0.225 of bare/2", // the ratio is the same in every round: no range
		"0.90: 4060 a second", "0.94 is what a signature of 30 µs leaves", // 444 µs ÷ (444 + 30) of the median round
		"0.82 is what a signature of 100 µs leaves",
		"0.80 (0.77 to 0.80): 1482 a second", "1852 signatures in 1.85 cores; 0.40 of the 3704 of cores that sign alone",
		"In 10 of 32 measurements the bare server was not the same before and after. The machine was busy",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, out.String())
		}
	}
}

// TestAFailedStepIsARow: what could not be measured is said, and the rest is judged all the same.
func TestAFailedStepIsARow(t *testing.T) {
	t.Parallel()
	m := measured()
	delete(m.Logins, stepPostgres)
	m.Polls, m.Failed = nil, map[string]string{stepPostgres: "no server here", stepPolls: "too few files"}
	var out strings.Builder
	m.Rows = m.judge()
	m.print(&out)
	for _, want := range []string{"not measured: no server here", "not measured: too few files", "10,000,000 against 10,000"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, out.String())
		}
	}
}

func TestEveryStepOfTheTableCanRun(t *testing.T) {
	t.Parallel()
	o, err := parseTable([]string{"-short"})
	if err != nil {
		t.Fatal(err)
	}
	m := measured()
	m.Options = o
	var whole time.Duration
	for _, s := range m.steps() {
		whole += s.takes
	}
	if whole > 3*time.Minute {
		t.Errorf("-short takes %v", whole)
	}
	for _, args := range [][]string{{"x"}, {"-for", "1ms"}, {"-few", "20000", "-many", "10000"}, {"-polls", "20000"}} {
		if _, err := parseTable(args); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}

// TestPeopleComeByThemselves: as many as asked for, in order, and the same in every run.
func TestPeopleComeByThemselves(t *testing.T) {
	t.Parallel()
	due := arrivals(1000, 10*time.Second)
	if n := len(due); n < 9600 || n > 10_400 { // 4 standard deviations
		t.Errorf("%d came in 10 s, want about 10,000", n)
	}
	long := 0
	for i, d := range due[1:] {
		if d < due[i] {
			t.Fatalf("%v comes after %v", d, due[i])
		}
		if d-due[i] > time.Millisecond {
			long++
		}
	}
	if share := float64(long) / float64(len(due)); share < 0.34 || share > 0.40 { // 1/e of exponential gaps exceed their mean
		t.Errorf("%.2f of the gaps are longer than their mean, want 0.37", share)
	}
	if again := arrivals(1000, 10*time.Second); len(again) != len(due) || again[7] != due[7] {
		t.Error("another run gives other times")
	}
}

// TestLatenessCounts: who waited for a free worker waited for the server.
func TestLatenessCounts(t *testing.T) {
	t.Parallel()
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := `{"operation_id":"x"}`
		if strings.HasSuffix(r.URL.Path, "/confirm") {
			answer = `{"login_url":"` + callbackURL + `?token=a.b.c"}`
		}
		w.Write([]byte(answer))
	}))
	t.Cleanup(ts.Close)
	s := &server{host: ts.Listener.Addr().String(), project: "p"}
	c, err := s.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	k := serveSink(t)
	w := &worker{load: newLoad(s, k, false), client: c, box: make(chan mail, 1), timer: time.NewTimer(0)}
	w.due = time.Now().Add(-time.Hour)
	w.box <- mail{code: "123456", at: time.Now()}
	if err := w.login(t.Context(), "a@example.com"); err != nil {
		t.Fatal(err)
	}
	if got := w.samples[0]; got.start < time.Hour || got.confirm > time.Minute {
		t.Errorf("start took %v and confirm %v; want an hour and nothing", got.start, got.confirm)
	}
}

func TestTracesAreSortedIntoParts(t *testing.T) {
	t.Parallel()
	const out = `File: latchkey
Type: cpu
Duration: 2.11s, Total samples = 1s (47%)
-----------+-------------------------------------------------------
     400ms   internal/runtime/syscall/linux.Syscall6
             syscall.Syscall
             modernc.org/sqlite/lib._unixSync
             github.com/latchkey-dev/latchkey/internal/sqlite.(*writer).run
-----------+-------------------------------------------------------
     0.30s   runtime.memmove
             runtime.mallocgc
             encoding/json.Unmarshal
             net/http.(*conn).serve
-----------+-------------------------------------------------------
     200ms   syscall.Syscall (inline)
             internal/poll.(*FD).Write
             net/http.(*conn).serve
-----------+-------------------------------------------------------
     100ms   strconv.Atoi
             github.com/latchkey-dev/latchkey.ParseProjectID
             net/http.(*conn).serve
`
	want := []part{{"database (SQLite), in the kernel", 40}, {"allocating", 30}, {"HTTP/1.1, in the kernel", 20}, {"handlers and use cases", 10}}
	got := parseTraces(out)
	if len(got) != len(want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for i := range want {
		if got[i].Name != want[i].Name || got[i].Share < want[i].Share-0.01 || got[i].Share > want[i].Share+0.01 {
			t.Errorf("part %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}
