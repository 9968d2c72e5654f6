package httpapi_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/cached"
	"github.com/latchkey-dev/latchkey/internal/catalog"
	"github.com/latchkey-dev/latchkey/internal/httpapi"
	"github.com/latchkey-dev/latchkey/internal/jose"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/memory"
	"github.com/latchkey-dev/latchkey/internal/telemetry"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// A track is the way in as serve wires it, limits and metrics included, before a store that costs nothing: what is left is
// decoding, the use case, signing and encoding. Its one challenge can be answered any number of times.
type track struct {
	latchkey.Store // nil: what is not below is not asked
	server         *httpapi.Server
	handler        http.Handler
	secrets        latchkey.Secrets
	now            time.Time
	project        latchkey.Project
	client         latchkey.Client
	keys           latchkey.Keys
	challenge      latchkey.Challenge
	user           latchkey.User
	code           latchkey.CodeID
}

func (s *track) Project(context.Context, latchkey.ProjectID) (latchkey.Project, error) {
	return s.project, nil
}

func (s *track) Client(context.Context, latchkey.ClientID) (latchkey.Client, error) {
	return s.client, nil
}

func (s *track) Keys(context.Context, latchkey.ProjectID) (latchkey.Keys, error) { return s.keys, nil }

func (s *track) StartChallenge(_ context.Context, x latchkey.Start, _ time.Time) (latchkey.Started, error) {
	return latchkey.Started{Challenge: x.Fresh}, nil
}

func (s *track) CompleteChallenge(_ context.Context, a latchkey.Attempt, _ time.Time) (latchkey.Outcome, error) {
	if !a.Right.Equal(a.Given) {
		return latchkey.Outcome{Verdict: latchkey.WrongCode}, nil
	}
	return latchkey.Outcome{Challenge: s.challenge, User: s.user, Code: latchkey.AuthorizationCode{ID: a.NewCode}}, nil
}

func (s *track) RedeemCode(_ context.Context, r latchkey.Redemption, now time.Time) (latchkey.Redeemed, error) {
	g := latchkey.Grant{ID: r.NewGrant, Project: r.Project, Client: r.Client, User: s.user.ID, Scope: "offline", Expires: now.Add(time.Hour)}
	return latchkey.Redeemed{Grant: g, User: s.user}, nil
}

func (s *track) Standing(context.Context, latchkey.UserID, latchkey.GrantID) (latchkey.User, latchkey.Grant, error) {
	return s.user, latchkey.Grant{}, nil
}

func (s *track) User(context.Context, latchkey.UserID) (latchkey.User, error) { return s.user, nil }

