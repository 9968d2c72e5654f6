package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/latchkey-dev/latchkey/internal/pgtest"
)

// callbackURL is where logins end, on both protocols. Nothing listens there, and nothing is asked there.
const callbackURL = "https://bench.example.com/callback"

// A server is the real program in a process of its own, with a fresh database.
type server struct {
	host    string
	project string
	client  string // a public OAuth 2.0 client
	pid     int
	ready   time.Duration // from starting the process until /readyz was fine

	postgres *pgtest.Server // nil with SQLite
	trust    *tls.Config    // nil: plain HTTP
	pprof    string         // host:port of its profiles; empty without -profile
	dir      string
	cmd      *exec.Cmd
	log      *os.File
	exited   chan error
	ended    bool
}

// startServer builds the program, makes a project in a fresh database, and serves it with mail going to the sink.
func startServer(ctx context.Context, o options, smtp string) (*server, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "run-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if err := s.start(ctx, o, smtp); err != nil {
		return nil, errors.Join(fmt.Errorf("%w%s", err, s.lastWords()), s.stop())
	}
	return s, nil
}

func (s *server) start(ctx context.Context, o options, smtp string) error {
	binary := o.Binary
	if binary == "" {
		binary = filepath.Join(s.dir, "latchkey")
		if err := build(ctx, binary); err != nil {
			return err
		}
	}
	var err error
	if o.Store == "postgres" {
		if err := s.startPostgres(); err != nil {
			return err
		}
	}
	if err := s.makeProject(ctx, binary, o.Alg); err != nil {
		return err
	}
	if o.Seed > 0 {
		if err := s.seed(ctx, binary, o.Seed); err != nil {
			return fmt.Errorf("seeding: %w", err)
		}
	}
	if s.host, err = freePort(); err != nil {
		return err
	}
	args := []string{
		"serve", "--listen", s.host,
		"--email", "smtp://" + smtp + "?from=login@bench.example.com&tls=none",
		"--limit", "all=" + o.Limit, "--limiter", o.Limiter, // everybody signs in from one address
	}
	if o.TLS {
		pair, err := s.certify()
		if err != nil {
			return err
		}
		args = append(args, pair...)
	}
	args = append(args, "--public-url", s.url())
	if o.Profile {
		if s.pprof, err = freePort(); err != nil {
			return err
		}
		args = append(args, "--metrics-listen", s.pprof)
	}
	if s.log, err = os.Create(filepath.Join(s.dir, "server.log")); err != nil {
		return err
	}
	s.cmd = limited(o.Files, binary, args...)
	s.cmd.Env = s.env()
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.pid, s.exited = s.cmd.Process.Pid, make(chan error, 1)
	go func() { s.exited <- s.cmd.Wait() }()
	if err := s.waitReady(ctx); err != nil {
		return err
	}
	s.ready = time.Since(began)
	return nil
}

// build makes the program as it is shipped, but with its symbols, for profiles.
func build(ctx context.Context, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/latchkey")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build ./cmd/latchkey (run bench in the module's root): %w\n%s", err, out)
	}
	return nil
}

// limited makes a command that has only so many files; 0: as many as this process.
func limited(files int, binary string, args ...string) *exec.Cmd {
	if files == 0 {
		return exec.Command(binary, args...)
	}
	return exec.Command("sh", append([]string{"-c", `ulimit -n "$0" && exec "$@"`, strconv.Itoa(files), binary}, args...)...)
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// makeProject makes a project and a public client with the program's own commands.
func (s *server) makeProject(ctx context.Context, binary, alg string) error {
	if err := os.MkdirAll(s.data(), 0o700); err != nil {
		return err
	}
	if err := s.command(ctx, nil, binary, "migrate"); err != nil {
		return err
	}
	var project struct {
		ID string `json:"id"`
	}
	err := s.command(ctx, &project, binary, "project", "create", "Bench", "--callback-url", callbackURL,
		"--algorithm", alg, "--code-life", "600s", "--json") // a code must outlive the run
	if err != nil {
		return err
	}
	var client struct {
		ID json.Number `json:"id"`
	}
	err = s.command(ctx, &client, binary, "client", "create", "bench", "--project", project.ID, "--kind", "public",
		"--redirect-uri", callbackURL, "--json")
	s.project, s.client = project.ID, client.ID.String()
	return err
}

// command runs one of the program's commands on the database and decodes what it prints, unless answer is nil.
func (s *server) command(ctx context.Context, answer any, binary string, args ...string) error {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = s.env()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("latchkey %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(out, answer); err != nil {
		return fmt.Errorf("latchkey %s printed no JSON: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// env is the environment of the program: its secret, and where its database is.
func (s *server) env() []string {
	env := append(cleanEnv(), "LATCHKEY_SECRET="+strings.Repeat("5e", 32))
	if s.postgres != nil {
		return append(env, "LATCHKEY_STORE="+s.postgres.URL("postgres"))
	}
	return append(env, "LATCHKEY_DATA="+s.data())
}

// url is the server's own.
func (s *server) url() string {
	if s.trust != nil {
		return "https://" + s.host
	}
	return "http://" + s.host
}

// waitReady asks /readyz until it is fine.
func (s *server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	asker := http.Client{Transport: &http.Transport{TLSClientConfig: s.trust, DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url()+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := asker.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-s.exited:
			s.exited <- err
			return fmt.Errorf("the server ended before it was ready: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("the server was not ready within %v", callTimeout)
		case <-time.After(time.Millisecond):
		}
	}
}

// metrics is the URL of /metrics.
func (s *server) metrics() string {
	if s.pprof != "" {
		return "http://" + s.pprof + "/metrics"
	}
	return s.url() + "/metrics"
}

func (s *server) memory() (memory, error) { return readMemory(s.pid) }

// cpu is readCPU, with PostgreSQL's processes where they are the store.
func (s *server) cpu() (cpuTimes, error) {
	c, err := readCPU(s.pid)
	if err == nil && s.postgres != nil {
		c.store, err = s.postgres.CPU()
	}
	return c, err
}

// stop ends the server as an operator would, and removes its database. A server that fails to stop in good order
// fails the run. Stopping twice is fine.
func (s *server) stop() (err error) {
	if s.ended {
		return nil
	}
	s.ended = true
	defer os.RemoveAll(s.dir)
	if s.postgres != nil {
		defer func() { err = errors.Join(err, s.postgres.Remove()) }()
	}
	if s.log != nil {
		defer s.log.Close()
	}
	if s.exited == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("the server is gone: %w", err)
	}
	select {
	case err := <-s.exited:
		if err != nil {
			return fmt.Errorf("the server stopped with: %w%s", err, s.lastWords())
		}
		return nil
	case <-time.After(callTimeout):
		return errors.Join(errors.New("the server did not stop within "+callTimeout.String()), s.cmd.Process.Kill())
	}
}

// lastWords gives the end of the server's log, for a failed run.
func (s *server) lastWords() string {
	if s.log == nil {
		return ""
	}
	raw, err := os.ReadFile(s.log.Name())
	if err != nil || len(raw) == 0 {
		return ""
	}
	return "\nthe server's last words:\n" + string(raw[max(0, len(raw)-2000):])
}

// freePort gives a loopback address that nobody listens on just now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// cleanEnv is the environment without the server's own variables: a developer's settings must not change the figures.
func cleanEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LATCHKEY_") {
			env = append(env, v)
		}
	}
	return env
}
