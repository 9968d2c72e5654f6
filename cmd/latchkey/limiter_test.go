package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/memory"
	"github.com/latchkey-dev/latchkey/internal/pgtest"
	"github.com/latchkey-dev/latchkey/internal/telemetry"
)

// startStatus asks for a code for an address as a proxy does for somebody.
func (d *devServer) startStatus(t *testing.T, p projectRow, address, from string) int {
	t.Helper()
	status, _ := d.call(t, "POST", "/api/login/email/request?projectId="+p.ID, fmt.Sprintf(`{"email":%q}`, address), "X-Forwarded-For", from)
	return status
}

// TestLimitsBehindProxies: people behind a trusted proxy are counted one by one, by IPv6 /64; nobody else is believed who says
// where a call comes from.
func TestLimitsBehindProxies(t *testing.T) {
	t.Parallel()
	h := newHook(t, 0)
	trusted, _, p := newServe(t, h, "--trusted-proxy", "127.0.0.1", "--limit", "start-client=1/1h")
	for i, tt := range []struct {
		from string
		want int
	}{
		{"192.0.2.1", 200}, {"192.0.2.1", 429}, {"192.0.2.2", 200}, {"192.0.2.3, 192.0.2.1", 429}, // the proxy saw the last one
		{"2001:db8:1:2::1", 200}, {"2001:db8:1:2::ffff", 429}, {"2001:db8:1:3::1", 200},
	} {
		if got := trusted.startStatus(t, p, fmt.Sprint(i, "@example.test"), tt.from); got != tt.want {
			t.Errorf("call %d, from %s: %d, want %d", i+1, tt.from, got, tt.want)
		}
	}
	if strings.Contains(trusted.stderr.String(), "not trusted") {
		t.Error("a trusted proxy is called one that is not trusted")
	}

	open, _, p := newServe(t, h, "--limit", "start-client=1/1h")
	if got := open.startStatus(t, p, "a@example.test", "192.0.2.1"); got != 200 {
		t.Fatalf("the first call: %d", got)
	}
	for i := range 3 {
		if got := open.startStatus(t, p, "b@example.test", fmt.Sprint("192.0.2.", 2+i)); got != 429 {
			t.Errorf("a made-up X-Forwarded-For gives %d, want 429", got)
		}
	}
	if n := strings.Count(open.stderr.String(), "--trusted-proxy"); n != 1 {
		t.Errorf("%d lines of the log warn of a proxy that is not trusted, want one:\n%s", n, open.stderr.String())
	}
}

// TestClientsByForwarded: with --proxy-header the other header is nothing, and the log says once that a trusted proxy sends it.
func TestClientsByForwarded(t *testing.T) {
	t.Parallel()
	s, _, p := newServe(t, newHook(t, 0), "--trusted-proxy", "127.0.0.1", "--proxy-header", "forwarded", "--limit", "start-client=1/1h")
	start := func(header, value string) int {
		status, _ := s.call(t, "POST", "/api/login/email/request?projectId="+p.ID, `{"email":"a@example.test"}`, header, value)
		return status
	}
	for i, tt := range []struct {
		header, value string
		want          int
	}{
		{"Forwarded", "for=192.0.2.1", 200}, {"Forwarded", `for=192.0.2.2, for="192.0.2.1:80"`, 429}, {"Forwarded", "for=192.0.2.2", 200},
		{"X-Forwarded-For", "192.0.2.3", 200}, {"X-Forwarded-For", "192.0.2.4", 429}, // both are the proxy itself
	} {
		if got := start(tt.header, tt.value); got != tt.want {
			t.Errorf("call %d, %s: %s: %d, want %d", i+1, tt.header, tt.value, got, tt.want)
		}
	}
	if n := strings.Count(s.stderr.String(), "--proxy-header"); n != 1 {
		t.Errorf("%d lines of the log speak of the wrong header, want one:\n%s", n, s.stderr.String())
	}
}

