package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const testSecret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// A hook is an operator's webhook: it keeps what it is sent, and refuses as often as told.
type hook struct {
	*httptest.Server
	refuse   int
	messages chan map[string]any
}

func newHook(t *testing.T, refuse int) *hook {
	t.Helper()
	h := &hook{refuse: refuse, messages: make(chan map[string]any, 10)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m map[string]any
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Errorf("the webhook got no JSON: %v", err)
		}
		if h.refuse > 0 { // one message at a time in these tests
			h.refuse--
			http.Error(w, fmt.Sprint("cannot send ", m["code"], " to ", m["to"]), http.StatusServiceUnavailable)
			return
		}
		h.messages <- m
	}))
	t.Cleanup(h.Close)
	return h
}

// url is the hook as a provider.
func (h *hook) url() string { return "webhook+" + h.URL + "?secret=" + testSecret }

// command runs one command in this process and gives its exit code and output.
func command(t *testing.T, env map[string]string, args ...string) (int, string, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, world{
		Getenv: func(name string) string { return env[name] }, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Now: time.Now,
	})
	return code, stdout.String(), stderr.String()
}

// must is command for what has to succeed; it decodes the JSON answer.
func must[T any](t *testing.T, env map[string]string, args ...string) (answer T) {
	t.Helper()
	code, stdout, stderr := command(t, env, append(args, "--json")...)
	if code != exitOK {
		t.Fatalf("%v: exit code %d\n%s", args, code, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		t.Fatalf("%v: %v in %s", args, err, stdout)
	}
	return answer
}

// newServe makes a database with one project and serves it.
func newServe(t *testing.T, h *hook, flags ...string) (*devServer, map[string]string, projectRow) {
	t.Helper()
	env := map[string]string{
		"LATCHKEY_DATA": t.TempDir(), "LATCHKEY_SECRET": testSecret, "LATCHKEY_EMAIL": h.url(), "LATCHKEY_LISTEN": "127.0.0.1:0",
		"LATCHKEY_PUBLIC_URL": "https://login.example.com", "LATCHKEY_LOG_LEVEL": "debug",
	}
	must[map[string]any](t, env, "migrate")
	p := must[projectRow](t, env, "project", "create", "Game", "--callback-url", "https://game.example.com/in", "--algorithm", "HS256")
	s := newServerRun(context.Background(), env, append([]string{"serve"}, flags...)...)
	t.Cleanup(func() { s.stop() })
	if err := s.wait(30 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, s.stderr.String())
	}
	return s, env, p
}

