package storetest

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const forever = 1000 * time.Hour

// sweeps checks how many rows a sweep takes.
func (w *world) sweeps(what string, keep time.Duration, limit, want int) {
	w.Helper()
	n, err := w.Sweep(w.ctx(), keep, limit, w.now)
	w.must(err)
	same(w, "swept: "+what, n, want)
}

// sent empties the outbox, so that a sweep is about other things.
func (w *world) sent() {
	w.Helper()
	ms, err := w.ClaimMessages(w.ctx(), 1000, w.now.Add(forever), w.now.Add(latchkey.MessageLease))
	w.must(err)
	var ds []latchkey.Delivery
	for _, m := range ms {
		ds = append(ds, latchkey.Delivery{Message: m})
	}
	w.must(w.SettleMessages(w.ctx(), ds))
}

func sweepChallenges(w *world) {
	c := w.start(w.Email(), withLink)
	w.sent()
	w.now = c.Expires.Add(latchkey.ChallengeMemory - time.Microsecond)
	w.sweeps("while it is remembered", forever, 100, 0)
	same(w, "the dead challenge", w.stored(c.ID), c)
	w.now = c.Expires.Add(latchkey.ChallengeMemory)
	w.sweeps("when its memory ends", forever, 100, 1)
	_, err := w.Store.Challenge(w.ctx(), c.ID)
	w.wants("the challenge", err, latchkey.NotFound)
	_, err = w.Store.ChallengeByLink(w.ctx(), c.LinkHash)
	w.wants("its link", err, latchkey.NotFound)
}

func sweepCodes(w *world) {
	login := w.login(w.Email())
	w.sent()
	first, err := w.RedeemCode(w.ctx(), w.Redemption(login.Code, w.now), w.now)
	w.must(err)
	w.now = login.Code.Expires.Add(latchkey.CodeMemory - time.Microsecond)
	w.sweeps("while a second use is recognised", forever, 100, 0)
	out, err := w.RedeemCode(w.ctx(), w.Redemption(login.Code, w.now), w.now)
	w.must(err)
	same(w, "what the second use revokes", out.Revoke, first.Grant.ID)
	w.now = login.Code.Expires.Add(latchkey.CodeMemory)
	w.sweeps("when its memory ends", forever, 100, 1)
	out, err = w.RedeemCode(w.ctx(), w.Redemption(login.Code, w.now), w.now)
	w.must(err)
	same(w, "the code", out.Code, latchkey.AuthorizationCode{})
}

func sweepGrants(w *world) {
	u, g := w.grantOf(w.Email())
	w.now = g.Expires.Add(-time.Microsecond)
	if _, err := w.Sweep(w.ctx(), forever, 100, w.now); err != nil {
		w.Fatal(err)
	}
	_, got := w.standing(u.ID, g.ID)
	same(w, "the grant just before its end", got, g)
	w.now = g.Expires
	w.sweeps("at the end of the grant", forever, 100, 1)
	user, got := w.standing(u.ID, g.ID)
	same(w, "the grant", got, latchkey.Grant{})
	same(w, "the user", user, u)
}

func sweepSessions(w *world) {
	login := w.stays(w.Email())
	w.sent()
	w.now = login.Session.Expires.Add(-time.Microsecond)
	if _, err := w.Sweep(w.ctx(), forever, 100, w.now); err != nil {
		w.Fatal(err)
	}
	s, _ := w.session(login.Session.ID)
	same(w, "the session just before its end", s, login.Session)
	w.now = login.Session.Expires
	w.sweeps("at the end of the session", forever, 100, 1)
	s, _ = w.session(login.Session.ID)
	same(w, "the session", s, latchkey.Session{})
}

func sweepDevices(w *world) {
	d := w.waits()
	w.now = d.Expires.Add(latchkey.ChallengeMemory - time.Microsecond)
	w.sweeps("while it is remembered", forever, 100, 0)
	w.wants("RFC 8628 §3.5: a poll of the dead device", w.polls(d).Verdict, latchkey.ExpiredToken)
	w.now = w.now.Add(time.Microsecond)
	w.sweeps("when its memory ends", forever, 100, 1)
	_, err := w.DeviceLogin(w.ctx(), d.UserCode)
	w.wants("the device", err, latchkey.NotFound)
}

func sweepOnce(w *world) {
	h, until := latchkey.HashSecret("jti"), w.now.Add(time.Hour)
	remember := func(want bool) {
		w.Helper()
		first, err := w.Once(w.ctx(), h, until, w.now)
		w.must(err)
		same(w, "whether it is the first", first, want)
	}
	remember(true)
	w.now = until.Add(-time.Microsecond)
	w.sweeps("while it is remembered", forever, 100, 0)
	remember(false)
	w.now = until
	w.sweeps("when its time is over", forever, 100, 1)
	remember(true)
}

func sweepMessages(w *world) {
	c := w.start(w.Email())
	w.now = c.Expires.Add(-time.Microsecond)
	w.sweeps("while its challenge lives", forever, 100, 0)
	w.now = c.Expires
	w.sweeps("when it dies", forever, 100, 1)
	w.now = w.now.Add(-time.Microsecond)
	w.claims("after the sweep", 10)
}

