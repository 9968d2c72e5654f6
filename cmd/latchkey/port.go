package main

import (
	"errors"
	"syscall"
)

// portTaken reports that somebody else listens there. 10048 is what Windows calls it.
func portTaken(err error) bool {
	var no syscall.Errno
	return errors.As(err, &no) && (no == syscall.EADDRINUSE || no == 10048)
}
