package postgres

import (
	"os"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/pgtest"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) latchkey.Store { return openAt(t, newDatabase(t)) })
}

func TestArchive(t *testing.T) {
	t.Parallel()
	storetest.RunArchive(t, func(t *testing.T) storetest.ArchivedStore { return openAt(t, newDatabase(t)) })
}

// newDatabase gives the URL of a fresh database with every migration.
func newDatabase(t testing.TB) string {
	t.Helper()
	return pgtest.Shared(t).Database(t, pgtest.Template{
		Name: "latchkey",
		Prepare: func(url string) error {
			_, err := Migrate(t.Context(), url)
			return err
		},
		Reset: `DO $$ DECLARE all_tables text; BEGIN
			SELECT string_agg(tablename, ', ') INTO all_tables FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'latchkey';
			EXECUTE 'TRUNCATE ' || all_tables || ' RESTART IDENTITY';
			UPDATE latchkey SET last_client = 0;
		END $$`,
	})
}

func openAt(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: url, Lost: func(err error) { t.Logf("bell: %v", err) }})
	must(t, err)
	return s
}

// newStore gives a fresh store that the test closes.
func newStore(t testing.TB) *Store {
	t.Helper()
	s := openAt(t, newDatabase(t))
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newProject gives a project that is stored.
func newProject(t testing.TB, s *Store, ns *storetest.Nouns) latchkey.Project {
	t.Helper()
	p := ns.Project("The Game")
	must(t, s.CreateProject(t.Context(), p, nil, ns.Event(latchkey.ProjectCreated, p.ID, storetest.Noon())))
	return p
}

// TestClientIDsAreNotReused: a token of the deleted client would pass for one of the new client.
func TestClientIDsAreNotReused(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	p := newProject(t, s, &ns)
	e := ns.Event(latchkey.ClientCreated, p.ID, storetest.Noon())
	var last latchkey.ClientID
	for _, given := range []latchkey.ClientID{0, 0, 50, 0, 7, 0} {
		c := ns.Client(p.ID)
		c.ID = given
		made, err := s.CreateClient(t.Context(), c, e)
		must(t, err)
		must(t, s.DeleteClient(t.Context(), made.ID, e))
		if given != 0 && made.ID != given || given == 0 && made.ID <= last {
			t.Errorf("client %d after client %d was deleted, %d was asked for: want that one or a later id", made.ID, last, given)
		}
		last = max(last, made.ID)
	}
}

// TestSessionOfNobody: DeleteUser takes the sessions along, so only a hand in the database makes one without a user. It
// lets nobody in.
func TestSessionOfNobody(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	p, now := newProject(t, s, &ns), storetest.Noon()
	started, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, ns.Email(), now)), now)
	must(t, err)
	out, err := s.CompleteChallenge(t.Context(), ns.Staying(started.Challenge, latchkey.SessionID{}, now), now)
	must(t, err)
	must(t, out.Verdict)
	_, err = s.pool.Exec(t.Context(), "DELETE FROM users")
	must(t, err)
	got, u, err := s.Session(t.Context(), out.Session.ID)
	if err != nil || got != out.Session || u != (latchkey.User{}) {
		t.Errorf("Session gave %+v, user %+v, %v; want %+v and no user", got, u, err, out.Session)
	}
	used, err := s.UseSession(t.Context(), ns.SessionUse(got, now), now)
	if err != nil || latchkey.CodeOf(used.Verdict) != latchkey.LoginRequired {
		t.Errorf("UseSession: %v, verdict %v; want LoginRequired", err, used.Verdict)
	}
}

// TestForeignTextIsKeptByteForByte: what callers hand over may be anything, also what PostgreSQL's text refuses.
func TestForeignTextIsKeptByteForByte(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	p, now := newProject(t, s, &ns), storetest.Noon()
	c := ns.Challenge(p.ID, ns.Email(), now)
	odd := "\x00\xff\xfe ' \" \\ ü"
	c.Ask.State, c.Ask.Payload, c.Ask.Nonce, c.Ask.Scope, c.From.UserAgent = odd, odd, odd, odd, odd
	started, err := s.StartChallenge(t.Context(), ns.Start(c), now)
	must(t, err)
	got, err := s.Challenge(t.Context(), c.ID)
	must(t, err)
	if got != started.Challenge {
		t.Errorf("stored %+v\nis      %+v", started.Challenge, got)
	}
	es, err := s.Events(t.Context(), p.ID, 1)
	must(t, err)
	if es[0] != started.Event {
		t.Errorf("stored %+v\nis      %+v", started.Event, es[0])
	}
}

