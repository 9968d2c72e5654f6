package valkey_test

import (
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// deaf gives an address that does not answer at all, not even with a refusal: too many wait there already.
func deaf(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	here, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(here.(*syscall.SockaddrInet4).Port))
	for range 100 {
		c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
			return addr
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Skip("this system lets everybody in")
	return ""
}

// TestTheNextAddressIsInTime: the first one does not answer, and the same Take asks the second.
func TestTheNextAddressIsInTime(t *testing.T) {
	t.Parallel()
	s := pretend(t)
	got := taking(t, open(t, "valkey://"+deaf(t)+"?timeout=6s&addr="+s.addr), "k")
	v := s.greeted("cluster")
	v.hears("CLUSTER")
	v.says(ranges(s.addr))
	v.hears("EVALSHA")
	v.says(before(0))
	has(t, got, 2)
}
