package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestReadOnlyMappings(t *testing.T) {
	t.Parallel()
	const maps = `00400000-0101c000 r-xp 00000000 00:1b 1234                               /usr/local/bin/latch key
0101c000-01e5f000 r--p 00c1c000 00:1b 1234                               /usr/local/bin/latch key
01e5f000-01fc3000 rw-p 01a5f000 00:1b 1234                               /usr/local/bin/latch key
01fc3000-02000000 r--s 01a5f000 00:1b 1234                               /usr/local/bin/latch key
0200f000-0201c000 r--p 00000000 00:1b 1234                               /usr/local/bin/latch key (deleted)
0201f000-0202c000 r-xp 00000000 00:1b 1235                               /usr/local/bin/latch
2c000-1f000 r-xp 00000000 00:1b 1234                               /usr/local/bin/latch key
x-y r-xp 00000000 00:1b 1234                               /usr/local/bin/latch key
01fc3000-04010000 r--p 00000000 00:00 0
7ffd0000-7ffd2000 r-xp 00000000 00:00 0                                  [vdso]
`
	want := []mapping{{0x400000, 0x101c000}, {0x101c000, 0x1e5f000}}
	if got := readOnly([]byte(maps), "/usr/local/bin/latch key"); !slices.Equal(got, want) {
		t.Errorf("readOnly gives %x, want %x", got, want)
	}
}

// TestUnmapFile: the pages are gone, and what stands in them is there at the next look.
func TestUnmapFile(t *testing.T) {
	t.Parallel()
	path, text := filepath.Join(t.TempDir(), "program"), bytes.Repeat([]byte("latchkey "), 1<<16)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mem, err := syscall.Mmap(int(f.Fd()), 0, len(text), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(mem) }()
	if !bytes.Equal(mem, text) || resident(t, path) == "0 kB" {
		t.Fatal("the file is not in memory: this test shows nothing")
	}
	if err := unmapFile(path); err != nil {
		t.Fatal(err)
	}
	if got := resident(t, path); got != "0 kB" {
		t.Errorf("%s are still mapped", got)
	}
	if !bytes.Equal(mem, text) {
		t.Error("the file has another text now")
	}
}

// resident reads what proc_pid_smaps(5) says of a file.
func resident(t *testing.T, path string) string {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, of, found := strings.Cut(string(smaps), path+"\n")
	_, rss, more := strings.Cut(of, "\nRss:")
	if !found || !more {
		t.Fatal("the file is not mapped")
	}
	rss, _, _ = strings.Cut(rss, "\n")
	return strings.TrimSpace(rss)
}

// TestOnlyAStaticProgramLeavesItsStart: of any other a loader has changed pages that would be lost.
func TestOnlyAStaticProgramLeavesItsStart(t *testing.T) {
	t.Parallel()
	for build, want := range map[[2]string]bool{{"exe", "0"}: true, {"exe", "1"}: false, {"pie", "0"}: false, {"", ""}: false} {
		settings := []debug.BuildSetting{{Key: "-buildmode", Value: build[0]}, {Key: "CGO_ENABLED", Value: build[1]}}
		if got := static(settings); got != want {
			t.Errorf("-buildmode=%s, CGO_ENABLED=%s: %v, want %v", build[0], build[1], got, want)
		}
	}
}

// TestLeaveStartup: this program's own pages go if it is static, and stay if it is not; either way it goes on.
func TestLeaveStartup(t *testing.T) { // not parallel: others would bring pages back
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	size := func() (kib int) {
		if _, err := fmt.Sscanf(resident(t, program), "%d kB", &kib); err != nil {
			t.Fatal(err)
		}
		return kib
	}
	code, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	info, ok := debug.ReadBuildInfo()
	before := size()
	if err := leaveStartup(); err != nil {
		t.Fatal(err)
	}
	after := size()
	t.Logf("%d kB were mapped, %d kB are", before, after)
	if own := ok && static(info.Settings); own != (after < before/2) { // not a page more or less, which the system may take by itself
		t.Errorf("static is %v, and %d kB of the code of %d kB are still mapped", own, after, before)
	}
	if again, err := os.ReadFile(program); err != nil || !bytes.Equal(again, code) {
		t.Errorf("the program has another text now (%v)", err)
	}
}
