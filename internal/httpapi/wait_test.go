package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// pollQuery is what GET /otc/code needs.
func pollQuery(w *world, a way, operation string) url.Values {
	return url.Values{"projectId": {w.project.String()}, "login": {a.address}, "operation_id": {operation}}
}

// approve presses the button behind the link of an operation.
func (w *world) approve(a way, m latchkey.Message) {
	w.t.Helper()
	_, err := w.server.Login.Approve(w.t.Context(), w.linkToken(m), 0, latchkey.Origin{})
	w.must(err)
}

// linkToken is the last part of the link in m.
func (w *world) linkToken(m latchkey.Message) latchkey.Secret {
	w.t.Helper()
	token, ok := w.secrets.LinkToken(m.Challenge, m.Project, m.To)
	if !ok {
		w.t.Fatal("no link token can be derived from the message")
	}
	return token
}

// startLink starts a login whose message carries a link.
func (w *world) startLink(a way) latchkey.Message {
	w.t.Helper()
	w.post(a.path+"/request", a.query(w), body{a.member: a.address, "send_link": true, "link_url": linkURL}).ok(&struct{}{})
	return w.message()
}

// TestPollGivesTheApprovedCode: again and again until it is confirmed, and then no more.
func TestPollGivesTheApprovedCode(t *testing.T) {
	t.Parallel()
	for _, a := range ways {
		t.Run(a.name(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m := w.startLink(a)
			q := pollQuery(w, a, m.Challenge.String())
			w.get("/api/otc/code", q).fails(408, "003-061")
			w.approve(a, m)
			var out struct{ Code string }
			for range 2 {
				w.get("/api/otc/code", q).ok(&out)
				if out.Code != w.codeOf(m) {
					t.Fatalf("the poll gives %s, the message %s", out.Code, w.codeOf(m))
				}
			}
			w.loginURL(w.confirm(a, m.Challenge.String(), out.Code))
			w.get("/api/otc/code", q).fails(408, "003-061")
		})
	}
}

// TestPollTellsNothing: what is unknown, dead or somebody else's is held and answered like what waits.
func TestPollTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	waiting := w.startLink(oauthPhone)
	approved := w.startLink(jwtEmail)
	w.approve(jwtEmail, approved)
	dead := w.startLink(jwtPhone)
	w.approve(jwtPhone, dead)
	w.clock.move(180 * time.Second)
	living := w.startLink(jwtEmail)
	w.approve(jwtEmail, living)

	change := func(q url.Values, name, value string) url.Values {
		q.Set(name, value)
		return q
	}
	mine := func() url.Values { return pollQuery(w, jwtEmail, living.Challenge.String()) }
	w.get("/api/otc/code", mine()).ok(&struct{}{}) // or the rest would prove nothing
	want := w.get("/api/otc/code", pollQuery(w, oauthPhone, waiting.Challenge.String()))
	for name, q := range map[string]url.Values{
		"expired":             pollQuery(w, jwtEmail, approved.Challenge.String()),
		"expired, by phone":   pollQuery(w, jwtPhone, dead.Challenge.String()),
		"unknown operation":   change(mine(), "operation_id", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		"no operation at all": change(mine(), "operation_id", "\xff\x00"),
		"foreign login":       change(mine(), "login", "someone.else@example.test"),
		"no login at all":     change(mine(), "login", "\xff"),
		"foreign project":     change(mine(), "projectId", w.other.String()),
		"no project at all":   change(mine(), "projectId", "demo"),
	} {
		got := w.get("/api/otc/code", q)
		if got.status != want.status || !bytes.Equal(got.body, want.body) || len(got.header) != len(want.header) {
			t.Errorf("%s: answered %d %s, one that waits %d %s", name, got.status, got.body, want.status, want.body)
		}
	}
	for _, name := range []string{"projectId", "login", "operation_id"} {
		if field := w.get("/api/otc/code", change(mine(), name, "")).fails(422, "002-028")["field"]; field != name {
			t.Errorf("without %s the details name %q", name, field)
		}
	}
}

// TestPollPlus: a plus that a query made a space is a plus (contract.md §1.8).
func TestPollPlus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.startLink(jwtPhone)
	w.approve(jwtPhone, m)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/api/otc/code?projectId="+w.project.String()+
		"&login=+12025550123&operation_id="+m.Challenge.String(), nil)
	w.must(err)
	w.do(r).ok(&struct{}{})
}

