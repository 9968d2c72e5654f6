package storetest

import (
	"slices"
	"time"

	"github.com/latchkey-dev/latchkey"
)

func userNotFound(w *world) {
	_, err := w.User(w.ctx(), w.UserID(w.now))
	w.wants("an unknown id", err, latchkey.UserNotFound)
	_, err = w.User(w.ctx(), latchkey.UserID{})
	w.wants("the zero id", err, latchkey.UserNotFound)
}

func standing(w *world) {
	u, g := w.grantOf(w.Email())
	noUser, noGrant := w.UserID(w.now), latchkey.GrantID{Handle: w.Handle(w.now)}
	for _, c := range []struct {
		what      string
		user      latchkey.UserID
		grant     latchkey.GrantID
		wantUser  latchkey.User
		wantGrant latchkey.Grant
	}{
		{"both", u.ID, g.ID, u, g},
		{"no grant asked for", u.ID, latchkey.GrantID{}, u, latchkey.Grant{}},
		{"no user asked for", latchkey.UserID{}, g.ID, latchkey.User{}, g},
		{"unknown grant", u.ID, noGrant, u, latchkey.Grant{}},
		{"unknown user", noUser, g.ID, latchkey.User{}, g},
		{"nothing", latchkey.UserID{}, latchkey.GrantID{}, latchkey.User{}, latchkey.Grant{}},
	} {
		gotUser, gotGrant := w.standing(c.user, c.grant)
		same(w, c.what+": the user", gotUser, c.wantUser)
		same(w, c.what+": the grant", gotGrant, c.wantGrant)
	}
}

func usersInPages(w *world) {
	var want []latchkey.User
	for range 7 {
		want = append(want, w.login(w.Email()).User)
		w.now = w.now.Add(time.Second)
	}
	ours := w.project
	w.project = w.newProject("Other")
	w.login(w.Email())
	var got []latchkey.User
	after := latchkey.UserID{}
	for pages := 0; ; pages++ {
		us, err := w.Users(w.ctx(), ours.ID, latchkey.Address{}, after, 3)
		w.must(err)
		if len(us) > 3 || pages > 3 {
			w.Fatalf("page %d has %d users: want 3 pages of at most 3", pages, len(us))
		}
		if len(us) == 0 {
			break
		}
		got, after = append(got, us...), us[len(us)-1].ID
	}
	same(w, "all users", got, want)
}

func usersByAddress(w *world) {
	mail, phone := w.Email(), w.Phone()
	a, b := w.login(mail).User, w.login(phone).User
	for to, want := range map[latchkey.Address][]latchkey.User{mail: {a}, phone: {b}, w.Email(): nil} {
		us, err := w.Users(w.ctx(), w.project.ID, to, latchkey.UserID{}, 10)
		w.must(err)
		if !slices.Equal(us, want) {
			w.Errorf("owner of %v: %+v, want %+v", to, us, want)
		}
	}
	other := w.newProject("Other")
	us, err := w.Users(w.ctx(), other.ID, mail, latchkey.UserID{}, 10)
	w.must(err)
	same(w, "owners in another project", len(us), 0)
}

func setContactPhone(w *world) {
	u := w.login(w.Email()).User
	phone := w.Phone()
	for _, to := range []latchkey.Address{phone, w.Phone(), {}} {
		e := w.Event(latchkey.UserPhoneChanged, w.project.ID, w.now)
		w.must(w.SetContactPhone(w.ctx(), u.ID, to, e))
		u.ContactPhone = to
		got, err := w.User(w.ctx(), u.ID)
		w.must(err)
		same(w, "the user", got, u)
		same(w, "the event", w.last(), e)
	}
	w.must(w.SetContactPhone(w.ctx(), u.ID, phone, w.Event(latchkey.UserPhoneChanged, w.project.ID, w.now)))
	if owner := w.login(phone).User; owner.ID == u.ID {
		w.Error("a phone that was only typed signs its typist in")
	}
}

func grantsNewestFirst(w *world) {
	to := w.Email()
	var want []latchkey.Grant
	for range 4 {
		_, g := w.grantOf(to)
		want = append(want, g)
		w.now = w.now.Add(time.Second)
	}
	w.grantOf(w.Email())
	slices.Reverse(want)
	same(w, "the grants", w.grantsOf(want[0].User), want)
	_, err := w.RevokeGrant(w.ctx(), latchkey.Revocation{ID: want[1].ID, Project: want[1].Project, User: want[1].User}, w.now)
	w.must(err)
	want = slices.Delete(want, 1, 2)
	same(w, "the grants after one was revoked", w.grantsOf(want[0].User), want)
	w.now = want[2].Expires
	same(w, "the grants at the instant of one's death", w.grantsOf(want[0].User), want[:2])
	same(w, "the grants of nobody", len(w.grantsOf(w.UserID(w.now))), 0)
}

