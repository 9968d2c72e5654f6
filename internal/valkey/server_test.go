package valkey_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/valkey"
)

// program is the server of this system's packages.
func program(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const how = "neither valkey-server nor redis-server is installed: apt-get install redis-server, or scripts/setup"
	if os.Getenv("LATCHKEY_TEST_ALL") == "1" {
		t.Fatal(how)
	}
	t.Skip(how)
	return ""
}

// A server is a real one, of this test alone, on a free port of this machine.
type server struct {
	t       testing.TB
	program string
	port    int
	extra   []string // arguments
	dir     string
	cmd     *exec.Cmd
	exited  chan struct{}
}

// start starts a server that lives until the test ends.
func start(t testing.TB, extra ...string) *server {
	t.Helper()
	s := &server{t: t, program: program(t), extra: extra, dir: t.TempDir()}
	t.Cleanup(s.kill)
	for try := 1; ; try++ {
		s.port = freePort(t)
		err := s.run()
		if err == nil {
			return s
		}
		if try == 5 {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			t.Fatalf("%s does not start: %v\n%s", s.program, err, log)
		}
	}
}

// run starts the process at the port that s has, and waits until it answers.
func (s *server) run() error {
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.dir,
		"--logfile", filepath.Join(s.dir, "log"), "--daemonize", "no",
	}, s.extra...)
	s.cmd = exec.Command(s.program, args...)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	s.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(exited)
	}(s.cmd)
	return until(10*time.Second, func() error {
		select {
		case <-exited:
			return fmt.Errorf("it ended by itself: %w", os.ErrProcessDone)
		default:
		}
		_, err := s.say("PING")
		return err
	})
}

// kill ends the process as a power cut would.
func (s *server) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// restart brings a killed server back, empty, at its port.
func (s *server) restart() {
	s.t.Helper()
	s.kill()
	if err := s.run(); err != nil {
		s.t.Fatalf("the server does not come back: %v", err)
	}
}

// freeze stops the process without closing a connection; thaw lets it go on.
func (s *server) freeze() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *server) thaw()   { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

func (s *server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// url has a timeout that no busy machine reaches; quickURL the one that a Take has where nobody asks for another.
func (s *server) url() string      { return "valkey://" + s.addr() + "?timeout=30s" }
func (s *server) quickURL() string { return "valkey://" + s.addr() }

// say sends one command in a connection of its own and gives the raw answer's first line; of a bulk string, its text.
func (s *server) say(words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", s.addr())
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(c, b.String()); err != nil {
		return "", err
	}
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSpace(line)
	if size, bulk := strings.CutPrefix(line, "$"); bulk && size != "-1" {
		n, err := strconv.Atoi(size)
		if err != nil {
			return "", err
		}
		text := make([]byte, n)
		_, err = io.ReadFull(r, text)
		return string(text), err
	}
	if strings.HasPrefix(line, "-") {
		return line, fmt.Errorf("%s: %s", words[0], line)
	}
	return line, nil
}

func (s *server) mustSay(words ...string) string {
	s.t.Helper()
	out, err := s.say(words...)
	if err != nil {
		s.t.Fatalf("%v: %v", words, err)
	}
	return out
}

// until tries again and again until f gives nil, or the process is gone, or the time is over.
func until(limit time.Duration, f func() error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	over := time.After(limit)
	for {
		err := f()
		if err == nil || errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-tick.C:
		case <-over:
			return err
		}
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// open gives a limiter that the test closes.
func open(t testing.TB, url string) *valkey.Limiter {
	t.Helper()
	l, err := valkey.New(url)
	if err != nil {
		t.Fatalf("New(%q): %v", url, err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}
