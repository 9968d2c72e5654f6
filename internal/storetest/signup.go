package storetest

import (
	"time"

	"github.com/latchkey-dev/latchkey"
)

// outbox gives what is in the outbox, later than any lease of a start.
func (w *world) outbox() []latchkey.Message {
	w.Helper()
	at := w.now.Add(latchkey.MessageLease)
	ms, err := w.ClaimMessages(w.ctx(), 100, at.Add(time.Minute), at)
	w.must(err)
	return ms
}

func startTestIdentity(w *world) {
	c := w.Nouns.Challenge(w.project.ID, w.Email(), w.now)
	start := w.Start(c)
	start.Test = true
	out, err := w.StartChallenge(w.ctx(), start, w.now)
	w.must(err)
	same(w, "the message", out.Message, latchkey.Message{})
	same(w, "the outbox", w.outbox(), nil)
	same(w, "the challenge", w.stored(c.ID), out.Challenge)
	es, err := w.Events(w.ctx(), w.project.ID, 1)
	w.must(err)
	same(w, "the event", es, []latchkey.Event{out.Event})
}

// startClosed: an unknown address of a closed project makes the same rows as a known one, and gets another message.
func startClosed(w *world) {
	for _, to := range []latchkey.Address{w.Email(), w.Phone()} {
		for _, c := range []struct {
			contact string
			known   bool
			want    latchkey.MessageKind
		}{
			{contact: "", want: latchkey.EmptyMessage},
			{contact: "admin@example.com", want: latchkey.AccessMessage},
			{contact: "admin@example.com", known: true, want: latchkey.CodeMessage},
		} {
			if c.known {
				w.login(to)
				w.sent()
			}
			start := w.Start(w.Nouns.Challenge(w.project.ID, to, w.now))
			start.SignUp = latchkey.SignUp{Closed: true, Contact: c.contact}
			out, err := w.StartChallenge(w.ctx(), start, w.now)
			w.must(err)
			same(w, "what the message is for", out.Message.Kind, c.want)
			same(w, "the challenge", w.stored(out.Challenge.ID), out.Challenge)
			ms := w.outbox()
			if len(ms) != 1 {
				w.Fatalf("%d messages in the outbox, want 1", len(ms))
			}
			same(w, "what the stored message is for", ms[0].Kind, c.want)
			w.sent()
			w.must(w.SettleMessages(w.ctx(), []latchkey.Delivery{{Message: ms[0]}}))
		}
	}
}

// completeClosed: the right code of an address that is nobody's is a wrong one, and counts like it; a user who was made
// meanwhile gets in.
func completeClosed(w *world) {
	to := w.Email()
	closed := func() latchkey.Outcome {
		a := w.Attempt(w.start(to), w.now)
		a.SignUp.Closed = true
		out, err := w.CompleteChallenge(w.ctx(), a, w.now)
		w.must(err)
		return out
	}
	out := closed()
	w.wants("a stranger", out.Verdict, latchkey.WrongCode)
	same(w, "tries", w.stored(out.Challenge.ID).Tries, 1)
	same(w, "guesses", out.Guesses, w.guesses(1, 1))
	us, err := w.Users(w.ctx(), w.project.ID, to, latchkey.UserID{}, 1)
	w.must(err)
	same(w, "the user", us, nil)
	u := latchkey.NewUser(w.UserID(w.now), w.project.ID, to, w.now)
	w.must(w.CreateUser(w.ctx(), u, w.Event(latchkey.UserCreated, w.project.ID, w.now)))
	out = closed()
	w.wants("a user who was let in", out.Verdict, "")
	same(w, "whose login it is", out.User.ID, u.ID)
}

func loginRemembersNetwork(w *world) {
	to, from := w.Email(), w.Origin()
	c := w.start(to)
	u := w.answer(c, RightCode, from).User
	if !u.Knows(from.Network()) {
		w.Error("the network of the login is not known")
	}
	stored, err := w.User(w.ctx(), u.ID)
	w.must(err)
	same(w, "the user", stored, u)
	u = w.login(to).User
	stored, err = w.User(w.ctx(), u.ID)
	w.must(err)
	same(w, "the user after a second login", stored, u)
	if !stored.Knows(from.Network()) || stored.Networks == (latchkey.Networks{}) {
		w.Error("the network of the login before is forgotten")
	}
	w.must(w.DeleteUser(w.ctx(), u.ID, w.Event(latchkey.UserDeleted, w.project.ID, w.now)))
	if w.login(to).User.Knows(from.Network()) {
		w.Error("the networks outlive their user")
	}
}

func createUser(w *world) {
	u := latchkey.NewUser(w.UserID(w.now), w.project.ID, w.Email(), w.now)
	u.Phone = w.Phone()
	e := w.Event(latchkey.UserCreated, w.project.ID, w.now)
	e.User = u.ID
	w.must(w.CreateUser(w.ctx(), u, e))
	got, err := w.User(w.ctx(), u.ID)
	w.must(err)
	same(w, "the user", got, u)
	es, err := w.Events(w.ctx(), w.project.ID, 1)
	w.must(err)
	same(w, "the event", es, []latchkey.Event{e})
	same(w, "who signs in by the email", w.login(u.Email).User.ID, u.ID)
	same(w, "who signs in by the phone", w.login(u.Phone).User.ID, u.ID)
}

func createUserErrors(w *world) {
	u := w.login(w.Email()).User
	for what, to := range map[string]latchkey.Address{"an email": u.Email, "a phone": w.login(w.Phone()).User.Phone} {
		other := latchkey.NewUser(w.UserID(w.now), w.project.ID, to, w.now)
		w.wants(what+" of another user", w.CreateUser(w.ctx(), other, w.Event(latchkey.UserCreated, w.project.ID, w.now)), latchkey.Conflict)
		_, err := w.User(w.ctx(), other.ID)
		w.wants("the user with "+what+" of another", err, latchkey.UserNotFound)
	}
	nowhere := latchkey.NewUser(w.UserID(w.now), latchkey.ProjectID{UUID: w.UserID(w.now).UUID}, w.Email(), w.now)
	w.wants("no such project", w.CreateUser(w.ctx(), nowhere, w.Event(latchkey.UserCreated, w.project.ID, w.now)), latchkey.ProjectNotFound)
}
