package storetest

import (
	"time"

	"github.com/latchkey-dev/latchkey"
)

func startStoresAll(w *world) {
	to := w.Email()
	c := w.Nouns.Challenge(w.project.ID, to, w.now)
	c.Link = true
	start := w.Start(c)
	out, err := w.StartChallenge(w.ctx(), start, w.now)
	w.must(err)
	want := start.Judge(latchkey.Challenge{}, latchkey.Guesses{}, latchkey.User{}, w.now)
	same(w, "what StartChallenge gives", out, want)
	same(w, "the challenge", w.stored(c.ID), want.Challenge)
	same(w, "the event", w.last(), want.Event)
	ms, err := w.ClaimMessages(w.ctx(), 10, start.MessageTry, start.MessageTry)
	w.must(err)
	same(w, "the message", ms, []latchkey.Message{want.Message})
}

func startResends(w *world) {
	to := w.Email()
	first := w.start(to)
	w.now = w.now.Add(time.Minute)
	again := w.Start(w.Nouns.Challenge(w.project.ID, to, w.now))
	again.Again, again.AgainHash = first.ID, latchkey.HashSecret("link of the first")
	again.Fresh.Link, again.Fresh.LinkURL = true, "https://game.example.com/elsewhere"
	out, err := w.StartChallenge(w.ctx(), again, w.now)
	w.must(err)
	if !out.Resent || out.Challenge.ID != first.ID {
		w.Fatalf("a live challenge was not sent again: %+v", out)
	}
	same(w, "what StartChallenge gives", out, again.Judge(first, latchkey.Guesses{}, latchkey.User{}, w.now))
	same(w, "the challenge", w.stored(first.ID), out.Challenge)
	same(w, "the event", w.last(), out.Event)
	_, err = w.Store.Challenge(w.ctx(), again.Fresh.ID)
	w.wants("the fresh challenge", err, latchkey.NotFound)
	ms, err := w.ClaimMessages(w.ctx(), 10, again.MessageTry, again.MessageTry)
	w.must(err)
	same(w, "messages", len(ms), 2)
}

func startResendsTheLivingOnly(w *world) {
	to := w.Email()
	first := w.start(to)
	w.now = first.Expires
	for what, id := range map[string]latchkey.ChallengeID{"dead": first.ID, "unknown": {Handle: w.Handle(w.now)}} {
		again := w.Start(w.Nouns.Challenge(w.project.ID, to, w.now))
		again.Again = id
		out, err := w.StartChallenge(w.ctx(), again, w.now)
		w.must(err)
		if out.Resent || out.Challenge.ID != again.Fresh.ID {
			w.Errorf("a resend of a challenge that is %s gave %+v", what, out)
		}
		same(w, "the fresh challenge", w.stored(again.Fresh.ID), out.Challenge)
	}
}

func challengeNotFound(w *world) {
	_, err := w.Store.Challenge(w.ctx(), latchkey.ChallengeID{Handle: w.Handle(w.now)})
	w.wants("an unknown id", err, latchkey.NotFound)
	_, err = w.Store.Challenge(w.ctx(), latchkey.ChallengeID{})
	w.wants("the zero id", err, latchkey.NotFound)
}

func challengeByLink(w *world) {
	hash := latchkey.HashSecret("the link")
	c := w.start(w.Email(), withLink, func(c *latchkey.Challenge) { c.LinkHash = hash })
	w.start(w.Email())
	got, err := w.Store.ChallengeByLink(w.ctx(), hash)
	w.must(err)
	same(w, "the challenge", got, c)
	for what, h := range map[string]latchkey.Hash{"an unknown hash": latchkey.HashSecret("x"), "the zero hash": {}} {
		_, err = w.Store.ChallengeByLink(w.ctx(), h)
		w.wants(what, err, latchkey.NotFound)
	}
}