// TestPollWakes: approving answers every poll that waits, at once.
func TestPollWakes(t *testing.T) {
	t.Parallel()
	var held atomic.Int64
	waits := make(chan struct{}, 10)
	w := newWorld(t, func(w *world) {
		w.server.Login.Hold = time.Minute
		w.server.Polls.Holding = func(delta int) {
			held.Add(int64(delta))
			if delta > 0 {
				waits <- struct{}{}
			}
		}
	})
	m := w.startLink(jwtEmail)
	answers := make(chan reply)
	for range 2 {
		go func() { answers <- w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String())) }()
	}
	<-waits
	<-waits
	w.approve(jwtEmail, m)
	for range 2 {
		if r := <-answers; r.status != 200 {
			t.Errorf("a poll that overlaps another answered %d %s", r.status, r.body)
		}
	}
	if n := held.Load(); n != 0 {
		t.Errorf("the gauge of held polls is %d after all were answered", n)
	}
}

// TestPollDropped: a connection that breaks while it waits loses nothing, and is nobody's error.
func TestPollDropped(t *testing.T) {
	t.Parallel()
	ctx, drop := context.WithCancel(t.Context())
	w := newWorld(t, func(w *world) {
		w.server.Login.Hold = time.Minute
		w.server.Polls.Holding = func(delta int) {
			if delta > 0 {
				drop()
			}
		}
	})
	m := w.startLink(jwtEmail)
	target := "/api/otc/code?" + pollQuery(w, jwtEmail, m.Challenge.String()).Encode()
	w.server.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", target, nil))
	w.approve(jwtEmail, m)
	w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String())).ok(&struct{}{})
	if log := w.log.String(); strings.Contains(log, "ERROR") {
		t.Errorf("a dropped poll is logged as an error: %s", log)
	}
}

// TestPollAtShutdown: a held poll answers at once, so that its client moves on.
func TestPollAtShutdown(t *testing.T) {
	t.Parallel()
	waits := make(chan struct{}, 1)
	w := newWorld(t, func(w *world) {
		w.server.Login.Hold = time.Minute
		w.server.Polls.Holding = func(int) {
			select {
			case waits <- struct{}{}:
			default:
			}
		}
	})
	m := w.startLink(jwtEmail)
	answers := make(chan reply)
	go func() { answers <- w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String())) }()
	<-waits
	w.get("/readyz", nil).ok2()
	close(w.closing)
	(<-answers).fails(408, "003-061")
	w.get("/readyz", nil).fails(503, "503")
}

// TestPollOutlivesTheReadTimeout: the server's read timeout is for slow clients, not for one that waits.
func TestPollOutlivesTheReadTimeout(t *testing.T) { inBothWays(t, pollOutlivesTheReadTimeout) }

func pollOutlivesTheReadTimeout(t *testing.T, lobby bool) {
	const hold = 1500 * time.Millisecond
	w := newWorld(t, func(w *world) { w.server.Login.Hold = hold })
	srv := start(t, w.server, lobby) // with a read timeout of 1 s
	defer srv.Close()
	began := time.Now()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		srv.URL+"/api/otc/code?projectId="+w.project.String()+"&login=a@b.test&operation_id=x", nil)
	w.must(err)
	answer, err := srv.Client().Do(r)
	w.must(err)
	defer func() { _ = answer.Body.Close() }()
	if took := time.Since(began); answer.StatusCode != 408 || took < hold {
		t.Errorf("the poll answered %d after %v, before its %v were over", answer.StatusCode, took, hold)
	}
}

// TestStoreDown: 503 with Retry-After, and the log has the cause, the caller has not.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.get("/readyz", nil).ok2()
	w.store.die(&latchkey.Error{Code: latchkey.Unavailable, Message: "a fire drill", Field: "fire", Err: errors.New("disk on fire"), RetryAfter: 1500 * time.Millisecond})
	for name, r := range map[string]reply{
		"start":  w.post("/api/login/email/request", jwtEmail.query(w), body{"email": jwtEmail.address}, "X-Request-Id", "find-me"),
		"readyz": w.get("/readyz", nil),
	} {
		r.fails(503, "503")
		if bytes.Contains(r.body, []byte("fire")) {
			t.Errorf("%s: the answer shows the cause: %s", name, r.body)
		}
	}
	w.get("/healthz", nil).ok2()
	if log := w.log.String(); !bytes.Contains([]byte(log), []byte("disk on fire")) || !bytes.Contains([]byte(log), []byte(`"level":"ERROR"`)) ||
		!bytes.Contains([]byte(log), []byte("find-me")) {
		t.Errorf("the log lacks the cause, the level or the request id: %s", log)
	}
}

// ok2 wants any 2xx.
func (r reply) ok2() {
	r.t.Helper()
	if r.status/100 != 2 {
		r.t.Fatalf("status %d: %s", r.status, r.body)
	}
}
