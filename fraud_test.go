package latchkey_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

func asError(err error, e **latchkey.Error) bool { return errors.As(err, e) }

// A ledger counts codes in memory as a store does.
type ledger struct {
	policy  latchkey.SMSPolicy
	scopes  map[latchkey.Scope]*account
	pending map[latchkey.Address][]latchkey.SMSPending
	refused int
	sent    map[string]int // by country
}

type account struct {
	latchkey.Conversion
	slots []latchkey.SMSTally // by time
	days  map[time.Time]int
}

func newLedger(budget int) *ledger {
	p := smsPolicy
	p.Budget = budget
	return &ledger{
		policy: p, scopes: map[latchkey.Scope]*account{}, pending: map[latchkey.Address][]latchkey.SMSPending{}, sent: map[string]int{},
	}
}

func (l *ledger) account(s latchkey.Scope) *account {
	if l.scopes[s] == nil {
		l.scopes[s] = &account{Conversion: latchkey.Conversion{Scope: s}, days: map[time.Time]int{}}
	}
	return l.scopes[s]
}

// conversion is what the stores compute.
func (l *ledger) conversion(s latchkey.Scope, now time.Time) latchkey.Conversion {
	a := l.account(s)
	for len(a.slots) > 0 && !a.slots[0].At.After(now.Add(-latchkey.SMSDay)) {
		a.LostDay -= a.slots[0].Lost
		a.BackDay -= a.slots[0].Back
		a.slots = a.slots[1:]
	}
	c := a.Conversion
	for i := len(a.slots) - 1; i >= 0 && a.slots[i].At.After(now.Add(-latchkey.SMSHour)); i-- {
		c.LostHour += a.slots[i].Lost
	}
	for day, back := range a.days {
		if day.After(now.Add(-latchkey.SMSBestDays)) {
			c.BackBest = max(c.BackBest, back)
		}
	}
	return c
}

func (l *ledger) count(ts []latchkey.SMSTally) {
	for _, t := range ts {
		a := l.account(t.Scope)
		a.LostDay += t.Lost
		a.BackDay += t.Back
		i := len(a.slots) - 1
		for i >= 0 && a.slots[i].At.After(t.At) {
			i--
		}
		if i < 0 || !a.slots[i].At.Equal(t.At) {
			a.slots = append(a.slots, t) // times only go on
			a.days[t.Day()] += t.Back
			continue
		}
		a.slots[i].Lost += t.Lost
		a.slots[i].Back += t.Back
		a.days[t.Day()] += t.Back
	}
}

// start asks for a code and reports whether it was sent.
func (l *ledger) start(country string, to latchkey.Address, from latchkey.Origin, now time.Time) bool {
	s := smsStart()
	s.Fresh.To, s.Fresh.From, s.SMS, s.Country = to, from, l.policy, country
	var seen [2]latchkey.Conversion
	for i, scope := range s.Scopes() {
		seen[i] = l.conversion(scope, now)
	}
	out := s.Meter(latchkey.Started{Message: latchkey.Message{Challenge: s.Fresh.ID}}, seen, latchkey.User{}, now)
	if out.Verdict != nil {
		l.refused++
		return false
	}
	l.count(out.SMS.Tallies())
	for _, t := range out.SMS.Trips {
		if t.Scope != "" {
			l.account(t.Scope).Until, l.account(t.Scope).Trips = t.Until, t.Trips
		}
	}
	l.pending[to] = append(l.pending[to], out.SMS.Pending)
	l.sent[country]++
	return true
}

// login gives the code back.
func (l *ledger) login(country string, to latchkey.Address, from latchkey.Origin, now time.Time) {
	l.count(latchkey.Attempt{To: to, Country: country, From: from}.TakeBack(l.pending[to], now))
	delete(l.pending, to)
}

func number(n int) latchkey.Address {
	return latchkey.CanonicalAddress(latchkey.Phone, fmt.Sprintf("+49151%08d", n))
}

func network(n int) latchkey.Origin {
	return latchkey.Origin{IP: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})}
}

