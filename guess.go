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
// not reset them, a completed login does (NIST SP 800-63B-4 §3.2.2). The zero value is an address that nobody guessed
// at.
type Guesses struct {
	Total       int       // from anywhere
	FromNetwork int       // from the network that is asking
	NextTry     time.Time // UTC; before it the network's answers are not judged; zero: at once
}

// From patience tries on, a network waits firstWait for the next one, doubling up to longestWait. At maxAlone tries
// from anywhere a code no longer suffices alone. All four figures: NIST SP 800-63B-4 §3.2.2, design.md §3.
const (
	patience    = 10
	maxAlone    = 100
	firstWait   = 30 * time.Second
	longestWait = time.Hour
)

// Wrong counts one wrong answer given at now.
func (g Guesses) Wrong(now time.Time) Guesses {
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

// LinkFirst reports that a code alone no longer suffices for the address: every message to it carries the link, and a
// code works once its link is pressed. So nobody can go on guessing, and nobody can lock the owner out.
func (g Guesses) LinkFirst() bool { return g.Total >= maxAlone }
