package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// leaveStartup unmaps the pages of the program's file: its code, its constants and its tables. Many of them came in for what only a
// start does, and the kernel takes a page for needed as long as it is mapped. What serving needs is mapped again at its first
// use, from the kernel's cache of the file, 16 pages in a microsecond.
//
// Only the program as it is shipped does it. A loader that moves a program leaves changes in mappings that look as if nobody
// could have written to them, and they would be lost.
func leaveStartup() error {
	info, ok := debug.ReadBuildInfo()
	if !ok || !static(info.Settings) {
		return nil
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return unmapFile(program)
}

// static reports whether a program that was built so runs where it was linked to run.
func static(build []debug.BuildSetting) bool {
	return slices.Contains(build, debug.BuildSetting{Key: "-buildmode", Value: "exe"}) &&
		slices.Contains(build, debug.BuildSetting{Key: "CGO_ENABLED", Value: "0"})
}

func unmapFile(path string) error {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range readOnly(maps, path) {
		if _, _, no := syscall.Syscall(syscall.SYS_MADVISE, m.from, m.to-m.from, syscall.MADV_DONTNEED); no != 0 {
			errs = append(errs, fmt.Errorf("unmapping pages of %s: %w", path, no))
		}
	}
	return errors.Join(errs...)
}

// A mapping is a part of this process's memory.
type mapping struct{ from, to uintptr }

// readOnly reads proc_pid_maps(5) for the parts of a file that nobody can write to.
func readOnly(maps []byte, path string) (out []mapping) {
	for line := range bytes.Lines(maps) {
		words := strings.Fields(string(line))
		if len(words) < 6 || words[1] != "r-xp" && words[1] != "r--p" || strings.Join(words[5:], " ") != path {
			continue
		}
		from, to, _ := strings.Cut(words[0], "-")
		low, err := strconv.ParseUint(from, 16, 64)
		high, e := strconv.ParseUint(to, 16, 64)
		if err == nil && e == nil && low < high {
			out = append(out, mapping{uintptr(low), uintptr(high)})
		}
	}
	return out
}
