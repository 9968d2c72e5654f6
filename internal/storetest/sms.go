package storetest

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// policySMS trips at the third code that is lost.
func policySMS() latchkey.SMSPolicy {
	return latchkey.SMSPolicy{Countries: []string{"DE"}, Breaker: latchkey.BreakerEnforce, Budget: 3}
}

// sms starts a login by phone from a network.
func (w *world) sms(to latchkey.Address, from latchkey.Origin) latchkey.Started {
	w.Helper()
	c := w.Nouns.Challenge(w.project.ID, to, w.now)
	c.From = from
	s := w.Start(c)
	s.SMS, s.Country = policySMS(), "DE"
	out, err := w.StartChallenge(w.ctx(), s, w.now)
	w.must(err)
	return out
}

// smsLogin completes what sms started.
func (w *world) smsLogin(c latchkey.Challenge) latchkey.Outcome {
	w.Helper()
	a := w.Attempt(c, w.now)
	a.Country = "DE"
	out, err := w.CompleteChallenge(w.ctx(), a, w.now)
	w.must(err)
	if out.Verdict != nil {
		w.Fatalf("login by phone: %v", out.Verdict)
	}
	return out
}

// converted checks the first two Conversions, those of the country and of one network.
func (w *world) converted(what string, want ...latchkey.Conversion) {
	w.Helper()
	got, err := w.Conversions(w.ctx(), w.project.ID, 10, w.now)
	w.must(err)
	same(w, what, got, want)
}

func origin(n byte) latchkey.Origin {
	return latchkey.Origin{IP: netip.AddrFrom4([4]byte{192, 0, 2, n})}
}

func smsTakenBack(w *world) {
	to := w.Phone()
	w.sms(to, origin(1))
	w.now = w.now.Add(latchkey.SMSSlot)
	w.sms(w.Phone(), origin(1))
	last := w.sms(to, origin(2)).Challenge
	w.converted("three codes sent",
		latchkey.Conversion{Scope: "country:DE", LostHour: 3, LostDay: 3, Until: w.now.Add(time.Hour), Trips: 1},
		latchkey.Conversion{Scope: "network:192.0.2.1", LostHour: 2, LostDay: 2},
		latchkey.Conversion{Scope: "network:192.0.2.2", LostHour: 1, LostDay: 1})
	tripped := w.now
	w.now = w.now.Add(time.Minute)
	w.smsLogin(last)
	w.converted("two of them back",
		latchkey.Conversion{Scope: "country:DE", LostHour: 1, LostDay: 1, BackDay: 2, BackBest: 2, Until: tripped.Add(time.Hour), Trips: 1},
		latchkey.Conversion{Scope: "network:192.0.2.1", LostHour: 1, LostDay: 1, BackDay: 1, BackBest: 1},
		latchkey.Conversion{Scope: "network:192.0.2.2", BackDay: 1, BackBest: 1})
	w.now = w.now.Add(time.Hour)
	w.converted("an hour later",
		latchkey.Conversion{Scope: "country:DE", LostDay: 1, BackDay: 2, BackBest: 2, Until: tripped.Add(time.Hour), Trips: 1},
		latchkey.Conversion{Scope: "network:192.0.2.1", LostDay: 1, BackDay: 1, BackBest: 1},
		latchkey.Conversion{Scope: "network:192.0.2.2", BackDay: 1, BackBest: 1})
	w.now = w.now.Add(latchkey.SMSDay)
	w.converted("a day later")
}

