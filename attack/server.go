package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// callback is where logins end. Nothing listens there, and nothing is asked there.
const callback = "https://game.example.com/signed-in"

// A server is the real program in a process of its own, with a fresh database, a clock and a sink.
type server struct {
	*sink
	*clock
	host   string
	dir    string
	binary string
	cmd    *exec.Cmd
	log    *os.File
	exited chan error
}

// A setup says how the server differs from one with default settings.
type setup struct {
	direct bool     // clients come as they are: no proxy is trusted
	args   []string // more flags of serve
}

// serve makes a database, lets prepare put projects into it, and starts a server on it.
func (l *lab) serve(ctx context.Context, o setup, prepare func(*server) error) (*server, error) {
	dir, err := os.MkdirTemp(l.dir, "run-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, binary: l.binary}
	if err := s.start(ctx, o, prepare); err != nil {
		return nil, errors.Join(fmt.Errorf("%w%s", err, s.lastWords()), s.stop())
	}
	return s, nil
}

func (s *server) start(ctx context.Context, o setup, prepare func(*server) error) (err error) {
	if s.sink, err = newSink(); err != nil {
		return err
	}
	if s.clock, err = newClock(filepath.Join(s.dir, "clock")); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(s.dir, "data"), 0o700); err != nil {
		return err
	}
	if err := s.command(ctx, nil, "migrate"); err != nil {
		return err
	}
	if err := prepare(s); err != nil {
		return err
	}
	if s.host, err = freePort(); err != nil {
		return err
	}
	args := []string{"serve", "--listen", s.host, "--public-url", "http://" + s.host, "--email", s.hook(), "--sms", s.hook(), "--drain-time", "0s"}
	if !o.direct {
		args = append(args, "--trusted-proxy", "127.0.0.0/8")
	}
	if s.log, err = os.Create(filepath.Join(s.dir, "server.log")); err != nil {
		return err
	}
	s.cmd = exec.Command(s.binary, append(args, o.args...)...)
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env(), s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return err
	}
	s.exited = make(chan error, 1)
	go func() { s.exited <- s.cmd.Wait() }()
	return s.waitReady(ctx)
}

// env is the environment without the server's own variables, but for those of this server: a developer's settings must not
// change the figures.
func (s *server) env() []string {
	env := []string{
		"LATCHKEY_SECRET=" + strings.Repeat("5e", 32), "LATCHKEY_DATA=" + filepath.Join(s.dir, "data"),
		"LATCHKEY_FASTCLOCK=" + filepath.Join(s.dir, "clock"),
	}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LATCHKEY_") {
			env = append(env, v)
		}
	}
	return env
}

// command runs one of the program's commands on the database and decodes what it prints, unless answer is nil.
func (s *server) command(ctx context.Context, answer any, args ...string) error {
	cmd := exec.CommandContext(ctx, s.binary, args...)
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

// project makes one with default settings, but for the flags given.
func (s *server) project(ctx context.Context, flags ...string) (id string, err error) {
	var p struct {
		ID string `json:"id"`
	}
	args := append([]string{"project", "create", "Game", "--callback-url", callback, "--algorithm", "HS256", "--json"}, flags...)
	err = s.command(ctx, &p, args...)
	return p.ID, err
}

// oneProject prepares a server with one project of default settings, whose id is put where id points.
func oneProject(ctx context.Context, id *string, flags ...string) func(*server) error {
	return func(s *server) (err error) {
		*id, err = s.project(ctx, flags...)
		return err
	}
}

// waitReady asks /readyz until it is fine.
func (s *server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.host+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
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
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// alive is an error if the server is gone: an attack that kills it has won.
func (s *server) alive() error {
	select {
	case err := <-s.exited:
		s.exited <- err
		return fmt.Errorf("the server died: %w%s", err, s.lastWords())
	default:
		return nil
	}
}

// stop ends the server as an operator would, and removes its database. One that does not stop in good order fails the attack.
func (s *server) stop() (err error) {
	defer func() {
		if s.sink != nil {
			err = errors.Join(err, s.Close())
		}
		err = errors.Join(err, os.RemoveAll(s.dir))
	}()
	if s.exited == nil {
		return nil
	}
	defer s.log.Close()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("the server is gone: %w%s", err, s.lastWords())
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

// lastWords gives the end of the server's log.
func (s *server) lastWords() string {
	raw, err := os.ReadFile(filepath.Join(s.dir, "server.log"))
	if err != nil || len(raw) == 0 {
		return ""
	}
	const most = 4 << 10
	return "\nthe server's log:\n" + string(raw[max(0, len(raw)-most):])
}

// freePort gives an address of this machine that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
