package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/httpapi"
	"github.com/latchkey-dev/latchkey/internal/polls"
)

// A ward tells when a poll begins to wait, and when one has ended.
type ward struct{ in, out chan struct{} }

func watch(s *httpapi.Server) ward {
	h := ward{make(chan struct{}, 1000), make(chan struct{}, 1000)}
	s.Polls.Holding = func(delta int) {
		if delta > 0 {
			h.in <- struct{}{}
		} else {
			h.out <- struct{}{}
		}
	}
	return h
}

// from makes a server believe the header From-Test.
func from(s *httpapi.Server) {
	s.ClientIP = func(r *http.Request) netip.Addr {
		a, _ := netip.ParseAddr(r.Header.Get("From-Test"))
		return a
	}
}

func TestHeldPollsAreLimited(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		most, perClient int
		held            []string
		refused, room   []string // who finds no place, and who does
	}{
		"per IPv4 address": {
			0, 2, []string{"192.0.2.1", "::ffff:192.0.2.1"}, []string{"192.0.2.1"}, []string{"192.0.2.2", "2001:db8::1"},
		},
		"per IPv6 network": {
			0, 2, []string{"2001:db8::1", "2001:db8::2"}, []string{"2001:db8::3"}, []string{"2001:db8:0:1::1", "192.0.2.1"},
		},
		"in all":   {2, 100, []string{"192.0.2.1", "192.0.2.2"}, []string{"192.0.2.1", "192.0.2.3", "2001:db8::1"}, nil},
		"no limit": {0, 0, []string{"192.0.2.1", "192.0.2.1", "192.0.2.1"}, nil, []string{"192.0.2.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := 0
			var held ward
			w := newWorld(t, func(w *world) {
				w.server.Login.Hold = time.Minute
				w.server.Polls.Most, w.server.Polls.PerClient = tt.most, tt.perClient
				w.server.Polls.Refused = func() { refused++ }
				held = watch(w.server)
				from(w.server)
			})
			m := w.startLink(jwtEmail)
			answers := make(chan reply, 10)
			poll := func(addr string) {
				answers <- w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String()), "From-Test", addr)
			}
			for _, addr := range tt.held {
				go poll(addr)
				<-held.in
			}
			for i, addr := range tt.refused {
				r := w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String()), "From-Test", addr)
				r.fails(429, "002-057")
				if r.header.Get("Retry-After") == "" || r.header.Get("Connection") != "close" {
					t.Errorf("%s is refused with Retry-After %q and Connection %q, want a time and close",
						addr, r.header.Get("Retry-After"), r.header.Get("Connection"))
				}
				if refused != i+1 {
					t.Errorf("%d refusals are counted, want %d", refused, i+1)
				}
			}
			for _, addr := range tt.room {
				go poll(addr)
				<-held.in
			}
			w.approve(jwtEmail, m)
			for range len(tt.held) + len(tt.room) {
				(<-answers).ok(&struct{}{})
			}
			for _, addr := range tt.refused { // the places are free again
				w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String()), "From-Test", addr).ok(&struct{}{})
			}
		})
	}
}

// TestPollReadsTheStoreOnce: however long it waits; and once more when its link was pressed.
func TestPollReadsTheStoreOnce(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{}, 10)
	w := newWorld(t, func(w *world) {
		w.server.Login.Hold = time.Minute
		w.store.onRead = func() { seen <- struct{}{} }
	})
	m := w.startLink(jwtEmail)
	answers := make(chan reply)
	for range 3 {
		go func() { answers <- w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String())) }()
	}
	for range 3 {
		<-seen
	}
	w.approve(jwtEmail, m)
	for range 3 {
		(<-answers).ok(&struct{}{})
	}
	w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String())).ok(&struct{}{}) // one that comes later
	if n := w.store.reads.Load(); n != 7 {
		t.Errorf("4 polls, 3 of which were woken, read the challenge %d times, want 7", n)
	}
}

