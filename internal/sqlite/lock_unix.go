//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// A fileLock keeps a second server off a database. The kernel lets go of it when the process ends, however it ends.
type fileLock struct{ f *os.File }

// lockFile takes the lock, a file of its own next to path: SQLite's locks are on the database itself, and any other
// use of that file by this process would lose them.
func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the database %s cannot be locked, look at the rights of its folder: %w", path, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &fileLock{f}, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("another latchkey server is using %s: stop it, or name another database; several servers share one in PostgreSQL only", path)
	} else {
		err = fmt.Errorf("cannot lock %s: %w", path, err)
	}
	return nil, errors.Join(err, f.Close())
}

// release leaves the file: to remove it would let two servers lock two files of one name. It unlocks by word and not by
// closing alone, since a child that is being started holds the file open for a moment too.
func (l *fileLock) release() error {
	return errors.Join(syscall.Flock(int(l.f.Fd()), syscall.LOCK_UN), l.f.Close())
}