// TestLimitReachedIsTold: in the metrics every time, in the audit trail and the log once.
func TestLimitReachedIsTold(t *testing.T) {
	t.Parallel()
	s, env, p := newServe(t, newHook(t, 0), "--limit", "start-client=1/1h")
	for i := range 5 {
		s.startStatus(t, p, fmt.Sprint(i, "@example.test"), "192.0.2.1")
	}
	if got := s.metrics(t); !strings.Contains(got, `latchkey_limited_total{policy="start-client"} 4`) {
		t.Errorf("the metrics do not count four refusals:\n%s", got)
	}
	if n := strings.Count(s.stderr.String(), `"limit reached"`); n != 1 {
		t.Errorf("%d lines of the log, want one", n)
	}
	events := must[[]eventRow](t, env, "events", "--project", p.ID)
	n := 0
	for _, e := range events {
		if e.Kind == string(latchkey.LimitReached) {
			n++
			if e.Detail != "start-client" || e.IP != "127.0.0.1" {
				t.Errorf("the event is %+v", e)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d events, want one: %+v", n, events)
	}
}

func (d *devServer) metrics(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(d.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestWitnessTellsOnceAMinute: of each policy and project, and again when the minute is over or the clock was set back.
func TestWitnessTellsOnceAMinute(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	kept := &keptEvents{}
	w := &witness{store: kept, metrics: telemetry.New(nil), log: slog.New(slog.NewJSONHandler(io.Discard, nil)), now: func() time.Time { return now }}
	tell := func(policy string, project byte) {
		w.limited(t.Context(), limits.Policy{Name: policy}, limits.Caller{Project: latchkey.ProjectID{UUID: latchkey.UUID{project}}})
	}
	for range 100 {
		tell("a", 1)
		tell("a", 2)
		tell("b", 1)
	}
	if kept.n != 3 {
		t.Errorf("%d events of two policies and two projects, want 3", kept.n)
	}
	now = now.Add(often)
	tell("a", 1)
	now = now.Add(-time.Hour)
	tell("a", 1)
	if kept.n != 5 {
		t.Errorf("%d events, want one more after a minute and one more after the clock was set back", kept.n)
	}
}

type keptEvents struct {
	latchkey.Store
	n int
}

func (k *keptEvents) AddEvent(context.Context, latchkey.Event) error {
	k.n++
	return nil
}

// TestLimitsOfTwoNodes: two servers count together, in their database or in a Valkey server. With that down, each counts for
// itself, or nothing passes; a line of the log says so, and one that it is back.
func TestLimitsOfTwoNodes(t *testing.T) {
	t.Parallel()
	database := pgtest.Start(t)
	for name, tt := range map[string]struct {
		flags  []string
		closed bool
	}{
		"the database": {}, "Valkey, open": {flags: []string{"--limiter", ""}}, "Valkey, closed": {flags: []string{"--limiter", "", "--limiter-down", "closed"}, closed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var valkey *valkeyServer
			flags := append([]string{"--limit", "start-client=2/1h"}, tt.flags...)
			if len(tt.flags) > 0 {
				valkey = startValkey(t)
				flags[3] = "redis://" + valkey.addr + "?timeout=5s"
			}
			a, b, p := twoNodes(t, database, flags...)
			for i, want := range []int{200, 200, 429, 429} {
				node := []*devServer{a, b}[i%2]
				if got := node.startStatus(t, p, fmt.Sprint(i, "@example.test"), ""); got != want {
					t.Errorf("call %d of two nodes that take two an hour: %d, want %d", i+1, got, want)
				}
			}
			if valkey == nil {
				return
			}
			valkey.kill()
			want := []int{200, 200, 429}
			if tt.closed {
				want = []int{503, 503, 503}
			}
			for i, want := range want {
				if got := a.startStatus(t, p, fmt.Sprint(i, "@example.test"), ""); got != want {
					t.Errorf("call %d with the limiter down: %d, want %d", i+1, got, want)
				}
			}
			valkey.run()
			end := time.Now().Add(20 * time.Second)
			for !strings.Contains(a.stderr.String(), "the limiter answers again") && time.Now().Before(end) {
				a.startStatus(t, p, "c@example.test", "")
				time.Sleep(100 * time.Millisecond)
			}
			log := a.stderr.String()
			if strings.Count(log, "the limiter does not answer") != 1 || strings.Count(log, "the limiter answers again") != 1 {
				t.Errorf("the log does not say once that it is down and once that it is back:\n%s", log)
			}
			if !strings.Contains(a.metrics(t), "latchkey_limiter_missed_total") {
				t.Error("no metric of what was not counted")
			}
		})
	}
}

// twoNodes serves one new database of a PostgreSQL server twice.
func twoNodes(t *testing.T, server *pgtest.Server, flags ...string) (a, b *devServer, p projectRow) {
	t.Helper()
	name := "latchkey_" + strings.ToLower(rand.Text())
	server.SQL(t, "postgres", "CREATE DATABASE "+name)
	env := map[string]string{
		"LATCHKEY_STORE": server.URL(name), "LATCHKEY_SECRET": testSecret, "LATCHKEY_EMAIL": newHook(t, 0).url(),
		"LATCHKEY_LISTEN": "127.0.0.1:0", "LATCHKEY_PUBLIC_URL": "https://login.example.com",
	}
	must[map[string]any](t, env, "migrate")
	p = must[projectRow](t, env, "project", "create", "Game", "--callback-url", "https://game.example.com/in", "--algorithm", "HS256")
	var nodes [2]*devServer
	for i := range nodes {
		nodes[i] = newServerRun(context.Background(), env, append([]string{"serve"}, flags...)...)
		t.Cleanup(func() { nodes[i].stop() })
		if err := nodes[i].wait(60 * time.Second); err != nil {
			t.Fatalf("%v\n%s", err, nodes[i].stderr.String())
		}
	}
	return nodes[0], nodes[1], p
}

// A valkeyServer is one of the system's packages.
type valkeyServer struct {
	t       *testing.T
	program string
	addr    string
	cmd     *exec.Cmd
}

func startValkey(t *testing.T) *valkeyServer {
	t.Helper()
	v := &valkeyServer{t: t}
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil {
			v.program = path
			break
		}
	}
	if v.program == "" {
		const how = "neither valkey-server nor redis-server is installed: apt-get install redis-server"
		if os.Getenv("LATCHKEY_TEST_ALL") != "" {
			t.Fatal(how)
		}
		t.Skip(how) // at home; where everything must be tested it has failed above
	}
	port, err := pgtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	v.addr = fmt.Sprint("127.0.0.1:", port)
	v.run()
	t.Cleanup(v.kill)
	return v
}

func (v *valkeyServer) run() {
	v.t.Helper()
	_, port, _ := net.SplitHostPort(v.addr)
	v.cmd = exec.Command(v.program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", v.t.TempDir())
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	end := time.Now().Add(20 * time.Second)
	for {
		c, err := net.Dial("tcp", v.addr)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			v.t.Fatalf("%s does not start: %v", v.program, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (v *valkeyServer) kill() {
	if v.cmd.ProcessState == nil {
		_ = v.cmd.Process.Kill()
		_ = v.cmd.Wait() // it says that it was killed
	}
}

// TestDevLimitsNothingUnasked: whoever tries things out signs in again and again, with one address and from one place.
func TestDevLimitsNothingUnasked(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		flags []string
		want  int
	}{"unasked": {nil, 200}, "asked": {[]string{"--limit", "start-client-address=9/1h"}, 429}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServerRun(context.Background(), nil, append([]string{"dev", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, tt.flags...)...)
			t.Cleanup(func() { s.stop() })
			if err := s.wait(30 * time.Second); err != nil {
				t.Fatal(err)
			}
			got := 0
			for range 10 {
				got = s.startStatus(t, projectRow{ID: demoProject.String()}, "a@example.test", "")
			}
			if got != tt.want {
				t.Errorf("the tenth login of one person: %d, want %d", got, tt.want)
			}
		})
	}
}

// TestGateOfAServer: where a limiter cannot be opened there is no server, rather than one without limits.
func TestGateOfAServer(t *testing.T) {
	t.Parallel()
	broken := errors.New("no")
	s := &server{house: house{limits: limiterChoice{table: limits.Default(), open: func(context.Context) (latchkey.Limiter, error) { return nil, broken }}}}
	if _, err := s.gate(t.Context(), telemetry.New(nil)); !errors.Is(err, broken) {
		t.Errorf("gate: %v, want the reason", err)
	}
	s.limits.open = func(context.Context) (latchkey.Limiter, error) { return memory.NewLimiter(1), nil }
	secrets, err := latchkey.NewSecrets([]byte("a master secret for tests, 32 bytes and more"))
	if err != nil {
		t.Fatal(err)
	}
	s.secrets = secrets
	if g, err := s.gate(t.Context(), telemetry.New(nil)); err != nil || g == nil || s.limiter == nil {
		t.Errorf("gate: %v, %v", g, err)
	}
}
