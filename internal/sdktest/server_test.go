package sdktest_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// What `latchkey dev` comes with.
const (
	demoProject = "00000000-0000-4000-8000-000000000001"
	demoClient  = "1" // public

	demoConfidential = "2"
)

// A server is `latchkey dev` in a process of its own.
type server struct {
	host    string
	logFile string
}

func (s *server) api() string      { return "http://" + s.host + "/api" }
func (s *server) callback() string { return "http://" + s.host + "/demo/callback" }

func (s *server) log() string {
	raw, _ := os.ReadFile(s.logFile)
	return "the server's output:\n" + string(raw)
}

// startDev builds the program and starts it on a fresh data folder; it is stopped when the test ends.
func startDev(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "latchkey")
	build := exec.Command("go", "build", "-o", binary, "github.com/latchkey-dev/latchkey/cmd/latchkey")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	s := &server{host: freePort(t), logFile: filepath.Join(dir, "log")}
	cmd := exec.Command(binary, "dev", "--listen", s.host, "--data", filepath.Join(dir, "data"))
	log, err := os.Create(s.logFile)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	runUntilCleanup(t, cmd)
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		res, err := http.Get("http://" + s.host + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return s
			}
		}
		if time.Now().After(end) {
			t.Fatalf("latchkey dev was not ready within 15 s: %v\n%s", err, s.log())
		}
	}
}

// runUntilCleanup starts a program in a process group of its own, and ends the whole group with the test: a browser has
// children.
func runUntilCleanup(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
