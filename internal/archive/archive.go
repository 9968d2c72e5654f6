// Package archive is the use case of moving: everything durable of one store, written as lines of JSON, and taken in by
// another, of the same kind or not. Called by cmd/latchkey (export, import).
//
// The first line says what the file is, every further one holds one record with the cursor that its store gave it, and the
// last one how many records there are: a file without it was cut off. Kinds come in the order of latchkey.RecordKinds.
//
//	{"archive":"0197…","version":1}
//	{"kind":"project","cursor":"0197…","data":{…}}
//	{"end":true,"records":1}
//
// An archive holds sealed signing keys, hashes of client secrets and the addresses of people in full. It is of no use
// without the master secrets, which it does not hold, but it is the people's all the same.
package archive

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/latchkey-dev/latchkey"
)

// Version is the format that Export writes and Import reads.
const Version = 1

// page is how many records are read, or stored in one commit, at a time.
const page = 500

// maxLine is the longest line in bytes. The longest record is a project with texts in every language.
const maxLine = 1 << 20

// A line is one line of an archive; which of its forms it has shows by what is set.
type line struct {
	Archive string `json:"archive,omitempty"` // the first line: a name that no other archive has
	Version int    `json:"version,omitempty"`

	Kind   latchkey.RecordKind `json:"kind,omitempty"`
	Cursor string              `json:"cursor,omitempty"`
	Data   json.RawMessage     `json:"data,omitempty"`

	End     bool `json:"end,omitempty"` // the last line
	Records int  `json:"records,omitempty"`
}

// Progress is told how far a move is: how many records in all, and of which kind the last ones were.
type Progress func(records int, kind latchkey.RecordKind)

// A Place is where an export that was cut off stopped. The zero value is the start.
type Place struct {
	Kind    latchkey.RecordKind
	Cursor  string
	Records int // written so far
}

// Export writes what from holds to w, from a place on. name goes into the first line, if the place is the start.
func Export(ctx context.Context, from latchkey.Archive, w io.Writer, name string, at Place, told Progress) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	kinds := latchkey.RecordKinds()
	if at.Kind == "" {
		if err := enc.Encode(line{Archive: name, Version: Version}); err != nil {
			return err
		}
	} else {
		kinds = kinds[slices.Index(kinds, at.Kind):]
	}
	for _, kind := range kinds {
		for {
			rs, err := from.Records(ctx, kind, at.Cursor, page)
			if err != nil {
				return err
			}
			if len(rs) == 0 {
				break
			}
			for _, r := range rs {
				data, err := encode(r.Noun)
				if err != nil {
					return err
				}
				if err := enc.Encode(line{Kind: kind, Cursor: r.Cursor, Data: data}); err != nil {
					return err
				}
			}
			at.Cursor = rs[len(rs)-1].Cursor
			at.Records += len(rs)
			if err := out.Flush(); err != nil { // whole lines, so that little is written twice after a cut
				return err
			}
			told(at.Records, kind)
		}
		at.Cursor = ""
	}
	return errors.Join(enc.Encode(line{End: true, Records: at.Records}), out.Flush())
}

// Resume reads an archive that was cut off: where it stopped, and how many of its bytes are whole lines. done reports that
// nothing is missing.
func Resume(r io.Reader) (at Place, whole int64, done bool, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	for first := true; ; first = false {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return at, whole, false, nil // what is left is half a line
		}
		if err != nil {
			return at, whole, false, err
		}
		l, err := parse(text, first)
		if err != nil {
			return at, whole, false, err
		}
		whole += int64(len(text))
		switch {
		case l.End:
			return at, whole, true, nil
		case l.Kind != "":
			at = Place{l.Kind, l.Cursor, at.Records + 1}
		}
	}
}

// parse reads one line and checks that it may stand there.
func parse(text []byte, first bool) (l line, err error) {
	if err := strict(text, &l); err != nil {
		return l, fmt.Errorf("this is no line of an archive: %w", err)
	}
	switch {
	case first != (l.Archive != ""):
		return l, errors.New("this is no archive of latchkey: its first line says what it is")
	case first && l.Version != Version:
		return l, fmt.Errorf("this archive has version %d, this program reads version %d", l.Version, Version)
	case !first && !l.End && !slices.Contains(latchkey.RecordKinds(), l.Kind):
		return l, fmt.Errorf("there is no kind of record %q: was it written by a newer latchkey?", l.Kind)
	}
	return l, nil
}
