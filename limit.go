package latchkey

import "time"

// A Rate is how often something may happen: Burst times at once, and after that again and again with Every between.
// The zero value forbids nothing.
type Rate struct {
	Every time.Duration // between two, once the burst is used up
	Burst int           // at least 1
}

// IsZero reports the rate that forbids nothing.
func (r Rate) IsZero() bool { return r == Rate{} }

// A Take asks a limiter for one unit of a Rate under a key.
type Take struct {
	Key  string // what is counted: the policy's name and whom it counts, "start/ip/192.0.2.7"; at most 200 bytes
	Rate Rate
}

// A Tally is how a key stands after a Take.
type Tally struct {
	Allowed   bool
	Remaining int           // units left at once
	Retry     time.Duration // until the next unit, if it was refused
	Reset     time.Duration // until the whole burst is there again
}

// Take is the rule of every limiter, the generic cell rate algorithm (GCRA; ITU-T I.371): all that is kept of a key is the
// time at which its burst would be whole again, full; zero or past for a key that is not known. A refusal changes nothing.
func (r Rate) Take(full, now time.Time) (next time.Time, t Tally) {
	if r.IsZero() {
		return full, Tally{Allowed: true}
	}
	if full.Before(now) {
		full = now
	}
	next = full.Add(r.Every)
	room := time.Duration(r.Burst) * r.Every
	if over := next.Sub(now) - room; over > 0 {
		return full, Tally{Retry: over, Reset: full.Sub(now)}
	}
	return next, Tally{
		Allowed: true, Remaining: int((room - next.Sub(now)) / r.Every), Reset: next.Sub(now),
	}
}
