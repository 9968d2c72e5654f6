package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

func open(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "latchkey.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// filled gives a store with more than a page of users and one record of every other kind.
func filled(t *testing.T) *sqlite.Store {
	t.Helper()
	s := open(t)
	var ns storetest.Nouns
	noon := storetest.Noon()
	p := ns.Project("Game")
	add := func(kind latchkey.RecordKind, nouns ...any) {
		rs := make([]latchkey.Record, 0, len(nouns))
		for _, n := range nouns {
			rs = append(rs, latchkey.Record{Kind: kind, Cursor: "1", Noun: n})
		}
		if err := s.AddRecords(t.Context(), "seed", rs); err != nil {
			t.Fatalf("seeding %s: %v", kind, err)
		}
	}
	add(latchkey.ProjectRecord, p)
	add(latchkey.KeyRecord, ns.Key(p.ID, latchkey.ES256, latchkey.ActiveKey, noon))
	c := ns.Client(p.ID)
	c.ID = 7
	add(latchkey.ClientRecord, c)
	var users []any
	for range page + 3 {
		u := latchkey.NewUser(ns.UserID(noon), p.ID, ns.Email(), noon)
		u.Person = latchkey.Person{FirstName: "Zoë", Birthday: "2000-02-29", Gender: latchkey.OtherGender}
		u.Ban = latchkey.Ban{From: noon, Reason: "<spam>"}
		users = append(users, u)
	}
	add(latchkey.UserRecord, users...)
	who := users[0].(latchkey.User)
	add(latchkey.GuessRecord, latchkey.AddressGuesses{
		Project: p.ID, To: ns.Phone(), Total: 12, Networks: []latchkey.NetworkGuesses{{Network: "10.0.0.1", Tries: 12, NextTry: noon}},
	})
	add(latchkey.GrantRecord, latchkey.Grant{
		ID: latchkey.GrantID{Handle: ns.Handle(noon)}, Project: p.ID, Client: 7, User: who.ID, Epoch: 3, Channel: latchkey.Email,
		Scope: "openid offline", Payload: "p\x00", Session: latchkey.SessionID{Handle: ns.Handle(noon)}, Generation: 4, AuthTime: noon,
		Created: noon.Add(time.Microsecond), Rotated: noon, Expires: noon.Add(time.Hour), Revoked: noon,
	})
	add(latchkey.SessionRecord, latchkey.NewSession(
		latchkey.SessionID{Handle: ns.Handle(noon)}, latchkey.SessionPolicy{Idle: time.Hour, Life: 2 * time.Hour}, who, who.Email, ns.Origin(), noon,
	))
	add(latchkey.EventRecord, ns.Event(latchkey.LoginCompleted, p.ID, noon), latchkey.Event{At: noon, Kind: latchkey.KeyAdded})
	return s
}

func quiet(int, latchkey.RecordKind) {}

func export(t *testing.T, s latchkey.Archive) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Export(t.Context(), s, &out, "an-archive", Place{}, quiet); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// holds fails unless both stores hold the same.
func holds(t *testing.T, what string, got, want latchkey.Archive) {
	t.Helper()
	for _, kind := range latchkey.RecordKinds() {
		a, err := got.Records(t.Context(), kind, "", 10_000)
		if err != nil {
			t.Fatal(err)
		}
		b, err := want.Records(t.Context(), kind, "", 10_000)
		if err != nil {
			t.Fatal(err)
		}
		if len(a) != len(b) || len(b) == 0 {
			t.Errorf("%s: %d records of kind %s, want %d and not none", what, len(a), kind, len(b))
			continue
		}
		for i := range b {
			if !reflect.DeepEqual(a[i].Noun, b[i].Noun) {
				t.Errorf("%s: %s record %d is\n%+v, want\n%+v", what, kind, i, a[i].Noun, b[i].Noun)
			}
		}
	}
}

func TestEverythingDurableMoves(t *testing.T) {
	t.Parallel()
	from, to := filled(t), open(t)
	text := export(t, from)
	told := 0
	err := Import(t.Context(), to, bytes.NewReader(text), func(n int, _ latchkey.RecordKind) { told = n })
	if err != nil {
		t.Fatal(err)
	}
	holds(t, "after the import", to, from)
	if lines := bytes.Count(text, []byte("\n")) - 2; told != lines {
		t.Errorf("the progress ended at %d records of %d", told, lines)
	}
	paged := open(t)
	if err := importIn(t.Context(), page, paged, bytes.NewReader(text), quiet); err != nil {
		t.Fatal(err)
	}
	holds(t, "after an import of several commits a kind", paged, from)
	if err := Import(t.Context(), to, bytes.NewReader(text), quiet); err != nil {
		t.Errorf("the same import again: %v", err)
	}
	holds(t, "after the same import again", to, from)
}

// TestACutExportIsGoneOnWith: a machine that lost power in the middle of a line, or of the last one.
func TestACutExportIsGoneOnWith(t *testing.T) {
	t.Parallel()
	from := filled(t)
	text := export(t, from)
	for _, cut := range []int{len(text) / 3, len(text) / 2, len(text) - 1, bytes.LastIndexByte(text[:len(text)-1], '\n') + 1} {
		at, whole, done, err := Resume(bytes.NewReader(text[:cut]))
		if err != nil || done {
			t.Fatalf("cut at %d: done %v, %v", cut, done, err)
		}
		joined := bytes.NewBuffer(bytes.Clone(text[:whole]))
		if err := Export(t.Context(), from, joined, "", at, quiet); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(joined.Bytes(), text) {
			t.Errorf("cut at %d of %d: what was gone on with differs from what was never cut", cut, len(text))
		}
	}
	if _, _, done, err := Resume(bytes.NewReader(text)); !done || err != nil {
		t.Errorf("a whole archive: done %v, %v", done, err)
	}
}

// broken fails after some commits, as a store does whose machine goes away.
type broken struct {
	latchkey.Archive
	commits int
}

func (b *broken) AddRecords(ctx context.Context, archive string, rs []latchkey.Record) error {
	if b.commits--; b.commits < 0 {
		return latchkey.Unavailable
	}
	return b.Archive.AddRecords(ctx, archive, rs)
}

func TestACutImportIsGoneOnWith(t *testing.T) {
	t.Parallel()
	from := filled(t)
	text := export(t, from)
	to := open(t)
	for commits := range 4 {
		if err := importIn(t.Context(), page, &broken{to, commits}, bytes.NewReader(text), quiet); latchkey.CodeOf(err) != latchkey.Unavailable {
			t.Fatalf("an import that breaks after %d commits: %v", commits, err)
		}
	}
	if err := Import(t.Context(), to, bytes.NewReader(text[:len(text)-5]), quiet); err == nil {
		t.Errorf("an archive without its end: %v", err)
	}
	if err := Import(t.Context(), to, bytes.NewReader(text), quiet); err != nil {
		t.Fatal(err)
	}
	holds(t, "after four cuts", to, from)
}

// endless gives one user again and again, of another id each time, and calls after when it has given some.
type endless struct {
	ns    storetest.Nouns
	n     int
	after func()
	rest  []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.n++; e.n == 1 {
			e.rest = []byte(`{"archive":"endless","version":1}` + "\n")
		} else {
			e.rest = fmt.Appendf(nil, `{"kind":"user","cursor":"%d","data":{"id":"%v"}}`+"\n", e.n, e.ns.UserID(storetest.Noon()))
		}
		if e.n == 1000 {
			e.after()
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// TestImportStopsWithItsContext: it says so once, and does not take the archive for one that was cut off.
func TestImportStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	err := Import(ctx, nothing{}, &endless{after: stop}, quiet)
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "cut off") {
		t.Errorf("an import that is stopped: %v", err)
	}
}

// ends counts how often a store was to finish.
type ends struct {
	nothing
	finished int
}

func (e *ends) FinishRecords(context.Context) error { e.finished++; return nil }

func TestImportFinishesHoweverItEnds(t *testing.T) {
	t.Parallel()
	const first = `{"archive":"a","version":1}` + "\n"
	for name, text := range map[string]string{
		"whole": first + `{"end":true,"records":0}` + "\n", "cut off": first, "damaged": first + "hello\n",
		"a line without end": first + strings.Repeat("x", maxLine+1),
	} {
		var to ends
		if err := Import(t.Context(), &to, strings.NewReader(text), quiet); to.finished != 1 || err == nil != (name == "whole") {
			t.Errorf("%s: finished %d times, want once; %v", name, to.finished, err)
		}
	}
}

// sizes notes how many records each commit has.
type sizes struct {
	nothing
	of []int
}

func (s *sizes) AddRecords(_ context.Context, _ string, rs []latchkey.Record) error {
	s.of = append(s.of, len(rs))
	return nil
}

// TestCommitsAreBounded: by the records in them, and by the memory that they take.
func TestCommitsAreBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		records, length int
		want            []int
	}{
		"many":  {2*batch + 1, 1, []int{batch, batch, 1}},
		"large": {50, batchBytes / 20, []int{20, 20, 10}},
	} {
		var text strings.Builder
		text.WriteString(`{"archive":"a","version":1}` + "\n")
		line := fmt.Sprintf(`{"kind":"event","cursor":"1","data":{"detail":"%s"}}`+"\n", strings.Repeat("x", c.length))
		for range c.records {
			text.WriteString(line)
		}
		fmt.Fprintf(&text, `{"end":true,"records":%d}`+"\n", c.records)
		var to sizes
		if err := Import(t.Context(), &to, strings.NewReader(text.String()), quiet); err != nil || !slices.Equal(to.of, c.want) {
			t.Errorf("%s: %d records in commits of %d, want %d; %v", name, c.records, to.of, c.want, err)
		}
	}
}

