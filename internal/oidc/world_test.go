package oidc_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/admin"
	"github.com/latchkey-dev/latchkey/internal/altcha"
	"github.com/latchkey-dev/latchkey/internal/captcha"
	"github.com/latchkey-dev/latchkey/internal/catalog"
	"github.com/latchkey-dev/latchkey/internal/jose"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/memory"
	"github.com/latchkey-dev/latchkey/internal/oidc"
	"github.com/latchkey-dev/latchkey/internal/session"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
	"github.com/latchkey-dev/latchkey/internal/token"
)

const (
	publicURL = "https://login.example.test"
	callback  = "https://app.example.test/cb"
	origin    = "https://app.example.test"
	secret    = "a confidential: client+secret %41"
	player    = "player@example.test"

	publicID       = 1
	confidentialID = 2
	serverID       = 3
	foreignID      = 4 // of the other project

	// The pair of RFC 7636, appendix B.
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// A world is a whole server on a store of its own, with a clock that the test moves and an outbox that it reads.
type world struct {
	t       testing.TB
	store   *sqlite.Store
	secrets latchkey.Secrets
	login   *login.Service
	server  *oidc.Server
	outbox  chan latchkey.Message
	clock   *clock
	log     *logBuffer
	http    *http.Client
	project latchkey.ProjectID
	other   latchkey.ProjectID // signs with HS256
	issuer  string             // of project
}

func newWorld(t testing.TB, algorithm ...latchkey.Algorithm) *world {
	t.Helper()
	w := &world{
		t: t, outbox: make(chan latchkey.Message, 100), log: &logBuffer{},
		clock:   &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		project: latchkey.ProjectID{UUID: latchkey.UUID{0xaa, 15: 1}}, other: latchkey.ProjectID{UUID: latchkey.UUID{0xbb, 15: 2}},
	}
	w.issuer = latchkey.Issuer(publicURL, w.project)
	var err error
	w.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "latchkey.db"))
	w.must(err)
	t.Cleanup(func() { _ = w.store.Close() })
	w.secrets, err = latchkey.NewSecrets([]byte("a master secret for tests, 32 bytes and more"))
	w.must(err)
	texts, err := catalog.New()
	w.must(err)
	signer := jose.New(w.secrets)
	w.seed(&admin.Service{Store: w.store, Signer: signer, Now: w.clock.Now}, append(algorithm, latchkey.EdDSA)[0])
	w.login = &login.Service{
		Store: w.store, Signer: signer, Secrets: w.secrets, Bell: &memory.Bell{}, Catalog: texts, Outbox: w.outbox,
		PublicURL: publicURL, Hold: time.Millisecond, Closing: make(chan struct{}), Now: w.clock.Now,
	}
	w.server = &oidc.Server{
		Login: w.login, Secrets: w.secrets, Catalog: texts,
		Tokens:   &token.Service{Store: w.store, Signer: signer, Secrets: w.secrets, PublicURL: publicURL, Now: w.clock.Now},
		Accounts: &account.Service{Store: w.store, Signer: signer, PublicURL: publicURL, Now: w.clock.Now},
		Sessions: &session.Service{Store: w.store, Secrets: w.secrets, Now: w.clock.Now},
		Captcha: &captcha.Service{
			Captcha: &altcha.Captcha{Keys: w.secrets.CaptchaKeys(), Difficulty: altcha.MinDifficulty}, Store: w.store, Now: w.clock.Now,
		},
		Store:     w.store,
		PublicURL: publicURL, Log: slog.New(slog.NewJSONHandler(w.log, nil)), Now: w.clock.Now,
		ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") },
	}
	w.http = &http.Client{
		Transport:     &wire{t, w.server.Handler()},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w
}