func approve(w *world) {
	c := w.start(w.Email(), withLink)
	from := w.Origin()
	w.now = w.now.Add(time.Second)
	got, err := w.ApproveChallenge(w.ctx(), c.LinkHash, from, w.now)
	w.must(err)
	c.State = latchkey.Approved
	same(w, "what ApproveChallenge gives", got, c)
	same(w, "the challenge", w.stored(c.ID), c)
	same(w, "the event", w.last(), latchkey.Event{
		At: w.now, Kind: latchkey.ChallengeApproved, Project: c.Project, Client: c.Ask.Client, Challenge: c.ID,
		Address: c.To.String(), From: from,
	})
	got, err = w.ApproveChallenge(w.ctx(), c.LinkHash, w.Origin(), w.now)
	w.must(err)
	same(w, "approving twice", got, c)
	same(w, "events", w.count(latchkey.ChallengeApproved), 1)
	w.wants("completing it", w.answer(c, RightCode).Verdict, "")
	_, err = w.ApproveChallenge(w.ctx(), c.LinkHash, from, w.now)
	w.wants("approving a spent challenge", err, latchkey.NotFound)
}

func approveErrors(w *world) {
	_, err := w.ApproveChallenge(w.ctx(), latchkey.HashSecret("x"), w.Origin(), w.now)
	w.wants("an unknown link", err, latchkey.NotFound)
	_, err = w.ApproveChallenge(w.ctx(), latchkey.Hash{}, w.Origin(), w.now)
	w.wants("the zero hash", err, latchkey.NotFound)
	c := w.start(w.Email(), withLink)
	_, err = w.ApproveChallenge(w.ctx(), c.LinkHash, w.Origin(), c.Expires)
	w.wants("a challenge dead at this instant", err, latchkey.NotFound)
	same(w, "the challenge", w.stored(c.ID), c)
	same(w, "events", w.count(latchkey.ChallengeApproved), 0)
}

func deny(w *world) {
	c := w.start(w.Email(), withLink)
	got, err := w.DenyChallenge(w.ctx(), c.LinkHash, "because", w.Origin(), w.now)
	w.must(err)
	c.State = latchkey.Denied
	same(w, "what DenyChallenge gives", got, c)
	same(w, "the challenge", w.stored(c.ID), c)
	same(w, "the event", w.last().Kind, latchkey.ChallengeDenied)
	same(w, "why", w.last().Detail, "because")
	_, err = w.DenyChallenge(w.ctx(), c.LinkHash, "because", w.Origin(), w.now)
	w.must(err)
	same(w, "events after denying twice", w.count(latchkey.ChallengeDenied), 1)
	w.wants("the right code", w.answer(c, RightCode).Verdict, latchkey.WrongCode)
	_, err = w.ApproveChallenge(w.ctx(), c.LinkHash, w.Origin(), w.now)
	w.wants("approving what was denied", err, latchkey.NotFound)
	_, err = w.DenyChallenge(w.ctx(), c.LinkHash, "because", w.Origin(), c.Expires)
	w.wants("denying what is dead", err, latchkey.NotFound)
	_, err = w.DenyChallenge(w.ctx(), latchkey.HashSecret("x"), "because", w.Origin(), w.now)
	w.wants("an unknown link", err, latchkey.NotFound)
}

func completeMakesUser(w *world) {
	for _, to := range []latchkey.Address{w.Email(), w.Phone()} {
		c := w.start(to)
		w.now = w.now.Add(1500 * time.Microsecond)
		a := w.Attempt(c, w.now)
		out, err := w.CompleteChallenge(w.ctx(), a, w.now)
		w.must(err)
		same(w, "what CompleteChallenge gives", out, a.Judge(c, latchkey.Guesses{}, latchkey.User{}, w.now))
		w.wants("the verdict", out.Verdict, "")
		same(w, "the challenge", w.stored(c.ID), out.Challenge)
		u, err := w.User(w.ctx(), a.NewUser)
		w.must(err)
		same(w, "the user", u, out.User)
		same(w, "the event", w.last(), out.Event)
		red, err := w.RedeemCode(w.ctx(), w.Redemption(out.Code, w.now), w.now)
		w.must(err)
		w.wants("redeeming the code", red.Verdict, "")
		code := red.Code
		code.Grant = latchkey.GrantID{}
		same(w, "the code", code, out.Code)
	}
}

