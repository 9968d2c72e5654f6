package oidc_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
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

// TestWaitInTheLobby: a page that waits there has the answers that it has with net/http, asked for the first time or again, and is
// observed as there.
func TestWaitInTheLobby(t *testing.T) {
	t.Parallel()
	type seen struct {
		status int
		body   string
		header http.Header
		called string
	}
	ask := func(t *testing.T, lobby bool) (all []seen) {
		w := newWorld(t)
		w.login.Hold = 100 * time.Millisecond
		observed := make(chan string, 20)
		w.server.Observe = func(route, method string, status int, _ time.Duration) { observed <- fmt.Sprint(route, method, status) }
		in, out := make(chan struct{}, 20), make(chan struct{}, 20)
		w.server.Polls = &polls.Places{Holding: func(delta int) {
			if delta > 0 {
				in <- struct{}{}
			} else {
				out <- struct{}{}
			}
		}}
		b := w.open()
		b.press("address", "address", player)
		m, token := w.link()
		for range 2 {
			<-observed
		}
		given := w.serve(lobby)
		step := func(meanwhile func()) {
			t.Helper()
			go func() { <-in; meanwhile() }()
			r := b.wait()
			right, _ := w.secrets.Code(m.Challenge, m.Project, m.To, m.Digits)
			r.header.Del("Date")
			all = append(all, seen{
				r.status, strings.Replace(string(r.body), right.Reveal(), "the code", 1), r.header, <-observed,
			})
			<-out
		}
		nothing := func() {}
		for range 3 {
			step(nothing)
		}
		step(func() { _, _ = w.login.Approve(context.Background(), token, 0, latchkey.Origin{}) })
		step(nothing) // which knows it at once
		if lobby && given() != 2 {
			t.Errorf("net/http was given the connection %d times for 5 waits, want 2", given())
		}
		return all
	}
	want, got := ask(t, false), ask(t, true)
	for i, status := range []int{204, 204, 204, 200, 200} {
		if want[i].status != status {
			t.Errorf("wait %d is answered %d by net/http, want %d", i+1, want[i].status, status)
		}
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("wait %d in the lobby:\n%+v\nwith net/http:\n%+v", i+1, got[i], want[i])
		}
	}
}

// serve has the world's calls go over TCP, with a lobby or without. It gives how often net/http was given a connection.
func (w *world) serve(lobby bool) (given func() int64) {
	w.t.Helper()
	var count atomic.Int64
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			count.Add(1)
		}
	}}
	main, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	if lobby {
		l, err := polls.NewLobby()
		w.must(err)
		if l == nil {
			w.t.Skip("this system has no lobby")
		}
		l.Server, l.Now, w.server.Lobby = srv, time.Now, l
		all.Go(func() { _ = srv.Serve(l) })
		all.Go(func() { _ = l.Run(ctx) })
	}
	srv.Handler = w.server.Handler()
	all.Go(func() { _ = srv.Serve(main) })
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", main.Addr().String())
	}
	through := &http.Transport{DialContext: dial, DialTLSContext: dial} // the issuer's URL is https
	w.http.Transport = through
	w.t.Cleanup(func() {
		through.CloseIdleConnections()
		_ = srv.Close()
		cancel()
		all.Wait()
	})
	return count.Load
}
