package archive

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/latchkey-dev/latchkey"
)

const (
	// batch is how many records are stored in one commit, and batchBytes how long their lines may be: what one commit
	// costs and what it writes to the trees that are in no order is then shared by many, and it is over in a second.
	batch      = 20_000
	batchBytes = 16 << 20
	// ahead is how many records are read at a time while others are being stored.
	ahead = 500
)

// Import stores what an archive holds. What is there already, by its id, stays as it is; what was taken in of the same
// archive before is passed over, so that a move that was cut off is gone on with by beginning it again.
//
// It fails for a file that is no archive, of another version, damaged (the line is named) or cut off: then everything up to
// there is stored. Lines are read while others are being stored, by a goroutine that ends with Import, or, if Import fails,
// with the Read that it is in.
func Import(ctx context.Context, to latchkey.Archive, r io.Reader, told Progress) error {
	return importIn(ctx, batch, to, r, told)
}

func importIn(ctx context.Context, batch int, to latchkey.Archive, r io.Reader, told Progress) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lines := reader{in: bufio.NewScanner(r), out: make(chan []entry, 8)}
	lines.in.Buffer(make([]byte, 64<<10), maxLine)
	lines.run(ctx)
	t := taker{to: to, told: told, batch: batch}
	for entries := range lines.out {
		for _, e := range entries {
			err := e.err
			if err == nil {
				err = t.take(ctx, e)
			}
			if err != nil {
				return t.fail(ctx, fmt.Errorf("line %d: %w", e.number, err))
			}
			if e.End {
				return t.finish(ctx, e.Records)
			}
		}
	}
	if err := cmp.Or(ctx.Err(), lines.in.Err()); err != nil {
		return t.fail(ctx, err)
	}
	return t.fail(ctx, errors.New("the archive was cut off: its last line is missing. Finish the export with --resume, then import again"))
}

// An entry is a line that was read.
type entry struct {
	line
	number int
	length int
	noun   any   // of a record
	err    error // the line may not stand there
	badly  error // the record cannot be read, which is no matter if it is stored already
}

// A reader reads lines ahead of who stores them.
type reader struct {
	in  *bufio.Scanner
	out chan []entry // closed at the end of in
}

// run starts the reading. It ends at the end of in, at a line that may not stand there, and with ctx.
func (r *reader) run(ctx context.Context) {
	go func() {
		defer close(r.out)
		entries := make([]entry, 0, ahead)
		for n, more := 1, true; more; n++ {
			if more = r.in.Scan(); more {
				e := entryOf(r.in.Bytes(), n)
				entries = append(entries, e)
				more = e.err == nil && !e.End
			}
			if !more || len(entries) == ahead {
				select {
				case r.out <- entries:
					entries = make([]entry, 0, ahead)
				case <-ctx.Done():
					return
				}
			}
		}
	}()
}

// entryOf reads line number n.
func entryOf(text []byte, n int) entry {
	e := entry{number: n, length: len(text)}
	if n > 1 {
		if e.line, e.noun = cut(text); e.noun != nil {
			return e
		}
	}
	if e.line, e.err = parse(text, n == 1); e.err == nil && e.Kind != "" {
		e.noun, e.badly = decode(e.Kind, e.Data)
		e.Data = nil
	}
	return e
}

// cut reads a record whose line is written as Export writes them, without going through it more than once. What it does
// not take may be right all the same: noun is nil then, and parse says.
func cut(text []byte) (l line, noun any) {
	rest, begins := bytes.CutPrefix(text, []byte(`{"kind":"`))
	kind, rest, hasCursor := bytes.Cut(rest, []byte(`","cursor":"`))
	cursor, rest, hasData := bytes.Cut(rest, []byte(`","data":`))
	data, ends := bytes.CutSuffix(rest, []byte("}"))
	l = line{Kind: latchkey.RecordKind(kind), Cursor: string(cursor)}
	if !begins || !hasCursor || !hasData || !ends || !plain(cursor) {
		return line{}, nil
	}
	noun, err := decode(l.Kind, data)
	if err != nil {
		return line{}, nil
	}
	return l, noun
}

// plain reports whether text means itself between the quotation marks of JSON.
func plain(text []byte) bool {
	for _, b := range text {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			return false
		}
	}
	return true
}

// A taker gathers records into commits.
type taker struct {
	to      latchkey.Archive
	told    Progress
	batch   int // records of one commit
	name    string
	kind    latchkey.RecordKind
	skip    string // the cursor up to which records of kind are stored already; empty: none
	pending []latchkey.Record
	length  int // of the lines of pending, in bytes
	records int
}

func (t *taker) take(ctx context.Context, e entry) error {
	switch {
	case e.Archive != "":
		t.name = e.Archive
		return nil
	case e.End:
		return nil
	}
	if e.Kind != t.kind {
		if err := errors.Join(t.flush(ctx), t.found()); err != nil {
			return err
		}
		var err error
		t.kind = e.Kind
		if t.skip, err = t.to.Added(ctx, t.name, e.Kind); err != nil {
			return err
		}
	}
	t.records++
	if t.skip != "" {
		if e.Cursor == t.skip {
			t.skip = ""
		}
		return nil
	}
	if e.badly != nil {
		return e.badly
	}
	t.pending = append(t.pending, latchkey.Record{Kind: e.Kind, Cursor: e.Cursor, Noun: e.noun})
	t.length += e.length
	if len(t.pending) >= t.batch || t.length >= batchBytes {
		return t.flush(ctx)
	}
	return nil
}

func (t *taker) flush(ctx context.Context) error {
	if len(t.pending) == 0 {
		return nil
	}
	rs := t.pending
	t.pending, t.length = t.pending[:0], 0
	if err := t.to.AddRecords(ctx, t.name, rs); err != nil {
		return err
	}
	t.told(t.records, t.kind)
	return nil
}

// end stores what is gathered, and leaves the store as it shall be.
func (t *taker) end(ctx context.Context) error {
	if err := t.flush(ctx); err != nil {
		return err
	}
	return t.to.FinishRecords(ctx)
}

// fail ends with err. What is gathered is stored all the same, unless it was ctx that ended.
func (t *taker) fail(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return errors.Join(err, t.end(ctx))
}

// found reports records that were stored of this archive before and are not in it any more.
func (t *taker) found() error {
	if t.skip == "" {
		return nil
	}
	return fmt.Errorf("an earlier import of this archive stored a %s record %q that is not in it: it was changed since", t.kind, t.skip)
}

func (t *taker) finish(ctx context.Context, records int) error {
	if err := errors.Join(t.end(ctx), t.found()); err != nil {
		return err
	}
	if t.records != records {
		return fmt.Errorf("the archive is damaged: it has %d records, and says that it has %d", t.records, records)
	}
	return nil
}
