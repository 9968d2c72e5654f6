package latchkey

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A Scope is a group of codes by SMS that are counted together: those to the numbers of one country, or those that one client
// network asked for. Its text is what the store and the operator know it by: country:DE, network:192.0.2.7.
type Scope string

// What a Scope is by.
const (
	byCountry = "country"
	byNetwork = "network"
)

// NoCountry stands for the numbers that are of none, in the place of a country's two letters. ISO 3166-1 keeps it free.
const NoCountry = "ZZ"

// CountryScope is that of a country, given by its two-letter code.
func CountryScope(country string) Scope { return Scope(byCountry + ":" + country) }

// NetworkScope is that of a client network.
func NetworkScope(n Network) Scope { return Scope(byNetwork + ":" + string(n)) }

// By is what s is by: country or network.
func (s Scope) By() string {
	by, _, _ := strings.Cut(string(s), ":")
	return by
}

// A Conversion is how the codes of one scope came back. Counted as lost is a code to a number that is nobody's yet, from when
// it is sent until somebody signs in with the number: fraud never does, because nobody reads what it has sent. Times are
// counted by SMSSlot: an hour is 50 to 60 minutes. The zero value is a scope in which nothing happened.
type Conversion struct {
	Scope    Scope
	LostHour int       // lost of the last hour
	LostDay  int       // lost of the last 24 h
	BackDay  int       // codes of the last 24 h that somebody signed in with
	BackBest int       // the same of the best of the last 14 days (UTC), today included
	Until    time.Time // UTC: the breaker is tripped before it
	Trips    int       // how often it has tripped in a row
}

// The figures of the breaker.
const (
	SMSSlot     = 10 * time.Minute    // what codes are counted by
	SMSHour     = time.Hour           // within which no more than a budget is lost
	SMSDay      = 24 * time.Hour      // within which no more than dayBudgets are, and for which a code can still come back
	SMSBestDays = 14 * 24 * time.Hour // that are looked through for the best day
	// Three of ten codes that came back is a fifth of those sent where seven of ten come back, as is usual. What was sent is not
	// looked at itself: whoever sends for the sake of sending would raise his own budget by it, fivefold from one day to the next.
	budgetShare = 0.3
	// dayBudgets keeps whoever stays just below the budget from doing so all day. Where fewer than 45 of 100 codes come back, day
	// after day, something is wrong.
	dayBudgets = 4
	// A breaker stays tripped from the first to the second of these.
	firstPause, longestPause = time.Hour, 24 * time.Hour
)

// Budget is how many codes may be lost within an hour: what the operator allows in any case, or three of ten that came back
// within the last 24 h or on the best of the last 14 days.
func (c Conversion) Budget(p SMSPolicy) int {
	return max(p.Budget, int(budgetShare*float64(max(c.BackDay, c.BackBest))))
}

// Paused is for how long the breaker stays tripped; zero when it is not.
func (c Conversion) Paused(now time.Time) time.Duration { return max(0, c.Until.Sub(now)) }

// Send is c after codes that count as lost were sent. The one that uses up a budget trips the breaker, for an hour the first
// time, and twice as long each time that it trips within a day of its last pause, a day at the most.
func (c Conversion) Send(codes int, p SMSPolicy, now time.Time) (next Conversion, tripped bool) {
	c.LostHour, c.LostDay = c.LostHour+codes, c.LostDay+codes
	budget := c.Budget(p)
	if codes == 0 || c.Paused(now) > 0 || c.LostHour < budget && c.LostDay < dayBudgets*budget {
		return c, false
	}
	if now.After(c.Until.Add(SMSDay)) {
		c.Trips = 0
	}
	pause := longestPause
	if c.Trips < 5 { // an hour · 2^5 is past a day
		pause = min(firstPause<<c.Trips, longestPause)
	}
	c.Until, c.Trips = now.Add(pause), c.Trips+1
	return c, true
}

// An SMSTally is what one login or start adds to the counts of a scope, in one slot of time.
type SMSTally struct {
	Scope      Scope
	At         time.Time // UTC: the beginning of the slot
	Lost, Back int       // Lost may be below zero
}

// Day is the beginning of the UTC day that t counts for.
func (t SMSTally) Day() time.Time { return t.At.Truncate(24 * time.Hour) }

// SMSDays gives what came back by day, for each scope and day once; the tallies are in the order of scopes and times.
func SMSDays(ts []SMSTally) (out []SMSTally) {
	for _, t := range ts {
		switch n := len(out); {
		case t.Back == 0:
		case n > 0 && out[n-1].Scope == t.Scope && out[n-1].Day().Equal(t.Day()):
			out[n-1].Back += t.Back
		default:
			out = append(out, t)
		}
	}
	return out
}

