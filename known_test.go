package latchkey_test

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestKnownBrowser: a browser is known by who proved which address in it, in which project, until the time is over, the person is
// banned, all of their sessions are ended or they are gone, or the master secret is.
func TestKnownBrowser(t *testing.T) {
	t.Parallel()
	s := secrets(t, 1)
	held := s.KnownBrowser("", annUser(), ann, noon)
	if renewed := secrets(t, 2, 1).KnownBrowser(held, annUser(), ann, noon); len(renewed) != 32 || !secrets(t, 2).KnowsBrowser(renewed, annUser(), ann, noon) {
		t.Error("a login after the secret was replaced does not move the mark to the new one")
	}
	day := noon.Truncate(24 * time.Hour)
	last := day.Add(latchkey.KnownBrowserLife)
	with := func(change func(*latchkey.User)) latchkey.User {
		u := annUser()
		change(&u)
		return u
	}
	for name, tt := range map[string]struct {
		keys latchkey.Secrets
		user latchkey.User
		to   latchkey.Address
		at   time.Time
		want bool
	}{
		"at once":                     {s, annUser(), ann, noon, true},
		"at the last moment":          {s, annUser(), ann, last.Add(-1), true},
		"at its end":                  {s, annUser(), ann, last, false},
		"another address":             {s, annUser(), bob, noon, false},
		"another address of theirs":   {s, annUser(), phone, noon, false},
		"another user of the address": {s, with(func(u *latchkey.User) { u.ID.UUID[15]++ }), ann, noon, false},
		"nobody":                      {s, latchkey.User{}, ann, noon, false},
		"another project":             {s, with(func(u *latchkey.User) { u.Project = foreign }), ann, noon, false},
		"all sessions ended":          {s, annUser().LogOut(), ann, noon, false},
		"banned":                      {s, with(func(u *latchkey.User) { u.Ban.From = noon.Add(-time.Hour) }), ann, noon, false},
		"banned for a while":          {s, with(func(u *latchkey.User) { u.Ban.From, u.Ban.Until = noon.Add(-2), noon.Add(-1) }), ann, noon, true},
		"the secret was replaced":     {secrets(t, 2, 1), annUser(), ann, noon, true},
		"the secret is gone":          {secrets(t, 2), annUser(), ann, noon, false},
	} {
		if got := tt.keys.KnowsBrowser(held, tt.user, tt.to, tt.at); got != tt.want {
			t.Errorf("%s: known is %v, want %v", name, got, tt.want)
		}
	}
}

// TestKnownBrowserIsNotForged: whatever is changed about a mark makes it worthless, and what was made for nobody is nobody's.
func TestKnownBrowserIsNotForged(t *testing.T) {
	t.Parallel()
	s := secrets(t, 1)
	held := s.KnownBrowser("", annUser(), ann, noon).Reveal()
	for i := range held {
		for _, letter := range []byte("Aa0-_=\n é") {
			forged := held[:i] + string(letter) + held[i+1:]
			if forged != held && s.KnowsBrowser(latchkey.Secret(forged), annUser(), ann, noon) {
				t.Errorf("letter %d changed to %q is taken", i+1, letter)
			}
		}
	}
	for _, text := range []string{"", held[1:], held + "A", held + "\n", strings.Repeat(held, 6), held[:16] + "\n\n\n\n" + held[16:28]} {
		if s.KnowsBrowser(latchkey.Secret(text), annUser(), ann, noon) {
			t.Errorf("%q is taken", text)
		}
	}
	nobodys := s.KnownBrowser("", latchkey.User{}, ann, noon)
	if s.KnowsBrowser(nobodys, latchkey.User{}, ann, noon) {
		t.Error("a mark of nobody makes an address known that nobody has")
	}
}

// TestKnownBrowserHoldsAFewAddresses: the newest five, each once, however often its person signs in or out everywhere; what is over
// or was never made here goes.
func TestKnownBrowserHoldsAFewAddresses(t *testing.T) {
	t.Parallel()
	s := secrets(t, 1)
	var users []latchkey.User
	var held latchkey.Secret
	for i := range 7 {
		u := annUser()
		u.ID.UUID[15] = byte(i)
		users = append(users, u)
	}
	at := noon
	for _, i := range []int{0, 1, 2, 3, 4, 2, 2, 5, 2} {
		if i == 2 {
			users[i] = users[i].LogOut() // a login that ends all others
		}
		held = s.KnownBrowser(held, users[i], ann, at)
		at = at.Add(24 * time.Hour)
	}
	for i, want := range []bool{false, true, true, true, true, true, false} {
		if got := s.KnowsBrowser(held, users[i], ann, at); got != want {
			t.Errorf("user %d is known: %v, want %v", i, got, want)
		}
	}
	if len(held) != 5*32 {
		t.Errorf("a cookie of five has %d letters, want 160", len(held))
	}
	for _, tt := range []struct {
		what string
		held latchkey.Secret
		at   time.Time
	}{
		{"what is over", held, at.Add(latchkey.KnownBrowserLife)},
		{"what another server made", secrets(t, 2).KnownBrowser("", users[1], ann, noon), noon},
		{"what nobody made", "made up", noon},
	} {
		if got := s.KnownBrowser(tt.held, users[6], ann, tt.at); len(got) != 32 {
			t.Errorf("%s is kept: %d letters, want 32", tt.what, len(got))
		}
	}
	again := s.KnownBrowser(held, users[1], ann, noon.Add(latchkey.KnownBrowserLife-24*time.Hour))
	if at := noon.Add(2*latchkey.KnownBrowserLife - 48*time.Hour); !s.KnowsBrowser(again, users[1], ann, at) || s.KnowsBrowser(again, users[3], ann, at) {
		t.Error("a login does not begin the time anew, or it does for the others")
	}
}

// TestASVS_16_2_5_KnownBrowserHidesAddresses: what a browser holds shows no address, and two people's marks have nothing in common.
func TestASVS_16_2_5_KnownBrowserHidesAddresses(t *testing.T) {
	t.Parallel()
	s := secrets(t, 1)
	other := annUser()
	other.ID.UUID[15]++
	a, b := s.KnownBrowser("", annUser(), ann, noon).Reveal(), s.KnownBrowser("", other, ann, noon).Reveal()
	if a[12:] == b[12:] || a == s.KnownBrowser("", annUser(), bob, noon).Reveal() {
		t.Error("the marks of two people, or of two addresses, are alike")
	}
	if a == secrets(t, 2).KnownBrowser("", annUser(), ann, noon).Reveal() {
		t.Error("a mark does not depend on the master secret")
	}
}

// FuzzKnowsBrowser: whatever a browser says, it is known only by a mark that was made here, and a cookie never grows past its five.
func FuzzKnowsBrowser(f *testing.F) {
	s := secrets(f, 1)
	held := s.KnownBrowser(s.KnownBrowser("", annUser(), bob, noon), annUser(), phone, noon).Reveal()
	for _, seed := range []string{"", held, held + held, strings.Repeat(held, 3), "x" + held, held[:31] + "\n", strings.Repeat("A", 160), strings.Repeat("=", 32)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s.KnowsBrowser(latchkey.Secret(text), annUser(), ann, noon) {
			t.Errorf("%q makes a browser known in which ann never was", text)
		}
		next := s.KnownBrowser(latchkey.Secret(text), annUser(), ann, noon)
		if len(next)%32 != 0 || len(next) > 160 || !s.KnowsBrowser(next, annUser(), ann, noon) {
			t.Errorf("after %q a login leaves %d letters, and is it known? ", text, len(next))
		}
	})
}