// smsOfEachProject: a number is in two projects, and the login to one leaves the code of the other one waiting.
func smsOfEachProject(w *world) {
	to, from := w.Phone(), origin(1)
	w.sms(to, from)
	here := w.project
	w.project = w.newProject("Other")
	w.smsLogin(w.sms(to, from).Challenge)
	w.converted("where the login was",
		latchkey.Conversion{Scope: "country:DE", BackDay: 1, BackBest: 1},
		latchkey.Conversion{Scope: "network:192.0.2.1", BackDay: 1, BackBest: 1})
	w.project = here
	w.converted("in the other project",
		latchkey.Conversion{Scope: "country:DE", LostHour: 1, LostDay: 1},
		latchkey.Conversion{Scope: "network:192.0.2.1", LostHour: 1, LostDay: 1})
	w.smsLogin(w.sms(to, origin(2)).Challenge)
	w.converted("and after a login to it",
		latchkey.Conversion{Scope: "country:DE", BackDay: 2, BackBest: 2},
		latchkey.Conversion{Scope: "network:192.0.2.1", BackDay: 1, BackBest: 1},
		latchkey.Conversion{Scope: "network:192.0.2.2", BackDay: 1, BackBest: 1})
}

func smsKnownNumbers(w *world) {
	to := w.Phone()
	w.smsLogin(w.sms(to, origin(1)).Challenge)
	w.now = w.now.Add(time.Minute)
	c := w.sms(to, origin(2)).Challenge
	w.converted("a code to a number that is somebody's",
		latchkey.Conversion{Scope: "country:DE", BackDay: 1, BackBest: 1},
		latchkey.Conversion{Scope: "network:192.0.2.1", BackDay: 1, BackBest: 1},
		latchkey.Conversion{Scope: "network:192.0.2.2"})
	w.smsLogin(c)
	w.converted("and its login",
		latchkey.Conversion{Scope: "country:DE", BackDay: 2, BackBest: 2},
		latchkey.Conversion{Scope: "network:192.0.2.1", BackDay: 1, BackBest: 1},
		latchkey.Conversion{Scope: "network:192.0.2.2", BackDay: 1, BackBest: 1})
	w.now = w.now.Add(latchkey.SMSBestDays / 2)
	w.sms(w.Phone(), origin(3))
	w.converted("the best day is remembered",
		latchkey.Conversion{Scope: "country:DE", LostHour: 1, LostDay: 1, BackBest: 2},
		latchkey.Conversion{Scope: "network:192.0.2.3", LostHour: 1, LostDay: 1})
}

func smsWorstFirst(w *world) {
	w.sms(w.Phone(), origin(1))
	w.sms(w.Phone(), origin(2))
	w.now = w.now.Add(time.Minute)
	w.smsLogin(w.sms(w.Phone(), origin(2)).Challenge)
	for limit, want := range []int{0, 1, 2, 3, 3} {
		got, err := w.Conversions(w.ctx(), w.project.ID, limit, w.now)
		w.must(err)
		var text string
		for _, c := range got {
			text += " " + string(c.Scope)
		}
		all := " country:DE network:192.0.2.1 network:192.0.2.2"
		if len(got) != want || all[:len(text)] != text {
			w.Errorf("at most %d: %s, want %d of%s", limit, text, want, all)
		}
	}
	other, err := w.Conversions(w.ctx(), w.newProject("Other").ID, 10, w.now)
	w.must(err)
	same(w, "another project's", len(other), 0)
}

func smsNotEmails(w *world) {
	w.login(w.Email())
	w.login(w.Phone()) // a test identity: it has no country
	w.converted("logins that send no SMS")
}

func smsTrips(w *world) {
	from := origin(1)
	for range 2 {
		same(w, "codes below the budget: event", w.sms(w.Phone(), w.Origin()).SMS.Event, latchkey.Event{})
	}
	out := w.sms(w.Phone(), from)
	same(w, "events of trips", w.count(latchkey.SMSTripped), 1)
	same(w, "the events of the third", []latchkey.Event{w.last()}, []latchkey.Event{out.SMS.Event})
	refused := w.sms(w.Phone(), from)
	w.wants("the fourth", refused.Verdict, latchkey.SMSPaused)
	w.now = w.now.Add(time.Hour)
	for range 2 {
		w.wants("after the pause", w.sms(w.Phone(), w.Origin()).Verdict, "")
	}
	out = w.sms(w.Phone(), from)
	same(w, "the second trip", out.SMS.Trips[0].Trips, 2)
	same(w, "the second pause", out.SMS.Trips[0].Paused(w.now), 2*time.Hour)
	same(w, "events of two trips", w.count(latchkey.SMSTripped), 2)
	w.now = w.now.Add(time.Hour)
	w.wants("within the second pause", w.sms(w.Phone(), w.Origin()).Verdict, latchkey.SMSPaused)
}

