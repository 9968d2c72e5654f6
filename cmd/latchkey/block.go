package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/blocklist"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/mx"
)

// blockSettings say who gets no code at all.
type blockSettings struct {
	Block   []string `setting:"" sep:"none" group:"limit" placeholder:"FILE" help:"List of who gets no code: email domains and patterns, phone prefixes, networks, one a line. PROJECT=FILE is for one project alone. Read again within seconds when it changes. Repeatable."`
	CheckMX bool     `setting:"" name:"check-mx" group:"limit" help:"Ask DNS whether the domain of an email takes mail, and send nothing to one that does not. A DNS that is silent for half a second lets everybody pass."`
}

// A blockFile is one --block.
type blockFile struct {
	path    string
	project latchkey.ProjectID // zero: of every project
	list    atomic.Pointer[blocklist.List]

	// Of run alone.
	seen  os.FileInfo // when it was read last, well or not
	wrong string      // what was wrong with it then
}

// blockFiles are all lists of a server.
type blockFiles []*blockFile

// block judges --block, and reads the files.
func (j *judge) block(entries []string) (out blockFiles) {
	for _, e := range entries {
		f := &blockFile{path: e}
		if before, after, ok := strings.Cut(e, "="); ok {
			if id, err := latchkey.ParseProjectID(before); err == nil {
				f.project, f.path = id, after
			}
		}
		if err := f.read(); err != nil {
			j.wrong("block", "has a list that cannot be used", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		out = append(out, f)
	}
	return out
}

// maxList is the longest list, in bytes: some million domains. What is longer is another file.
const maxList = 64 << 20

// read takes the list in, or leaves the last one. Its error names the file, and the lines that are wrong.
func (f *blockFile) read() error {
	info, err := os.Stat(f.path)
	f.seen = info // before the reading: what changes meanwhile is read again
	if err != nil {
		return fmt.Errorf("%s: %s", f.path, cause(err))
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: is no file", f.path)
	}
	text, err := readAtMost(f.path, maxList)
	if err != nil {
		f.seen = nil // so that it is tried again: who may read it is no change of the file
		return fmt.Errorf("%s: %s", f.path, cause(err))
	}
	list, err := blocklist.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.list.Store(list)
	return nil
}

func readAtMost(path string, most int64) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	var b strings.Builder
	n, err := io.Copy(&b, io.LimitReader(file, most+1))
	if err == nil && n > most {
		err = errors.New("is longer than 64 MiB")
	}
	return b.String(), err
}

// changed reports that the file is not the one that was read last.
func (f *blockFile) changed() bool {
	info, err := os.Stat(f.path)
	if err != nil || f.seen == nil {
		return (err == nil) != (f.seen != nil)
	}
	return !os.SameFile(info, f.seen) || info.Size() != f.seen.Size() || !info.ModTime().Equal(f.seen.ModTime())
}

// look is how often it is seen whether a list has changed.
const look = 2 * time.Second

// run reads the lists that change until ctx ends. It polls: what tells of changes does not for every file system, and
// misses a file that is replaced by another.
func (fs blockFiles) run(ctx context.Context, tick <-chan time.Time, log *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
			fs.reload(ctx, log)
		}
	}
}

func (fs blockFiles) reload(ctx context.Context, log *slog.Logger) {
	for _, f := range fs {
		if !f.changed() {
			continue
		}
		err := f.read()
		if err != nil && err.Error() == f.wrong {
			continue // that was told
		}
		f.wrong = ""
		if err != nil {
			f.wrong = err.Error()
			log.LogAttrs(ctx, slog.LevelError, "a block list cannot be used: the last good one stays",
				slog.String("list", f.path), slog.String("err", err.Error()), slog.Int("entries", f.list.Load().Len()))
			continue
		}
		log.LogAttrs(ctx, slog.LevelInfo, "block list read", slog.String("list", f.path), slog.Int("entries", f.list.Load().Len()))
	}
}

// listed is limits.Screen.Listed.
func (fs blockFiles) listed(s limits.Sign) (limits.Blocked, bool) {
	for _, f := range fs {
		if !f.project.IsZero() && f.project != s.Project {
			continue
		}
		if what, line, ok := f.list.Load().Find(s.IP, s.To); ok {
			return limits.Blocked{What: what, Where: fmt.Sprintf("%s line %d", filepath.Base(f.path), line)}, true
		}
	}
	return limits.Blocked{}, false
}

// screen makes what turns people away.
func (s *server) screen(w *witness) limits.Screen {
	out := limits.Screen{Told: w.blocked}
	if len(s.block) > 0 {
		out.Listed = s.block.listed
	}
	if s.checkMX {
		checker := mx.New(&net.Resolver{PreferGo: true}, s.now) // Go's own keeps to its time, and takes no thread
		out.Reachable = func(ctx context.Context, to latchkey.Address) bool {
			_, domain, _ := strings.Cut(to.Value(), "@")
			return checker.Takes(ctx, domain)
		}
	}
	return out
}
