package valkey

import (
	"net"
	"syscall"
	"testing"
)

// TestIdleConnectionsAreAsked: the system asks an idle server each second whether it is there, and gives up after some.
func TestIdleConnectionsAreAsked(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if c, err := listener.Accept(); err == nil {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = c.Write([]byte("*0\r\n"))
		}
	}()
	s, err := parse("valkey://" + listener.Addr().String() + "?timeout=30s")
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.connect(t.Context(), s.addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	defer c.end(errClosed)
	raw, err := c.socket.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]struct{ level, option, want int }{
		"on":                  {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		"seconds of idleness": {syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 5},
		"seconds between":     {syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 1},
		"questions":           {syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3},
	} {
		got := 0
		if e := raw.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), o.level, o.option) }); e != nil || err != nil || got != o.want {
			t.Errorf("%s: %d (%v, %v), want %d", name, got, e, err, o.want)
		}
	}
}