func sweepEvents(w *world) {
	w.project = w.newProject("Second")
	w.now = w.now.Add(time.Hour)
	e := w.Event(latchkey.ProjectUpdated, w.project.ID, w.now)
	w.must(w.UpdateProject(w.ctx(), w.project, e))
	w.sweeps("events as old as kept", time.Hour, 100, 0)
	w.now = w.now.Add(time.Microsecond)
	w.sweeps("two events of two projects", time.Hour, 100, 2)
	es, err := w.Events(w.ctx(), latchkey.ProjectID{}, 100)
	w.must(err)
	same(w, "what is left", es, []latchkey.Event{e})
}

func sweepInPortions(w *world) {
	var live latchkey.Challenge
	for n := range 7 {
		c := w.start(w.Email())
		if n == 0 { // the oldest one lives longest
			again := w.Start(w.Nouns.Challenge(w.project.ID, c.To, w.now))
			again.Again, again.Fresh.Expires = c.ID, w.now.Add(500*time.Second)
			out, err := w.StartChallenge(w.ctx(), again, w.now)
			w.must(err)
			live = out.Challenge
		}
	}
	w.sent()
	w.now = w.now.Add(180*time.Second + latchkey.ChallengeMemory)
	for _, want := range []int{4, 2, 0} {
		w.sweeps("four at a time", forever, 4, want)
	}
	same(w, "the one that is remembered", w.stored(live.ID), live)
	w.sweeps("none at a time", forever, 0, 0)
}

// sweepGuesses: what only the long count is remembered of goes once it is whole; guesses in a row no time heals.
func sweepGuesses(w *world) {
	to, other := w.Email(), w.Email()
	w.answer(w.start(other), WrongCode)
	w.answer(w.start(to), WrongCode)
	left := w.login(to)
	c := w.start(to)
	w.sent()
	w.now = left.Guesses.Whole.Add(-time.Microsecond)
	_, err := w.Sweep(w.ctx(), forever, 100, w.now) // the challenges
	w.must(err)
	w.sweeps("while the long count is kept", forever, 100, 0)
	w.now = left.Guesses.Whole
	w.sweeps("once it is whole", forever, 100, 1)
	same(w, "guesses", w.answer(w.start(to), WrongCode, c.From).Guesses, w.guesses(1, 1))
	same(w, "guesses in a row", w.answer(w.start(other), WrongCode).Guesses.Total, 2)
}

func sweepKeepsTheLiving(w *world) {
	u, g := w.grantOf(w.Email())
	code := w.login(w.Email()).Code
	to := w.Email()
	w.answer(w.start(to), WrongCode)
	c := w.start(w.Email(), withLink)
	session, device := w.stays(w.Email()).Session, w.waits()
	w.sweeps("nothing is dead", forever, 100, 0)
	same(w, "a challenge", w.stored(c.ID), c)
	s, _ := w.session(session.ID)
	same(w, "a session", s, session)
	same(w, "a device", w.device(device.UserCode), device)
	user, grant := w.standing(u.ID, g.ID)
	same(w, "a user", user, u)
	same(w, "a grant", grant, g)
	out, err := w.RedeemCode(w.ctx(), w.Redemption(code, w.now), w.now)
	w.must(err)
	w.wants("a code", out.Verdict, "")
	w.now = w.now.Add(forever)
	_, err = w.Sweep(w.ctx(), 0, 1000, w.now)
	w.must(err)
	same(w, "guesses, which no time heals", w.answer(w.start(to), WrongCode).Guesses.Total, 2)
	if _, err := w.Store.Project(w.ctx(), w.project.ID); err != nil {
		w.Errorf("the project: %v", err)
	}
	if _, err := w.User(w.ctx(), u.ID); err != nil {
		w.Errorf("a user who was away for long: %v", err)
	}
}

func ping(w *world) { w.must(w.Ping(w.ctx())) }

func closedIsUnavailable(w *world) {
	c := w.start(w.Email())
	w.must(w.Close())
	w.wants("Ping", w.Ping(w.ctx()), latchkey.Unavailable)
	_, err := w.Store.Challenge(w.ctx(), c.ID)
	w.wants("a read", err, latchkey.Unavailable)
	_, err = w.CompleteChallenge(w.ctx(), w.Attempt(c, w.now), w.now)
	w.wants("a write", err, latchkey.Unavailable)
}

// endedContexts: a caller that has gone does not wait, and a verb that was not begun leaves nothing.
func endedContexts(w *world) {
	ctx, cancel := context.WithCancel(w.ctx())
	cancel()
	c := w.Nouns.Challenge(w.project.ID, w.Email(), w.now)
	_, err := w.StartChallenge(ctx, w.Start(c), w.now)
	w.wants("a write", err, latchkey.Unavailable)
	for range 20 { // a store that chooses by chance is caught
		_, err = w.Store.Challenge(ctx, c.ID)
		w.wants("a read", err, latchkey.Unavailable)
	}
	_, err = w.Store.Challenge(w.ctx(), c.ID)
	w.wants("the challenge", err, latchkey.NotFound)
}
