package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// ArchivedStore is a store that can be moved.
type ArchivedStore interface {
	latchkey.Store
	latchkey.Archive
}

// RunArchive holds the stores that open gives to latchkey.Archive: a fresh, empty one for each promise, or two.
func RunArchive(t *testing.T, open func(t *testing.T) ArchivedStore) {
	for name, promise := range archiveSuite() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fresh := func() ArchivedStore {
				s := open(t)
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				return s
			}
			from := fresh()
			w := &world{T: t, Store: from, now: Noon()}
			w.project = w.newProject("The Game")
			promise(&move{world: w, from: from, to: fresh()})
		})
	}
}

// archiveSuite has one entry per promise of latchkey.Archive, named Method/promise.
func archiveSuite() map[string]func(*move) {
	return map[string]func(*move){
		"Records/everything durable arrives": archiveArrives,
		"Records/pages by cursor":            archivePages,
		"Records/bad cursors and kinds":      archiveBadCursors,
		"AddRecords/keeps what is there":     archiveKeeps,
		"AddRecords/an address of another":   archiveConflict,
		"AddRecords/an address twice":        archiveTwice,
		"FinishRecords/is an open store":     archiveFinishes,
		"AddRecords/the long count":          archiveLongCount,
		"Added/goes on where it was cut off": archiveGoesOn,
	}
}

// A move is a world in one store and an empty other one.
type move struct {
	*world
	from, to ArchivedStore
}

// fill makes at least one record of every kind.
func (m *move) fill() {
	m.Helper()
	k := m.Key(m.project.ID, latchkey.ES256, latchkey.ActiveKey, m.now)
	m.must(m.AddKey(m.ctx(), k, false, m.Event(latchkey.KeyAdded, m.project.ID, m.now)))
	c := m.Nouns.Client(m.project.ID)
	c, err := m.CreateClient(m.ctx(), c, m.Event(latchkey.ClientCreated, m.project.ID, m.now))
	m.must(err)
	guessed := m.Email()
	for range 3 {
		m.answer(m.start(guessed), WrongCode) // from three networks
	}
	wasGuessed := m.Email()
	m.answer(m.start(wasGuessed), WrongCode)
	m.login(wasGuessed) // leaves the long count
	m.grantOf(m.Email(), by(c.ID))
	out := m.startAttempt(m.Phone(), func(a *latchkey.Attempt) {
		a.NewSession = latchkey.SessionID{Handle: m.Handle(m.now)}
		a.Policy = latchkey.SessionPolicy{Idle: time.Hour, Life: 24 * time.Hour}
	})
	_, err = m.DescribeUser(m.ctx(), out.User.ID, latchkey.PersonChange{Nickname: new("Zoë")}, m.Event(latchkey.UserDescribed, m.project.ID, m.now))
	m.must(err)
}

// startAttempt signs in by to with an attempt that change has changed.
func (m *move) startAttempt(to latchkey.Address, change func(*latchkey.Attempt)) latchkey.Outcome {
	m.Helper()
	a := m.Attempt(m.start(to), m.now)
	change(&a)
	out, err := m.CompleteChallenge(m.ctx(), a, m.now)
	m.must(err)
	if out.Verdict != nil {
		m.Fatalf("login by %v: %v", to, out.Verdict)
	}
	return out
}

// all gives every record of a store.
func (m *move) all(s latchkey.Archive, kind latchkey.RecordKind) (rs []latchkey.Record) {
	m.Helper()
	rs, err := s.Records(m.ctx(), kind, "", 10_000)
	m.must(err)
	return rs
}

func (m *move) everything(s latchkey.Archive) (rs []latchkey.Record) {
	m.Helper()
	for _, kind := range latchkey.RecordKinds() {
		rs = append(rs, m.all(s, kind)...)
	}
	return rs
}

