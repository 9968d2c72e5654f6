package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// longest is what a run with polls may take. A challenge lives for ten minutes, and everything must happen within that.
const longest = 5 * time.Minute

// measurePolls has halls hold o.Polls polls and sends them on their errands, all at the same time.
func measurePolls(ctx context.Context, o options, out io.Writer) error {
	r, err := holdAll(ctx, o)
	if err != nil {
		return err
	}
	r.print(out)
	if o.JSON == "" {
		return nil
	}
	return saveJSON(r, o.JSON)
}

func holdAll(ctx context.Context, o options) (r pollReport, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("the run took more than %v", longest))
	defer cancel()
	r = pollReport{Options: o, Go: runtime.Version(), Cores: runtime.NumCPU()}
	binary := o.Binary
	if binary == "" {
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return r, err
		}
		dir, err := os.MkdirTemp(o.Dir, "program-")
		if err != nil {
			return r, err
		}
		defer os.RemoveAll(dir)
		if binary, err = filepath.Abs(filepath.Join(dir, "latchkey")); err != nil {
			return r, err
		}
		if err := build(ctx, binary); err != nil {
			return r, err
		}
	}
	halls, err := openHalls(ctx, o, binary)
	if err != nil {
		return r, err
	}
	err = r.measure(halls)
	return r, errors.Join(err, closeHalls(halls))
}

// measure is the order of a run. With a limit of files the question is what becomes of logins when it is reached;
// without one, how fast links wake polls.
func (r *pollReport) measure(halls []*porter) error {
	starts, err := send[started](halls, errandStart)
	if err != nil {
		return err
	}
	opened, err := send[holding](halls, errandHold)
	if err != nil {
		return err
	}
	r.addStart(starts, opened)
	var rests []rested
	if r.Rest.Others, err = besides(func() (used time.Duration, err error) {
		rests, err = send[rested](halls, errandRest)
		for _, x := range rests {
			used += x.ServerCPU + x.GeneratorCPU
		}
		return used, err
	}); err != nil {
		return err
	}
	if err := r.addRest(rests); err != nil {
		return err
	}
	if r.Options.Files > 0 {
		visits, err := send[guests](halls, errandLogins)
		if err != nil {
			return err
		}
		r.addLogins(visits)
	} else {
		var presses []approvals
		if r.Approve.Others, err = besides(func() (used time.Duration, err error) {
			presses, err = send[approvals](halls, errandApprove)
			for _, x := range presses {
				used += x.ServerCPU + x.GeneratorCPU
			}
			return used, err
		}); err != nil {
			return err
		}
		r.addApprove(presses)
	}
	var stops []stopped
	for i := range halls { // one after the other, as servers are exchanged
		x, err := send[stopped](halls[i:i+1], errandStop)
		if err != nil {
			return err
		}
		stops = append(stops, x...)
	}
	return r.addStop(stops)
}

// besides gives how much of one core was used by whatever is not ours while f ran. f gives what ours used. It is the
// sign of a busy machine, and includes what the kernel charges to nobody, so a few percent say nothing.
func besides(f func() (time.Duration, error)) (float64, error) {
	before, err := machineCPU()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	used, err := f()
	if err != nil {
		return 0, err
	}
	after, err := machineCPU()
	return max(0, (after-before-used).Seconds()/time.Since(began).Seconds()), err
}

// machineCPU is the time that all cores together were not idle since the machine started.
func machineCPU() (time.Duration, error) {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("the machine's CPU time (needs Linux): %w", err)
	}
	return parseMachine(raw)
}

// parseMachine adds up the first line of proc(5)'s stat without its fields 4 and 5, idle and waiting for a disk, and
// without 9 and 10, which are parts of 1 and 2.
func parseMachine(raw []byte) (sum time.Duration, err error) {
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	for i, f := range fields[1:9] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		if i != 3 && i != 4 {
			sum += time.Duration(n) * tick
		}
	}
	return sum, nil
}