// TestDeniedPollIsHeldOn: a poll that was there before the denial waits its time out as if nothing had happened.
func TestDeniedPollIsHeldOn(t *testing.T) {
	t.Parallel()
	const hold = 300 * time.Millisecond
	seen := make(chan struct{}, 1)
	w := newWorld(t, func(w *world) {
		w.server.Login.Hold = hold
		w.store.onRead = func() { seen <- struct{}{} }
	})
	m := w.startLink(jwtEmail)
	answers := make(chan reply)
	began := time.Now()
	go func() { answers <- w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String())) }()
	<-seen
	_, err := w.server.Login.Deny(t.Context(), w.linkToken(m), latchkey.Origin{})
	w.must(err)
	(<-answers).fails(408, "003-061")
	if took := time.Since(began); took < hold {
		t.Errorf("after the denial the poll was answered within %v, not held for %v", took, hold)
	}
}

// inBothWays runs a test of polls that wait in a lobby, and of polls that wait on net/http's goroutines.
func inBothWays(t *testing.T, test func(t *testing.T, lobby bool)) {
	t.Helper()
	t.Parallel()
	for name, lobby := range map[string]bool{"in a lobby": true, "with net/http": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, lobby)
		})
	}
}

// start serves s over TCP, with a lobby or without, until Close.
func start(t *testing.T, s *httpapi.Server, lobby bool, options ...func(*http.Server)) *httptest.Server {
	t.Helper()
	var l *polls.Lobby
	if lobby {
		var err error
		if l, err = polls.NewLobby(); err != nil {
			t.Fatal(err)
		}
		if l == nil {
			t.Skip("this system has no lobby")
		}
		l.Now, l.Closing = time.Now, s.Login.Closing
		s.Lobby = l
	}
	srv := httptest.NewUnstartedServer(s.Handler())
	srv.Config.ReadTimeout = time.Second // for slow clients, not for one that waits
	for _, o := range options {
		o(srv.Config)
	}
	if l != nil {
		l.Server, srv.Config.IdleTimeout = srv.Config, time.Minute
		srv.Listener = withLobby{srv.Listener, l}
		go func() { _ = srv.Config.Serve(l) }()
		go func() { _ = l.Run(context.Background()) }()
	}
	srv.Start()
	return srv
}

// withLobby is a listener that closes a lobby with itself.
type withLobby struct {
	net.Listener
	lobby *polls.Lobby
}

func (l withLobby) Close() error {
	err := errors.Join(l.lobby.Close(), l.Listener.Close())
	l.lobby.Wait(context.Background())
	return err
}

// TestTheLobbyChangesNothing: a poll that waited there has the answer, the line in the log and the place in the metrics that it
// has with net/http.
func TestTheLobbyChangesNothing(t *testing.T) {
	t.Parallel()
	type seen struct {
		status   int
		body     string
		header   http.Header
		route    string
		method   string
		observed int
		logged   []string
		waiting  int
	}
	ask := func(t *testing.T, lobby bool, until func(w *world, m latchkey.Message)) (got seen) {
		var held ward
		observed := make(chan struct{}, 1)
		w := newWorld(t, func(w *world) {
			w.server.Login.Hold = 1200 * time.Millisecond
			held = watch(w.server)
		})
		m := w.startLink(jwtEmail)
		w.server.Observe = func(route, method string, status int, took time.Duration) {
			got.route, got.method, got.observed = route, method, status
			observed <- struct{}{}
		}
		before := len(w.log.String())
		srv := start(t, w.server, lobby)
		defer srv.Close()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/api/otc/code?"+pollQuery(w, jwtEmail, m.Challenge.String()).Encode(), nil)
		w.must(err)
		r.Header.Set("X-Request-Id", "find-me")
		r.Header.Set("Origin", origin)
		go func() {
			<-held.in
			until(w, m)
		}()
		a, err := srv.Client().Do(r)
		w.must(err)
		defer func() { _ = a.Body.Close() }()
		body, err := io.ReadAll(a.Body)
		w.must(err)
		<-observed
		<-held.out
		got.status, got.body, got.header, got.waiting = a.StatusCode, strings.Replace(string(body), w.codeOf(m), "the code", 1), a.Header, w.bell.Waiting()
		a.Header.Del("Date")
		for line := range strings.Lines(w.log.String()[before:]) {
			var attrs map[string]any
			w.must(json.Unmarshal([]byte(line), &attrs))
			if attrs["msg"] == "request" {
				got.logged = append(got.logged, fmt.Sprint(attrs["request_id"], attrs["method"], attrs["route"], attrs["status"], attrs["error"]))
			}
		}
		return got
	}
	for name, until := range map[string]func(*world, latchkey.Message){
		"approved":          func(w *world, m latchkey.Message) { w.approve(jwtEmail, m) },
		"nothing":           func(*world, latchkey.Message) {},
		"the server closes": func(w *world, _ latchkey.Message) { close(w.closing) },
		"the store is down": func(w *world, m latchkey.Message) {
			w.store.die(&latchkey.Error{Code: latchkey.Unavailable, Err: errors.New("disk on fire")})
			w.bell.Ring(context.Background(), m.Challenge)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, got := ask(t, false, until), ask(t, true, until)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("in the lobby:\n%+v\nwith net/http:\n%+v", got, want)
			}
		})
	}
}