func (w *world) grantsOf(id latchkey.UserID) []latchkey.Grant {
	w.Helper()
	gs, err := w.Grants(w.ctx(), id, w.now)
	w.must(err)
	return gs
}

func describeUser(w *world) {
	to := w.Email()
	login := w.stays(to)
	u, other := login.User, w.login(w.Email()).User
	change := w.Description()
	e := w.Event(latchkey.UserDescribed, w.project.ID, w.now)
	got, err := w.DescribeUser(w.ctx(), u.ID, change, e)
	w.must(err)
	u.Person = latchkey.Person{
		FirstName: *change.FirstName, LastName: *change.LastName, Nickname: *change.Nickname, Birthday: *change.Birthday,
		Gender: *change.Gender,
	}
	same(w, "what DescribeUser gives", got, u)
	same(w, "the event", w.last(), e)
	w.isEverywhere(login.Session.ID, u)
	stored, err := w.User(w.ctx(), other.ID)
	w.must(err)
	same(w, "another user", stored, other)
	again := w.login(to).User
	same(w, "what a later login leaves of it", again.Person, u.Person)

	got, err = w.DescribeUser(w.ctx(), u.ID, latchkey.PersonChange{Nickname: ptr("")}, e)
	w.must(err)
	u = again
	u.Person.Nickname = ""
	same(w, "the user without a nickname", got, u)
	w.isEverywhere(login.Session.ID, u)
}

// isEverywhere checks that every verb that gives a user gives u.
func (w *world) isEverywhere(s latchkey.SessionID, u latchkey.User) {
	w.Helper()
	got, err := w.User(w.ctx(), u.ID)
	w.must(err)
	same(w, "User", got, u)
	got, _ = w.standing(u.ID, latchkey.GrantID{})
	same(w, "the user of Standing", got, u)
	_, got = w.session(s)
	same(w, "the user of Session", got, u)
	for what, address := range map[string]latchkey.Address{"Users by address": u.Email, "Users": {}} {
		us, err := w.Users(w.ctx(), w.project.ID, address, latchkey.UserID{}, 1)
		w.must(err)
		same(w, what, us, []latchkey.User{u})
	}
}

func describeUserClears(w *world) {
	u := w.login(w.Email()).User
	e := w.Event(latchkey.UserDescribed, w.project.ID, w.now)
	_, err := w.DescribeUser(w.ctx(), u.ID, latchkey.PersonChange{FirstName: ptr("Ann")}, e)
	w.must(err)
	got, err := w.DescribeUser(w.ctx(), u.ID, latchkey.PersonChange{FirstName: ptr("")}, e)
	w.must(err)
	same(w, "the user after clearing all they said", got, u)
	stored, err := w.User(w.ctx(), u.ID)
	w.must(err)
	same(w, "the user in the store", stored, u)
}

func describeUserErrors(w *world) {
	u := w.login(w.Email()).User
	e := w.Event(latchkey.UserDescribed, w.project.ID, w.now)
	u, err := w.DescribeUser(w.ctx(), u.ID, latchkey.PersonChange{Birthday: ptr("1999-12-31")}, e)
	w.must(err)
	_, err = w.DescribeUser(w.ctx(), u.ID, latchkey.PersonChange{Birthday: ptr("2000-01-01"), Nickname: ptr("x")}, e)
	w.wants("another birthday", err, latchkey.Invalid)
	stored, err := w.User(w.ctx(), u.ID)
	w.must(err)
	same(w, "the user", stored, u)
	_, err = w.DescribeUser(w.ctx(), w.UserID(w.now), w.Description(), e)
	w.wants("an unknown user", err, latchkey.UserNotFound)
	same(w, "events", w.count(latchkey.UserDescribed), 1)
}

func endSessions(w *world) {
	to := w.Email()
	_, g := w.grantOf(to)
	stays := w.stays(to)
	u, s := stays.User, stays.Session
	e := w.Event(latchkey.UserLoggedOut, w.project.ID, w.now)
	w.must(w.EndSessions(w.ctx(), u.ID, e))
	user, grant := w.standing(u.ID, g.ID)
	same(w, "the user", user, u.LogOut())
	if grant.Good(user, w.now) {
		w.Error("the grant is still good")
	}
	if s.Good(user, w.now) {
		w.Error("the session is still good")
	}
	same(w, "the event", w.last(), e)
	out, err := w.RotateGrant(w.ctx(), w.Rotation(g), w.now)
	w.must(err)
	w.wants("its refresh token", out.Verdict, latchkey.BadGrant)
	used, err := w.UseSession(w.ctx(), w.SessionUse(s, w.now), w.now)
	w.must(err)
	w.wants("its session", used.Verdict, latchkey.LoginRequired)
}