func smsTrippedStoresNothing(w *world) {
	live := w.sms(w.Phone(), origin(1)).Challenge
	for range 2 {
		w.sms(w.Phone(), origin(1))
	}
	w.sent()
	before, err := w.Conversions(w.ctx(), w.project.ID, 10, w.now)
	w.must(err)
	events := w.count(latchkey.ChallengeStarted) + w.count(latchkey.ChallengeResent)
	s := w.Start(w.Nouns.Challenge(w.project.ID, live.To, w.now))
	s.SMS, s.Country, s.Again, s.AgainHash = policySMS(), "DE", live.ID, latchkey.HashSecret("again")
	out, err := w.StartChallenge(w.ctx(), s, w.now)
	w.must(err)
	w.wants("a resend", out.Verdict, latchkey.SMSPaused)
	fresh := w.Nouns.Challenge(w.project.ID, w.Phone(), w.now)
	s = w.Start(fresh)
	s.SMS, s.Country = policySMS(), "DE"
	out, err = w.StartChallenge(w.ctx(), s, w.now)
	w.must(err)
	w.wants("a start", out.Verdict, latchkey.SMSPaused)
	_, err = w.Store.Challenge(w.ctx(), fresh.ID)
	w.wants("its challenge", err, latchkey.NotFound)
	same(w, "the challenge that was not sent again", w.stored(live.ID), live)
	ms, err := w.ClaimMessages(w.ctx(), 10, w.now.Add(time.Minute), w.now.Add(latchkey.MessageLease))
	w.must(err)
	same(w, "messages", len(ms), 0)
	same(w, "events", w.count(latchkey.ChallengeStarted)+w.count(latchkey.ChallengeResent), events)
	w.converted("the counts", before...)
	w.smsLogin(live) // the code that was sent before is still good
}

func smsCountsNeverLost(w *world) {
	const codes = 24
	phones := make([]latchkey.Address, codes)
	for i := range phones {
		phones[i] = w.Phone()
	}
	var group sync.WaitGroup
	started := make([]latchkey.Challenge, codes)
	observe := policySMS()
	observe.Breaker = latchkey.BreakerObserve
	for i, to := range phones {
		group.Go(func() {
			c := w.Nouns.Challenge(w.project.ID, to, w.now)
			c.From = origin(byte(i % 4))
			s := w.Start(c)
			s.SMS, s.Country = observe, "DE"
			out, err := w.StartChallenge(w.ctx(), s, w.now)
			if err != nil || out.Verdict != nil {
				w.Errorf("start: %v, %v", err, out.Verdict)
			}
			started[i] = out.Challenge
		})
	}
	group.Wait()
	counts := func(what string, lost, back int) {
		w.Helper()
		got, err := w.Conversions(w.ctx(), w.project.ID, 10, w.now)
		w.must(err)
		for _, c := range got {
			n := 1
			if c.Scope.By() == "network" {
				n = 4
			}
			if c.LostHour != lost/n || c.BackDay != back/n || c.BackBest != back/n {
				w.Errorf("%s: %+v, want %d lost and %d back", what, c, lost/n, back/n)
			}
		}
		same(w, what+": scopes", len(got), 5)
	}
	counts("after the starts", codes, 0)
	if n := w.count(latchkey.SMSTripped); n > 1+4 {
		w.Errorf("%d events of trips of one country and four networks", n)
	}
	for i, c := range started {
		group.Go(func() {
			a := w.Attempt(c, w.now)
			a.Country = "DE"
			if out, err := w.CompleteChallenge(w.ctx(), a, w.now); err != nil || out.Verdict != nil {
				w.Errorf("login %d: %v, %v", i, err, out.Verdict)
			}
		})
	}
	group.Wait()
	counts("after the logins", 0, codes)
}

