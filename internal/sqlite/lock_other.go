//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sqlite

// A fileLock does nothing here: this system has no flock. Two servers on one file stay correct, as every commit takes
// SQLite's own lock, but they do not wake each other's waiting polls.
type fileLock struct{}

func lockFile(string) (*fileLock, error) { return &fileLock{}, nil }

func (*fileLock) release() error { return nil }
