package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/archive"
)

const (
	// tellEvery is how often a move says how far it is.
	tellEvery = time.Second
	// tellStill is how often it says that it still goes on while nothing moves: while ten million addresses are being sorted.
	tellStill = 5 * time.Second
)

type exportCommand struct {
	databaseSettings
	File   string `arg:"" optional:"" default:"-" placeholder:"FILE" help:"Where to write; - is standard output. An existing file is never overwritten."`
	Resume bool   `help:"Go on with a FILE that was cut off."`
}

// Help implements kong's detail.
func (exportCommand) Help() string {
	return `Writes projects, clients, signing keys, users, guesses, grants, browser sessions and events as lines of JSON. Stop the server first: logins that are under way (codes, links, devices that wait) stay behind. The keys are sealed: move the master secret too, by a way of its own.

Example:

    latchkey export players.jsonl --data /var/lib/latchkey`
}

// Run implements the command.
func (c exportCommand) Run(ctx context.Context, a *app) error {
	if c.Resume && c.File == "-" {
		return wrongUsage("--resume goes on with a FILE: name it")
	}
	told := &progress{app: a, verb: "exported"}
	defer told.run()()
	return c.withArchive(ctx, a, func(from latchkey.Archive) error {
		if c.File == "-" {
			return told.end(archive.Export(ctx, from, a.Stdout, newArchiveName(), archive.Place{}, told.at))
		}
		f, at, done, err := c.open()
		if err != nil {
			return err
		}
		if done {
			fmt.Fprintf(a.Stderr, "%s is whole: %d records\n", c.File, at.Records)
			return f.Close()
		}
		err = archive.Export(ctx, from, f, newArchiveName(), at, told.at)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("%w\nWhat is written so far is good: go on with --resume", err)
		}
		return told.end(nil)
	})
}

// open makes the file, or finds where it was cut off.
func (c exportCommand) open() (_ *os.File, at archive.Place, done bool, err error) {
	if !c.Resume {
		f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			return nil, at, false, fmt.Errorf("%s exists: choose another name, or go on with it by --resume", c.File)
		}
		return f, at, false, err
	}
	f, err := os.OpenFile(c.File, os.O_RDWR, 0)
	if err != nil {
		return nil, at, false, err
	}
	at, whole, done, err := archive.Resume(f)
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if err == nil && !done {
		err = f.Truncate(whole)
	}
	if err != nil {
		return nil, at, false, errors.Join(fmt.Errorf("%s cannot be gone on with: %w", c.File, err), f.Close())
	}
	return f, at, done, nil
}

type importCommand struct {
	databaseSettings
	File string `arg:"" placeholder:"FILE" help:"What latchkey export wrote; - is standard input."`
}

// Help implements kong's detail.
func (importCommand) Help() string {
	return `Takes in what "latchkey export" wrote. What is in the database already stays as it is. An import that was cut off is begun again: it passes over what it has. Into a new database it sorts all addresses last: a minute or two for ten million users. Make the database with "latchkey migrate" first, and give the server that will run on it the same master secret.

Example:

    latchkey import players.jsonl --data /var/lib/latchkey`
}

// Run implements the command.
func (c importCommand) Run(ctx context.Context, a *app) error {
	told := &progress{app: a, verb: "imported"}
	defer told.run()()
	return c.withArchive(ctx, a, func(to latchkey.Archive) error {
		in := a.Stdin
		if c.File != "-" {
			f, err := os.Open(c.File)
			if err != nil {
				return err
			}
			defer f.Close()
			in = f
		}
		if err := archive.Import(ctx, to, in, told.at); err != nil {
			return fmt.Errorf("%w\nWhat is stored so far stays: begin the import again to go on", err)
		}
		return told.end(nil)
	})
}

// A progress tells how far a move is: once a second, now and then while nothing moves, and at its end.
type progress struct {
	*app
	verb string

	mu      sync.Mutex
	moved   time.Time // zero before the first record
	last    time.Time
	records int
	kind    latchkey.RecordKind
}

// run tells that a move goes on while nothing moves, until stop is called.
func (p *progress) run() (stop func()) {
	tick := time.NewTicker(tellStill)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-tick.C:
				p.still()
			case <-end:
				tick.Stop()
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

// still tells for how long nothing has moved.
func (p *progress) still() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if since := p.Now().Sub(p.moved); !p.moved.IsZero() && since >= tellStill {
		fmt.Fprintf(p.Stderr, "%s %d records, at %s; the database is at work for %v\n", p.verb, p.records, p.kind, since.Truncate(time.Second))
	}
}

func (p *progress) at(records int, kind latchkey.RecordKind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records, p.kind, p.moved = records, kind, p.Now()
	if p.moved.Sub(p.last) >= tellEvery {
		p.last = p.moved
		fmt.Fprintf(p.Stderr, "%s %d records, at %s\n", p.verb, records, kind)
	}
}

// end passes an error on, or tells that all is done.
func (p *progress) end(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = time.Time{}
	if err == nil {
		fmt.Fprintf(p.Stderr, "%s %d records: done\n", p.verb, p.records)
	}
	return err
}

// newArchiveName is what an import remembers an archive by.
func newArchiveName() string { return rand.Text() }