func smsReset(w *world) {
	for i := range 6 { // each network's second one finds the country tripped
		w.sms(w.Phone(), origin(byte(i%2)))
	}
	e := w.Event(latchkey.SMSReset, w.project.ID, w.now)
	w.must(w.ResetSMS(w.ctx(), w.project.ID, "country:DE", e))
	same(w, "the event", w.last(), e)
	w.converted("after the country's reset",
		latchkey.Conversion{Scope: "network:192.0.2.0", LostHour: 2, LostDay: 2},
		latchkey.Conversion{Scope: "network:192.0.2.1", LostHour: 1, LostDay: 1},
		latchkey.Conversion{Scope: "country:DE"})
	to := w.Phone()
	c := w.sms(to, origin(0)).Challenge // trips the network
	w.must(w.ResetSMS(w.ctx(), w.project.ID, "", e))
	w.converted("after the reset of all",
		latchkey.Conversion{Scope: "country:DE"}, latchkey.Conversion{Scope: "network:192.0.2.0"}, latchkey.Conversion{Scope: "network:192.0.2.1"})
	w.smsLogin(c)
	w.converted("a code from before comes back",
		latchkey.Conversion{Scope: "country:DE", BackDay: 1, BackBest: 1}, latchkey.Conversion{Scope: "network:192.0.2.0", BackDay: 1, BackBest: 1},
		latchkey.Conversion{Scope: "network:192.0.2.1"})
	w.must(w.ResetSMS(w.ctx(), w.project.ID, "country:XX", e))
}

func sweepSMS(w *world) {
	for i := range 3 {
		w.smsLogin(w.sms(w.Phone(), origin(byte(i))).Challenge) // counts, days
	}
	for range 3 {
		w.sms(w.Phone(), origin(9)) // counts, pending, trips
	}
	w.now = w.now.Add(latchkey.SMSDay)
	for {
		n, err := w.Sweep(w.ctx(), forever, 2, w.now)
		w.must(err)
		if n == 0 {
			break
		}
	}
	w.wants("a start a day later", w.sms(w.Phone(), origin(9)).Verdict, "")
	got, err := w.Conversions(w.ctx(), w.project.ID, 1, w.now)
	w.must(err)
	same(w, "the best day, a day later", fmt.Sprint(got[0].Scope, got[0].BackBest), "country:DE3")
	w.now = w.now.Add(latchkey.SMSBestDays + 2*latchkey.SMSDay)
	w.sent()
	swept := 0
	for {
		n, err := w.Sweep(w.ctx(), forever, 100, w.now)
		w.must(err)
		if swept += n; n == 0 {
			break
		}
	}
	if swept < 6 {
		w.Errorf("%d rows were swept a fortnight later: what was counted stays", swept)
	}
	w.converted("a fortnight later")
}

func smsDeleteProject(w *world) {
	w.smsLogin(w.sms(w.Phone(), origin(1)).Challenge)
	for range 3 {
		w.sms(w.Phone(), origin(1))
	}
	w.must(w.DeleteProject(w.ctx(), w.project.ID, w.Event(latchkey.ProjectDeleted, w.project.ID, w.now)))
	w.converted("a deleted project")
}

func smsDeleteUser(w *world) {
	to := w.Phone()
	w.sms(to, origin(1))
	u := latchkey.NewUser(w.UserID(w.now), w.project.ID, to, w.now)
	w.must(w.CreateUser(w.ctx(), u, w.Event(latchkey.UserCreated, w.project.ID, w.now)))
	w.must(w.DeleteUser(w.ctx(), u.ID, w.Event(latchkey.UserDeleted, w.project.ID, w.now)))
	w.smsLogin(w.sms(to, origin(1)).Challenge)
	w.converted("the code from before the user was deleted waits for nobody",
		latchkey.Conversion{Scope: "country:DE", LostHour: 1, LostDay: 1, BackDay: 1, BackBest: 1},
		latchkey.Conversion{Scope: "network:192.0.2.1", LostHour: 1, LostDay: 1, BackDay: 1, BackBest: 1})
}
