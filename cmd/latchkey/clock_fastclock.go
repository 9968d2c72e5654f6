//go:build fastclock

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"
)

// clock is the machine's and so many nanoseconds, which stand in the file that LATCHKEY_FASTCLOCK names, eight bytes, the least
// first. Whoever writes that file moves the time of every rule: how long a code lives, how often a call may be made. What the
// program does again and again (looking into the outbox, sweeping) goes on by the machine's clock.
//
// Without the variable nothing is moved. A file that cannot be read ends the program: a test that believes in a clock which
// stands still would prove nothing.
func clock() func() time.Time {
	name := os.Getenv("LATCHKEY_FASTCLOCK")
	if name == "" {
		return time.Now
	}
	fmt.Fprintln(os.Stderr, "latchkey: the clock of this build can be moved: for attacks on a server of one's own, and nothing else")
	file, err := os.Open(name)
	if err != nil {
		fail(err)
	}
	return func() time.Time {
		var b [8]byte
		if _, err := file.ReadAt(b[:], 0); err != nil {
			fail(err)
		}
		return time.Now().Add(time.Duration(binary.LittleEndian.Uint64(b[:])))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "latchkey: LATCHKEY_FASTCLOCK:", err)
	os.Exit(1)
}
