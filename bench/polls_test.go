package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A desk is a server that holds polls as ours does, for as long as a test says, so that the bench's own arithmetic can be
// held to what is known.
type desk struct {
	sink  *sink
	mu    sync.Mutex
	bells map[string]chan struct{} // by link token and by operation: the same
	names int
}

const deskCode = "482913"

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/request"):
		var in struct {
			Email string
			Link  bool   `json:"send_link"`
			URL   string `json:"link_url"`
		}
		if json.NewDecoder(r.Body).Decode(&in) != nil || !in.Link || in.URL != callbackURL {
			http.Error(w, "no link was asked for", http.StatusBadRequest)
			return
		}
		d.mu.Lock()
		d.names++
		name := "token" + strconv.Itoa(d.names)
		d.bells[name] = make(chan struct{})
		d.mu.Unlock()
		d.sink.deliver(in.Email, fmt.Appendf(nil, "Content-Type: text/plain\r\n\r\n%s\r\nhttp://x/l/%s\r\n", deskCode, name))
		fmt.Fprintf(w, `{"operation_id":%q}`, name)
	case strings.HasPrefix(r.URL.Path, "/l/"):
		if r.PostFormValue("action") != "approve" || r.Header.Get("Sec-Fetch-Site") != "same-origin" {
			http.Error(w, "not pressed on the page", http.StatusForbidden)
			return
		}
		close(d.bell(strings.TrimPrefix(r.URL.Path, "/l/")))
		w.WriteHeader(http.StatusSeeOther)
	case r.URL.Path == "/api/otc/code":
		select {
		case <-d.bell(r.URL.Query().Get("operation_id")):
			fmt.Fprintf(w, `{"code":%q}`, deskCode)
		case <-r.Context().Done():
		}
	}
}

func (d *desk) bell(name string) chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bells[name]
}

// openDesk gives a hall whose server is in this process.
func openDesk(t *testing.T, o options) *hall {
	t.Helper()
	d := &desk{sink: serveSink(t), bells: map[string]chan struct{}{}}
	ts := httptest.NewServer(d)
	h := &hall{
		o: o, sink: d.sink, opened: time.Now(), closing: make(chan struct{}), to: ts.Listener.Addr().(*net.TCPAddr),
		server: &server{host: ts.Listener.Addr().String(), project: "p", pid: os.Getpid(), ended: true},
	}
	t.Cleanup(func() {
		h.close()
		ts.CloseClientConnections()
		h.waiting.Wait()
		ts.Close()
	})
	return h
}

// TestALinkWakesItsPollAndNoOther goes through the errands of a hall.
func TestALinkWakesItsPollAndNoOther(t *testing.T) {
	t.Parallel()
	h := openDesk(t, options{Polls: 300, For: time.Second})
	if r := h.reply(t.Context(), errandStart); r.Error != "" {
		t.Fatal(r.Error)
	}
	if r := h.reply(t.Context(), errandHold); r.Error != "" {
		t.Fatal(r.Error)
	}
	r := h.reply(t.Context(), errandApprove)
	var got approvals
	if err := json.Unmarshal(r.Result, &got); err != nil {
		t.Fatal(r.Error, err)
	}
	if len(got.Wake) != 3 || len(got.Press) != 3 {
		t.Errorf("%d polls of 300 were approved and %d woken in a second, want 3", len(got.Press), len(got.Wake))
	}
	awake := 0
	for _, p := range h.polls {
		if p.answered.Load() != 0 {
			awake++
		}
	}
	if awake != 3 {
		t.Errorf("%d polls had an answer, want 3", awake)
	}
	if r := h.reply(t.Context(), "dance"); r.Error == "" {
		t.Error("an errand that nobody knows was done")
	}
}

// TestAPollThatStaysAsleepFailsTheRun: the approval was answered, the poll was not.
func TestAPollThatStaysAsleepFailsTheRun(t *testing.T) {
	t.Parallel()
	ps := []*poll{{}, {}}
	for _, p := range ps {
		p.approved.Store(1)
	}
	ps[0].answered.Store(2)
	if _, err := wakeTimes(t.Context(), ps, 0); err == nil || !strings.Contains(err.Error(), "lost: 1 of 2") {
		t.Errorf("got %v", err)
	}
}

// TestErrandsReachEveryHall, and one that cannot be done fails for all.
func TestErrandsReachEveryHall(t *testing.T) {
	t.Parallel()
	halls := func(replies ...string) (ps []*porter) {
		for _, r := range replies {
			in, out := io.Pipe()
			go func() {
				var e errand
				if json.NewDecoder(in).Decode(&e) != nil || e != errandHold {
					in.CloseWithError(errors.New("not the errand"))
				}
			}()
			ps = append(ps, &porter{in: out, out: json.NewDecoder(strings.NewReader(r))})
		}
		return ps
	}
	got, err := send[holding](halls(`{"result":{"took_ns":1}}`, `{"result":{"took_ns":2}}`), errandHold)
	if err != nil || len(got) != 2 || got[0].Took != 1 || got[1].Took != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	for _, broken := range []string{`{"error":"no room"}`, ``, `{"result":{"took_ns":"long"}}`} {
		if got, err := send[holding](halls(`{"result":{"took_ns":1}}`, broken), errandHold); err == nil {
			t.Errorf("the reply %s was taken for %v", broken, got)
		}
	}
}

