//go:build !linux

package pgtest

import (
	"os/exec"
	"syscall"
	"testing"
)

func own(string) error { return nil }

func demote(*exec.Cmd) {}

func (s *Server) signalAll(t testing.TB, _ syscall.Signal) {
	t.Helper()
	t.Skip("a server is stalled on Linux only")
}
