package oidc_test

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
)

// seen is the page that a person sees, but for their address and the sealed request.
func (b *browser) seen(address string) string {
	masked := latchkey.CanonicalAddress(latchkey.Email, address).String()
	return strings.NewReplacer(b.box(), "box", address, "address", masked, "masked").Replace(string(b.page.body))
}

// TestASVS_6_3_8_LoginPagesListNobody: known and unknown, banned and free, of a closed project and of an open one, see the same
// pages after their address and after a wrong code.
func TestASVS_6_3_8_LoginPagesListNobody(t *testing.T) {
	t.Parallel()
	var started, refused string // of the first one, which the others are held to
	for _, signUp := range []latchkey.SignUp{{}, {Closed: true}, {Closed: true, Contact: "ask@example.test"}} {
		w := newWorld(t)
		const banned, stranger = "banned@example.test", "nobody@example.test"
		for _, one := range []string{player, banned} {
			b := w.open()
			b.press("address", "address", one)
			b.press("code", "code", w.sentCode())
			b.ends("the first login of " + one)
		}
		a := &admin.Service{Store: w.store, Now: w.clock.Now}
		us, err := w.store.Users(t.Context(), w.project, latchkey.CanonicalAddress(latchkey.Email, banned), latchkey.UserID{}, 1)
		w.must(err)
		w.must(a.Ban(t.Context(), us[0].ID, time.Time{}, "cheating"))
		p, err := w.store.Project(t.Context(), w.project)
		w.must(err)
		p.Defence.SignUp = signUp
		w.must(a.UpdateProject(t.Context(), p))
		for _, one := range []string{player, banned, stranger} {
			b := w.open()
			b.press("address", "address", one)
			b.shows(one, 200, "code")
			start, code := b.seen(one), w.sentCode()
			b.press("code", "code", "0"+code)
			b.shows(one+" with a wrong code", 200, "code")
			wrong := b.seen(one)
			if started == "" {
				started, refused = start, wrong
			}
			if start != started {
				t.Errorf("%s, sign-up %+v: the page after the address is\n%s\nfor a user of an open project\n%s", one, signUp, start, started)
			}
			if wrong != refused {
				t.Errorf("%s, sign-up %+v: the page after a wrong code is\n%s\nfor a user of an open project\n%s", one, signUp, wrong, refused)
			}
			if one != stranger || !signUp.Closed {
				continue
			}
			b.press("code", "code", code)
			if b.shows("a stranger's right code", 200, "code"); b.seen(one) != refused {
				t.Errorf("a stranger's right code leads to\n%s", b.seen(one))
			}
		}
	}
}
