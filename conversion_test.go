package latchkey_test

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// smsPolicy is that of a new project, once countries are named.
var smsPolicy = latchkey.SMSPolicy{Countries: []string{"DE"}, Breaker: latchkey.BreakerEnforce, Budget: 20}

// smsStart is a start by phone.
func smsStart(change ...func(*latchkey.Start)) latchkey.Start {
	s := start()
	s.Again = latchkey.ChallengeID{}
	s.Fresh.To, s.SMS, s.Country = phone, smsPolicy, "DE"
	for _, f := range change {
		f(&s)
	}
	return s
}

// meter judges s where the codes of its country came back as c says.
func meter(s latchkey.Start, c latchkey.Conversion, u latchkey.User) latchkey.Started {
	c.Scope = latchkey.CountryScope(s.Country)
	seen := [2]latchkey.Conversion{c, {Scope: latchkey.NetworkScope(s.Fresh.From.Network())}}
	return s.Meter(s.Judge(latchkey.Challenge{}, latchkey.Guesses{}, u, noon), seen, u, noon)
}

func TestBudgetOfSMS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		c    latchkey.Conversion
		want int
	}{
		"what the operator allows in any case": {latchkey.Conversion{}, 20},
		"three of ten that came back today":    {latchkey.Conversion{BackDay: 500, BackBest: 400}, 150},
		"three of ten of the best day":         {latchkey.Conversion{BackDay: 500, BackBest: 5000}, 1500},
		"what was lost raises nothing":         {latchkey.Conversion{LostHour: 1000, LostDay: 100_000, BackDay: 60}, 20},
	} {
		if got := c.c.Budget(smsPolicy); got != c.want {
			t.Errorf("%s: a budget of %d, want %d", name, got, c.want)
		}
	}
}

func TestBreakerTrips(t *testing.T) {
	t.Parallel()
	ended := func(ago time.Duration, trips int) latchkey.Conversion {
		return latchkey.Conversion{LostHour: 19, Until: noon.Add(-ago), Trips: trips}
	}
	for name, c := range map[string]struct {
		c     latchkey.Conversion
		codes int
		pause time.Duration // zero: it does not trip
	}{
		"below the budget":                    {latchkey.Conversion{LostHour: 18}, 1, 0},
		"the code that uses it up":            {latchkey.Conversion{LostHour: 19}, 1, time.Hour},
		"a code that does not count":          {latchkey.Conversion{LostHour: 25}, 0, 0},
		"just below it all day":               {latchkey.Conversion{LostHour: 10, LostDay: 79}, 1, time.Hour},
		"a day's worth not yet":               {latchkey.Conversion{LostHour: 10, LostDay: 78}, 1, 0},
		"a larger budget":                     {latchkey.Conversion{LostHour: 19, BackDay: 70}, 1, 0},
		"tripped already":                     {latchkey.Conversion{LostHour: 30, Until: noon.Add(time.Second), Trips: 1}, 1, 0},
		"again within a day":                  {ended(time.Hour, 1), 1, 2 * time.Hour},
		"a third time":                        {ended(0, 2), 1, 4 * time.Hour},
		"a day at the most":                   {ended(0, 5), 1, 24 * time.Hour},
		"for ever":                            {ended(0, 1000), 1, 24 * time.Hour},
		"a day after the pause, once more":    {ended(24*time.Hour, 3), 1, 8 * time.Hour},
		"more than a day later, as at first":  {ended(24*time.Hour+1, 3), 1, time.Hour},
		"as many as an hour has, by one code": {latchkey.Conversion{LostHour: 1000}, 1, time.Hour},
	} {
		next, tripped := c.c.Send(c.codes, smsPolicy, noon)
		if tripped != (c.pause > 0) || tripped && next.Paused(noon) != c.pause {
			t.Errorf("%s: tripped %v for %v, want %v", name, tripped, next.Paused(noon), c.pause)
		}
	}
}

