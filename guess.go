package latchkey

import (
	"net/netip"
	"time"
)

// A Network is where guesses come from: an IPv4 address, or an IPv6 /64, since one household holds that many
// addresses. IPv4-mapped IPv6 is IPv4.
type Network string

// NetworkOf canonicalises an address.
func NetworkOf(ip netip.Addr) Network {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		p, _ := ip.Prefix(64) // 64 is a valid length for IPv6
		return Network(p.String())
	}
	if !ip.IsValid() {
		return "unknown"
	}
	return Network(ip.String())
}

// Guesses counts the wrong answers in a row for one address of one project, whatever the challenge: a new code does
// not reset them, a completed login does (NIST SP 800-63B-4 §3.2.2). The long count outlives logins too: else whoever
// guesses at somebody who signs in every day begins anew every day. The zero value is an address that nobody guessed at.
type Guesses struct {
	Total       int       // from anywhere
	FromNetwork int       // from the network that is asking
	NextTry     time.Time // UTC; before it the network's answers are not judged; zero: at once
	Whole       time.Time // UTC; of the long count, as Rate.Take keeps it: when all of it is there again; zero or past: it is
}

// From patience tries on, a network waits firstWait for the next one, doubling up to longestWait. At maxAlone tries
// from anywhere a code no longer suffices alone. All four figures: NIST SP 800-63B-4 §3.2.2, design.md §3.
const (
	patience    = 10
	maxAlone    = 100
	firstWait   = 30 * time.Second
	longestWait = time.Hour
)

// long is the long count. In any 30 days it lets twice its burst through, 800 guesses of one in a million: a chance of
// 0.08 %, whatever the owner does meanwhile. The burst is there for people who mistype and for their visitors' pranks.
var long = Rate{Every: 30 * 24 * time.Hour / 400, Burst: 400}

// IsZero reports that there is nothing to remember of the address.
func (g Guesses) IsZero() bool { return g.Total == 0 && g.Whole.IsZero() }

// Wrong counts one wrong answer given at now. The long count is of those that could have been right: not of the ones that
// came where a code alone did not suffice.
func (g Guesses) Wrong(now time.Time) Guesses {
	if !g.LinkFirst(now) {
		g.Whole, _ = long.Take(g.Whole, now)
	}
	g.Total++
	g.FromNetwork++
	if over := g.FromNetwork - patience; over >= 0 {
		wait := longestWait
		if over < 7 { // 30 s · 2^7 is past an hour
			wait = min(firstWait<<over, longestWait)
		}
		g.NextTry = now.Add(wait)
	}
	return g
}

// Wait is how long the network must wait before its next answer is judged; zero when it need not.
func (g Guesses) Wait(now time.Time) time.Duration { return max(0, g.NextTry.Sub(now)) }

// LoggedIn is what a login at now leaves: the long count, until it is whole.
func (g Guesses) LoggedIn(now time.Time) Guesses {
	if !g.Whole.After(now) {
		return Guesses{}
	}
	return Guesses{Whole: g.Whole}
}

// LinkFirst reports that a code alone does not suffice for the address at now: every message to it carries the link, and
// a code works once its link is pressed. So nobody can go on guessing, and nobody can lock the owner out.
func (g Guesses) LinkFirst(now time.Time) bool {
	_, t := long.Take(g.Whole, now)
	return g.Total >= maxAlone || !t.Allowed
}
