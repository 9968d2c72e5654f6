package storetest

import (
	"time"

	"github.com/latchkey-dev/latchkey"
)

// claim takes messages for MessageLease.
func (w *world) claim(limit int) []latchkey.Message {
	w.Helper()
	ms, err := w.ClaimMessages(w.ctx(), limit, w.now.Add(latchkey.MessageLease), w.now)
	w.must(err)
	return ms
}

// claims checks whose messages a claim takes, in order.
func (w *world) claims(what string, limit int, want ...latchkey.Challenge) []latchkey.Message {
	w.Helper()
	ms := w.claim(limit)
	got, ids := make([]latchkey.ChallengeID, 0, len(ms)), make([]latchkey.ChallengeID, 0, len(want))
	for _, m := range ms {
		got = append(got, m.Challenge)
	}
	for _, c := range want {
		ids = append(ids, c.ID)
	}
	same(w, what, got, ids)
	return ms
}

func claimDue(w *world) {
	a := w.start(w.Email())
	w.now = w.now.Add(time.Second)
	b := w.start(w.Email())
	w.now = a.Started.Add(latchkey.MessageLease - time.Microsecond)
	w.claims("before the first is due", 10)
	w.now = a.Started.Add(latchkey.MessageLease)
	w.claims("when the first is due", 10, a)
	w.now = b.Started.Add(latchkey.MessageLease)
	w.claims("when the second is due", 10, b)
}

func claimOldestFirst(w *world) {
	var cs []latchkey.Challenge
	for range 5 {
		cs = append(cs, w.start(w.Email()))
		w.now = w.now.Add(time.Second)
	}
	w.now = w.now.Add(latchkey.MessageLease)
	w.claims("the first two", 2, cs[:2]...)
	w.claims("the others", 10, cs[2:]...)
	w.claims("nothing left", 10)
}

func claimLease(w *world) {
	c := w.start(w.Email())
	w.now = w.now.Add(latchkey.MessageLease)
	ms := w.claims("due", 10, c)
	same(w, "NextTry of a claimed message", ms[0].NextTry, w.now.Add(latchkey.MessageLease))
	w.now = w.now.Add(latchkey.MessageLease - time.Microsecond)
	w.claims("in somebody's hands", 10)
	w.now = w.now.Add(time.Microsecond)
	w.claims("after its worker died", 10, c)
}

func claimLiving(w *world) {
	c := w.start(w.Email())
	w.now = c.Expires
	w.claims("at the instant of death", 10)
	w.now = c.Expires.Add(-time.Microsecond)
	w.claims("just before", 10, c)
}

// claimLongestDue: whoever waits for a second try does not get in front of those who wait for their first.
func claimLongestDue(w *world) {
	for range 3 {
		w.start(w.Email())
	}
	w.now = w.now.Add(latchkey.MessageLease)
	m := w.claim(1)[0]
	next, again := m.Retry(w.now)
	w.must(w.SettleMessages(w.ctx(), []latchkey.Delivery{{Message: next, Again: again}}))
	w.now = next.NextTry
	if got := w.claim(1); len(got) != 1 || got[0].Challenge == m.Challenge {
		w.Errorf("claimed %+v, want one that was due for longer than %v", got, m.Challenge)
	}
	if got := w.claim(2); len(got) != 2 || got[1].Challenge != m.Challenge {
		w.Errorf("claimed %+v, want another one and then %v", got, m.Challenge)
	}
}

func settleDone(w *world) {
	c := w.start(w.Email())
	w.now = w.now.Add(latchkey.MessageLease)
	m := w.claims("due", 10, c)[0]
	d := latchkey.Delivery{Message: m, Event: w.Event(latchkey.MessageSent, w.project.ID, w.now)}
	w.must(w.SettleMessages(w.ctx(), []latchkey.Delivery{d}))
	same(w, "the event", w.last(), d.Event)
	w.must(w.SettleMessages(w.ctx(), []latchkey.Delivery{d}))
	same(w, "events after settling twice", w.count(latchkey.MessageSent), 1)
	w.now = w.now.Add(2 * latchkey.MessageLease)
	w.claims("after it was sent", 10)
}

func settleAgain(w *world) {
	a := w.start(w.Email())
	w.start(w.Email())
	w.now = w.now.Add(latchkey.MessageLease)
	ms := w.claim(10)
	if len(ms) != 2 {
		w.Fatalf("claimed %d messages, want 2", len(ms))
	}
	var ds []latchkey.Delivery
	for _, m := range ms {
		d := latchkey.Delivery{Message: m}
		if m.Challenge == a.ID {
			d.Message, d.Again = m.Retry(w.now)
		}
		ds = append(ds, d)
	}
	w.must(w.SettleMessages(w.ctx(), ds))
	same(w, "events of deliveries that have none", w.count(""), 0)
	w.now = w.now.Add(time.Second - time.Microsecond)
	w.claims("before the next try", 10)
	w.now = w.now.Add(time.Microsecond)
	again := w.claims("at the next try", 10, a)
	same(w, "failed sends", again[0].Attempts, 1)
}

func settleGone(w *world) {
	c := w.start(w.Email())
	w.now = w.now.Add(latchkey.MessageLease)
	m := w.claims("due", 10, c)[0]
	gone := m
	gone.Resend++
	w.must(w.SettleMessages(w.ctx(), []latchkey.Delivery{{Message: gone, Event: w.Event(latchkey.MessageSent, w.project.ID, w.now)}}))
	w.must(w.SettleMessages(w.ctx(), []latchkey.Delivery{
		{Message: gone, Event: w.Event(latchkey.MessageSent, w.project.ID, w.now)},
		{Message: gone, Again: true},
		{Message: m, Event: w.Event(latchkey.MessageLost, w.project.ID, w.now)},
	}))
	same(w, "events of the message that was gone", w.count(latchkey.MessageSent), 0)
	same(w, "events of the message that was there", w.count(latchkey.MessageLost), 1)
	w.must(w.SettleMessages(w.ctx(), nil))
}

// settleMany: what becomes of many messages is stored at once, each event as it is and in the order in which it came.
func settleMany(w *world) {
	var cs []latchkey.Challenge
	for range 5 {
		cs = append(cs, w.start(w.Email()))
	}
	w.now = w.now.Add(latchkey.MessageLease)
	ms := w.claims("due", 10, cs...)
	event := func(detail string) latchkey.Event {
		e := w.Event(latchkey.MessageSent, w.project.ID, w.now)
		e.Detail = detail
		return e
	}
	bare := latchkey.Event{At: w.now, Kind: latchkey.MessageSent, Project: w.project.ID, Address: "a\x00b"} // nothing that it could do without
	next, again := ms[3].Retry(w.now)
	ds := []latchkey.Delivery{
		{Message: ms[2], Event: event("first")}, {Message: ms[0], Event: bare}, {Message: ms[1]},
		{Message: next, Again: again}, {Message: ms[4], Event: event("last")},
	}
	ds = append(ds, ds[4]) // told twice, it is one
	w.must(w.SettleMessages(w.ctx(), ds))
	all, err := w.Events(w.ctx(), latchkey.ProjectID{}, 3)
	w.must(err)
	same(w, "the events", all, []latchkey.Event{ds[4].Event, bare, ds[0].Event})
	same(w, "events in all", w.count(latchkey.MessageSent), 3)
	w.now = next.NextTry
	w.claims("later", 10, cs[3])
}