func setBan(w *world) {
	to := w.Email()
	_, g := w.grantOf(to)
	stays := w.stays(to)
	u, s := stays.User, stays.Session
	ban := latchkey.Ban{From: w.now.Add(time.Hour), Until: w.now.AddDate(7000, 0, 0), Reason: "Betrug"}
	e := w.Event(latchkey.UserBanned, w.project.ID, w.now)
	w.must(w.SetBan(w.ctx(), u.ID, ban, e))
	want := u.LogOut()
	want.Ban = ban
	user, grant := w.standing(u.ID, g.ID)
	same(w, "the banned user", user, want)
	same(w, "the event", w.last(), e)
	if grant.Good(user, w.now) {
		w.Error("the grant from before the ban is still good")
	}
	w.must(w.SetBan(w.ctx(), u.ID, latchkey.Ban{}, w.Event(latchkey.UserUnbanned, w.project.ID, w.now)))
	want.Ban = latchkey.Ban{}
	user, _ = w.standing(u.ID, g.ID)
	same(w, "the user after the ban", user, want)
	if grant.Good(user, w.now) || s.Good(user, w.now) {
		w.Error("what the ban ended is good again")
	}
}

func deleteUser(w *world) {
	to, from := w.Email(), w.Origin()
	someone, keptGrant := w.grantOf(w.Email())
	u, g := w.grantOf(to)
	code, session := w.login(to).Code, w.stays(to).Session
	stays := w.stays(someone.Email)
	keptSession, kept := stays.Session, stays.User
	w.answer(w.start(to), WrongCode, from)
	e := w.Event(latchkey.UserDeleted, w.project.ID, w.now)
	w.must(w.DeleteUser(w.ctx(), u.ID, e))
	same(w, "the event", w.last(), e)
	user, grant := w.standing(u.ID, g.ID)
	same(w, "the user", user, latchkey.User{})
	same(w, "the grant", grant, latchkey.Grant{})
	gone, _ := w.session(session.ID)
	same(w, "the session", gone, latchkey.Session{})
	out, err := w.RedeemCode(w.ctx(), w.Redemption(code, w.now), w.now)
	w.must(err)
	w.wants("redeeming their code", out.Verdict, latchkey.BadGrant)
	same(w, "their code", out.Code, latchkey.AuthorizationCode{})
	same(w, "guesses", w.answer(w.start(to), WrongCode, from).Guesses, w.guesses(1, 1))
	if again := w.login(to).User; again.ID == u.ID || again.Epoch != 0 {
		w.Errorf("the next login gave %+v: want a new user", again)
	}
	user, grant = w.standing(kept.ID, keptGrant.ID)
	same(w, "another user", user, kept)
	same(w, "another user's grant", grant, keptGrant)
	left, _ := w.session(keptSession.ID)
	same(w, "another user's session", left, keptSession)
}

func unknownUsers(w *world) {
	id := w.UserID(w.now)
	e := w.Event(latchkey.UserDeleted, w.project.ID, w.now)
	w.wants("SetContactPhone", w.SetContactPhone(w.ctx(), id, w.Phone(), e), latchkey.UserNotFound)
	w.wants("EndSessions", w.EndSessions(w.ctx(), id, e), latchkey.UserNotFound)
	w.wants("SetBan", w.SetBan(w.ctx(), id, latchkey.Ban{From: w.now}, e), latchkey.UserNotFound)
	w.wants("DeleteUser", w.DeleteUser(w.ctx(), id, e), latchkey.UserNotFound)
	same(w, "events", w.count(latchkey.UserDeleted), 0)
}

func eventsNewestFirst(w *world) {
	start := w.last()
	other := w.newProject("Other")
	var want []latchkey.Event
	for range 5 {
		w.now = w.now.Add(time.Second)
		p := w.project
		p.Name = w.now.String()
		e := w.Event(latchkey.ProjectUpdated, p.ID, w.now)
		w.must(w.UpdateProject(w.ctx(), p, e))
		want = append(want, e)
	}
	w.now = w.now.Add(time.Second)
	last := w.Event(latchkey.ProjectUpdated, other.ID, w.now)
	w.must(w.UpdateProject(w.ctx(), other, last))
	slices.Reverse(want)
	es, err := w.Events(w.ctx(), w.project.ID, 3)
	w.must(err)
	same(w, "the last three", es, want[:3])
	es, err = w.Events(w.ctx(), w.project.ID, 100)
	w.must(err)
	same(w, "all of them", es, append(slices.Clone(want), start))
	es, err = w.Events(w.ctx(), latchkey.ProjectID{}, 2)
	w.must(err)
	same(w, "of every project", es, []latchkey.Event{last, want[0]})
}

func addsEvent(w *world) {
	e := w.Event(latchkey.LimitReached, w.project.ID, w.now)
	w.must(w.AddEvent(w.ctx(), e))
	es, err := w.Events(w.ctx(), w.project.ID, 1)
	w.must(err)
	same(w, "the last event", es, []latchkey.Event{e})
}
