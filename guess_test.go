package latchkey_test

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-dev/latchkey"
)

// Ten free tries, then 30 s, doubling to an hour.
func TestNIST_3_2_2_GrowingWaits(t *testing.T) {
	t.Parallel()
	waits := map[int]time.Duration{
		1: 0, 9: 0, 10: 30 * time.Second, 11: time.Minute, 12: 2 * time.Minute, 13: 4 * time.Minute, 14: 8 * time.Minute,
		15: 16 * time.Minute, 16: 32 * time.Minute, 17: time.Hour, 18: time.Hour, 73: time.Hour, 74: time.Hour, 99: time.Hour, 1000: time.Hour,
	}
	var g latchkey.Guesses
	if g.Wait(noon) != 0 || g.LinkFirst(noon) {
		t.Error("an address that nobody guessed at waits")
	}
	for n := 1; n <= 1000; n++ {
		g = g.Wrong(noon)
		if want, ok := waits[n]; ok && g.Wait(noon) != want {
			t.Errorf("after %d wrong answers the next waits %v, want %v", n, g.Wait(noon), want)
		}
		if g.LinkFirst(noon) != (n >= 100) {
			t.Errorf("after %d wrong answers a code alone suffices: %v", n, !g.LinkFirst(noon))
		}
	}
}

func TestGuessesWaitEnds(t *testing.T) {
	t.Parallel()
	g := latchkey.Guesses{Total: 9, FromNetwork: 9}.Wrong(noon)
	for after, want := range map[time.Duration]time.Duration{
		0: 30 * time.Second, time.Second: 29 * time.Second, 30*time.Second - 1: 1, 30 * time.Second: 0, time.Hour: 0,
	} {
		if got := g.Wait(noon.Add(after)); got != want {
			t.Errorf("%v later the wait is %v, want %v", after, got, want)
		}
	}
}

// Someone else's guesses bring the link, but no wait: nobody can lock the owner out (ASVS 6.1.1).
func TestASVS_6_1_1_NoMaliciousLockOut(t *testing.T) {
	t.Parallel()
	owner := latchkey.Guesses{Total: 5000}
	if owner.Wait(noon) != 0 {
		t.Error("the owner's network waits for what another network did")
	}
	if !owner.LinkFirst(noon) {
		t.Error("after 5000 wrong answers from elsewhere a code alone suffices")
	}
	c := in(latchkey.Approved)
	if _, err := c.Answer(right, right, owner.LinkFirst(noon), noon); err != nil {
		t.Errorf("the owner, who pressed the link, is refused: %v", err)
	}
}

func TestGuessesNeverFallNorWaitLess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var g latchkey.Guesses
		now := noon
		for range rapid.IntRange(1, 200).Draw(t, "guesses") {
			now = now.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "seconds")) * time.Second)
			next := g.Wrong(now)
			if next.Total != g.Total+1 || next.FromNetwork != g.FromNetwork+1 || next.NextTry.Before(g.NextTry) && g.Wait(now) > 0 {
				t.Fatalf("%+v became %+v", g, next)
			}
			if next.Wait(now) > time.Hour || next.FromNetwork >= 10 && next.Wait(now) < 30*time.Second {
				t.Fatalf("wait of %v after %d", next.Wait(now), next.FromNetwork)
			}
			g = next
		}
	})
}

// TestNIST_3_2_2_AMonthOfGuesses: whoever guesses for 30 days, from as many networks as they like, has a chance of a
// thousandth at the most, although the owner's logins clear the count of guesses in a row; and the owner gets in every time.
func TestNIST_3_2_2_AMonthOfGuesses(t *testing.T) {
	t.Parallel()
	const days = 30
	for name, every := range map[string]time.Duration{"never": 31 * 24 * time.Hour, "daily": 24 * time.Hour, "hourly": time.Hour} {
		var g latchkey.Guesses
		chances, login, u := 0, noon.Add(every), annUser()
		for now := noon; now.Before(noon.Add(days * 24 * time.Hour)); now = now.Add(10 * time.Second) {
			if !now.Before(login) {
				login = now.Add(every)
				c := in(latchkey.Waiting)
				if c.Expires = now.Add(180 * time.Second); g.LinkFirst(now) {
					c.State = latchkey.Approved // the owner's own link, which came with the code
				}
				out := attempt(right).Judge(c, latchkey.Guesses{Total: g.Total, Whole: g.Whole}, u, now)
				if out.Verdict != nil {
					t.Fatalf("%s: the owner is refused: %v", name, out.Verdict)
				}
				g = out.Guesses
			}
			if !g.LinkFirst(now) {
				chances++
			}
			g = latchkey.Guesses{Total: g.Total, Whole: g.Whole}.Wrong(now) // from a network of its own
		}
		if p := float64(chances) / 1e6; p > 0.001 {
			t.Errorf("owner signs in %s: %d guesses that could be right in %d days, %.2g of finding the code", name, chances, days, p)
		} else {
			t.Logf("owner signs in %s: %d guesses that could be right in %d days, %.2g of finding the code", name, chances, days, p)
		}
	}
}

// The long count is of what could have been right, comes back one by one, and goes once it is whole.
func TestLongCount(t *testing.T) {
	t.Parallel()
	var g latchkey.Guesses
	for range 400 {
		g = latchkey.Guesses{Whole: g.Wrong(noon).Whole}
	}
	each := 108 * time.Minute
	switch more := g.Wrong(noon); {
	case !g.LinkFirst(noon):
		t.Error("after 400 wrong answers, logins between them, a code alone suffices")
	case more.Whole != g.Whole || !(latchkey.Guesses{Total: 100}).Wrong(noon).Whole.IsZero():
		t.Error("a guess that could not be right used up the long count")
	case g.LinkFirst(noon.Add(each)):
		t.Error("after 108 minutes the next guess needs the link still")
	case !g.Wrong(noon.Add(each)).LinkFirst(noon.Add(each)):
		t.Error("after 108 minutes two guesses need no link")
	case g.LoggedIn(noon.Add(400*each-1)).IsZero() || !g.LoggedIn(noon.Add(400*each)).IsZero():
		t.Error("the long count is not remembered until it is whole, and no longer")
	}
}

func TestNetworkOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]latchkey.Network{
		"192.0.2.7":            "192.0.2.7",
		"::ffff:192.0.2.7":     "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::":       "2001:db8:1:2::/64",
		"2001:db8:1:3::1":      "2001:db8:1:3::/64",
		"fe80::1%eth0":         "fe80::/64",
		"::1":                  "::/64",
	} {
		if got := latchkey.NetworkOf(netip.MustParseAddr(in)); got != want {
			t.Errorf("NetworkOf(%s) = %s, want %s", in, got, want)
		}
	}
	if got := latchkey.NetworkOf(netip.Addr{}); got != "unknown" {
		t.Errorf("no address is network %q", got)
	}
}
