package pgtest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Bouncer is a PgBouncer in transaction mode in front of a server: each transaction may get another session.
type Bouncer struct {
	Port   int
	server *Server
}

// Bounce starts a PgBouncer for a test. Where it is not installed the test is skipped, or fails under LATCHKEY_TEST_ALL. more are
// further lines of its configuration.
func (s *Server) Bounce(t testing.TB, more ...string) *Bouncer {
	t.Helper()
	program := look("pgbouncer", "/usr/sbin/pgbouncer")
	if program == "" {
		if os.Getenv("LATCHKEY_TEST_ALL") != "" {
			t.Fatal("PgBouncer is not installed: " + howToBounce)
		}
		t.Skip("PgBouncer is not installed: " + howToBounce)
	}
	port, err := FreePort()
	must(t, err)
	dir, err := os.MkdirTemp("", "latchkey-bouncer-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // after the process that is stopped below
	config := filepath.Join(dir, "pgbouncer.ini")
	must(t, os.WriteFile(config, []byte(strings.Join(append([]string{
		"[databases]", fmt.Sprintf("* = host=127.0.0.1 port=%d user=postgres", s.Port),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprintf("listen_port = %d", port), "unix_socket_dir =",
		"auth_type = any", "pool_mode = transaction", "max_client_conn = 500", "default_pool_size = 5",
	}, more...), "\n")+"\n"), 0o644))
	must(t, os.Chmod(dir, 0o755))
	cmd := exec.Command(program, config)
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	demote(cmd)
	must(t, cmd.Start())
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // at once, whatever its clients do
		<-exited
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for end := time.Now().Add(starting); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return &Bouncer{Port: port, server: s}
		}
		select {
		case <-exited:
			t.Fatalf("PgBouncer ended: %s", out)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("PgBouncer does not answer: %v", err)
		}
	}
}

const howToBounce = "install it from the system's packages (Debian, Ubuntu: apt-get install pgbouncer)"

// Through gives the URL that leads through b to the database that url, of b's server, leads to.
func (b *Bouncer) Through(url string) string {
	return strings.Replace(url, fmt.Sprintf("@127.0.0.1:%d/", b.server.Port), fmt.Sprintf("@127.0.0.1:%d/", b.Port), 1)
}

func look(name, otherwise string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if _, err := os.Stat(otherwise); err == nil {
		return otherwise
	}
	return ""
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
