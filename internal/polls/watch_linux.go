package polls

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// A watcher is one epoll for the connections of all guests: the kernel says on which of them something happened, and nothing
// is kept here for the others. Each is watched for one event at a time.
type watcher struct {
	file *os.File // the epoll, which Go's own watches in turn, so that waiting takes no thread
	fd   int

	// Of the add that is under way, of which there is one at a time: kept here, they are no garbage.
	event  syscall.EpollEvent
	op     int
	failed error
	ctl    func(fd uintptr) // w.control
}

func newWatcher() (*watcher, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(os.NewSyscallError("fcntl", err), syscall.Close(fd))
	}
	w := &watcher{file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	w.ctl = w.control
	return w, nil
}

func (w *watcher) close() { _ = w.file.Close() }

// add watches a connection under a number: for its end, and for bytes too if they are wanted. It was watched before if known.
// Nobody else may be adding one.
func (w *watcher) add(c net.Conn, n uint64, bytes, known bool) error {
	raw, err := rawOf(c)
	if err != nil {
		return err
	}
	w.event = syscall.EpollEvent{Events: syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: int32(n), Pad: int32(n >> 32)}
	if bytes {
		w.event.Events |= syscall.EPOLLIN
	}
	w.op = syscall.EPOLL_CTL_ADD
	if known {
		w.op = syscall.EPOLL_CTL_MOD
	}
	if err := raw.Control(w.ctl); err != nil {
		return err
	}
	return w.failed
}

// control is the part of add that has the connection's file.
func (w *watcher) control(fd uintptr) {
	w.failed = os.NewSyscallError("epoll_ctl", syscall.EpollCtl(w.fd, w.op, int(fd), &w.event))
}

// run tells of what happens, until close.
func (w *watcher) run(tell func(all []sighting)) {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return // it is closed already
	}
	events := make([]syscall.EpollEvent, 256)
	var all []sighting
	for err == nil {
		n := 0
		err = raw.Read(func(fd uintptr) bool {
			var failed error
			for n, failed = syscall.EpollWait(int(fd), events, 0); failed == syscall.EINTR; {
				n, failed = syscall.EpollWait(int(fd), events, 0)
			}
			return n > 0
		})
		all = all[:0]
		for _, e := range events[:max(0, n)] {
			gone := e.Events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0
			all = append(all, sighting{uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32, gone})
		}
		tell(all)
	}
}

// rawOf gives what the system knows a connection by, which for TLS is the one below.
func rawOf(c net.Conn) (syscall.RawConn, error) {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return s.SyscallConn()
}
