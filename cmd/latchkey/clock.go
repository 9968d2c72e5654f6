//go:build !fastclock

package main

import "time"

// clock is the machine's. The one that can be moved, for the attacks that need a month, is in clock_fastclock.go, and in no
// build without the tag of its name.
func clock() func() time.Time { return time.Now }
