package pages_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/memory"
	"github.com/latchkey-dev/latchkey/internal/pages"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
)

const own = "https://login.example.com"

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// A fixture is the pages on a real store, with a clock that the test moves.
type fixture struct {
	now     time.Time
	store   *sqlite.Store
	service *login.Service
	pages   *pages.Server
	handler http.Handler
	log     bytes.Buffer

	from     latchkey.Origin // of the logins that start makes
	language string          // their Accept-Language
}

// newFixture makes the pages of one project, which looks as change says.
func newFixture(t *testing.T, change ...func(*latchkey.Project)) *fixture {
	t.Helper()
	f := &fixture{now: noon}
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "latchkey.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	f.store = store
	texts, err := catalog.New()
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := latchkey.NewSecrets(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	p := latchkey.NewProject(project, "Space <b>Game</b>", noon)
	p.CallbackURLs = []string{"https://game.example.com/in", "app://game"}
	for _, f := range change {
		f(&p)
	}
	if err := store.CreateProject(t.Context(), p, nil, latchkey.Event{At: noon, Kind: latchkey.ProjectCreated}); err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return f.now }
	f.service = &login.Service{
		Store: store, Secrets: secrets, Bell: &memory.Bell{}, Catalog: texts, Outbox: make(chan latchkey.Message, 10),
		PublicURL: own, Now: clock,
	}
	f.pages = &pages.Server{
		Login: f.service, Catalog: texts, PublicURL: own, Now: clock,
		Log:      slog.New(slog.NewTextHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
	}
	if f.handler, err = f.pages.Handler(); err != nil {
		t.Fatal(err)
	}
	return f
}

var project = latchkey.ProjectID{UUID: latchkey.UUID{1}}

// start begins a login with a link and gives the link's path.
func (f *fixture) start(t *testing.T, linkURL string) (latchkey.ChallengeID, string) {
	t.Helper()
	to := latchkey.CanonicalAddress(latchkey.Email, "player@example.test")
	op, err := f.service.Start(t.Context(), login.StartRequest{
		Protocol: latchkey.JWT, Project: project, To: to, Redirect: "app://game", SendLink: true, LinkURL: linkURL, From: f.from,
		AcceptLanguage: f.language,
	})
	if err != nil {
		t.Fatal(err)
	}
	token, ok := f.service.Secrets.LinkToken(op.ID, project, to)
	if !ok {
		t.Fatal("no link token")
	}
	return op.ID, "/l/" + token.Reveal()
}

func (f *fixture) state(t *testing.T, id latchkey.ChallengeID) latchkey.State {
	t.Helper()
	c, err := f.store.Challenge(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c.State
}

// press presses a button of the page, which is the form that it sends.
func (f *fixture) press(path, form string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, own+path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(headers) == 0 {
		headers = []string{"Sec-Fetch-Site", "same-origin", "Origin", "null"} // a browser under no-referrer
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

func (f *fixture) do(method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, own+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

// linkFirst stores a challenge that has a link and no link_url, as an address that is guessed at gets.
func (f *fixture) linkFirst(t *testing.T) (latchkey.ChallengeID, string) {
	t.Helper()
	token := latchkey.Secret("a-token-of-a-test-1234")
	c := latchkey.Challenge{
		ID: latchkey.ChallengeID{Handle: latchkey.NewHandle(f.now, f.service.Secrets.Current(), [16]byte{9})}, Project: project,
		To: latchkey.CanonicalAddress(latchkey.Email, "player@example.test"), Protocol: latchkey.JWT, State: latchkey.Waiting,
		Digits: 6, MaxTries: 5, Link: true, LinkHash: latchkey.HashSecret(token), Started: f.now, Expires: f.now.Add(3 * time.Minute),
	}
	if _, err := f.store.StartChallenge(t.Context(), latchkey.Start{Fresh: c, MessageTry: f.now}, f.now); err != nil {
		t.Fatal(err)
	}
	return c.ID, "/l/" + token.Reveal()
}

// TestHeaders holds every page to strict headers: RFC 9700 §4.2.4 and §4.16, ASVS 14.3.2.
func TestHeaders(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, path := f.linkFirst(t)
	for _, at := range []string{path, "/l/unknown", "/static/pages.css", "/static/color/12ab9f.css"} {
		h := f.do("GET", at).Header()
		csp := strings.Split(h.Get("Content-Security-Policy"), "; ")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'", "form-action 'self'"} {
			if !slices.Contains(csp, want) {
				t.Errorf("%s: the policy lacks %s: %q", at, want, csp)
			}
		}
		for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", at, name, got, want)
			}
		}
		if strings.HasPrefix(at, "/l/") && h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be cached", at)
		}
	}
}

func TestStoreDown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, path := f.start(t, "app://game")
	f.store.Close()
	for name, w := range map[string]*httptest.ResponseRecorder{
		"GET": f.do("GET", path), "approve": f.press(path, "action=approve"), "deny": f.press(path, "action=deny"),
	} {
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "That did not work") {
			t.Errorf("%s: %d with Retry-After %q, want 503 with one, and a page", name, w.Code, w.Header().Get("Retry-After"))
		}
	}
	if token := strings.TrimPrefix(path, "/l/"); f.log.Len() == 0 || strings.Contains(f.log.String(), token) {
		t.Errorf("the log says nothing, or the link: %s", f.log.String())
	}
}

// TestDevelopmentStaysOut: what belongs to latchkey dev is not among the files of the server.
func TestDevelopmentStaysOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if w := f.do("GET", "/static/pages.css"); w.Code != 200 {
		t.Fatalf("the stylesheet: %d", w.Code)
	}
	for _, path := range []string{"/static/demo.js", "/static/..%2fdev%2fdemo.js", "/static/page.html", "/static/dev.css", "/demo", "/dev/inbox", "/dev/inbox/messages"} {
		if w := f.do("GET", path); w.Code != 404 {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
}
