// Package pgtest gives tests a PostgreSQL server of their own: from the system's packages, in a temporary folder, on a free
// port, with fsync on. No test needs one that runs already, and none touches it.
//
// A test process shares one server, which Main stops; each test has a database of its own in it. What stops or stalls a server
// starts one for itself.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// howToGetIt ends every message about a server that is not there.
const howToGetIt = "install PostgreSQL 15 or newer (Debian, Ubuntu: apt-get install postgresql)"

// starting is how long a server may take to come up or go down, on a machine that does much else.
const starting = 60 * time.Second

// A Server is a running server. Its superuser is postgres, without a password, on the loopback interface.
type Server struct {
	Dir  string // its data
	Port int

	bin     string // where its programs are
	args    []string
	process *os.Process
	exited  chan struct{}
	log     *bytes.Buffer // good once exited is closed

	mu        sync.Mutex
	templates map[string]error    // guarded by mu; by name: how making it ended
	idle      map[string][]string // guarded by mu; databases that no test uses, by template
	made      int                 // guarded by mu
}

// shared is the server of the process. It is made once, and written by nobody else.
var shared = struct {
	once   sync.Once
	server *Server
	err    error
}{}

// Main runs the tests of a package and stops the shared server. It is for TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
func Main(m *testing.M) int {
	code := m.Run()
	if s := shared.server; s != nil {
		if err := s.remove(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			return 1
		}
	}
	return code
}

// Shared gives the server of this test process. The package needs Main. Where PostgreSQL is not installed the test is skipped,
// or fails under LATCHKEY_TEST_ALL.
func Shared(t testing.TB) *Server {
	t.Helper()
	bin := find(t)
	shared.once.Do(func() { shared.server, shared.err = start(bin) })
	if shared.err != nil {
		t.Fatalf("no PostgreSQL server for the tests: %v", shared.err)
	}
	return shared.server
}

// Start gives a server that is this test's alone, to be stopped and stalled. args are settings, such as -c max_connections=9.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := start(find(t), args...)
	if err != nil {
		t.Fatalf("no PostgreSQL server for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := s.remove(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return s
}

// URL gives the connection string of a database.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.Port, database)
}

// A Template is what the databases of a kind of test begin as.
type Template struct {
	Name    string
	Prepare func(url string) error // makes it of an empty database; called once for each name
	Reset   string                 // SQL that makes it of one that a test has used
}

// Database gives the URL of a database that is as its template and nobody else's until the test ends. Databases are used
// again: to make one costs a second where the disk is slow.
func (s *Server) Database(t testing.TB, like Template) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.template(t, like); err != nil {
		t.Fatalf("preparing the database %s: %v", like.Name, err)
	}
	name := ""
	if idle := s.idle[like.Name]; len(idle) > 0 {
		name, s.idle[like.Name] = idle[len(idle)-1], idle[:len(idle)-1]
	} else {
		s.made++
		name = like.Name + "_" + strconv.Itoa(s.made)
		s.SQL(t, "postgres", "CREATE DATABASE "+name+" TEMPLATE "+like.Name)
	}
	t.Cleanup(func() { s.release(t, like, name) })
	return s.URL(name)
}

func (s *Server) release(t testing.TB, like Template, name string) {
	if t.Failed() {
		return // it may still be in use
	}
	s.SQL(t, name, like.Reset)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle == nil {
		s.idle = map[string][]string{}
	}
	s.idle[like.Name] = append(s.idle[like.Name], name)
}

func (s *Server) template(t testing.TB, like Template) error {
	if err, made := s.templates[like.Name]; made {
		return err
	}
	s.SQL(t, "postgres", "CREATE DATABASE "+like.Name)
	if s.templates == nil {
		s.templates = map[string]error{}
	}
	s.templates[like.Name] = like.Prepare(s.URL(like.Name))
	return s.templates[like.Name]
}

// SQL runs statements as the superuser and gives what they print, unaligned.
func (s *Server) SQL(t testing.TB, database, text string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(s.bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", s.URL(database), "-c", text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("psql %s: %v: %s", text, err, out)
	}
	return string(bytes.TrimSpace(out))
}

// Stop ends the server as a crash of the machine would, but for the files: what was not on the disk is lost. Restart brings it back.
func (s *Server) Stop(t testing.TB) { s.end(t, syscall.SIGQUIT) }

// ShutDown ends the server in order, with its connections.
func (s *Server) ShutDown(t testing.TB) { s.end(t, syscall.SIGINT) }

func (s *Server) end(t testing.TB, how syscall.Signal) {
	t.Helper()
	if err := s.stop(how); err != nil {
		t.Fatalf("stopping PostgreSQL: %v", err)
	}
}

// Restart starts a server that was stopped, on the same port.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.run(); err != nil {
		t.Fatalf("starting PostgreSQL again: %v", err)
	}
}

// Stall makes every process of the server stand still, as a disk or a network that hangs would, until Resume.
func (s *Server) Stall(t testing.TB) { s.signalAll(t, syscall.SIGSTOP) }

// Resume ends a Stall.
func (s *Server) Resume(t testing.TB) { s.signalAll(t, syscall.SIGCONT) }

// find gives the folder of the server's programs.
func find(t testing.TB) string {
	t.Helper()
	bin, err := binaries()
	switch {
	case err == nil:
	case os.Getenv("LATCHKEY_TEST_ALL") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	return bin
}

// binaries gives the folder of the server's programs: those on the path, or the newest that the system has.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(real), nil
		}
	}
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(versions) == 0 {
		return "", errors.New("PostgreSQL is not installed: " + howToGetIt)
	}
	newest := slices.MaxFunc(versions, func(a, b string) int { return number(a) - number(b) })
	return filepath.Dir(newest), nil
}

func number(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// start makes a cluster in a temporary folder and runs it.
func start(bin string, args ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "latchkey-pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, bin: bin, args: args}
	if err := Own(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	init := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync")
	init.Dir = dir
	demote(init)
	if out, err := init.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(dir))
	}
	if s.Port, err = FreePort(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// run starts the server and waits until it answers.
func (s *Server) run() error {
	args := append([]string{"-D", filepath.Join(s.Dir, "data"), "-p", strconv.Itoa(s.Port), "-k", s.Dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=on", "-c", "max_connections=400", "-c", "shared_buffers=128MB"}, s.args...)
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), args...)
	cmd.Dir = s.Dir
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	demote(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	s.process, s.exited, s.log = cmd.Process, exited, out
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(exited)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), starting)
	defer cancel()
	for {
		ready := exec.CommandContext(ctx, filepath.Join(s.bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port))
		if ready.Run() == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("the server ended: %s", out)
		case <-ctx.Done():
			return errors.Join(errors.New("the server does not answer"), s.stop(syscall.SIGQUIT))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) stop(how syscall.Signal) error {
	select {
	case <-s.exited:
		return nil
	default:
	}
	if err := s.process.Signal(how); err != nil {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(starting):
		return errors.Join(errors.New("the server did not stop"), s.process.Kill())
	}
}

func (s *Server) remove() error {
	err := s.stop(syscall.SIGQUIT)
	return errors.Join(err, os.RemoveAll(s.Dir))
}

// FreePort gives a port that nobody listens on.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
