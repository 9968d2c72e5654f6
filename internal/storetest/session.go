package storetest

import (
	"slices"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// stays signs in by to in a browser that stays signed in, and gives the session.
func (w *world) stays(to latchkey.Address, change ...func(*latchkey.Challenge)) latchkey.Outcome {
	w.Helper()
	c := w.start(to, change...)
	out, err := w.CompleteChallenge(w.ctx(), w.Staying(c, latchkey.SessionID{}, w.now), w.now)
	w.must(err)
	if out.Verdict != nil || out.Session.ID.IsZero() {
		w.Fatalf("login by %v in a browser that stays signed in: %v, session %+v", to, out.Verdict, out.Session)
	}
	return out
}

// session gives a session and its user as they are in the store.
func (w *world) session(id latchkey.SessionID) (latchkey.Session, latchkey.User) {
	w.Helper()
	s, u, err := w.Session(w.ctx(), id)
	w.must(err)
	return s, u
}

// enters goes into a client by s and redeems the code. change may change what the client asks for.
func (w *world) enters(s latchkey.Session, change ...func(*latchkey.Ask)) latchkey.Grant {
	w.Helper()
	x := w.SessionUse(s, w.now)
	for _, f := range change {
		f(&x.Ask)
	}
	out, err := w.UseSession(w.ctx(), x, w.now)
	w.must(err)
	if out.Verdict != nil {
		w.Fatalf("going into a client by a session: %v", out.Verdict)
	}
	red, err := w.RedeemCode(w.ctx(), w.Redemption(out.Code, w.now), w.now)
	w.must(err)
	if red.Verdict != nil {
		w.Fatalf("redeeming the code of a session: %v", red.Verdict)
	}
	return red.Grant
}

func toStayAway(a *latchkey.Ask) { a.Scope = "openid offline_access" }

func sessionGives(w *world) {
	out := w.stays(w.Phone())
	w.stays(w.Email())
	s, u := w.session(out.Session.ID)
	same(w, "the session", s, out.Session)
	same(w, "its user", u, out.User)
	w.must(w.SetBan(w.ctx(), u.ID, latchkey.Ban{From: w.now}, w.Event(latchkey.UserBanned, w.project.ID, w.now)))
	s, u = w.session(out.Session.ID)
	same(w, "the session of a banned user", s, out.Session)
	same(w, "whether its user is banned", u.Banned(w.now), true)
}

func sessionUnknown(w *world) {
	w.stays(w.Email())
	for what, id := range map[string]latchkey.SessionID{"an unknown id": {Handle: w.Handle(w.now)}, "the zero id": {}} {
		s, u := w.session(id)
		same(w, "the session of "+what, s, latchkey.Session{})
		same(w, "the user of "+what, u, latchkey.User{})
	}
}

func sessionsNewestFirst(w *world) {
	to := w.Email()
	var want []latchkey.Session
	for range 4 {
		want = append(want, w.stays(to).Session)
		w.now = w.now.Add(time.Second)
	}
	w.stays(w.Email())
	slices.Reverse(want)
	same(w, "the sessions", w.sessionsOf(want[0].User), want)
	_, err := w.EndSession(w.ctx(), w.Ending(want[2]), w.now)
	w.must(err)
	want = slices.Delete(want, 2, 3)
	same(w, "the sessions after one ended", w.sessionsOf(want[0].User), want)
	w.now = want[2].Expires
	same(w, "the sessions at the instant of one's death", w.sessionsOf(want[0].User), want[:2])
	same(w, "the sessions of nobody", len(w.sessionsOf(w.UserID(w.now))), 0)
}

func (w *world) sessionsOf(id latchkey.UserID) []latchkey.Session {
	w.Helper()
	ss, err := w.Sessions(w.ctx(), id, w.now)
	w.must(err)
	return ss
}

func useSessionGivesCode(w *world) {
	login := w.stays(w.Email())
	w.now = w.now.Add(30 * time.Minute)
	x := w.SessionUse(login.Session, w.now)
	x.Oldest = login.Session.AuthTime
	out, err := w.UseSession(w.ctx(), x, w.now)
	w.must(err)
	same(w, "what UseSession gives", out, x.Judge(login.Session, login.User, w.now))
	w.wants("the verdict", out.Verdict, "")
	s, _ := w.session(login.Session.ID)
	same(w, "the session", s, out.Session)
	same(w, "the last use", s.Used, w.now)
	same(w, "the event", w.last(), out.Event)
	w.now = w.now.Add(time.Second)
	red, err := w.RedeemCode(w.ctx(), w.Redemption(out.Code, w.now), w.now)
	w.must(err)
	w.wants("redeeming the code", red.Verdict, "")
	code := red.Code
	code.Grant = latchkey.GrantID{}
	same(w, "the code", code, out.Code)
	_, g := w.standing(login.User.ID, red.Grant.ID)
	same(w, "the grant", g, red.Grant)
	same(w, "the session of the grant", g.Session, login.Session.ID)
	same(w, "when the person of the grant proved the address", g.AuthTime, login.Session.AuthTime)
}

// useSessionEnds: however often it is used, a session ends.
func useSessionEnds(w *world) {
	s := w.stays(w.Email()).Session
	for w.now = w.now.Add(Policy().Idle / 2); w.now.Before(s.Last); w.now = w.now.Add(Policy().Idle / 2) {
		out, err := w.UseSession(w.ctx(), w.SessionUse(s, w.now), w.now)
		w.must(err)
		w.wants("a use in time", out.Verdict, "")
		stored, _ := w.session(s.ID)
		same(w, "the session", stored, out.Session)
		if stored.Expires.After(s.Last) {
			w.Fatalf("a use at %v moved the end to %v, past %v", w.now, stored.Expires, s.Last)
		}
	}
	w.now = s.Last
	out, err := w.UseSession(w.ctx(), w.SessionUse(s, w.now), w.now)
	w.must(err)
	w.wants("a use at the end", out.Verdict, latchkey.LoginRequired)
}

func useSessionRefusals(w *world) {
	login := w.stays(w.Email())
	w.now = w.now.Add(10 * time.Minute)
	refused := func(what string, change func(*latchkey.SessionUse), now time.Time) {
		w.Helper()
		x := w.SessionUse(login.Session, w.now)
		change(&x)
		before, _ := w.session(login.Session.ID)
		out, err := w.UseSession(w.ctx(), x, now)
		w.must(err)
		w.wants(what, out.Verdict, latchkey.LoginRequired)
		after, _ := w.session(login.Session.ID)
		same(w, "the session after "+what, after, before)
		red, err := w.RedeemCode(w.ctx(), latchkey.Redemption{ID: x.NewCode, Project: x.Project, Client: x.Ask.Client}, now)
		w.must(err)
		same(w, "the code of "+what, red.Code, latchkey.AuthorizationCode{})
	}
	as := func(*latchkey.SessionUse) {}
	refused("an unknown session", func(x *latchkey.SessionUse) { x.ID.Handle = w.Handle(w.now) }, w.now)
	refused("no session", func(x *latchkey.SessionUse) { x.ID = latchkey.SessionID{} }, w.now)
	refused("another project", func(x *latchkey.SessionUse) { x.Project = w.newProject("Other").ID }, w.now)
	refused("a proof that is too old", func(x *latchkey.SessionUse) { x.Oldest = login.Session.AuthTime.Add(time.Microsecond) }, w.now)
	refused("an unused session", as, login.Session.Expires)
	w.must(w.EndSessions(w.ctx(), login.User.ID, w.Event(latchkey.UserLoggedOut, w.project.ID, w.now)))
	refused("a session from before the logout everywhere", as, w.now)
	same(w, "events", w.count(latchkey.SessionEntered), 0)
}

func endSessionEnds(w *world) {
	to := w.Email()
	login, other := w.stays(to), w.stays(to)
	online, away := w.enters(login.Session), w.enters(login.Session, toStayAway)
	elsewhere := w.enters(other.Session)
	_, direct := w.grantOf(to)
	w.now = w.now.Add(time.Second)
	x := w.Ending(login.Session)
	out, err := w.EndSession(w.ctx(), x, w.now)
	w.must(err)
	same(w, "what EndSession gives", out, x.Judge(login.Session, []latchkey.Grant{online}, w.now))
	same(w, "the event", w.last(), out.Event)
	s, u := w.session(login.Session.ID)
	same(w, "the session", s, latchkey.Session{})
	same(w, "what is given as its user", u, latchkey.User{})
	online.Revoked = w.now
	for what, want := range map[string]latchkey.Grant{
		"that ends with it": online, "with refresh tokens": away, "of another browser": elsewhere, "of no browser": direct,
	} {
		_, g := w.standing(login.User.ID, want.ID)
		same(w, "the grant "+what, g, want)
	}
	s, _ = w.session(other.Session.ID)
	same(w, "another session of the same person", s, other.Session)

	again, err := w.EndSession(w.ctx(), x, w.now.Add(time.Second))
	w.must(err)
	same(w, "ending it again", again, latchkey.Ended{})
	same(w, "events", w.count(latchkey.SessionEnded), 1)
	used, err := w.UseSession(w.ctx(), w.SessionUse(login.Session, w.now), w.now)
	w.must(err)
	w.wants("using a session that ended", used.Verdict, latchkey.LoginRequired)
}

func endSessionLeaves(w *world) {
	login, stranger := w.stays(w.Email()), w.stays(w.Email())
	g := w.enters(login.Session)
	for what, change := range map[string]func(*latchkey.Ending){
		"an unknown id":   func(x *latchkey.Ending) { x.ID.Handle = w.Handle(w.now) },
		"the zero id":     func(x *latchkey.Ending) { x.ID = latchkey.SessionID{} },
		"another project": func(x *latchkey.Ending) { x.Project = w.newProject("Other").ID },
		"another user":    func(x *latchkey.Ending) { x.User = stranger.User.ID },
	} {
		x := w.Ending(login.Session)
		change(&x)
		out, err := w.EndSession(w.ctx(), x, w.now)
		w.must(err)
		same(w, "what EndSession gives for "+what, out, latchkey.Ended{})
		s, _ := w.session(login.Session.ID)
		same(w, "the session after "+what, s, login.Session)
	}
	_, stored := w.standing(login.User.ID, g.ID)
	same(w, "its grant", stored, g)
	same(w, "events", w.count(latchkey.SessionEnded), 0)
	x := w.Ending(login.Session)
	x.User = login.User.ID
	out, err := w.EndSession(w.ctx(), x, w.now)
	w.must(err)
	same(w, "whether the person ends it", out.Done, true)
}

// endSessionOvertakes: a code that is on its way while its browser signs out gives no more than it would have left.
func endSessionOvertakes(w *world) {
	login := w.stays(w.Email())
	var codes []latchkey.AuthorizationCode
	for _, scope := range []string{"openid", "openid offline_access"} {
		x := w.SessionUse(login.Session, w.now)
		x.Ask.Scope = scope
		out, err := w.UseSession(w.ctx(), x, w.now)
		w.must(err)
		codes = append(codes, out.Code)
	}
	_, err := w.EndSession(w.ctx(), w.Ending(login.Session), w.now)
	w.must(err)
	for i, want := range []latchkey.Code{latchkey.BadGrant, ""} {
		out, err := w.RedeemCode(w.ctx(), w.Redemption(codes[i], w.now), w.now)
		w.must(err)
		w.wants("redeeming a code of scope "+codes[i].Scope, out.Verdict, want)
	}
	login = w.stays(w.Email(), func(c *latchkey.Challenge) { c.Ask.Scope = "openid" })
	_, err = w.EndSession(w.ctx(), w.Ending(login.Session), w.now)
	w.must(err)
	out, err := w.RedeemCode(w.ctx(), w.Redemption(login.Code, w.now), w.now)
	w.must(err)
	w.wants("redeeming the code of the login itself", out.Verdict, latchkey.BadGrant)
}

func completeStays(w *world) {
	c := w.start(w.Email())
	a := w.Staying(c, latchkey.SessionID{}, w.now)
	out, err := w.CompleteChallenge(w.ctx(), a, w.now)
	w.must(err)
	same(w, "what CompleteChallenge gives", out, a.Judge(c, latchkey.Guesses{}, latchkey.User{}, w.now))
	same(w, "the id of the session", out.Session.ID, a.NewSession)
	s, u := w.session(a.NewSession)
	same(w, "the session", s, out.Session)
	same(w, "its user", u, out.User)
	red, err := w.RedeemCode(w.ctx(), w.Redemption(out.Code, w.now), w.now)
	w.must(err)
	w.wants("redeeming the code", red.Verdict, "")
	same(w, "the session of the grant", red.Grant.Session, a.NewSession)
	_, g := w.standing(out.User.ID, red.Grant.ID)
	same(w, "the grant", g, red.Grant)
}

func completeHosted(w *world) {
	hosted := w.stays(w.Email(), func(c *latchkey.Challenge) { c.Protocol, c.Ask = latchkey.Hosted, latchkey.Ask{Locale: "de"} })
	same(w, "the code", hosted.Code, latchkey.AuthorizationCode{})
	same(w, "the protocol", w.stored(hosted.Challenge.ID).Protocol, latchkey.Hosted)
	s, _ := w.session(hosted.Session.ID)
	same(w, "the session", s, hosted.Session)
}

// completeEndsSession is ASVS 7.2.4: what a browser had before a login is not gone on with.
func completeEndsSession(w *world) {
	first := w.stays(w.Email())
	online, away := w.enters(first.Session), w.enters(first.Session, toStayAway)
	w.now = w.now.Add(time.Minute)
	c := w.start(w.Email())
	wrong := w.Staying(c, first.Session.ID, w.now)
	wrong.Given = WrongCode
	out, err := w.CompleteChallenge(w.ctx(), wrong, w.now)
	w.must(err)
	w.wants("a wrong answer", out.Verdict, latchkey.WrongCode)
	s, _ := w.session(first.Session.ID)
	same(w, "the session after a wrong answer", s, first.Session)
	s, _ = w.session(wrong.NewSession)
	same(w, "the session of a wrong answer", s, latchkey.Session{})

	a := w.Staying(c, first.Session.ID, w.now)
	out, err = w.CompleteChallenge(w.ctx(), a, w.now)
	w.must(err)
	w.wants("the right answer", out.Verdict, "")
	s, _ = w.session(first.Session.ID)
	same(w, "the earlier session", s, latchkey.Session{})
	s, _ = w.session(a.NewSession)
	same(w, "the new session", s, out.Session)
	online.Revoked = w.now
	for what, want := range map[string]latchkey.Grant{"that ends with the earlier session": online, "with refresh tokens": away} {
		_, g := w.standing(first.User.ID, want.ID)
		same(w, "the grant "+what, g, want)
	}
	same(w, "the event", w.last(), out.Event)
	same(w, "events of the end", w.count(latchkey.SessionEnded), 1)
}

// completeCarriesGrants: who proves their address anew, because one client asked for that, stays signed in at the others.
func completeCarriesGrants(w *world) {
	to := w.Email()
	first := w.stays(to)
	online, away := w.enters(first.Session), w.enters(first.Session, toStayAway)
	w.now = w.now.Add(time.Minute)
	a := w.Staying(w.start(to), first.Session.ID, w.now)
	out, err := w.CompleteChallenge(w.ctx(), a, w.now)
	w.must(err)
	w.wants("the right answer", out.Verdict, "")
	s, _ := w.session(first.Session.ID)
	same(w, "the earlier session", s, latchkey.Session{})
	online.Session = a.NewSession
	for what, want := range map[string]latchkey.Grant{"of the earlier session": online, "with refresh tokens": away} {
		_, g := w.standing(first.User.ID, want.ID)
		same(w, "the grant "+what, g, want)
	}
	w.now = w.now.Add(time.Second)
	_, err = w.EndSession(w.ctx(), w.Ending(out.Session), w.now)
	w.must(err)
	online.Revoked = w.now
	_, g := w.standing(first.User.ID, online.ID)
	same(w, "the grant, once the new session ends", g, online)
}

func completeLeavesForeignSession(w *world) {
	ours := w.stays(w.Email())
	w.project = w.newProject("Other")
	for what, old := range map[string]latchkey.SessionID{"of another project": ours.Session.ID, "that is gone": {Handle: w.Handle(w.now)}} {
		out, err := w.CompleteChallenge(w.ctx(), w.Staying(w.start(w.Email()), old, w.now), w.now)
		w.must(err)
		w.wants("a login in a browser with a session "+what, out.Verdict, "")
	}
	s, _ := w.session(ours.Session.ID)
	same(w, "the other project's session", s, ours.Session)
	same(w, "events", w.count(latchkey.SessionEnded), 0)
}

func once(w *world) {
	h, until := latchkey.HashSecret("jti"), w.now.Add(time.Minute)
	first := func(what string, h latchkey.Hash, want bool) {
		w.Helper()
		got, err := w.Once(w.ctx(), h, until, w.now)
		w.must(err)
		same(w, "whether "+what+" is the first", got, want)
	}
	first("the first", h, true)
	first("the second", h, false)
	first("another hash", latchkey.HashSecret("another jti"), true)
	w.now = until.Add(-time.Microsecond)
	until = until.Add(time.Hour)
	first("one just before the end", h, false)
	w.now = w.now.Add(time.Microsecond)
	first("one at the end", h, true)
	first("one after the first at the end", h, false)
	w.now = until.Add(-time.Microsecond)
	first("one just before the second end", h, false)
}
