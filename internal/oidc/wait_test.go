package oidc_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/polls"
)

// link gives the message that was just put into the outbox, and the token of its link.
func (w *world) link() (m latchkey.Message, token latchkey.Secret) {
	w.t.Helper()
	select {
	case m = <-w.outbox:
	default:
		w.t.Fatal("no message in the outbox")
	}
	if !m.Link {
		w.t.Fatal("the message of a login page carries no link")
	}
	token, ok := w.secrets.LinkToken(m.Challenge, m.Project, m.To)
	if !ok {
		w.t.Fatal("no link can be derived from the message")
	}
	return m, token
}

// wait asks as the page's script does. header is more headers, as pairs; one that is given again replaces.
func (b *browser) wait(header ...string) reply {
	b.w.t.Helper()
	return b.w.post("/wait", b.form(""), append([]string{"Sec-Fetch-Site", "same-origin", "Cookie", b.cookie}, header...)...)
}

// A door tells when a poll begins to wait.
func (w *world) door() <-chan struct{} {
	in := make(chan struct{}, 10)
	w.server.Polls = &polls.Places{Holding: func(delta int) {
		if delta > 0 {
			in <- struct{}{}
		}
	}}
	return in
}

// TestWaitForTheLink: the page is told the code when the link is approved, whenever it asks; the code is the one that was
// sent, and completes the login.
func TestWaitForTheLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login.Hold = time.Minute
	in := w.door()
	b := w.open()
	b.press("address", "address", player)
	m, token := w.link()
	answers := make(chan reply)
	go func() { answers <- b.wait() }()
	<-in
	_, err := w.login.Approve(t.Context(), token, 0, latchkey.Origin{})
	w.must(err)
	var early, late struct{ Code string }
	(<-answers).ok(&early)
	b.wait().ok(&late)
	right, _ := w.secrets.Code(m.Challenge, m.Project, m.To, m.Digits)
	if early.Code != right.Reveal() || late != early {
		t.Errorf("the page is told %q, and later %q; want the code of the message", early.Code, late.Code)
	}
	b.press("code", "code", early.Code)
	b.ends("the code that the page was told")
}

// TestWaitTellsNobodyElse: only the page whose login it is, in its browser, at its issuer; and nothing before there is a
// link, after a no, and after the code's life.
func TestWaitTellsNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, other := w.open(), w.open()
	first := b.wait()
	b.press("address", "address", player)
	_, token := w.link()
	_, err := w.login.Approve(t.Context(), token, 0, latchkey.Origin{})
	w.must(err)
	elsewhere := *w
	elsewhere.issuer = latchkey.Issuer(publicURL, w.other)
	changed := b.form("")
	changed.Set("request", "A"+b.box()[1:])
	for name, r := range map[string]reply{
		"before an address":       first,
		"from another site":       b.wait("Sec-Fetch-Site", "cross-site"),
		"from a neighbouring one": b.wait("Sec-Fetch-Site", "same-site"),
		"by a navigation":         b.wait("Sec-Fetch-Site", "none"),
		"in another browser":      b.wait("Cookie", other.cookie),
		"without a cookie":        b.wait("Cookie", ""),
		"changed":                 w.post("/wait", changed, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
		"at another issuer":       elsewhere.post("/wait", b.form(""), "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
		"without a request":       w.post("/wait", nil, "Sec-Fetch-Site", "same-origin", "Cookie", b.cookie),
	} {
		if r.fails(name, 400, "invalid_request"); strings.Contains(string(r.body), "code\":") {
			t.Errorf("%s: told %s", name, r.body)
		}
		if r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: another origin may read the answer", name)
		}
	}
	_, err = w.login.Deny(t.Context(), token, latchkey.Origin{})
	w.must(err)
	nothing := func(what string, r reply) {
		t.Helper()
		if r.status != http.StatusNoContent || len(r.body) > 0 {
			t.Errorf("%s: %d %s, want 204 and nothing", what, r.status, r.body)
		}
	}
	nothing("after a no", b.wait())
	b.press("again")
	_, token = w.link()
	nothing("before the link is opened", b.wait())
	_, err = w.login.Approve(t.Context(), token, 0, latchkey.Origin{})
	w.must(err)
	w.clock.move(4 * time.Minute)
	nothing("after the code's life", b.wait())
}

// TestWaitTakesAPlace among the polls of everybody.
func TestWaitTakesAPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login.Hold = time.Minute
	in := w.door()
	w.server.Polls.PerClient = 1
	b := w.open()
	b.press("address", "address", player)
	_, token := w.link()
	answers := make(chan reply)
	go func() { answers <- b.wait() }()
	<-in
	r := b.wait()
	if r.fails("a second one", 429, "temporarily_unavailable"); r.header.Get("Retry-After") == "" {
		t.Error("nothing says when to come again")
	}
	_, err := w.login.Approve(t.Context(), token, 0, latchkey.Origin{})
	w.must(err)
	<-answers
	if r := b.wait(); r.status != http.StatusOK {
		t.Errorf("the place is not free afterwards: %d %s", r.status, r.body)
	}
}