// TestPumping holds what docs/sms.md says of it: codes to random numbers in three countries, asked for from 500 networks.
func TestPumping(t *testing.T) {
	t.Parallel()
	countries := []string{"DE", "FR", "IT"}
	for name, c := range map[string]struct {
		restraint          func(latchkey.Conversion) bool // whether the attacker, who counts along, holds back
		atOnce, day, month int                            // codes at the most, in all three
	}{
		"as fast as it goes": {
			restraint: func(latchkey.Conversion) bool { return false },
			atOnce:    60, day: 250, month: 2000,
		},
		"just below what trips it": {
			restraint: func(c latchkey.Conversion) bool { return c.LostHour >= 19 || c.LostDay >= 79 },
			atOnce:    60, day: 240, month: 7200,
		},
	} {
		l, n := newLedger(20), 0
		total := func() int { return l.sent["DE"] + l.sent["FR"] + l.sent["IT"] }
		var hour, day int
		for at := time.Duration(0); at < 30*24*time.Hour; at += time.Minute {
			now := noon.Add(at)
			for _, country := range countries {
				if c.restraint(l.conversion(latchkey.CountryScope(country), now)) {
					continue
				}
				n++
				l.start(country, number(n), network(n%500), now)
			}
			switch at {
			case 50 * time.Minute:
				hour = total()
			case 24*time.Hour - time.Minute:
				day = total()
			}
		}
		t.Logf("%s: %d codes before it stops, %d in a day, %d in a month", name, hour, day, total())
		if hour > c.atOnce || day > c.day || total() > c.month {
			t.Errorf("%s: %d codes before it stops, %d in a day, %d in a month: docs/sms.md says %d, %d and %d", name, hour, day, total(), c.atOnce, c.day, c.month)
		}
	}
}

// traffic lets n people sign in for the first time within a day, 70 of 100 of them with success, most of them in the evening.
func (l *ledger) traffic(r *rand.Rand, first, n int, midnight time.Time, from, to time.Duration) {
	const takes = 45 * time.Second // from the start to the code
	type person struct {
		to   latchkey.Address
		from latchkey.Origin
		at   time.Time
	}
	var under []person // way
	for i, at := 0, from; at < to; i++ {
		hours := at.Hours()
		rate := float64(n) / 24 * (1 + 0.8*math.Sin((hours-12)/24*2*math.Pi)) // people an hour
		now := midnight.Add(at)
		for len(under) > 0 && !now.Before(under[0].at.Add(takes)) {
			l.login("DE", under[0].to, under[0].from, under[0].at.Add(takes))
			under = under[1:]
		}
		p := person{number(first + i), network(r.IntN(max(50, n/20))), now}
		if l.start("DE", p.to, p.from, now) && r.Float64() < 0.7 {
			under = append(under, p)
		}
		at += time.Duration(float64(time.Hour) / rate * r.ExpFloat64())
	}
	for _, p := range under {
		l.login("DE", p.to, p.from, p.at.Add(takes))
	}
}

// TestLaunchDay: ten times the usual traffic, of which 70 of 100 codes come back, is not stopped after 14 usual days: neither one
// that grows with the day nor one that begins at its busiest hour.
func TestLaunchDay(t *testing.T) {
	t.Parallel()
	for _, usual := range []int{100, 1000, 10_000} {
		for name, begins := range map[string]time.Duration{"from midnight": 0, "from the busiest hour": 17 * time.Hour} {
			t.Run(fmt.Sprintf("%d a day, %s", usual, name), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(1, uint64(usual)))
				l, midnight, first := newLedger(20), noon.Add(-12*time.Hour), 2*usual
				for day := range 13 { // that are all alike
					l.account(latchkey.CountryScope("DE")).days[midnight.Add(time.Duration(-2-day)*24*time.Hour)] = usual * 7 / 10
				}
				l.traffic(r, 0, usual, midnight.Add(-24*time.Hour), 0, 24*time.Hour)
				l.traffic(r, first, usual, midnight, 0, begins)
				before := l.refused
				l.traffic(r, first+usual, 10*usual, midnight, begins, 24*time.Hour)
				if before > 0 || l.refused > 0 {
					t.Errorf("%d codes were refused on usual days and %d on the launch day", before, l.refused-before)
				}
			})
		}
	}
}

// TestLaunchFromNothing needs the budget that docs/sms.md says: a third of the codes of the busiest hour.
func TestLaunchFromNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		people, budget int
		stopped        bool
	}{
		"a small one":                      {200, 20, false},
		"a large one":                      {10_000, 20, true},
		"a large one with a raised budget": {10_000, 250, false}, // 750 in the busiest hour
	} {
		l := newLedger(c.budget)
		l.traffic(rand.New(rand.NewPCG(1, 2)), 0, c.people, noon.Add(-12*time.Hour), 0, 24*time.Hour)
		if (l.refused > 0) != c.stopped {
			t.Errorf("%s: %d of %d codes refused, want some: %v", name, l.refused, c.people, c.stopped)
		}
	}
}
