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

func endSessions(w *world) {
	u, g := w.grantOf(w.Email())
	e := w.Event(latchkey.UserLoggedOut, w.project.ID, w.now)
	w.must(w.EndSessions(w.ctx(), u.ID, e))
	user, grant := w.standing(u.ID, g.ID)
	same(w, "the user", user, u.LogOut())
	if grant.Good(user, w.now) {
		w.Error("the grant is still good")
	}
	same(w, "the event", w.last(), e)
	out, err := w.RotateGrant(w.ctx(), w.Rotation(g), w.now)
	w.must(err)
	w.wants("its refresh token", out.Verdict, latchkey.BadGrant)
}

func setBan(w *world) {
	u, g := w.grantOf(w.Email())
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
}

func deleteUser(w *world) {
	to, from := w.Email(), w.Origin()
	kept, keptGrant := w.grantOf(w.Email())
	u, g := w.grantOf(to)
	code := w.login(to).Code
	w.answer(w.start(to), WrongCode, from)
	e := w.Event(latchkey.UserDeleted, w.project.ID, w.now)
	w.must(w.DeleteUser(w.ctx(), u.ID, e))
	same(w, "the event", w.last(), e)
	user, grant := w.standing(u.ID, g.ID)
	same(w, "the user", user, latchkey.User{})
	same(w, "the grant", grant, latchkey.Grant{})
	out, err := w.RedeemCode(w.ctx(), w.Redemption(code, w.now), w.now)
	w.must(err)
	w.wants("redeeming their code", out.Verdict, latchkey.BadGrant)
	same(w, "their code", out.Code, latchkey.AuthorizationCode{})
	same(w, "guesses", w.answer(w.start(to), WrongCode, from).Guesses, latchkey.Guesses{Total: 1, FromNetwork: 1})
	if again := w.login(to).User; again.ID == u.ID || again.Epoch != 0 {
		w.Errorf("the next login gave %+v: want a new user", again)
	}
	user, grant = w.standing(kept.ID, keptGrant.ID)
	same(w, "another user", user, kept)
	same(w, "another user's grant", grant, keptGrant)
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
