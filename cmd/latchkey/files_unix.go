//go:build unix

package main

import "syscall"

// openFiles is how many files this process may have open: the soft limit, which the Go runtime raises to the hard one
// before main. It gives 0 when there is no limit.
func openFiles() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	const none = 1 << 30              // more than any kernel gives to one process
	if n := uint64(l.Cur); n < none { //nolint:unconvert // Cur is signed on FreeBSD
		return int(n)
	}
	return 0
}