// emptyDatabase gives the URL of a database with nothing in it.
func emptyDatabase(t testing.TB) string {
	t.Helper()
	return pgtest.Shared(t).Database(t, pgtest.Template{
		Name: "bare", Prepare: func(string) error { return nil }, Reset: "DROP SCHEMA public CASCADE; CREATE SCHEMA public",
	})
}

// TestWrongCodeLooksAtNobody: whether the address has a user must not show in how long a wrong answer takes.
func TestWrongCodeLooksAtNobody(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	p, now := newProject(t, s, &ns), storetest.Noon()
	for _, to := range []latchkey.Address{ns.Email(), ns.Phone()} {
		u := latchkey.User{ID: ns.UserID(now), Project: p.ID, Registered: now, Email: to}
		if to.Channel() == latchkey.Phone {
			u.Email, u.Phone = latchkey.Address{}, to
		}
		must(t, s.CreateUser(t.Context(), u, ns.Event(latchkey.UserCreated, p.ID, now)))
		for given, want := range map[latchkey.Secret]latchkey.UserID{storetest.RightCode: u.ID, storetest.WrongCode: {}} {
			a := ns.Attempt(ns.Challenge(p.ID, to, now), now)
			a.Given = given
			got, err := findAll(t.Context(), s, readAttempt, attemptStatements(a)...)
			must(t, err)
			if got.user.ID != want {
				t.Errorf("for the code %s of %s the user %v was loaded, want %v", given.Reveal(), to, got.user.ID, want)
			}
		}
	}
}

// TestStaleJudgementsAreNotStored: what was judged by rows that have changed since takes no hold.
func TestStaleJudgementsAreNotStored(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	p, now := newProject(t, s, &ns), storetest.Noon()
	start := func(to latchkey.Address) latchkey.Challenge {
		out, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, to, now)), now)
		must(t, err)
		return out.Challenge
	}
	guess := func(to latchkey.Address) {
		a := ns.Attempt(start(to), now)
		a.Given = storetest.WrongCode
		_, err := s.CompleteChallenge(t.Context(), a, now)
		must(t, err)
	}
	for name, meanwhile := range map[string]func(latchkey.Challenge, latchkey.User){
		"nothing": func(latchkey.Challenge, latchkey.User) {},
		"the sessions ended": func(_ latchkey.Challenge, u latchkey.User) {
			must(t, s.EndSessions(t.Context(), u.ID, ns.Event(latchkey.SessionEnded, p.ID, now)))
		},
		// No verb changes a ban and leaves the epoch, so that these two are of an operator's hand in the database.
		"a ban": func(_ latchkey.Challenge, u latchkey.User) {
			_, err := s.pool.Exec(t.Context(), "UPDATE users SET ban_from = 1 WHERE id = $1", u.ID.String())
			must(t, err)
		},
		"a ban's end": func(_ latchkey.Challenge, u latchkey.User) {
			_, err := s.pool.Exec(t.Context(), "UPDATE users SET ban_until = 1 WHERE id = $1", u.ID.String())
			must(t, err)
		},
		"another guess": func(c latchkey.Challenge, _ latchkey.User) { guess(c.To) },
		"a resend": func(c latchkey.Challenge, _ latchkey.User) {
			again := ns.Start(c)
			again.Again = c.ID
			out, err := s.StartChallenge(t.Context(), again, now)
			must(t, err)
			if !out.Resent {
				t.Fatalf("nothing was sent again: %+v", out)
			}
		},
	} {
		to := ns.Email()
		out, err := s.CompleteChallenge(t.Context(), ns.Attempt(start(to), now), now)
		must(t, err)
		guess(to)
		c := start(to)
		a := ns.Attempt(c, now)
		old, err := findAll(t.Context(), s, readAttempt, attemptStatements(a)...)
		must(t, err)
		next := a.Judge(old.challenge, old.guesses, old.user, now)
		must(t, next.Verdict)
		stale := completion(a, old, &next, nil, now)
		meanwhile(c, out.User)
		held, err := s.store(t.Context(), stale)
		must(t, err)
		if stored := held == stale.guards; stored != (name == "nothing") {
			t.Errorf("%s between judging and storing: %d of %d guards held", name, held, stale.guards)
		}
	}
}
