package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/latchkey-dev/latchkey/internal/pgtest"
)

// startPostgres starts a PostgreSQL server of the system's packages, with fsync on and the settings that it comes with.
func (s *server) startPostgres() (err error) {
	s.postgres, err = pgtest.Launch()
	return err
}

// seed puts n users into the store with the program's own import.
func (s *server) seed(ctx context.Context, program string, n int) error {
	began := time.Now()
	cmd := exec.CommandContext(ctx, program, "import", "-")
	cmd.Env = s.env()
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	written := writeUsers(in, s.project, n)
	if err := errors.Join(written, in.Close(), cmd.Wait()); err != nil {
		return err
	}
	took := time.Since(began)
	fmt.Fprintf(os.Stderr, "seeded %d users in %s: %.0f a second\n", n, took.Round(time.Second), float64(n)/took.Seconds())
	return nil
}

// writeUsers writes an archive of n users who registered one a millisecond, so that their ids have the order in which ids
// grow, while their addresses are in no order at all.
func writeUsers(w io.Writer, project string, n int) error {
	out := bufio.NewWriterSize(w, 1<<20)
	fmt.Fprintln(out, `{"archive":"seed","version":1}`)
	first := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		at := first.Add(time.Duration(i) * time.Millisecond)
		id := seedID(at, uint64(i))
		_, err := fmt.Fprintf(out,
			`{"kind":"user","cursor":"%s","data":{"id":"%s","project":"%s","email":"%s","registered":"%[5]s","last_login":"%[5]s"}}`+"\n",
			id, id, project, seedAddress(i), at.Format(time.RFC3339Nano))
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(out, `{"end":true,"records":%d}`+"\n", n)
	return out.Flush()
}

// seedID is a version 7 UUID (RFC 9562 §5.7).
func seedID(at time.Time, n uint64) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(at.UnixMilli())<<16)
	b[6] = 0x70
	binary.BigEndian.PutUint64(b[8:], n)
	b[8] = 0x80
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// seedAddress is the address of the n-th seeded user.
func seedAddress(n int) string {
	return fmt.Sprintf("seed%016x@example.com", uint64(n)*0x9e3779b97f4a7c15)
}