// TestWhatIsStoredIsNotReadAgain: an import that is begun again asks nothing of the records that it passes over.
func TestWhatIsStoredIsNotReadAgain(t *testing.T) {
	t.Parallel()
	to := open(t)
	const first = `{"archive":"a","version":1}` + "\n"
	const good = `{"kind":"event","cursor":"1","data":{"kind":"x"}}` + "\n" + `{"kind":"event","cursor":"2","data":{"kind":"y"}}` + "\n"
	if err := Import(t.Context(), to, strings.NewReader(first+good), quiet); err == nil {
		t.Fatal("an archive without its end was taken as whole")
	}
	text := first + strings.Replace(good, `{"kind":"x"}`, `{"odd":1}`, 1) + `{"end":true,"records":2}` + "\n"
	if err := Import(t.Context(), to, strings.NewReader(text), quiet); err != nil {
		t.Error(err)
	}
}

func TestImportSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const first = `{"archive":"a","version":1}` + "\n"
	for name, c := range map[string]struct{ text, words string }{
		"empty":              {"", "cut off"},
		"something else":     {"hello\n", "line 1: this is no line of an archive"},
		"no first line":      {`{"end":true}` + "\n", "line 1: this is no archive of latchkey"},
		"newer":              {`{"archive":"a","version":2}` + "\n", "version 2, this program reads version 1"},
		"unknown kind":       {first + `{"kind":"badge","cursor":"1","data":{}}` + "\n", `line 2: there is no kind of record "badge"`},
		"unknown member":     {first + `{"kind":"user","cursor":"1","data":{"shoe_size":43}}` + "\n", `line 2: json: unknown field "shoe_size"`},
		"half a record":      {first + `{"kind":"user","cursor":"1","data":{}],"records":2}` + "\n", "line 2: this is no line of an archive"},
		"a bracket too many": {first + `{"kind":"user","cursor":"1","data":{}}}` + "\n", "line 2: this is no line of an archive: something follows"},
		"two objects a line": {first + `{"end":true}{}` + "\n", "something follows"},
		"bad id":             {first + `{"kind":"grant","cursor":"1","data":{"id":"x"}}` + "\n", `"x" is no id`},
		"cut off":            {first, "cut off"},
		"too long a line":    {first + strings.Repeat("x", maxLine+1), "token too long"},
		"wrong count":        {first + `{"end":true,"records":3}` + "\n", "it has 0 records, and says that it has 3"},
	} {
		err := Import(t.Context(), open(t), strings.NewReader(c.text), quiet)
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, want words like %q", name, err, c.words)
		}
	}
}