// wirePoll sends a poll over a connection of its own. The answer's status comes on the channel; 0 when there is none.
func wirePoll(t *testing.T, srv *httptest.Server, q string) (net.Conn, <-chan int) {
	t.Helper()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c, "GET /api/otc/code?%s HTTP/1.1\r\nHost: x\r\n\r\n", q); err != nil {
		t.Fatal(err)
	}
	status := make(chan int, 1)
	go func() {
		answer, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
		if err != nil {
			status <- 0
			return
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		_ = c.Close()
		status <- answer.StatusCode
	}()
	return c, status
}

// TestVanishedClientIsFreed: a connection that is closed gives its line at the bell back at once.
// TestNoPollLeavesAGoroutine holds the same of places and goroutines.
func TestVanishedClientIsFreed(t *testing.T) { inBothWays(t, vanishedClientIsFreed) }

func vanishedClientIsFreed(t *testing.T, lobby bool) {
	var held ward
	w := newWorld(t, func(w *world) {
		w.server.Login.Hold = time.Hour
		held = watch(w.server)
	})
	srv := start(t, w.server, lobby)
	defer srv.Close()
	q := pollQuery(w, jwtEmail, w.startLink(jwtEmail).Challenge.String()).Encode()
	for range 3 {
		c, status := wirePoll(t, srv, q)
		<-held.in
		if n := w.bell.Waiting(); n > 1 {
			t.Fatalf("the bell has %d lines for one poll", n)
		}
		w.must(c.Close())
		<-held.out // or the test never ends
		if n := w.bell.Waiting(); n != 0 {
			t.Fatalf("the bell has %d lines after the client left", n)
		}
		if got := <-status; got != 0 {
			t.Fatalf("a poll that should have been held was answered %d", got)
		}
	}
}

// TestShutdownAnswersEveryPoll with 408, so that its client moves on to the next node.
func TestShutdownAnswersEveryPoll(t *testing.T) { inBothWays(t, shutdownAnswersEveryPoll) }

func shutdownAnswersEveryPoll(t *testing.T, lobby bool) {
	const polls = 500
	var held ward
	w := newWorld(t, func(w *world) {
		w.server.Login.Hold = time.Hour
		held = watch(w.server)
	})
	srv := start(t, w.server, lobby)
	defer srv.Close()
	q := pollQuery(w, jwtEmail, w.startLink(jwtEmail).Challenge.String()).Encode()
	var answers []<-chan int
	for range polls {
		_, status := wirePoll(t, srv, q)
		answers = append(answers, status)
	}
	for range polls {
		<-held.in
	}
	close(w.closing)
	for _, status := range answers {
		if got := <-status; got != http.StatusRequestTimeout {
			t.Fatalf("a poll was answered %d at the shutdown, want 408", got)
		}
	}
}