// An SMSPending is the codes that were sent to one number, at the request of one network, in one slot of time, while the number
// was nobody's: they are taken back from what is lost when somebody signs in with it.
type SMSPending struct {
	Country, Network Scope
	At               time.Time // UTC: the beginning of the slot
	Codes            int       // zero for a number that was somebody's: the row is there, so that the time it takes tells nothing
}

// An SMSEntry is what a start by phone stores about conversion. The zero value is nothing.
type SMSEntry struct {
	Pending SMSPending
	Trips   [2]Conversion // those that this code tripped, as they are to be stored; without a Scope: none
	Event   Event         // of the trips; zero: none tripped
}

// Tallies are what the entry adds to the counts, in the order of scopes.
func (e SMSEntry) Tallies() []SMSTally {
	p := e.Pending
	return []SMSTally{{p.Country, p.At, p.Codes, 0}, {p.Network, p.At, p.Codes, 0}}
}

// Scopes are what Meter must know the Conversions of; none where codes are not counted: for emails and test identities.
func (s Start) Scopes() []Scope {
	if s.Country == "" {
		return nil
	}
	return []Scope{CountryScope(s.Country), NetworkScope(s.Fresh.From.Network())}
}

// Meter is the rule of the breaker, applied to what Judge gave: seen are the Conversions of s.Scopes, and u the user who has the
// number, or zero. Where the breaker is tripped and enforces, the verdict is SMSPaused and nothing is stored: for everybody but
// a number that signed in from the same network before, so that it tells nobody else who signs in here.
func (s Start) Meter(out Started, seen [2]Conversion, u User, now time.Time) Started {
	if wait := max(seen[0].Paused(now), seen[1].Paused(now)); wait > 0 && s.SMS.Breaker == BreakerEnforce && !u.Knows(s.Fresh.From.Network()) {
		return Started{Verdict: &Error{
			Code: SMSPaused, RetryAfter: wait, Field: "phone_number",
			Message: "No SMS can be sent to this number at present. Offer to sign in by email, or try again later.",
		}}
	}
	out.SMS.Pending = SMSPending{
		Country: CountryScope(s.Country), Network: NetworkScope(s.Fresh.From.Network()), At: now.Truncate(SMSSlot),
	}
	if u.ID.IsZero() && !out.Message.Challenge.IsZero() && out.Message.Kind != EmptyMessage {
		out.SMS.Pending.Codes = 1
	}
	var tripped []string
	for i, c := range seen {
		next, trips := c.Send(out.SMS.Pending.Codes, s.SMS, now)
		if trips {
			out.SMS.Trips[i] = next
			tripped = append(tripped, string(next.Scope)+" until "+next.Until.UTC().Format(time.RFC3339))
		}
	}
	if len(tripped) > 0 {
		out.SMS.Event = Event{
			At: now, Kind: SMSTripped, Project: out.Challenge.Project, From: s.Fresh.From,
			Detail: string(s.SMS.Breaker) + ": " + strings.Join(tripped, ", "),
		}
	}
	return out
}

// TakeBack is the rule of a login by phone: the codes that wait for its number came back. Where none waits, because the number
// was somebody's already, the code of this login did. It gives nothing where codes are not counted.
func (a Attempt) TakeBack(pending []SMSPending, now time.Time) []SMSTally {
	if a.Country == "" {
		return nil
	}
	var out []SMSTally
	for _, p := range pending {
		if p.Codes > 0 {
			out = append(out, SMSTally{p.Country, p.At, -p.Codes, p.Codes}, SMSTally{p.Network, p.At, -p.Codes, p.Codes})
		}
	}
	if len(out) == 0 {
		at := now.Truncate(SMSSlot)
		return []SMSTally{{CountryScope(a.Country), at, 0, 1}, {NetworkScope(a.From.Network()), at, 0, 1}}
	}
	return mergeTallies(out)
}

// mergeTallies makes one of those for the same scope and slot, and puts them into one order, so that whoever locks them all never
// waits for somebody who locks them too.
func mergeTallies(ts []SMSTally) []SMSTally {
	slices.SortFunc(ts, func(a, b SMSTally) int { return cmp.Or(cmp.Compare(a.Scope, b.Scope), a.At.Compare(b.At)) })
	out := ts[:0]
	for _, t := range ts {
		if n := len(out); n > 0 && out[n-1].Scope == t.Scope && out[n-1].At.Equal(t.At) {
			out[n-1].Lost += t.Lost
			out[n-1].Back += t.Back
			continue
		}
		out = append(out, t)
	}
	return out
}
