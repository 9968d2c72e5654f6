package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// A devServer is `latchkey dev` on a free port, in this process.
type devServer struct {
	url    string
	stdout buffer
	stderr buffer
	cancel context.CancelFunc
	code   chan int
	once   sync.Once
	exit   int
}

// A buffer may be written and read at once.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newDevServer(ctx context.Context, dir string, flags ...string) *devServer {
	return newServerRun(ctx, nil, append([]string{"dev", "--listen", "127.0.0.1:0", "--data", dir}, flags...)...)
}

// newServerRun runs a server command and waits until it says where it is. wait tells whether it serves.
func newServerRun(ctx context.Context, env map[string]string, args ...string) *devServer {
	d := &devServer{code: make(chan int, 1)}
	ctx, d.cancel = context.WithCancel(ctx)
	read, write := io.Pipe()
	go func() {
		code := run(ctx, args, world{
			Getenv: func(name string) string { return env[name] }, Stdin: strings.NewReader(""),
			Stdout: io.MultiWriter(&d.stdout, write), Stderr: io.MultiWriter(&d.stderr, write), Now: time.Now,
		})
		write.Close()
		d.code <- code
	}()
	where := regexp.MustCompile(`Sign in +(http://[^/ ]+)/demo|"listen":"([^"]+)"`)
	lines := bufio.NewScanner(read)
	for d.url == "" && lines.Scan() {
		if m := where.FindStringSubmatch(lines.Text()); m != nil && m[1] != "" {
			d.url = m[1]
		} else if m != nil {
			d.url = "http://" + m[2]
		}
	}
	go io.Copy(io.Discard, read) // ends with write.Close
	return d
}

// wait gives nil once /readyz says so.
func (d *devServer) wait(limit time.Duration) error {
	if d.url == "" {
		return errors.New("it said nowhere that it listens")
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r) // the port is open before it serves, so this waits
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %d", resp.StatusCode)
	}
	return nil
}

// stop ends it as SIGTERM does and gives its exit code.
func (d *devServer) stop() int {
	d.once.Do(func() {
		d.cancel()
		d.exit = <-d.code
		http.DefaultClient.CloseIdleConnections()
	})
	return d.exit
}

// call does one request and decodes the answer.
func (d *devServer) call(t *testing.T, method, path, body string, headers ...string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(body, "grant_type") {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := map[string]any{"location": resp.Header.Get("Location")}
	if len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &answer); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return resp.StatusCode, answer
}

type inboxMessage struct{ To, Code, Link, Text string }

// message waits for the newest message to an address.
func (d *devServer) message(t *testing.T, to string) inboxMessage {
	t.Helper()
	deadline, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, _ := http.NewRequestWithContext(deadline, http.MethodGet, d.url+"/dev/inbox/events", nil)
	events, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	for lines := bufio.NewScanner(events.Body); lines.Scan(); {
		if lines.Text() != "event: news" {
			continue
		}
		resp, err := http.Get(d.url + "/dev/inbox/messages?limit=1&to=" + url.QueryEscape(to))
		if err != nil {
			t.Fatal(err)
		}
		var ms []inboxMessage
		err = json.NewDecoder(resp.Body).Decode(&ms)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(ms) > 0 {
			return ms[0]
		}
	}
	t.Fatalf("no message to %s arrived", to)
	return inboxMessage{}
}

const demoID = "00000000-0000-4000-8000-000000000001"

func TestDevSignsInEndToEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := newDevServer(t.Context(), filepath.Join(dir, "data"), "--debug")
	t.Cleanup(func() { d.stop() })
	if err := d.wait(30 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, d.stderr.String())
	}
	var secrets []string // none of them may be in the log

	t.Run("email, JWT, by code", func(t *testing.T) {
		_, started := d.call(t, "POST", "/api/login/email/request?projectId="+demoID, `{"email":"player@example.test"}`)
		m := d.message(t, "player@example.test")
		status, done := d.call(t, "POST", "/api/login/email/confirm?projectId="+demoID,
			fmt.Sprintf(`{"email":"player@example.test","code":%q,"operation_id":%q}`, m.Code, started["operation_id"]))
		token := queryOf(t, done["login_url"], "token")
		if status != 200 || token == "" {
			t.Fatalf("confirm: %d %v", status, done)
		}
		if status, me := d.call(t, "GET", "/api/users/me", "", "Authorization", "Bearer "+token); status != 200 || me["email"] != "player@example.test" {
			t.Errorf("/users/me: %d %v", status, me)
		}
		secrets = append(secrets, m.Code, token, "player@example.test")
	})
	t.Run("phone, OAuth 2.0, by link", func(t *testing.T) {
		link := url.QueryEscape(d.url + "/demo/callback")
		status, started := d.call(t, "POST",
			"/api/oauth2/login/phone/request?client_id=2&response_type=code&state=12345678&scope=offline+openid&redirect_uri="+link,
			fmt.Sprintf(`{"phone_number":"+12025550123","send_link":true,"link_url":%q}`, d.url+"/demo/callback"))
		if status != 200 {
			t.Fatalf("start: %d %v", status, started)
		}
		m := d.message(t, "+12025550123")
		path := strings.TrimPrefix(m.Link, d.url)
		if status, page := d.call(t, "POST", path, "action=approve", "Sec-Fetch-Site", "same-origin", "Content-Type", "application/x-www-form-urlencoded"); status != 303 || page["location"] != d.url+"/demo/callback" {
			t.Fatalf("approve: %d %v", status, page)
		}
		status, polled := d.call(t, "GET", fmt.Sprintf("/api/otc/code?projectId=%s&login=%%2B12025550123&operation_id=%s", demoID, started["operation_id"]), "")
		if status != 200 || polled["code"] != m.Code {
			t.Fatalf("otc/code: %d %v, want the message's code", status, polled)
		}
		_, done := d.call(t, "POST", "/api/oauth2/login/phone/confirm?client_id=2",
			fmt.Sprintf(`{"phone_number":"+12025550123","code":%q,"operation_id":%q}`, m.Code, started["operation_id"]))
		form := url.Values{"client_id": {"2"}, "client_secret": {"demo-secret"}, "redirect_uri": {d.url + "/demo/callback"}, "code": {queryOf(t, done["login_url"], "code")}}
		status, tokens := d.call(t, "POST", "/api/oauth2/token", "grant_type=authorization_code&"+form.Encode())
		if status != 200 || tokens["refresh_token"] == "" || tokens["id_token"] == nil {
			t.Fatalf("token: %d %v", status, tokens)
		}
		secrets = append(secrets, m.Code, strings.TrimPrefix(path, "/l/"), form.Get("code"), tokens["access_token"].(string),
			tokens["refresh_token"].(string), "12025550123", "demo-secret")
	})
	t.Run("a server client", func(t *testing.T) {
		status, tokens := d.call(t, "POST", "/api/oauth2/token", "grant_type=client_credentials&client_id=3&client_secret=demo-server-secret")
		if status != 200 {
			t.Fatalf("%d %v", status, tokens)
		}
		secrets = append(secrets, tokens["access_token"].(string), "demo-server-secret")
	})

	if code := d.stop(); code != exitOK {
		t.Errorf("exit code %d, want 0", code)
	}
	log := d.stderr.String()
	for _, s := range secrets {
		if strings.Contains(log, s) {
			t.Errorf("ASVS 16.2.5: the log has %q in it", s)
		}
	}
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is not JSON: %s", line)
		}
	}
	if strings.Count(log, `"request_id"`) < 9 {
		t.Errorf("at debug level the log tells of too few requests to prove anything:\n%s", log)
	}
}

func queryOf(t *testing.T, raw any, name string) string {
	t.Helper()
	text, _ := raw.(string)
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}

func TestDevFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	var urls []string
	for range 2 { // the second run finds what the first one left
		d := newDevServer(t.Context(), dir)
		if err := d.wait(30 * time.Second); err != nil {
			t.Fatalf("%v\n%s", err, d.stderr.String())
		}
		urls = append(urls, d.url)
		_, c := d.call(t, "POST", "/api/oauth2/login/email/request?client_id=1&response_type=code&state=12345678&redirect_uri="+url.QueryEscape(d.url+"/demo/callback"), `{"email":"a@example.test"}`)
		if c["operation_id"] == nil {
			t.Errorf("the redirect URI of this run is not registered: %v", c)
		}
		for _, line := range []string{d.url + "/demo", d.url + "/dev/inbox", demoID, "demo-secret", "demo-server-secret", "curl -s '" + d.url} {
			if !strings.Contains(d.stdout.String(), line) {
				t.Errorf("the start-up text lacks %q:\n%s", line, d.stdout.String())
			}
		}
		if code := d.stop(); code != exitOK {
			t.Errorf("exit code %d:\n%s", code, d.stderr.String())
		}
	}
	if urls[0] == urls[1] {
		t.Log("both runs had the same port, so this run proved less")
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "master.secret": 0o600, "latchkey.db": 0o600, ".gitignore": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%q has mode %o, want %o", name, got, want)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(dir, ".gitignore")); string(b) != "*\n" {
		t.Errorf(".gitignore is %q", b)
	}
}

// TestDevAnswersTheCurlLineThatItPrints takes the promise of the first run literally, without a shell.
func TestDevAnswersTheCurlLineThatItPrints(t *testing.T) {
	t.Parallel()
	d := newDevServer(t.Context(), filepath.Join(t.TempDir(), "data"))
	t.Cleanup(func() { d.stop() })
	m := regexp.MustCompile(`curl -s '([^']+)' -H '([^:]+): ([^']+)' -d '([^']+)'`).FindStringSubmatch(d.stdout.String())
	for m == nil && d.wait(time.Minute) == nil { // the line comes a moment after the first one
		m = regexp.MustCompile(`curl -s '([^']+)' -H '([^:]+): ([^']+)' -d '([^']+)'`).FindStringSubmatch(d.stdout.String())
	}
	if m == nil {
		t.Fatalf("no curl line:\n%s", d.stdout.String())
	}
	status, answer := d.call(t, "POST", strings.TrimPrefix(m[1], d.url), m[4], m[2], m[3])
	if status != 200 || answer["operation_id"] == nil {
		t.Errorf("%d %v", status, answer)
	}
}

// TestShutdown: a held poll is answered at once, the process ends within 10 s, and leaves nothing running.
func TestShutdown(t *testing.T) {
	none := goleak.IgnoreCurrent()
	d := newDevServer(context.Background(), filepath.Join(t.TempDir(), "data"))
	if err := d.wait(30 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, d.stderr.String())
	}
	type answer struct {
		status int
		body   map[string]any
	}
	answered := make(chan answer, 1)
	go func() {
		status, body := d.call(t, "GET", "/api/otc/code?projectId="+demoID+"&login=a@example.test&operation_id=x", "")
		answered <- answer{status, body}
	}()
	for !strings.Contains(metricsOf(t, d), "latchkey_held_polls 1") {
		if t.Context().Err() != nil {
			t.Fatal("the poll is not held")
		}
	}
	began := time.Now()
	if code := d.stop(); code != exitOK {
		t.Errorf("exit code %d:\n%s", code, d.stderr.String())
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the shutdown took %v", took)
	}
	if a := <-answered; a.status != http.StatusRequestTimeout {
		t.Errorf("the held poll was answered %d %v, want 408", a.status, a.body)
	}
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, none)
}

func metricsOf(t *testing.T, d *devServer) string {
	t.Helper()
	resp, err := http.Get(d.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
