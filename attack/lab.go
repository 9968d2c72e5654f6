package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A lab is where attacks are made: the program under attack, built once, and a folder that is gone afterwards.
type lab struct {
	small  bool
	dir    string
	binary string
}

func newLab(ctx context.Context, small bool) (*lab, error) {
	dir, err := os.MkdirTemp("", "latchkey-attack-")
	if err != nil {
		return nil, err
	}
	l := &lab{small: small, dir: dir, binary: filepath.Join(dir, "latchkey")}
	build := exec.CommandContext(ctx, "go", "build", "-tags", "fastclock", "-o", l.binary, "github.com/latchkey-dev/latchkey/cmd/latchkey")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("go build: %w\n%s", err, out), l.close())
	}
	return l, nil
}

func (l *lab) close() error { return os.RemoveAll(l.dir) }

// size is n, or in small the size at which the tests run.
func (l *lab) size(n, small int) int {
	if l.small {
		return small
	}
	return n
}

// try makes one attack.
func (l *lab) try(ctx context.Context, a attack) (report, error) {
	began := time.Now()
	figures, err := a.run(ctx, l)
	r := report{Attack: a.name, Small: l.small, Took: time.Since(began), Figures: figures, Held: true}
	for _, f := range figures {
		r.Held = r.Held && f.held()
	}
	return r, err
}

// dice are the same in every run, so that what was found can be found again.
func dice() *rand.Rand { return rand.New(rand.NewPCG(6, 2026)) }

// network gives the n-th of many client networks: addresses of documentation and benchmarking (RFC 5737, RFC 2544) would be
// too few, so they are private ones.
func network(n int) string {
	return fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)
}
