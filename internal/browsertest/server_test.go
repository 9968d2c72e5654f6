package browsertest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take that takes moments; what takes longer is broken.
const patience = 20 * time.Second

// wakes is how long an approval may take to reach the device that waits: moments, and much less than a poll is held, after
// which it would come by itself.
const wakes = 12 * time.Second

// demoProject is what `latchkey dev` comes with.
const demoProject = "00000000-0000-4000-8000-000000000001"

// binary is the program, built once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "latchkey")
	out, err := exec.Command("go", "build", "-o", path, "github.com/latchkey-dev/latchkey/cmd/latchkey").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, err
})

// scratch is gone when the tests are. TestMain makes it.
var scratch string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if scratch, err = os.MkdirTemp("", "latchkey-browsertest-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(scratch)
	defer func() { closeBrowser() }()
	return m.Run(), nil
}

// A server is `latchkey dev` in a process of its own, on a data folder of its own.
type server struct {
	t       *testing.T
	url     string // http://127.0.0.1:port
	program string
	data    string
	errors  string       // file
	client  *http.Client // of its published calls; nil: the default one
}

// startDev gives a fresh server, which is stopped when the test ends. Tests without a browser to drive skip before.
func startDev(t *testing.T, flags ...string) *server {
	t.Helper()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &server{t: t, program: program, data: filepath.Join(dir, "data"), errors: filepath.Join(dir, "stderr")}
	stderr, err := os.Create(s.errors)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	cmd := exec.Command(program, append([]string{"dev", "--listen", "127.0.0.1:0", "--data", s.data}, flags...)...)
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
	})
	// What it prints to start with says where it is, and that it is there.
	page := regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/demo`)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if m := page.FindStringSubmatch(lines.Text()); m != nil {
			s.url = m[1]
			go func() { // ends with the program: what nobody reads would stop it
				for lines.Scan() {
				}
			}()
			s.awake()
			return s
		}
	}
	t.Fatalf("latchkey dev said no address\n%s", s.log())
	return nil
}

// awake waits until the server answers: what it prints comes before it has made its project and clients.
func (s *server) awake() {
	s.t.Helper()
	res, err := http.Get(s.url + "/readyz")
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.log())
	}
	res.Body.Close()
}

func (s *server) log() string {
	raw, _ := os.ReadFile(s.errors)
	return "the server's log:\n" + string(raw)
}

// command runs one of the operator's commands on the server's data and gives what it prints.
func (s *server) command(args ...string) []byte {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, append(args, "--data", s.data)...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("latchkey %s: %v\n%s", strings.Join(args, " "), err, complaint.String())
	}
	return out
}

// project makes a project by the command, with these flags, and gives its id. No web origin may call it.
func (s *server) project(name string, flags ...string) string {
	s.t.Helper()
	args := []string{"project", "create", name, "--json", "--callback-url", s.url + "/demo/callback", "--sms-country", "*", "--sms-breaker", "observe"}
	var made struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(s.command(append(args, flags...)...), &made); err != nil || made.ID == "" {
		s.t.Fatalf("project create gave no id: %v", err)
	}
	return made.ID
}

// An event is one of the audit trail.
type event struct {
	Kind      string `json:"kind"`
	Challenge string `json:"challenge"`
	IP        string `json:"ip"`
	Agent     string `json:"user_agent"`
	Detail    string `json:"detail"`
}

// events gives what the audit trail says of one operation, newest first. An approval or a denial is written by the same
// commit that makes it true, so what is not here did not happen.
func (s *server) events(operation string) []event {
	s.t.Helper()
	var all, out []event
	if err := json.Unmarshal(s.command("events", "--json", "--limit", "1000"), &all); err != nil {
		s.t.Fatal(err)
	}
	for _, e := range all {
		if e.Challenge == operation {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		s.t.Fatalf("the audit trail knows nothing of operation %s, not even its start", operation)
	}
	return out
}

// happened counts the events of a kind.
func (s *server) happened(operation, kind string) int {
	s.t.Helper()
	n := 0
	for _, e := range s.events(operation) {
		if e.Kind == kind {
			n++
		}
	}
	return n
}
