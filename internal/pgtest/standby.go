package pgtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Standby starts a server that follows s, for a test that lets it take over.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "latchkey-pg-")
	must(t, err)
	must(t, Own(dir))
	follower := &Server{Dir: dir, bin: s.bin}
	copying := exec.Command(filepath.Join(s.bin, "pg_basebackup"), "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-U", "postgres",
		"-D", filepath.Join(dir, "data"), "-R", "-X", "stream", "-c", "fast", "--no-sync")
	copying.Dir = dir
	demote(copying)
	if out, err := copying.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, out)
	}
	follower.Port, err = FreePort()
	must(t, err)
	must(t, follower.run())
	t.Cleanup(func() { must(t, follower.remove()) })
	return follower
}