func newTrack(t testing.TB) *track {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := &track{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	var err error
	s.secrets, err = latchkey.NewSecrets([]byte("a master secret for tests, 32 bytes and more"))
	must(err)
	clock := func() time.Time { return s.now }
	signer := jose.New(s.secrets)
	s.project = latchkey.NewProject(projectID("00000000-0000-4000-8000-000000000001"), "Bench", s.now)
	s.project.Algorithm, s.project.CallbackURLs = latchkey.HS256, []string{"https://game.example.test/in"}
	key, err := signer.Generate(t.Context(), s.project.ID, latchkey.HS256, latchkey.ActiveKey, s.now)
	must(err)
	s.keys = latchkey.Keys{key}
	s.client = latchkey.Client{
		ID: 1, Project: s.project.ID, Name: "game", Kind: latchkey.PublicClient, RedirectURIs: []string{redirect},
	}
	to := latchkey.CanonicalAddress(latchkey.Email, "player@example.test")
	s.user = latchkey.User{ID: latchkey.UserID{UUID: latchkey.UUID{1}}, Project: s.project.ID, Email: to, Registered: s.now}
	s.challenge = latchkey.Challenge{
		ID: latchkey.ChallengeID{Handle: latchkey.NewHandle(s.now, s.secrets.Current(), [16]byte{1})}, Project: s.project.ID, To: to,
		Ask: latchkey.Ask{Client: 1, Redirect: redirect, State: "xsollatest"},
	}
	s.code = latchkey.CodeID{Handle: s.challenge.ID.Handle}

	store := cached.New(s, clock)
	texts, err := catalog.New()
	must(err)
	table, err := limits.Default().Override("all=1000000/1s")
	must(err)
	metrics := telemetry.New(nil)
	s.server = &httpapi.Server{
		Login: &login.Service{
			Store: store, Signer: signer, Secrets: s.secrets, Bell: &memory.Bell{}, Catalog: texts,
			Outbox: make(chan latchkey.Message), PublicURL: publicURL, Now: clock,
		},
		Tokens:   &token.Service{Store: store, Signer: signer, Secrets: s.secrets, PublicURL: publicURL, Now: clock},
		Accounts: &account.Service{Store: store, Signer: signer, PublicURL: publicURL, Now: clock},
		Store:    store, Observe: metrics.Request, Verdict: metrics.Login,
		Log:  slog.New(slog.NewJSONHandler(io.Discard, nil)),
		Gate: &limits.Gate{Limiter: memory.NewLimiter(1024), Table: table, Key: s.secrets.LimiterKey()},
	}
	s.handler = s.server.Before(s.server.Handler()) // as serve does
	return s
}

// A call is one request that can be made again and again.
type call struct {
	track  *track
	r      *http.Request
	body   string
	reader strings.Reader
	answer heads
}

// heads is an http.ResponseWriter that keeps nothing but the status.
type heads struct {
	header http.Header
	status int
}

func (h *heads) Header() http.Header         { return h.header }
func (h *heads) WriteHeader(status int)      { h.status = status }
func (h *heads) Write(b []byte) (int, error) { return len(b), nil }

func (s *track) call(method, path string, q url.Values, contentType, body string, header ...string) *call {
	c := &call{track: s, body: body, answer: heads{header: http.Header{}}}
	c.r = httptest.NewRequest(method, path+"?"+q.Encode(), nil)
	c.r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	c.r.Header.Set("Accept-Language", "de-DE,de;q=0.9,en;q=0.8")
	if contentType != "" {
		c.r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		c.r.Header.Set(header[i], header[i+1])
	}
	c.r.Body, c.r.ContentLength = io.NopCloser(&c.reader), int64(len(body))
	return c
}

// make makes the call. What net/http itself would allocate is not in it.
func (c *call) make(t testing.TB) {
	c.reader.Reset(c.body)
	clear(c.answer.header)
	c.track.handler.ServeHTTP(&c.answer, c.r)
	if c.answer.status != http.StatusOK {
		t.Fatalf("%s answers %d", c.r.URL.Path, c.answer.status)
	}
}

// calls are those that a login is made of, and what a service asks afterwards.
func (s *track) calls(t testing.TB) map[string]*call {
	t.Helper()
	code, ok := s.secrets.Code(s.challenge.ID, s.project.ID, s.challenge.To, 6)
	authorization, ok2 := s.secrets.AuthorizationCode(s.code)
	if !ok || !ok2 {
		t.Fatal("no code")
	}
	const jsonType, formType = "application/json", "application/x-www-form-urlencoded"
	start := `{"email":"player@example.test"}`
	confirm := `{"email":"player@example.test","code":"` + code.Reveal() + `","operation_id":"` + s.challenge.ID.String() + `"}`
	id := url.Values{"projectId": {s.project.ID.String()}}
	client := url.Values{"client_id": {"1"}}
	oauth := url.Values{"client_id": {"1"}, "response_type": {"code"}, "state": {"xsollatest"}, "redirect_uri": {redirect}}
	now := s.now
	bearer, err := jose.New(s.secrets).Sign(t.Context(), s.keys[0],
		latchkey.UserToken(latchkey.Issuer(publicURL, s.project.ID), "1", s.project, s.user, latchkey.Email, "", now))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*call{
		"start":         s.call("POST", "/api/login/email/request", id, jsonType, start),
		"confirm":       s.call("POST", "/api/login/email/confirm", id, jsonType, confirm),
		"start OAuth2":  s.call("POST", "/api/oauth2/login/email/request", oauth, jsonType, start),
		"confirm OAuth": s.call("POST", "/api/oauth2/login/email/confirm", client, jsonType, confirm),
		"token": s.call("POST", "/api/oauth2/token", nil, formType, url.Values{
			"grant_type": {"authorization_code"}, "client_id": {"1"}, "code": {authorization.Reveal()}, "redirect_uri": {redirect},
		}.Encode()),
		"me":   s.call("GET", "/api/users/me", nil, "", "", "Authorization", "Bearer "+bearer.Reveal()),
		"keys": s.call("GET", "/api/projects/"+s.project.ID.String()+"/keys", nil, "", ""),
	}
}

// BenchmarkCall is each call from its decoded heads to its encoded answer, without net/http, the store and the mail.
func BenchmarkCall(b *testing.B) {
	for name, c := range newTrack(b).calls(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.make(b)
			}
		})
	}
}

// TestCallsAllocateLittle holds the calls of a login to a number of allocations. At 4,500 logins a second each one more is
// 4,500 a second more for the collector; and a number that grows says that somebody parses, copies or logs what nobody asked
// for. Raise a ceiling only for what is worth it, and say why here.
//
//	start    13 now: 2 for the heads, 3 for query and body, 5 for the limiter, the rest for the challenge and its link
//	confirm  21 now: the same without a link, and a token: claims, signature, URL
//	token    29 now: 4 for the form, a map, 5 for the limiter, and the tokens
func TestCallsAllocateLittle(t *testing.T) {
	if raced {
		t.Skip("under the race detector a sync.Pool forgets at random what it was given: make test counts without it")
	}
	calls := newTrack(t).calls(t)
	for name, ceiling := range map[string]float64{"start": 15, "confirm": 23, "token": 31} {
		c := calls[name]
		if got := testing.AllocsPerRun(200, func() { c.make(t) }); got > ceiling {
			t.Errorf("%s makes %.0f allocations, want %.0f at most", name, got, ceiling)
		}
	}
}
