package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lesser is who the server runs as when the tests run as root, which it refuses: postgres if there is such a user, else nobody.
func lesser() (uid, gid int, err error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return 0, 0, err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	return uid, gid, errors.Join(err1, err2)
}

// Own gives a file or a folder to whom the server runs as.
func Own(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	uid, gid, err := lesser()
	if err != nil {
		return err
	}
	return os.Chown(dir, uid, gid)
}

// demote lets cmd run as that user, and lets it end with the test process, however that ends.
func demote(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() != 0 {
		return
	}
	if uid, gid, err := lesser(); err == nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
}

// signalAll sends a signal to the server and to every process that it started.
func (s *Server) signalAll(t testing.TB, sig syscall.Signal) {
	t.Helper()
	pids, err := s.processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatalf("signal to process %d: %v", pid, err)
		}
	}
}

// processes gives the ids of the server and of every process that it started.
func (s *Server) processes() ([]int, error) {
	pids := []int{s.process.Pid}
	children, err := filepath.Glob("/proc/" + strconv.Itoa(s.process.Pid) + "/task/*/children")
	if err != nil || len(children) == 0 {
		return nil, errors.Join(errors.New("the server's processes are not to be found"), err)
	}
	for _, file := range children {
		list, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, field := range strings.Fields(string(list)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return nil, err
			}
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// CPU is how much processor time the server's processes that run now have used.
func (s *Server) CPU() (time.Duration, error) {
	pids, err := s.processes()
	if err != nil {
		return 0, err
	}
	var ticks int
	for _, pid := range pids {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			continue // it has just ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		for _, f := range fields[11:13] { // utime and stime
			n, _ := strconv.Atoi(f)
			ticks += n
		}
	}
	return time.Duration(ticks) * (time.Second / 100), nil // USER_HZ
}