func completeFindsUser(w *world) {
	to := w.Email()
	first := w.login(to).User
	w.now = w.now.Add(time.Hour)
	second := w.login(to).User
	same(w, "the user's id", second.ID, first.ID)
	u, err := w.User(w.ctx(), first.ID)
	w.must(err)
	same(w, "the user", u, second)
	same(w, "the last login", u.LastLogin, w.now)
	w.project = w.newProject("Other")
	if other := w.login(to).User; other.ID == first.ID {
		w.Error("one address in two projects is one user: want two")
	}
	phone := latchkey.CanonicalAddress(latchkey.Phone, to.Value())
	if other := w.login(phone).User; other.ID == first.ID {
		w.Error("an email and a phone of one text are one user: want two")
	}
}

func completeJWT(w *world) {
	out := w.login(w.Email(), byJWT)
	same(w, "the code", out.Code, latchkey.AuthorizationCode{})
}

func completeCountsWrong(w *world) {
	c := w.start(w.Email())
	for n := 1; n <= c.MaxTries; n++ {
		out := w.answer(c, WrongCode)
		w.wants("a wrong answer", out.Verdict, latchkey.WrongCode)
		same(w, "tries given", out.Challenge.Tries, n)
		same(w, "tries stored", w.stored(c.ID).Tries, n)
		same(w, "guesses", out.Guesses, w.guesses(n, n))
		same(w, "the event", w.last(), out.Event)
	}
	w.wants("the right code after the last try", w.answer(c, RightCode).Verdict, latchkey.TriesExhausted)
	same(w, "events", w.count(latchkey.LoginRefused), c.MaxTries+1)
}

func completeSingleUse(w *world) {
	c := w.start(w.Email())
	w.wants("the first use", w.answer(c, RightCode).Verdict, "")
	w.wants("the second use", w.answer(c, RightCode).Verdict, latchkey.WrongCode)
	same(w, "logins", w.count(latchkey.LoginCompleted), 1)
}

func completeExpired(w *world) {
	c := w.start(w.Email())
	w.now = c.Expires
	w.wants("the right code at the instant of death", w.answer(c, RightCode).Verdict, latchkey.WrongCode)
	w.now = c.Expires.Add(-time.Microsecond)
	w.wants("the right code just before", w.answer(c, RightCode).Verdict, "")
}

func completeOtherCallers(w *world) {
	c := w.start(w.Email())
	for what, change := range map[string]func(*latchkey.Attempt){
		"another operation": func(a *latchkey.Attempt) { a.ID.Handle = w.Handle(w.now) },
		"another project":   func(a *latchkey.Attempt) { a.Project = w.newProject("Other").ID },
		"another protocol":  func(a *latchkey.Attempt) { a.Protocol = latchkey.JWT },
		"another client":    func(a *latchkey.Attempt) { a.Client++ },
		"another address":   func(a *latchkey.Attempt) { a.To = w.Email() },
	} {
		a := w.Attempt(c, w.now)
		change(&a)
		out, err := w.CompleteChallenge(w.ctx(), a, w.now)
		w.must(err)
		w.wants(what, out.Verdict, latchkey.WrongCode)
		same(w, "the challenge after "+what, w.stored(c.ID), c)
		es, err := w.Events(w.ctx(), a.Project, 1)
		w.must(err)
		same(w, "the event of "+what, es, []latchkey.Event{out.Event})
	}
	w.wants("the caller", w.answer(c, RightCode).Verdict, "")
}

func guessesSurviveNewChallenge(w *world) {
	to, from := w.Email(), w.Origin()
	for n := 1; n <= 3; n++ {
		same(w, "guesses", w.answer(w.start(to), WrongCode, from).Guesses, w.guesses(n, n))
	}
	same(w, "guesses from elsewhere", w.answer(w.start(to), WrongCode, w.Origin()).Guesses, w.guesses(4, 1))
	same(w, "guesses at another address", w.answer(w.start(w.Email()), WrongCode, from).Guesses, w.guesses(1, 1))
}

func guessesWait(w *world) {
	to, from := w.Email(), w.Origin()
	var out latchkey.Outcome
	for range 10 {
		out = w.answer(w.start(to), WrongCode, from)
	}
	next := out.Guesses.NextTry
	if !next.After(w.now) {
		w.Fatalf("after ten guesses the network need not wait: %+v", out.Guesses)
	}
	c := w.start(to)
	w.now = next.Add(-time.Microsecond)
	w.wants("the right code while the network waits", w.answer(c, RightCode, from).Verdict, latchkey.RateLimited)
	same(w, "the challenge", w.stored(c.ID), c)
	w.now = next
	w.wants("the right code after the wait", w.answer(c, RightCode, from).Verdict, "")
}