// FuzzImport: no text makes it panic.
func FuzzImport(f *testing.F) {
	f.Add(`{"archive":"a","version":1}` + "\n" + `{"kind":"user","cursor":"1","data":{"email":"a@b.c"}}` + "\n" + `{"end":true,"records":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		_ = Import(t.Context(), nothing{}, strings.NewReader(text), quiet)
		_, whole, _, _ := Resume(strings.NewReader(text))
		if whole > int64(len(text)) {
			t.Errorf("%d whole bytes of %d", whole, len(text))
		}
	})
}

// FuzzCut: a line that is cut is what it is as JSON, and what Export writes is cut.
func FuzzCut(f *testing.F) {
	for _, text := range []string{
		`{"kind":"user","cursor":"1","data":{"email":"a@b.c"}}`, `{"kind":"user","cursor":"1","data":{}}}`,
		`{"kind":"user","cursor":"1","data":{},"end":true}`, `{"kind":"user","cursor":"\u0031","data":{}}`,
		`{"kind":"user","cursor":"1","data":{}],"records":2}`, `{"kind":"user","cursor":"1","data":null}`,
		`{"kind":"user","cursor":"1","data":{"reason":"\",\"data\":"}}`, `{"kind":"key","cursor":"1","data": {} }`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, noun := cut([]byte(text))
		if noun == nil {
			return
		}
		want, err := parse([]byte(text), false)
		if err != nil {
			t.Fatalf("%q is cut, and is no line: %v", text, err)
		}
		same, err := decode(want.Kind, want.Data)
		want.Data = nil
		if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(noun, same) {
			t.Errorf("%q is cut as %+v %+v, and is %+v %+v, %v", text, got, noun, want, same, err)
		}
	})
}

func TestWhatExportWritesIsCut(t *testing.T) {
	t.Parallel()
	lines := bytes.Split(bytes.TrimSpace(export(t, filled(t))), []byte("\n"))
	for _, text := range lines[1 : len(lines)-1] {
		if _, noun := cut(text); noun == nil {
			t.Errorf("%s is read the slow way", text)
		}
	}
}

// nothing takes anything.
type nothing struct{}

func (nothing) Records(context.Context, latchkey.RecordKind, string, int) ([]latchkey.Record, error) {
	return nil, nil
}
func (nothing) AddRecords(context.Context, string, []latchkey.Record) error { return nil }
func (nothing) FinishRecords(context.Context) error                         { return nil }
func (nothing) Added(context.Context, string, latchkey.RecordKind) (string, error) {
	return "", nil
}
