package crashtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const callbackURL = "https://crash.example.com/callback"

// A server is `latchkey serve` on one set of files, over several lives.
type server struct {
	binary, dir string
	project     string
	host        string // the same in every life
	sink        *sink
	cmd         *exec.Cmd
	client      *http.Client
}

// build gives the program's binary, built once for all rounds.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "latchkey")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/latchkey-dev/latchkey/cmd/latchkey").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// newServer makes a project in a fresh database and starts the server's first life.
func newServer(t *testing.T, binary string, k *sink) *server {
	t.Helper()
	s := &server{binary: binary, dir: t.TempDir(), sink: k}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.host = l.Addr().String()
	l.Close()
	var project struct {
		ID string `json:"id"`
	}
	s.run(t, "migrate")
	out := s.run(t, "project", "create", "Crash", "--json", "--callback-url", callbackURL, "--algorithm", "HS256")
	if err := json.Unmarshal(out, &project); err != nil {
		t.Fatalf("latchkey project create --json: %v\n%s", err, out)
	}
	s.project = project.ID
	s.start(t)
	t.Cleanup(func() { s.kill(t) })
	return s
}

// run runs one of the program's commands on the server's files.
func (s *server) run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(s.binary, append(args, "--data", s.dir)...)
	cmd.Env = s.env()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("latchkey %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}

func (s *server) env() []string {
	env := []string{"LATCHKEY_SECRET=" + strings.Repeat("c4", 32)}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LATCHKEY_") {
			env = append(env, v)
		}
	}
	return env
}

// start begins a life.
func (s *server) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(s.binary, "serve", "--data", s.dir, "--listen", s.host, "--public-url", "http://"+s.host,
		"--email", "smtp://"+s.sink.addr+"?from=login@crash.example.com&tls=none", "--limit", "all=off")
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env(), log, log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: logins}}
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		res, err := s.client.Get("http://" + s.host + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("latchkey serve was not ready within 15 s: %v\n%s", err, s.log())
		}
	}
}

// kill ends a life as a power cut does: without a word (SIGKILL).
func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("kill: %v", err)
	}
	s.cmd.Wait()
}

func (s *server) logFile() string { return filepath.Join(s.dir, "server.log") }

func (s *server) log() string {
	raw, _ := os.ReadFile(s.logFile())
	return "the server's log ends:\n" + string(raw[max(0, len(raw)-4000):])
}

// An answer is what a call gave. A zero status means that no answer came.
type answer struct {
	status int
	Op     string `json:"operation_id"`
	URL    string `json:"login_url"`
	UserID string `json:"id"`
	Error  struct {
		Code string `json:"code"`
	} `json:"error"`
}

func (s *server) post(path, body string) answer {
	return s.do(http.MethodPost, path+"?projectId="+s.project, strings.NewReader(body), "")
}

// me asks who a token is.
func (s *server) me(token string) answer { return s.do(http.MethodGet, "/users/me", nil, token) }

func (s *server) do(method, path string, body io.Reader, bearer string) (a answer) {
	req, err := http.NewRequest(method, "http://"+s.host+"/api"+path, body)
	if err != nil {
		return a
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return a
	}
	defer res.Body.Close()
	if json.NewDecoder(res.Body).Decode(&a) == nil {
		a.status = res.StatusCode
	}
	return a
}

// String is for failure messages: it holds no token.
func (a answer) String() string { return fmt.Sprintf("status %d, error %q", a.status, a.Error.Code) }