func TestServeSignsInAndOperatorsWorkMeanwhile(t *testing.T) {
	t.Parallel()
	h := newHook(t, 1) // the first try fails: the outbox tries again
	s, env, p := newServe(t, h)
	_, started := s.call(t, "POST", "/api/login/email/request?projectId="+p.ID, `{"email":"player@example.test"}`)
	m := <-h.messages
	confirm := func() (int, map[string]any) {
		return s.call(t, "POST", "/api/login/email/confirm?projectId="+p.ID,
			fmt.Sprintf(`{"email":"player@example.test","code":%q,"operation_id":%q}`, m["code"], started["operation_id"]))
	}
	status, done := confirm()
	token := queryOf(t, done["login_url"], "token")
	if status != 200 || token == "" {
		t.Fatalf("confirm: %d %v", status, done)
	}
	me := func() int {
		status, _ := s.call(t, "GET", "/api/users/me", "", "Authorization", "Bearer "+token)
		return status
	}

	users := must[[]userRow](t, env, "user", "list", "--address", "Player@Example.TEST")
	if len(users) != 1 || users[0].Email != "player@example.test" || users[0].LastLogin == nil || users[0].Banned {
		t.Fatalf("user list: %+v", users)
	}
	id := users[0].ID
	if me() != 200 {
		t.Error("the token is dead before the ban")
	}
	if code, out, errs := command(t, env, "user", "ban", id, "--for", "30d", "--reason", "cheating"); code != 0 || !strings.Contains(out, "every session has ended") {
		t.Fatalf("ban: %d %s%s", code, out, errs)
	}
	if me() != 401 {
		t.Error("ASVS 7.4.2: the token of a banned user is alive")
	}
	if u := must[userRow](t, env, "user", "show", id); !u.Banned || u.BanReason != "cheating" || u.BannedUntil == nil {
		t.Errorf("user show: %+v", u)
	}
	for _, args := range [][]string{{"user", "unban", id}, {"user", "delete", id, "--yes"}} {
		if code, _, errs := command(t, env, args...); code != 0 {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
	if code, _, errs := command(t, env, "user", "show", id); code != exitFailure || !strings.Contains(errs, "there is no user") {
		t.Errorf("a deleted user: %d %s", code, errs)
	}
	kinds := map[string]bool{}
	for _, e := range must[[]eventRow](t, env, "events", "--project", p.ID) {
		kinds[e.Kind] = true
		if strings.Contains(e.Address, "player@") {
			t.Errorf("an event holds a full address: %+v", e)
		}
	}
	for _, kind := range []string{"challenge.started", "message.sent", "login.completed", "user.banned", "user.unbanned", "user.deleted"} {
		if !kinds[kind] {
			t.Errorf("ASVS 16.3.1: no event %s among %v", kind, kinds)
		}
	}

	if code := s.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	log := s.stderr.String()
	for _, secret := range []string{m["code"].(string), token, "player@example.test", testSecret} {
		if strings.Contains(log, secret) {
			t.Errorf("ASVS 16.2.5: the log has %q in it:\n%s", secret, log)
		}
	}
	if !strings.Contains(log, `"unavailable"`) && !strings.Contains(log, "temporarily unavailable") {
		t.Errorf("the log does not tell of the provider that failed:\n%s", log)
	}
}

// TestDevelopmentStaysOutOfServe: no page and no secret of latchkey dev exists there.
func TestDevelopmentStaysOutOfServe(t *testing.T) {
	t.Parallel()
	s, _, _ := newServe(t, newHook(t, 0))
	for _, path := range []string{"/", "/demo", "/demo/demo.js", "/demo/callback", "/dev/inbox", "/dev/inbox/messages", "/dev/inbox/events", "/static/demo.js"} {
		if status, _ := s.call(t, "GET", path, ""); status != 404 {
			t.Errorf("%s: %d, want 404", path, status)
		}
	}
	for id, secret := range map[string]string{"2": "demo-secret", "3": "demo-server-secret"} {
		status, answer := s.call(t, "POST", "/api/oauth2/token", "grant_type=client_credentials&client_id="+id+"&client_secret="+secret)
		if status != 400 {
			t.Errorf("client %s: %d %v", id, status, answer)
		}
	}
	if status, _ := s.call(t, "GET", "/api/projects/"+demoID+"/keys", ""); status != 404 {
		t.Errorf("the demo project's keys: %d, want 404", status)
	}
}

func TestServeRefusesToStartTwice(t *testing.T) {
	t.Parallel()
	_, env, _ := newServe(t, newHook(t, 0))
	code, _, errs := command(t, env, "serve")
	if code != exitFailure || !strings.Contains(errs, "another latchkey server is using") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestMetricsListenTakesThemOffTheMainAddress(t *testing.T) {
	t.Parallel()
	alone := httptest.NewUnstartedServer(nil) // for its free port
	addr := alone.Listener.Addr().String()
	alone.Listener.Close()
	s, _, _ := newServe(t, newHook(t, 0), "--metrics-listen", addr)
	if status, _ := s.call(t, "GET", "/metrics", ""); status != 404 {
		t.Errorf("/metrics on the main address: %d, want 404", status)
	}
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("/metrics on its own address: %d", resp.StatusCode)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for want, argss := range map[int][][]string{
		exitOK:      {{}, {"--help"}, {"version"}, {"serve", "--help"}, {"secret", "generate"}},
		exitFailure: {{"project", "list", "--data", filepath.Join(dir, "nowhere")}},
		exitUsage:   {{"serve"}, {"config", "check"}, {"dance"}, {"serve", "--colour"}, {"dev", "--listen", "0.0.0.0:1"}, {"project"}},
	} {
		for _, args := range argss {
			if got, _, errs := command(t, nil, args...); got != want {
				t.Errorf("latchkey %s: exit code %d, want %d: %s", strings.Join(args, " "), got, want, errs)
			}
		}
	}
}

// TestNIST_3_1_1_2_MasterSecretsOf256Bits: a secret in any of its spellings, and no shorter one.
func TestNIST_3_1_1_2_MasterSecretsOf256Bits(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		testSecret: true, strings.ToUpper(testSecret): true,
		"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=": true,
		"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY":  true,
		"__-_MzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY":  true,
		"//+/MzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=": true,
		testSecret[:62]: false, // 31 bytes; it would be 46 in base64, were it not hexadecimal first
		"":              false, "secret": false, "correct horse battery staple": false,
	} {
		b, err := parseSecret(text)
		if (err == nil) != good {
			t.Errorf("a secret of %d characters: %d bytes, %v", len(text), len(b), err)
		}
		if err != nil && text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error quotes the secret: %v", err)
		}
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"180s": 3 * time.Minute, "24h": 24 * time.Hour, "90d": 2160 * time.Hour, "1h30m": 90 * time.Minute} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err != nil || time.Duration(s) != want {
			t.Errorf("%s is %v, %v; want %v", text, time.Duration(s), err, want)
		}
	}
	for _, text := range []string{"", "5", "-1h", "0s", "d", "1.5d", "9999999d", "1d2h"} {
		if err := new(span).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for a time", text)
		}
	}
}