func loginForgetsGuesses(w *world) {
	to, from, elsewhere := w.Email(), w.Origin(), w.Origin()
	for range 12 {
		w.answer(w.start(to), WrongCode, from)
		w.now = w.now.Add(2 * time.Hour)
	}
	w.answer(w.start(to), WrongCode, elsewhere)
	w.login(to)
	for _, o := range []latchkey.Origin{from, elsewhere} {
		out := w.answer(w.start(to), WrongCode, o)
		same(w, "guesses of the network after a login", out.Guesses.FromNetwork, 1)
		same(w, "the wait", out.Guesses.NextTry, time.Time{})
	}
}

// loginKeepsLongCount: a login clears the guesses in a row, from every network, and not what was ever guessed.
func loginKeepsLongCount(w *world) {
	to, from := w.Email(), w.Origin()
	left := w.guesses(4, 0).LoggedIn(w.now)
	for range 2 {
		w.answer(w.start(to), WrongCode, from)
		w.answer(w.start(to), WrongCode)
	}
	same(w, "guesses after a login", w.login(to).Guesses, left)
	same(w, "guesses after a second login", w.login(to).Guesses, left)
	same(w, "guesses of a guesser", w.answer(w.start(to), WrongCode, from).Guesses, left.Wrong(w.now))
	w.login(to)
	w.now = left.Wrong(w.now).Whole
	same(w, "guesses after a login once the long count is whole", w.login(to).Guesses, latchkey.Guesses{})
	same(w, "guesses of a later guesser", w.answer(w.start(to), WrongCode, from).Guesses, w.guesses(1, 1))
}

func guessesLinkFirst(w *world) {
	to := w.Email()
	for range 100 {
		w.answer(w.start(to), WrongCode, w.Origin())
	}
	c := w.Nouns.Challenge(w.project.ID, to, w.now)
	hash := c.LinkHash
	out, err := w.StartChallenge(w.ctx(), w.Start(c), w.now)
	w.must(err)
	if !out.Message.LinkFirst || !out.Message.Link || out.Challenge.LinkHash != hash {
		w.Fatalf("after 100 guesses a message does not carry the link: %+v", out)
	}
	w.wants("the right code alone", w.answer(out.Challenge, RightCode).Verdict, latchkey.WrongCode)
	_, err = w.ApproveChallenge(w.ctx(), hash, w.Origin(), w.now)
	w.must(err)
	w.wants("the right code with the link", w.answer(out.Challenge, RightCode).Verdict, "")
}

func completeBanned(w *world) {
	to := w.Email()
	u := w.login(to).User
	w.must(w.SetBan(w.ctx(), u.ID, latchkey.Ban{From: w.now, Until: w.now.Add(time.Hour), Reason: "cheating"}, w.Event(latchkey.UserBanned, w.project.ID, w.now)))
	banned, err := w.User(w.ctx(), u.ID)
	w.must(err)
	c := w.start(to)
	out := w.answer(c, RightCode)
	w.wants("a banned user's login", out.Verdict, latchkey.Banned)
	same(w, "the code", out.Code, latchkey.AuthorizationCode{})
	same(w, "the state of the challenge", w.stored(c.ID).State, latchkey.Spent)
	after, err := w.User(w.ctx(), u.ID)
	w.must(err)
	same(w, "the user", after, banned)
	w.now = w.now.Add(time.Hour)
	w.login(to)
}

func completeWithLogout(w *world) {
	to := w.Email()
	u, g := w.grantOf(to)
	out := w.login(to, withLogout)
	same(w, "the epoch", out.User.Epoch, u.Epoch+1)
	user, grant := w.standing(u.ID, g.ID)
	same(w, "the stored epoch", user.Epoch, u.Epoch+1)
	if grant.Good(user, w.now) {
		w.Error("a login with with_logout left the earlier grant good")
	}
}
