//go:build !linux

package pgtest

import (
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Own has nothing to do: the server runs as the tests do.
func Own(string) error { return nil }

func demote(*exec.Cmd) {}

func (s *Server) signalAll(t testing.TB, _ syscall.Signal) {
	t.Helper()
	t.Skip("a server is stalled on Linux only")
}

// CPU is known on Linux only.
func (s *Server) CPU() (time.Duration, error) { return 0, nil }