// TestNoPollLeavesAGoroutine: 10,000 polls that are dropped, time out, are approved and meet a shutdown, in random order,
// over connections of their own. No goroutine, no place and no line at the bell is left.
func TestNoPollLeavesAGoroutine(t *testing.T) { // not parallel: every new goroutine is one of this test
	none := goleak.IgnoreCurrent()
	t.Run("10,000 polls", func(t *testing.T) {
		const rounds, most = 20, 500
		w := newWorld(t)
		for round := range rounds {
			pollRound(t, w, rand.New(rand.NewPCG(1, uint64(round))), most, round%2 == 0)
			if n := w.bell.Waiting(); n != 0 {
				t.Fatalf("round %d: the bell has %d lines left", round, n)
			}
		}
	})
	goleak.VerifyNone(t, none)
}

// The fates of a poll.
const (
	dropped = iota
	timedOut
	approved
	shutDown
)

func pollRound(t *testing.T, w *world, random *rand.Rand, most int, lobby bool) {
	t.Helper()
	closing := make(chan struct{})
	serve := func(hold time.Duration) (*httptest.Server, ward) {
		logins := *w.server.Login
		logins.Hold, logins.Closing = hold, closing
		s := &httpapi.Server{Login: &logins, Store: w.store, Log: w.server.Log, Polls: &polls.Places{Most: most}}
		held := watch(s)
		return start(t, s, lobby), held
	}
	patient, held := serve(time.Hour)
	hasty, left := serve(time.Millisecond)
	defer patient.Close() // returns when every connection is closed
	defer hasty.Close()

	links := make([]latchkey.Message, 5)
	for i := range links {
		links[i] = w.startLink(jwtEmail)
	}
	other := w.startLink(jwtEmail)
	fates := make([]int, most)
	conns := make([]net.Conn, most)
	answers := make([]<-chan int, most)
	waiting := 0
	for i := range fates {
		fates[i] = random.IntN(4)
		srv, m := patient, other
		switch fates[i] {
		case timedOut:
			srv = hasty
		case approved:
			m = links[random.IntN(len(links))]
		}
		if srv == patient {
			waiting++
		}
		conns[i], answers[i] = wirePoll(t, srv, pollQuery(w, jwtEmail, m.Challenge.String()).Encode())
	}
	for range waiting {
		<-held.in
	}
	press := random.Perm(most)
	for n, i := range press {
		if fates[i] == dropped {
			_ = conns[i].Close()
		}
		if n%(most/len(links)) == 0 {
			w.approve(jwtEmail, links[n*len(links)/most])
		}
	}
	want := [...]int{dropped: 0, timedOut: 408, approved: 200, shutDown: 408}
	for i, fate := range fates {
		if fate == approved && <-answers[i] != 200 {
			t.Fatal("an approved poll got no code")
		}
	}
	close(closing)
	for i, fate := range fates {
		if fate == approved {
			continue
		}
		if got := <-answers[i]; got != want[fate] {
			t.Fatalf("a poll of fate %d was answered %d, want %d", fate, got, want[fate])
		}
	}
	for range waiting {
		<-held.out
	}
	for range most - waiting {
		<-left.out
	}
}

// TestPollPlacesAddUp: places taken and given back by many at once add up.
func TestPollPlacesAddUp(t *testing.T) {
	t.Parallel()
	const most = 3
	w := newWorld(t, func(w *world) {
		w.server.Polls.Most, w.server.Polls.PerClient = most, most
		w.server.Login.Hold = time.Microsecond
		from(w.server)
	})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for range 20 {
				r := w.get("/api/otc/code", pollQuery(w, jwtEmail, "x"), "From-Test", fmt.Sprintf("192.0.2.%d", i%2))
				if r.status != 408 && r.status != 429 {
					t.Errorf("a poll was answered %d", r.status)
				}
			}
		})
	}
	all.Wait()
	for range most { // nobody is counted any more
		w.get("/api/otc/code", pollQuery(w, jwtEmail, "x"), "From-Test", "192.0.2.0").fails(408, "003-061")
	}
}