func TestMeter(t *testing.T) {
	t.Parallel()
	tripped := latchkey.Conversion{Until: noon.Add(90 * time.Minute), Trips: 1}
	observe := func(s *latchkey.Start) { s.SMS.Breaker = latchkey.BreakerObserve }
	ann := latchkey.User{ID: annID, Project: project, Phone: phone}
	for name, c := range map[string]struct {
		start   latchkey.Start
		c       latchkey.Conversion
		u       latchkey.User
		refused bool
		codes   int
		trips   bool
	}{
		"a number that is nobody's counts":       {start: smsStart(), codes: 1},
		"a number that is somebody's does not":   {start: smsStart(), u: ann},
		"the last one of a budget is sent":       {start: smsStart(), c: latchkey.Conversion{LostHour: 19}, codes: 1, trips: true},
		"one that does not count trips nothing":  {start: smsStart(), c: latchkey.Conversion{LostHour: 19}, u: ann},
		"tripped":                                {start: smsStart(), c: tripped, refused: true},
		"tripped, known elsewhere":               {start: smsStart(), c: tripped, u: ann, refused: true},
		"tripped, known from this network":       {start: smsStart(), c: tripped, u: ann.LogIn(false, home.Network(), noon)},
		"tripped, observed only":                 {start: smsStart(observe), c: tripped, codes: 1},
		"observed: it trips all the same":        {start: smsStart(observe), c: latchkey.Conversion{LostHour: 19}, codes: 1, trips: true},
		"over, and the next one trips it anew":   {start: smsStart(), c: latchkey.Conversion{LostDay: 100, Until: noon, Trips: 1}, codes: 1, trips: true},
		"over at the exact instant, and allowed": {start: smsStart(), c: latchkey.Conversion{Until: noon, Trips: 1}, codes: 1},
	} {
		out := meter(c.start, c.c, c.u)
		if c.refused {
			var e *latchkey.Error
			if latchkey.CodeOf(out.Verdict) != latchkey.SMSPaused || !asError(out.Verdict, &e) || e.RetryAfter != 90*time.Minute {
				t.Errorf("%s: verdict %#v, want SMSPaused for 90 minutes", name, out.Verdict)
			}
			if out.Verdict = nil; out != (latchkey.Started{}) {
				t.Errorf("%s: there is something to store: %+v", name, out)
			}
			continue
		}
		if out.Verdict != nil || out.SMS.Pending.Codes != c.codes || out.Challenge.ID != c.start.Fresh.ID {
			t.Errorf("%s: verdict %v, %d codes counted, want %d", name, out.Verdict, out.SMS.Pending.Codes, c.codes)
		}
		if out.SMS.Pending.Country != "country:DE" || out.SMS.Pending.Network != "network:192.0.2.7" || !out.SMS.Pending.At.Equal(noon) {
			t.Errorf("%s: counted as %+v", name, out.SMS.Pending)
		}
		if trips := out.SMS.Event.Kind == latchkey.SMSTripped; trips != c.trips || trips != (out.SMS.Trips[0].Scope != "") {
			t.Errorf("%s: event %+v, trips %+v; want a trip: %v", name, out.SMS.Event, out.SMS.Trips, c.trips)
		}
		if c.trips && !strings.Contains(out.SMS.Event.Detail, "country:DE until 2026-03-01T") {
			t.Errorf("%s: the event says %q", name, out.SMS.Event.Detail)
		}
	}
}

// TestASVS_6_3_8_TrippedTellsNothing: known and unknown numbers are refused with the same words and the same time.
func TestASVS_6_3_8_TrippedTellsNothing(t *testing.T) {
	t.Parallel()
	tripped := latchkey.Conversion{Until: noon.Add(time.Hour), Trips: 1}
	unknown := meter(smsStart(), tripped, latchkey.User{}).Verdict
	for name, u := range map[string]latchkey.User{
		"known":  {ID: annID, Phone: phone},
		"banned": banned(latchkey.User{ID: annID, Phone: phone}),
	} {
		var a, b *latchkey.Error
		if got := meter(smsStart(), tripped, u).Verdict; !asError(got, &a) || !asError(unknown, &b) || *a != *b {
			t.Errorf("%s: %#v; for an unknown number %#v", name, got, unknown)
		}
	}
}

func TestTakeBack(t *testing.T) {
	t.Parallel()
	slot := func(n int) time.Time { return noon.Add(time.Duration(n) * latchkey.SMSSlot) }
	pending := func(network string, at, codes int) latchkey.SMSPending {
		return latchkey.SMSPending{Country: "country:DE", Network: latchkey.Scope("network:" + network), At: slot(at), Codes: codes}
	}
	a := latchkey.Attempt{To: phone, Country: "DE", From: home}
	own := []latchkey.SMSTally{{Scope: "country:DE", At: slot(6), Back: 1}, {Scope: "network:192.0.2.7", At: slot(6), Back: 1}}
	for name, c := range map[string]struct {
		a       latchkey.Attempt
		pending []latchkey.SMSPending
		want    []latchkey.SMSTally
	}{
		"an email":                     {latchkey.Attempt{To: latchkey.CanonicalAddress(latchkey.Email, "a@example.com")}, nil, nil},
		"a number that was somebody's": {a, nil, own},
		"and was sent codes":           {a, []latchkey.SMSPending{pending("a", 5, 0)}, own},
		"one code": {a, []latchkey.SMSPending{pending("a", 5, 1)}, []latchkey.SMSTally{
			{Scope: "country:DE", At: slot(5), Lost: -1, Back: 1}, {Scope: "network:a", At: slot(5), Lost: -1, Back: 1},
		}},
		"several, from several networks": {a, []latchkey.SMSPending{pending("b", 5, 2), pending("a", 5, 1), pending("b", 3, 4)}, []latchkey.SMSTally{
			{Scope: "country:DE", At: slot(3), Lost: -4, Back: 4}, {Scope: "country:DE", At: slot(5), Lost: -3, Back: 3},
			{Scope: "network:a", At: slot(5), Lost: -1, Back: 1},
			{Scope: "network:b", At: slot(3), Lost: -4, Back: 4}, {Scope: "network:b", At: slot(5), Lost: -2, Back: 2},
		}},
	} {
		got := c.a.TakeBack(c.pending, slot(6).Add(time.Minute))
		if len(got) != len(c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %+v, want %+v", name, got[i], c.want[i])
			}
		}
	}
}
