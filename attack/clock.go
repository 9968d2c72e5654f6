package main

import (
	"encoding/binary"
	"os"
	"time"
)

// A clock is the server's: the machine's, moved on by what was skipped.
type clock struct {
	file    *os.File
	skipped time.Duration
}

func newClock(name string) (*clock, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	c := &clock{file: f}
	return c, c.skip(0)
}

// skip lets the server's time pass at once.
func (c *clock) skip(d time.Duration) error {
	c.skipped += d
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(c.skipped))
	_, err := c.file.WriteAt(b[:], 0) // eight bytes at once: nobody reads the half of them
	return err
}

// now is what the server takes for the time.
func (c *clock) now() time.Time { return time.Now().Add(c.skipped) }
