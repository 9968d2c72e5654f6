package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// memory is what the kernel says of the server, in bytes.
type memory struct {
	Resident int64 `json:"resident"` // now
	Peak     int64 `json:"peak"`     // ever
}

// tick is the kernel's unit of CPU time in /proc, 1/100 s on every Linux that Go runs on.
const tick = time.Second / 100

// readCPU gives the user and system time of the server and of this process, which holds generator and sink.
func readCPU(pid int) (cpuTimes, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return cpuTimes{}, fmt.Errorf("the server's CPU time (needs Linux): %w", err)
	}
	server, err := parseStat(raw)
	if err != nil {
		return cpuTimes{}, err
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return cpuTimes{}, err
	}
	return cpuTimes{server: server, self: time.Duration(u.Utime.Nano() + u.Stime.Nano())}, nil
}

// parseStat gives utime + stime of proc(5)'s stat, fields 14 and 15. The second field is the program's name and may
// hold spaces, so counting starts behind its closing parenthesis.
func parseStat(raw []byte) (time.Duration, error) {
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc stat has %d fields", len(fields))
	}
	var sum time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc stat: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// readMemory reads VmRSS and VmHWM of proc(5)'s status.
func readMemory(pid int) (memory, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, fmt.Errorf("the server's memory (needs Linux): %w", err)
	}
	return parseStatus(raw)
}

func parseStatus(raw []byte) (m memory, err error) {
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
		if err != nil {
			return m, fmt.Errorf("/proc status, %s: %w", name, err)
		}
		if name == "VmRSS" {
			m.Resident = kib << 10
		} else {
			m.Peak = kib << 10
		}
	}
	if m.Resident == 0 || m.Peak == 0 {
		return m, fmt.Errorf("/proc status names no memory")
	}
	return m, nil
}
