//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sqlite

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestLockIsLetGoOfByWord: a child that is being started holds the lock's file open for a moment, as the copy does here.
func TestLockIsLetGoOfByWord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	lock, err := lockFile(path)
	must(t, err)
	held, err := syscall.Dup(int(lock.f.Fd()))
	must(t, err)
	defer syscall.Close(held)
	must(t, lock.release())
	again, err := lockFile(path)
	if err != nil {
		t.Fatalf("a released lock is still held: %v", err)
	}
	must(t, again.release())
}