func (w *world) seed(a *admin.Service, algorithm latchkey.Algorithm) {
	w.t.Helper()
	ctx := w.t.Context()
	p := latchkey.NewProject(w.project, "Game", w.clock.Now())
	p.Algorithm, p.CallbackURLs, p.AllowedOrigins = algorithm, []string{callback}, []string{origin}
	p.Defence.SMS.Countries = []string{latchkey.AnyCountry}
	w.must(a.CreateProject(ctx, p))
	q := latchkey.NewProject(w.other, "Other", w.clock.Now())
	q.Algorithm, q.CallbackURLs = latchkey.HS256, []string{callback}
	w.must(a.CreateProject(ctx, q))
	one := []string{callback}
	for _, c := range []struct {
		client latchkey.Client
		secret latchkey.Secret
	}{
		{latchkey.Client{ID: publicID, Project: w.project, Name: "page", Kind: latchkey.PublicClient, RedirectURIs: one}, ""},
		{latchkey.Client{ID: confidentialID, Project: w.project, Name: "web", Kind: latchkey.ConfidentialClient, RedirectURIs: one}, secret},
		{latchkey.Client{ID: serverID, Project: w.project, Name: "back end", Kind: latchkey.ServerClient}, secret},
		{latchkey.Client{ID: foreignID, Project: w.other, Name: "foreign", Kind: latchkey.PublicClient, RedirectURIs: one}, ""},
	} {
		_, _, err := a.CreateClient(ctx, c.client, c.secret)
		w.must(err)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// An ask is what a login is started with.
type ask struct {
	client    latchkey.ClientID
	scope     string
	challenge string // PKCE; empty without
	nonce     string
}

// code signs the player in and gives the authorization code.
func (w *world) code(a ask) string {
	w.t.Helper()
	to := latchkey.CanonicalAddress(latchkey.Email, player)
	start := login.StartRequest{
		Protocol: latchkey.OAuth2, Client: a.client, To: to, Redirect: callback, ResponseType: "code", State: "xsollatest",
		Scope: a.scope, Nonce: a.nonce, CodeChallenge: a.challenge,
	}
	if a.challenge != "" {
		start.ChallengeMode = "S256"
	}
	op, err := w.login.Start(w.t.Context(), start)
	w.must(err)
	end, err := w.login.Complete(w.t.Context(), login.CompleteRequest{
		Protocol: latchkey.OAuth2, Client: a.client, To: to, Code: latchkey.Secret(w.sentCode()), Operation: op.ID.String(),
	})
	w.must(err)
	u, err := url.Parse(end)
	w.must(err)
	return u.Query().Get("code")
}

// sentCode gives the one-time code of the message that was just put into the outbox.
func (w *world) sentCode() string {
	w.t.Helper()
	m := w.message()
	code, ok := w.secrets.Code(m.Challenge, m.Project, m.To, m.Digits)
	if !ok {
		w.t.Fatal("no code can be derived from the message")
	}
	return code.Reveal()
}

func (w *world) message() latchkey.Message {
	w.t.Helper()
	select {
	case m := <-w.outbox:
		return m
	default: // a project that is closed hands none over: it waits in the store
	}
	now := w.clock.Now()
	ms, err := w.store.ClaimMessages(w.t.Context(), 1, now.Add(latchkey.MessageLease), now)
	w.must(err)
	if len(ms) == 0 {
		w.t.Fatal("no message in the outbox")
	}
	return ms[0]
}

// tokens are what the token endpoint gives.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Type    string `json:"token_type"`
	Scope   string `json:"scope"`
	Life    int    `json:"expires_in"`
}

// redeem gives the form that turns a public client's code into tokens.
func redeem(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {strconv.Itoa(publicID)}, "code": {code}, "redirect_uri": {callback},
		"code_verifier": {verifier},
	}
}

// signIn gives the tokens of a login to the public client.
func (w *world) signIn(scope string) (got tokens) {
	w.t.Helper()
	w.post("/token", redeem(w.code(ask{client: publicID, scope: scope, challenge: challenge}))).ok(&got)
	return got
}

// serverToken gives a token of the server client.
func (w *world) serverToken() (got tokens) {
	w.t.Helper()
	w.post("/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(serverID, secret)).ok(&got)
	return got
}

func basic(id int, secret string) string {
	pair := url.QueryEscape(strconv.Itoa(id)) + ":" + url.QueryEscape(secret)
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

// A reply is an answer, read to its end.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// get and post call an endpoint of the project's issuer. header is pairs.
func (w *world) get(path string, header ...string) reply {
	w.t.Helper()
	return w.send(http.MethodGet, w.issuer+path, "", header...)
}

func (w *world) post(path string, f url.Values, header ...string) reply {
	w.t.Helper()
	return w.send(http.MethodPost, w.issuer+path, f.Encode(), header...)
}

func (w *world) send(method, target, raw string, header ...string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, target, strings.NewReader(raw))
	w.must(err)
	if raw != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := w.http.Do(r)
	w.must(err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	w.must(err)
	return reply{w.t, answer.StatusCode, answer.Header, body}
}

// ok wants a 200 and decodes it.
func (r reply) ok(v any) {
	r.t.Helper()
	if r.status != http.StatusOK {
		r.t.Fatalf("status %d, want 200: %s", r.status, r.body)
	}
	if err := json.Unmarshal(r.body, v); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
}

// fails wants an RFC error.
func (r reply) fails(what string, status int, word string) {
	r.t.Helper()
	var e struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(r.body, &e); err != nil || r.status != status || e.Error != word {
		r.t.Errorf("%s: status %d, want %d with %q: %s", what, r.status, status, word, r.body)
	}
}

// A clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A logBuffer is a log that a test can read.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A wire hands requests to a handler and holds the answers to what every one of them promises, and to the reference.
type wire struct {
	t       testing.TB
	handler http.Handler
}

// RoundTrip implements http.RoundTripper.
func (c *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	in := httptest.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, r.URL.RequestURI(), bytes.NewReader(sent))
	in.Header = r.Header.Clone()
	rec := httptest.NewRecorder()
	c.handler.ServeHTTP(rec, in)
	answer := rec.Result()
	label := r.Method + " " + r.URL.Path
	if cc := answer.Header.Get("Cache-Control"); cc != "no-store" && (answer.StatusCode != 200 || !strings.HasPrefix(cc, "public, ")) {
		c.t.Errorf("%s: Cache-Control is %q", label, cc)
	}
	if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusServiceUnavailable {
		if n, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || n < 1 {
			c.t.Errorf("%s: %d with Retry-After %q", label, answer.StatusCode, answer.Header.Get("Retry-After"))
		}
	}
	if answer.StatusCode == http.StatusUnauthorized && answer.Header.Get("WWW-Authenticate") == "" {
		c.t.Errorf("%s: 401 without WWW-Authenticate", label)
	}
	checkReference(c.t, label, r, sent, answer, rec.Body.Bytes())
	return answer, nil
}
