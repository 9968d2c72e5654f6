package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A cost is one entry of the profile: how much of the server's CPU time was spent in a function itself, and in it with
// everything that it calls.
type cost struct {
	Function   string  `json:"function"`
	Self       float64 `json:"self_percent"`
	Cumulative float64 `json:"cumulative_percent"`
}

// topCosts is how many entries the report shows in the order of own time, and then in that of cumulative time.
const topCosts = 12

// profile takes a CPU profile of the server for d and reads it.
func (s *server) profile(ctx context.Context, d time.Duration) ([]cost, error) {
	path, err := s.record(ctx, d)
	if err != nil {
		return nil, err
	}
	return readCosts(ctx, path)
}

// record takes a CPU profile of the server for d. It stays in the bench's folder, for go tool pprof. Reading it takes
// seconds of the same cores: that is for when nobody signs in any more.
func (s *server) record(ctx context.Context, d time.Duration) (path string, err error) {
	return s.keepProfile(ctx, fmt.Sprintf("profile?seconds=%d", max(1, int(d.Seconds()))), "cpu.prof")
}

func readCosts(ctx context.Context, path string) ([]cost, error) {
	var all []cost
	for _, order := range []string{"-flat", "-cum"} {
		out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", order, "-nodecount=400", path).Output()
		if err != nil {
			return nil, fmt.Errorf("go tool pprof: %w", err)
		}
		all = append(all, parseTop(string(out), order == "-cum")...)
	}
	return all, nil
}

// keepProfile fetches one of the server's profiles into a file of the bench's folder.
func (s *server) keepProfile(ctx context.Context, which, name string) (path string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.pprof+"/debug/pprof/"+which, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("profile: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("profile: status %d", res.StatusCode)
	}
	path = filepath.Join(filepath.Dir(s.dir), name)
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, res.Body)
	return path, errors.Join(err, f.Close())
}

// parseTop reads what `go tool pprof -top` prints: flat, flat%, sum%, cum, cum%, function. In cumulative order it gives
// the house's own steps, and beside them allocation and its collection, which all of them cause.
func parseTop(out string, cumulative bool) []cost {
	var cs []cost
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 6 || len(cs) == topCosts {
			continue
		}
		self, err1 := strconv.ParseFloat(strings.TrimSuffix(f[1], "%"), 64)
		cum, err2 := strconv.ParseFloat(strings.TrimSuffix(f[4], "%"), 64)
		name, ours := strings.CutPrefix(strings.Join(f[5:], " "), "github.com/latchkey-dev/latchkey/")
		ours = ours && !strings.Contains(name, "[go.shape") || name == "runtime.mallocgc" || name == "runtime.gcBgMarkWorker"
		if err1 != nil || err2 != nil || cumulative && !ours {
			continue
		}
		cs = append(cs, cost{Function: name, Self: self, Cumulative: cum})
	}
	return cs
}