// TestAskedAgainIsTheSameCall: a poll that is asked again on its connection, which the lobby does without net/http, is counted
// against limits and places, observed, logged and answered as one that comes by the front door, and sees what has changed meanwhile.
func TestAskedAgainIsTheSameCall(t *testing.T) {
	t.Parallel()
	type seen struct {
		status int
		body   string
		header http.Header
		logged string
		called string
	}
	ask := func(t *testing.T, lobby bool, header string) (all []seen) {
		var held ward
		w := newWorld(t, limited(t, "poll-client=8/1h"), func(w *world) {
			w.server.Login.Hold = 100 * time.Millisecond
			held = watch(w.server)
		})
		observed := make(chan string, 1)
		w.server.Observe = func(route, method string, status int, _ time.Duration) { observed <- fmt.Sprint(route, method, status) }
		m := w.startLink(jwtEmail)
		<-observed
		connections := 0
		srv := start(t, w.server, lobby, func(s *http.Server) {
			s.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					connections++
				}
			}
		})
		defer srv.Close()
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		w.must(err)
		defer func() { _ = c.Close() }()
		answers := bufio.NewReader(c)
		ids := map[string]bool{}
		step := func() {
			t.Helper()
			before := len(w.log.String())
			_, err := fmt.Fprintf(c, "GET /api/otc/code?%s HTTP/1.1\r\nHost: x\r\nX-From: 192.0.2.1\r\nOrigin: %s\r\n%s\r\n", pollQuery(w, jwtEmail, m.Challenge.String()).Encode(), origin, header)
			w.must(err)
			a, err := http.ReadResponse(answers, nil)
			w.must(err)
			body, err := io.ReadAll(a.Body)
			w.must(err)
			_ = a.Body.Close()
			got := seen{a.StatusCode, strings.Replace(string(body), w.codeOf(m), "the code", 1), a.Header, "", <-observed}
			id := a.Header.Get("X-Request-Id")
			for line := range strings.Lines(w.log.String()[before:]) {
				var attrs map[string]any
				w.must(json.Unmarshal([]byte(line), &attrs))
				if attrs["msg"] == "request" {
					got.logged = fmt.Sprint(attrs["request_id"] == id, attrs["method"], attrs["route"], attrs["status"], attrs["error"])
				}
			}
			if header == "" {
				if len(id) != 16 || ids[id] {
					t.Errorf("the request id is %q, want a new one", id)
				}
				ids[id] = true
				a.Header.Del("X-Request-Id")
			}
			a.Header.Del("Date")
			all = append(all, got)
		}
		for range 4 {
			step()
			<-held.in
			<-held.out
		}
		w.approve(jwtEmail, m)
		step()
		w.store.die(&latchkey.Error{Code: latchkey.Unavailable, Err: errors.New("disk on fire")})
		step()
		w.store.die(nil)
		step()
		step()
		step() // one too many
		if lobby && connections != 2 {
			t.Errorf("net/http was given the connection %d times, want 2", connections)
		}
		if n := w.bell.Waiting(); n != 0 {
			t.Errorf("the bell has %d lines left", n)
		}
		return all
	}
	for name, header := range map[string]string{"no request id": "", "a request id": "X-Request-Id: find-me\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, got := ask(t, false, header), ask(t, true, header)
			for i, status := range []int{408, 408, 408, 408, 200, 503, 200, 200, 429} {
				if want[i].status != status {
					t.Errorf("question %d is answered %d by net/http, want %d", i+1, want[i].status, status)
				}
				if !reflect.DeepEqual(got[i], want[i]) {
					t.Errorf("question %d in the lobby:\n%+v\nwith net/http:\n%+v", i+1, got[i], want[i])
				}
			}
		})
	}
}
