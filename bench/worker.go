package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"
)

// A load is what every worker of a scenario does.
type load struct {
	oauth2   bool
	host     string
	project  string
	start    string // path and query of the start call
	confirm  string
	callback string // where a login must end
	client   string // client_id on OAuth 2.0
	sink     *sink
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
	state    = "bench-state"
)

func newLoad(s *server, k *sink, oauth2 bool) load {
	l := load{oauth2: oauth2, host: s.host, project: s.project, callback: callbackURL, client: s.client, sink: k}
	if oauth2 {
		q := url.Values{"client_id": {s.client}, "response_type": {"code"}, "state": {state}, "scope": {"offline"}}
		l.start = "/api/oauth2/login/email/request?" + q.Encode()
		l.confirm = "/api/oauth2/login/email/confirm?client_id=" + s.client
		return l
	}
	l.start = "/api/login/email/request?projectId=" + s.project
	l.confirm = "/api/login/email/confirm?projectId=" + s.project
	return l
}

// A worker is one person after the other at one device: one connection, one login at a time.
type worker struct {
	load    load
	name    string   // makes its addresses its own
	pool    []string // the addresses that it uses in turn; empty: a new one every time
	known   []int    // or the seeded users that it picks from: the first, past the last, and the step
	count   int
	client  *client
	box     chan mail
	timer   *time.Timer
	due     time.Time // when its login was to begin; zero: when it does
	token   string    // of the last login
	samples []sample
}

// hire gives every worker a connection and its share of the pool.
func hire(o options, s *server, k *sink, users string) ([]*worker, error) {
	l := newLoad(s, k, o.Protocol == "oauth2")
	crew := make([]*worker, 0, o.hands())
	for i := range o.hands() {
		c, err := s.dial()
		if err != nil {
			dismiss(crew)
			return nil, err
		}
		w := &worker{
			load: l, name: fmt.Sprintf("%s%d", users, i), client: c, box: make(chan mail, 1), timer: time.NewTimer(0),
		}
		switch {
		case users == "returning" && o.Seed >= o.hands():
			w.known = []int{i, o.Seed, o.hands()}
		case users == "returning":
			for n := i; n < o.Pool; n += o.hands() {
				w.pool = append(w.pool, fmt.Sprintf("%s-%d@bench.example.com", users, n))
			}
		}
		crew = append(crew, w)
	}
	return crew, nil
}

func dismiss(crew []*worker) {
	for _, w := range crew {
		w.client.Close()
	}
}

// until signs in again and again until end. The first failure stops the other workers too.
func (w *worker) until(ctx context.Context, fail context.CancelCauseFunc, end time.Time) error {
	for time.Now().Before(end) && ctx.Err() == nil {
		if err := w.login(ctx, w.next()); err != nil {
			fail(err)
			return err
		}
	}
	return ctx.Err()
}

// once signs in everybody of the pool, so that they are known afterwards, and forgets the samples.
func (w *worker) once(ctx context.Context, fail context.CancelCauseFunc) error {
	for range w.pool {
		if err := w.login(ctx, w.next()); err != nil {
			fail(err)
			return err
		}
	}
	w.samples = nil
	return nil
}

func (w *worker) next() string {
	w.count++
	if w.known != nil { // anybody of them, so that no cache has seen most of them
		first, end, step := w.known[0], w.known[1], w.known[2]
		return seedAddress(first + step*rand.IntN((end-first+step-1)/step))
	}
	if len(w.pool) > 0 {
		return w.pool[w.count%len(w.pool)]
	}
	return fmt.Sprintf("%s-%d@bench.example.com", w.name, w.count)
}

// login is one complete login: start, read the mail, confirm and, on OAuth 2.0, exchange the code for a token.
func (w *worker) login(ctx context.Context, address string) error {
	var x sample
	w.load.sink.expect(address, w.box)
	began := w.due
	if began.IsZero() {
		began = time.Now()
	}
	var started struct {
		Operation string `json:"operation_id"`
	}
	if err := w.call(w.load.start, jsonType, fmt.Appendf(nil, `{"email":%q}`, address), &started); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	answered := time.Now()
	x.start = answered.Sub(began)
	m, err := w.readMail(ctx)
	if err != nil {
		return err
	}
	x.mail = max(0, m.at.Sub(answered))
	var completed struct {
		URL string `json:"login_url"`
	}
	began = time.Now()
	body := fmt.Appendf(nil, `{"code":%q,"email":%q,"operation_id":%q}`, m.code, address, started.Operation)
	if err := w.call(w.load.confirm, jsonType, body, &completed); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	x.done = time.Now()
	x.confirm = x.done.Sub(began)
	if err := w.finish(completed.URL, &x); err != nil {
		return err
	}
	w.samples = append(w.samples, x)
	return nil
}

// finish takes the token out of the URL that the login ended at, or gets it for the code there.
func (w *worker) finish(end string, x *sample) error {
	query, ok := strings.CutPrefix(end, w.load.callback+"?")
	if !ok {
		return fmt.Errorf("confirm: the login ended at %s, not at %s", end, w.load.callback)
	}
	if !w.load.oauth2 {
		token, ok := strings.CutPrefix(query, "token=")
		if token, _, _ = strings.Cut(token, "&"); !ok || strings.Count(token, ".") != 2 {
			return errors.New("confirm: the login ended without a token")
		}
		w.token = token
		return nil
	}
	q, err := url.ParseQuery(query)
	if err != nil || q.Get("code") == "" || q.Get("state") != state {
		return fmt.Errorf("confirm: the login ended without a code or with another state: %s", end)
	}
	var granted struct {
		Access string `json:"access_token"`
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {w.load.client}, "code": {q.Get("code")},
		"redirect_uri": {w.load.callback},
	}
	began := time.Now()
	if err := w.call("/api/oauth2/token", formType, []byte(form.Encode()), &granted); err != nil {
		return fmt.Errorf("token: %w", err)
	}
	x.done = time.Now()
	x.token, w.token = x.done.Sub(began), granted.Access
	return nil
}

func (w *worker) call(path, contentType string, body []byte, answer any) error {
	status, got, err := w.client.post(path, contentType, body)
	if err != nil {
		return err
	}
	if status != 200 {
		return fmt.Errorf("status %d: %s", status, got)
	}
	return json.Unmarshal(got, answer)
}

func (w *worker) readMail(ctx context.Context) (mail, error) {
	w.timer.Reset(callTimeout)
	select {
	case m := <-w.box:
		return m, m.err
	case <-ctx.Done():
		return mail{}, ctx.Err()
	case <-w.timer.C:
		return mail{}, fmt.Errorf("no mail within %v of the start call", callTimeout)
	}
}

// proveToken shows the last token to the server: what was counted as a login must open the user's own page.
func (w *worker) proveToken() error {
	if w.token == "" {
		return fmt.Errorf("worker %s completed no login: make -for longer", w.name)
	}
	status, body, err := w.client.get("/api/users/me", w.token)
	if err != nil || status != 200 {
		return fmt.Errorf("the token of a counted login is not good: status %d: %s: %w", status, body, err)
	}
	return nil
}
