package oidctest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take that takes moments; what takes longer is broken.
const patience = 20 * time.Second

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
	if scratch, err = os.MkdirTemp("", "latchkey-oidctest-"); err != nil {
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
	errors  string // file
}

func (s *server) issuer() string { return s.url + "/p/" + demoProject }

// startDev gives a fresh server, which is stopped when the test ends.
func startDev(t *testing.T) *server {
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
	cmd := exec.Command(program, "dev", "--listen", "127.0.0.1:0", "--data", s.data)
	cmd.Stderr = stderr
	// What it prints to start with says where it is.
	m := startUntil(t, cmd, regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/demo`))
	if m == nil {
		t.Fatalf("latchkey dev said no address\n%s", s.log())
	}
	s.url = m[1]
	eventually(t, "latchkey dev to be ready", func() bool { // it makes keys after it has said where it is
		res, err := http.Get(s.url + "/readyz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil && res.StatusCode == http.StatusOK
	})
	return s
}

// startUntil starts a program that ends with the test, and gives the first match in what it prints; nil if it printed none.
func startUntil(t *testing.T, cmd *exec.Cmd, ready *regexp.Regexp) []string {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	startUntilCleanup(t, cmd)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if m := ready.FindStringSubmatch(lines.Text()); m != nil {
			go func() { // ends with the program: what nobody reads would stop it
				for lines.Scan() {
				}
			}()
			return m
		}
	}
	return nil
}

// startUntilCleanup starts a program that ends with the test.
func startUntilCleanup(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
	})
}

func (s *server) log() string {
	raw, _ := os.ReadFile(s.errors)
	return "the server's log:\n" + string(raw)
}

// command runs one of the operator's commands on the server's data and reads what it prints into out.
func (s *server) command(out any, args ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, append(args, "--json", "--data", s.data)...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	printed, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("latchkey %s: %v\n%s", strings.Join(args, " "), err, complaint.String())
	}
	if err := json.Unmarshal(printed, out); err != nil {
		s.t.Fatalf("latchkey %s: %v: %s", strings.Join(args, " "), err, printed)
	}
}

// A client is one that was made by the command, as its program is told of it.
type client struct {
	ID     string
	Secret string // empty for a public client, and for one with keys
}

// client makes a client of the demonstration's project.
func (s *server) client(kind string, flags ...string) client {
	s.t.Helper()
	var made struct {
		ID     int64  `json:"id"`
		Secret string `json:"secret"`
	}
	args := []string{"client", "create", s.t.Name(), "--project", demoProject, "--kind", kind}
	s.command(&made, append(args, flags...)...)
	if made.ID == 0 {
		s.t.Fatal("client create gave no id")
	}
	return client{strconv.FormatInt(made.ID, 10), made.Secret}
}

// code waits for the newest message to an address and gives its code.
func (s *server) code(address string) string {
	s.t.Helper()
	var got []struct {
		Code string `json:"code"`
	}
	eventually(s.t, "a message to "+address, func() bool {
		res, err := http.Get(s.url + "/dev/inbox/messages?limit=1&to=" + url.QueryEscape(address))
		if err != nil {
			s.t.Fatal(err)
		}
		defer res.Body.Close()
		return json.NewDecoder(res.Body).Decode(&got) == nil && len(got) == 1 && got[0].Code != ""
	})
	return got[0].Code
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// missing fails where everything must be tested, and skips elsewhere.
func missing(t *testing.T, what, how string) {
	t.Helper()
	if os.Getenv("LATCHKEY_TEST_ALL") == "1" {
		t.Fatalf("%s is missing: %s", what, how)
	}
	t.Skipf("%s is missing: %s", what, how)
}
