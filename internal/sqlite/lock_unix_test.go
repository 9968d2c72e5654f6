//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sqlite

import (
	"os"
	"path/filepath"
	"strings"
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

// TestNoLockIsExplained: where a server may not write beside its database, it says what to look at.
func TestNoLockIsExplained(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	must(t, os.Mkdir(path+".lock", 0o700))
	if _, err := OpenServer(t.Context(), path); err == nil || !strings.Contains(err.Error(), path+" cannot be locked, look at the rights") {
		t.Errorf("OpenServer: %v", err)
	}
}