func TestPollReport(t *testing.T) {
	t.Parallel()
	ms := func(n ...time.Duration) (ds []time.Duration) {
		for _, x := range n {
			ds = append(ds, x*time.Millisecond)
		}
		return ds
	}
	filled := func(o options) (*pollReport, error) {
		r := &pollReport{Options: o}
		r.addStart([]started{
			{Took: 2, Idle: memory{Resident: 10 << 20}, Memory: memory{Resident: 20 << 20}},
			{Took: 3, Idle: memory{Resident: 11 << 20}, Memory: memory{Resident: 20 << 20}},
		}, []holding{{Took: 5}, {Took: 4}})
		rest := rested{
			Took: 2 * time.Second, ServerCPU: time.Second, Memory: memory{Resident: 21 << 20}, Go: figures{Polls: 512}, Held: ms(20_000, 20_010),
		}
		err := r.addRest([]rested{rest, rest})
		r.addApprove([]approvals{{Took: time.Second, Press: ms(3), Wake: ms(1)}, {Took: time.Second, Press: ms(4), Wake: ms(0)}})
		return r, err
	}
	r, err := filled(options{Polls: 1024, Servers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if r.Start.Took != 3 || r.Start.Opened != 5 || r.Start.Idle != 21<<20 {
		t.Errorf("start: %+v", r.Start)
	}
	if r.Rest.ServerCPU != 1 || r.Rest.Asked != 2 || r.Rest.PerPoll != 2<<10 || r.Rest.Held.Max != 20_010*time.Millisecond {
		t.Errorf("rest: %+v", r.Rest)
	}
	if r.Approve.Approved != 2 || r.Approve.Wake.Max != time.Millisecond || r.Approve.Press.P50 != 3*time.Millisecond {
		t.Errorf("approve: %+v", r.Approve)
	}
	if err := r.addStop([]stopped{{Released: 1000, Cut: 2}, {Released: 20}}); err != nil {
		t.Error(err)
	}
	var out bytes.Buffer
	r.print(&out)
	for _, want := range []string{"1024 polls", "2.0 KiB", "1.00 cores", "poll awake after it", "20010.00 ms"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, &out)
		}
	}
	if err := r.addStop([]stopped{{}}); err != nil {
		t.Error(err)
	}
	if err := r.addStop([]stopped{{Released: -1}}); err == nil {
		t.Error("a poll that nobody accounts for was not missed")
	}
	if _, err := filled(options{Polls: 1100, Servers: 2}); err == nil {
		t.Error("76 polls that no server holds were not missed")
	}
	if _, err := filled(options{Polls: 1024, Servers: 2, Files: 100}); err == nil {
		t.Error("nothing was refused, and nothing is said")
	}
}

func TestFiguresAreRead(t *testing.T) {
	t.Parallel()
	const text = "# HELP go_goroutines Number\n# TYPE go_goroutines gauge\ngo_goroutines 36025\ngo_memstats_heap_inuse_bytes 1.5e+06\n" +
		"go_memstats_stack_inuse_bytes 2048\ngo_memstats_heap_idle_bytes 900\ngo_memstats_heap_released_bytes 800\nlatchkey_held_polls 18000\ngo_memstats_alloc_bytes_total 7e+06\ngo_gc_duration_seconds_count 12\nother{a=\"b\"} 1\n"
	got, err := parseFigures(text)
	if want := (figures{Heap: 1_500_000, Stack: 2048, Spare: 100, Goroutines: 36025, Polls: 18000, Made: 7_000_000, Collections: 12}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, broken := range []string{"", strings.Replace(text, "18000", "many", 1), strings.Replace(text, "latchkey_held_polls", "x", 1)} {
		if got, err := parseFigures(broken); err == nil {
			t.Errorf("taken for %+v:\n%s", got, broken)
		}
	}
}

func TestMachineTime(t *testing.T) {
	t.Parallel()
	got, err := parseMachine([]byte("cpu  100 20 3 9999 9999 4 5 6 7 8\ncpu0 1 1\n"))
	if want := 138 * tick; err != nil || got != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, broken := range []string{"", "cpu 1 2", "cpu  a 20 3 9999 9999 4 5 6 7 8\n", "intr 1 2 3 4 5 6 7 8 9\n"} {
		if got, err := parseMachine([]byte(broken)); err == nil {
			t.Errorf("%q was taken for %v", broken, got)
		}
	}
}

// TestALimitOfFilesReachesTheServer, or no run would show what it does at the limit.
func TestALimitOfFilesReachesTheServer(t *testing.T) {
	t.Parallel()
	out, err := limited(123, "sh", "-c", "ulimit -n; echo $0 $1", "a", "b c").Output()
	if err != nil || string(out) != "123\na b c\n" {
		t.Errorf("got %q, %v", out, err)
	}
}
