package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// countEvents gives how many events there are, and in how many rows.
func countEvents(c *conn) (events, rows int, err error) {
	q := c.stmt(lastEvents)
	defer q.reset()
	q.putInt(1 << 20)
	for {
		found, err := q.row()
		if !found {
			return events, rows, err
		}
		es, err := q.getEventRow()
		if err != nil {
			return events, rows, err
		}
		events, rows = events+len(es), rows+1
	}
}

// together stores events in one commit.
func together(t *testing.T, s *Store, es []latchkey.Event) {
	t.Helper()
	release := hold(t, s)
	var wg sync.WaitGroup
	for i, e := range es {
		wg.Go(func() { must(t, s.AddEvent(t.Context(), e)) })
		awaitQueue(s, i+1)
	}
	release()
	wg.Wait()
}

// TestEventsOfACommitShareRows: they come out as they went in, by project, newest first, and in pages of any size.
func TestEventsOfACommitShareRows(t *testing.T) {
	t.Parallel()
	var ns storetest.Nouns
	s := newStore(t)
	noon := storetest.Noon()
	projects := [2]latchkey.ProjectID{ns.Project("a").ID, ns.Project("b").ID}
	var all []latchkey.Event
	of := map[latchkey.ProjectID][]latchkey.Event{}
	for batch := range 3 {
		var es []latchkey.Event
		for i := range 100 {
			// Nearly in order, as calls are that read the clock and then queue; commits overlap.
			at := noon.Add(time.Duration(batch*100+i*7%100) * time.Second).Add(-time.Duration(i%3) * time.Minute)
			e := ns.Event(latchkey.LimitReached, projects[i%5/4], at)
			e.Detail = fmt.Sprintf("%d: of %d;", i, batch)
			if i%2 == 0 {
				e.User, e.Challenge.Handle = latchkey.UserID{UUID: latchkey.UUID{1, 15: byte(i)}}, latchkey.Handle{2, 23: byte(i)}
				e.Grant.Handle, e.Client, e.Address = latchkey.Handle{3}, 9, "a•••@example.com"
				e.From.UserAgent = "A browser"
			}
			es = append(es, e)
			of[e.Project] = append(of[e.Project], e)
		}
		together(t, s, es)
		all = append(all, es...)
	}
	must(t, s.read(t.Context(), func(c *conn) error {
		events, rows, err := countEvents(c)
		if events != len(all) || rows != 3*3 { // 80 of one project are two rows, 20 of the other are one
			t.Errorf("%d events in %d rows, want %d in 9", events, rows, len(all))
		}
		return err
	}))
	for p, want := range of {
		newestFirst := func(a, b latchkey.Event) int { return b.At.Compare(a.At) }
		slices.SortStableFunc(want, newestFirst)
		for _, limit := range []int{0, 1, 7, 64, 65, 150, 1000} {
			got, err := s.Events(t.Context(), p, limit)
			must(t, err)
			if n := min(limit, len(want)); len(got) != n {
				t.Fatalf("the newest %d of %d events: %d", limit, len(want), len(got))
			}
			for i := range got { // of the same instant any order will do
				if !got[i].At.Equal(want[i].At) || !slices.Contains(want, got[i]) {
					t.Errorf("of the newest %d events, number %d is %+v, want one of %v", limit, i, got[i], want[i].At)
				}
			}
		}
	}
	for _, page := range []int{1, 3, 64, 1000} {
		if got := archived(t, s, page); !sameEvents(got, all) {
			t.Errorf("an archive in pages of %d has %d events, not those %d that were stored", page, len(got), len(all))
		}
	}
}

func sameEvents(a, b []latchkey.Event) bool {
	byDetail := func(a, b latchkey.Event) int { return strings.Compare(a.Detail, b.Detail) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), byDetail), slices.SortedFunc(slices.Values(b), byDetail))
}

// archived reads every event, a page at a time.
func archived(t *testing.T, s *Store, page int) (es []latchkey.Event) {
	t.Helper()
	for cursor := ""; ; {
		rs, err := s.Records(t.Context(), latchkey.EventRecord, cursor, page)
		must(t, err)
		if len(rs) == 0 {
			return es
		}
		for _, r := range rs {
			es = append(es, r.Noun.(latchkey.Event))
			cursor = r.Cursor
		}
	}
}

// TestEventCursors: an export that began before events shared rows goes on after it.
func TestEventCursors(t *testing.T) {
	t.Parallel()
	s := openOld(t, 8, `
		INSERT INTO events VALUES (1, 5000000, 'project.created', x'00000000000000000000000000000002', 0, NULL, NULL, NULL, '', NULL, '', '');
		INSERT INTO events VALUES (2, 6000000, 'project.updated', x'00000000000000000000000000000002', 0, NULL, NULL, NULL, '', NULL, '', '')`)
	rs, err := s.Records(t.Context(), latchkey.EventRecord, "1", 10)
	must(t, err)
	want := latchkey.Event{At: time.UnixMicro(6000000).UTC(), Kind: latchkey.ProjectUpdated, Project: latchkey.ProjectID{UUID: latchkey.UUID{15: 2}}}
	if len(rs) != 1 || rs[0].Noun != any(want) || rs[0].Cursor != "2" {
		t.Errorf("after event 1: %+v, want %+v with cursor 2", rs, want)
	}
	for _, bad := range []string{"x", "1.x", "1.2.3", "-1", "1.-1", "99999999999999999999"} {
		if _, err := s.Records(t.Context(), latchkey.EventRecord, bad, 10); !errors.Is(err, latchkey.Invalid) {
			t.Errorf("cursor %q: %v, want Invalid", bad, err)
		}
	}
}

// TestImportedEventsAgeAlone: a commit of an import holds events of many days, and each goes when it is old.
func TestImportedEventsAgeAlone(t *testing.T) {
	t.Parallel()
	var ns storetest.Nouns
	s := newStore(t)
	noon, p := storetest.Noon(), ns.Project("a").ID
	var rs []latchkey.Record
	for days := range 5 {
		e := ns.Event(latchkey.LimitReached, p, noon.Add(time.Duration(days)*24*time.Hour))
		rs = append(rs, latchkey.Record{Kind: latchkey.EventRecord, Cursor: fmt.Sprint(days), Noun: e})
	}
	must(t, s.AddRecords(t.Context(), "a", rs))
	_, err := s.Sweep(t.Context(), 2*24*time.Hour, 100, noon.Add(4*24*time.Hour))
	must(t, err)
	es, err := s.Events(t.Context(), p, 100)
	must(t, err)
	if len(es) != 3 {
		t.Errorf("%d of five events are left, a day between each, when two days are kept; want 3", len(es))
	}
}