func archiveArrives(m *move) {
	m.fill()
	for _, kind := range latchkey.RecordKinds() {
		rs := m.all(m.from, kind)
		if len(rs) == 0 {
			m.Errorf("no record of kind %s", kind)
		}
		m.must(m.to.AddRecords(m.ctx(), "a", rs))
	}
	m.sameRecords("what arrived", m.everything(m.to), m.everything(m.from))
}

// sameRecords checks that got is want, the cursors aside, which are each store's own.
func (m *move) sameRecords(what string, got, want []latchkey.Record) {
	m.Helper()
	if len(got) != len(want) {
		m.Errorf("%s: %d records, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		same(m.world, fmt.Sprintf("%s: record %d, %s", what, i, want[i].Kind), got[i].Noun, want[i].Noun)
	}
}

// archiveLongCount: what was ever guessed at an address holds in the store that it moved to.
func archiveLongCount(m *move) {
	m.fill()
	g := latchkey.AddressGuesses{Project: m.project.ID, To: m.Email(), Whole: m.now.Add(30 * 24 * time.Hour)}
	m.must(m.to.AddRecords(m.ctx(), "a", m.all(m.from, latchkey.ProjectRecord)))
	m.must(m.to.AddRecords(m.ctx(), "a", []latchkey.Record{{Kind: latchkey.GuessRecord, Cursor: "1", Noun: g}}))
	out, err := m.to.StartChallenge(m.ctx(), m.Start(m.Nouns.Challenge(m.project.ID, g.To, m.now)), m.now)
	m.must(err)
	if !out.Message.LinkFirst || !out.Challenge.Link {
		m.Errorf("the long count is used up, and the message does not carry the link: %+v", out.Message)
	}
}

func archivePages(m *move) {
	m.fill()
	for _, kind := range latchkey.RecordKinds() {
		var paged []latchkey.Record
		for after := ""; ; {
			rs, err := m.from.Records(m.ctx(), kind, after, 2)
			m.must(err)
			if len(rs) == 0 {
				break
			}
			if len(rs) > 2 {
				m.Fatalf("%s: %d records, 2 were asked for", kind, len(rs))
			}
			paged = append(paged, rs...)
			after = rs[len(rs)-1].Cursor
		}
		m.sameRecords("the pages of "+string(kind), paged, m.all(m.from, kind))
	}
}

func archiveBadCursors(m *move) {
	_, err := m.from.Records(m.ctx(), "nothing", "", 1)
	m.wants("an unknown kind", err, latchkey.Invalid)
	for _, kind := range []latchkey.RecordKind{latchkey.UserRecord, latchkey.EventRecord, latchkey.GuessRecord, latchkey.GrantRecord} {
		_, err := m.from.Records(m.ctx(), kind, "no cursor", 1)
		m.wants("a bad cursor of "+string(kind), err, latchkey.Invalid)
	}
	m.wants("an unknown kind", m.to.AddRecords(m.ctx(), "a", []latchkey.Record{{Kind: "nothing"}}), latchkey.Invalid)
}

func archiveKeeps(m *move) {
	m.fill()
	var durable []latchkey.RecordKind
	for _, kind := range latchkey.RecordKinds() {
		if kind != latchkey.EventRecord { // which has no id of its own: Added keeps it from coming twice
			durable = append(durable, kind)
		}
		m.must(m.to.AddRecords(m.ctx(), "a", m.all(m.from, kind)))
	}
	before := m.everything(m.to)
	changed := m.project
	changed.Name = "Renamed"
	m.must(m.to.UpdateProject(m.ctx(), changed, m.Event(latchkey.ProjectUpdated, m.project.ID, m.now)))
	for _, kind := range durable {
		m.must(m.to.AddRecords(m.ctx(), "b", m.all(m.from, kind)))
	}
	p, err := m.to.Project(m.ctx(), m.project.ID)
	m.must(err)
	same(m.world, "a project that was changed since", p.Name, "Renamed")
	m.must(m.to.UpdateProject(m.ctx(), m.project, m.Event(latchkey.ProjectUpdated, m.project.ID, m.now)))
	after := m.everything(m.to)
	m.sameRecords("everything after the same again", after[:len(before)], before)
}

func archiveConflict(m *move) {
	to := m.Email()
	u := m.login(to).User
	m.must(m.to.AddRecords(m.ctx(), "a", m.all(m.from, latchkey.UserRecord)))
	other, stranger := u, u
	other.ID, stranger.ID = m.UserID(m.now), m.UserID(m.now)
	stranger.Email = m.Email()
	rs := []latchkey.Record{{Kind: latchkey.UserRecord, Cursor: "1", Noun: stranger}, {Kind: latchkey.UserRecord, Cursor: "2", Noun: other}}
	m.wants("somebody else's address", m.to.AddRecords(m.ctx(), "b", rs), latchkey.Conflict)
	_, err := m.to.User(m.ctx(), stranger.ID)
	m.wants("who came with it", err, latchkey.UserNotFound)
	cursor, err := m.to.Added(m.ctx(), "b", latchkey.UserRecord)
	m.must(err)
	same(m.world, "the cursor", cursor, "")
}

// archiveTwice: two users of one archive who claim one address, in one commit or in two.
func archiveTwice(m *move) {
	at := m.Email()
	first, second := m.record(at), m.record(at)
	m.wants("twice in one commit", m.to.AddRecords(m.ctx(), "a", []latchkey.Record{first, second}), latchkey.Conflict)
	m.must(m.to.AddRecords(m.ctx(), "b", []latchkey.Record{first, m.record(m.Email())}))
	m.wants("again in the next one", m.to.AddRecords(m.ctx(), "b", []latchkey.Record{m.record(m.Email()), second}), latchkey.Conflict)
	us, err := m.to.Users(m.ctx(), m.project.ID, latchkey.Address{}, latchkey.UserID{}, 10)
	m.must(err)
	same(m.world, "users", len(us), 2)
}

func (m *move) record(at latchkey.Address) latchkey.Record {
	u := latchkey.NewUser(m.UserID(m.now), m.project.ID, at, m.now)
	return latchkey.Record{Kind: latchkey.UserRecord, Cursor: u.ID.String(), Noun: u}
}

// archiveFinishes: once all is there people sign in as who they were, and finishing again is no mistake.
func archiveFinishes(m *move) {
	m.must(m.to.FinishRecords(m.ctx()))
	r := m.record(m.Email())
	m.must(m.to.AddRecords(m.ctx(), "a", m.all(m.from, latchkey.ProjectRecord)))
	m.must(m.to.AddRecords(m.ctx(), "a", []latchkey.Record{r}))
	m.must(m.to.FinishRecords(m.ctx()))
	m.must(m.to.FinishRecords(m.ctx()))
	want := r.Noun.(latchkey.User)
	us, err := m.to.Users(m.ctx(), m.project.ID, want.Email, latchkey.UserID{}, 2)
	m.must(err)
	same(m.world, "who has the address", us, []latchkey.User{want})
}

func archiveGoesOn(m *move) {
	m.fill()
	events := m.all(m.from, latchkey.EventRecord)
	half := len(events) / 2
	m.must(m.to.AddRecords(m.ctx(), "a", events[:half]))
	cursor, err := m.to.Added(m.ctx(), "a", latchkey.EventRecord)
	m.must(err)
	same(m.world, "the cursor", cursor, events[half-1].Cursor)
	rest, err := m.from.Records(m.ctx(), latchkey.EventRecord, cursor, 10_000)
	m.must(err)
	m.must(m.to.AddRecords(m.ctx(), "a", rest))
	m.sameRecords("the events", m.all(m.to, latchkey.EventRecord), events)
	other, err := m.to.Added(m.ctx(), "b", latchkey.EventRecord)
	m.must(err)
	same(m.world, "the cursor of another archive", other, "")
}
