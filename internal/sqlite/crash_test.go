package sqlite

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// TestReopen: after Close, and after a crash without one, everything that was answered is there.
func TestReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	s := openAt(t, path)
	var ns storetest.Nouns
	p, now := newProject(t, s), storetest.Noon()
	started, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, ns.Email(), now)), now)
	must(t, err)
	out, err := s.CompleteChallenge(t.Context(), ns.Attempt(started.Challenge, now), now)
	must(t, err)
	must(t, out.Verdict)

	crashed := filepath.Join(t.TempDir(), "latchkey.db") // the files as a power cut would leave them
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		must(t, err)
		must(t, os.WriteFile(crashed+suffix, b, 0o600))
	}
	must(t, s.Close())
	for name, path := range map[string]string{"after Close": path, "after a crash": crashed} {
		s := openAt(t, path)
		c, err := s.Challenge(t.Context(), started.Challenge.ID)
		if err != nil || c != out.Challenge {
			t.Errorf("%s: challenge %+v, %v; want %+v", name, c, err, out.Challenge)
		}
		u, err := s.User(t.Context(), out.User.ID)
		if err != nil || u != out.User {
			t.Errorf("%s: user %+v, %v; want %+v", name, u, err, out.User)
		}
		if got, err := s.Project(t.Context(), p.ID); err != nil || got.Name != p.Name {
			t.Errorf("%s: project %+v, %v; want %+v", name, got, err, p)
		}
		must(t, s.Close())
	}
}

// killed names the database that a child process is to write to until it is killed.
const killed = "LATCHKEY_TEST_KILLED_DATABASE"

// TestKill9 kills a process in the middle of its commits. Every login it reported must be there, and its code must
// not work again.
func TestKill9(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildThatIsKilled$", "-test.v")
	child.Env = append(os.Environ(), killed+"="+path)
	pipe, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	var reported []latchkey.ChallengeID
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		if id, ok := latchkey.ParseChallengeID(lines.Text()); ok {
			reported = append(reported, id)
		}
		if len(reported) == 200 {
			must(t, child.Process.Kill())
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child was not killed but ended: %v", err)
	}
	if len(reported) < 200 {
		t.Fatalf("the child reported %d logins, want 200", len(reported))
	}
	s := openAt(t, path)
	var ns storetest.Nouns
	for _, id := range reported {
		c, err := s.Challenge(t.Context(), id)
		if err != nil || c.State != latchkey.Spent {
			t.Errorf("a reported login is lost: challenge %+v, %v", c, err)
		}
		out, err := s.CompleteChallenge(t.Context(), ns.Attempt(c, storetest.Noon()), storetest.Noon())
		if err != nil || !errors.Is(out.Verdict, latchkey.WrongCode) {
			t.Errorf("a reported login's code works again: %v, %v", out.Verdict, err)
		}
		if us, err := s.Users(t.Context(), c.Project, c.To, latchkey.UserID{}, 1); err != nil || len(us) != 1 {
			t.Errorf("a reported login's user is lost: %v, %v", us, err)
		}
	}
	must(t, s.Close())
}

// TestChildThatIsKilled is the other process of TestKill9, and nothing by itself.
func TestChildThatIsKilled(t *testing.T) {
	path := os.Getenv(killed)
	if path == "" {
		return
	}
	s, err := OpenServer(t.Context(), path)
	must(t, err)
	var ns storetest.Nouns
	p, now := newProject(t, s), storetest.Noon()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				started, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, ns.Email(), now)), now)
				if err != nil {
					t.Error(err)
					return
				}
				out, err := s.CompleteChallenge(t.Context(), ns.Attempt(started.Challenge, now), now)
				if err != nil || out.Verdict != nil {
					t.Error(err, out.Verdict)
					return
				}
				fmt.Println(out.Challenge.ID)
			}
		})
	}
	wg.Wait()
}
