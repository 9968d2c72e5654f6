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
	handler http.Handler
	log     bytes.Buffer
}

func newFixture(t *testing.T) *fixture {
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
	if err := store.CreateProject(t.Context(), p, nil, latchkey.Event{At: noon, Kind: latchkey.ProjectCreated}); err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return f.now }
	f.service = &login.Service{
		Store: store, Secrets: secrets, Bell: &memory.Bell{}, Catalog: texts, Outbox: make(chan latchkey.Message, 10),
		PublicURL: own, Now: clock,
	}
	f.handler, err = (&pages.Server{
		Login: f.service, Catalog: texts, PublicURL: own, Now: clock,
		Log:      slog.New(slog.NewTextHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
	}).Handler()
	if err != nil {
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
		Protocol: latchkey.JWT, Project: project, To: to, Redirect: "app://game", SendLink: true, LinkURL: linkURL,
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

func (f *fixture) do(method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, own+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

// TestASVS_7_6_2_LinkNeedsAnExplicitAct: mail scanners fetch links; nothing may follow from it.
func TestASVS_7_6_2_LinkNeedsAnExplicitAct(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id, path := f.start(t, "app://game")
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "PROPFIND"} {
		f.do(method, path, "Sec-Fetch-Site", "same-origin", "Origin", own)
		if got := f.state(t, id); got != latchkey.Waiting {
			t.Fatalf("%s made the challenge %s", method, got)
		}
	}
	w := f.do("GET", path)
	if w.Code != 200 || strings.Count(w.Body.String(), "<form method=\"post\">") != 1 || strings.Count(w.Body.String(), "<button") != 1 {
		t.Errorf("the page has no single button to press: %d\n%s", w.Code, w.Body)
	}
}

func TestApproveOnlyFromItsOwnPage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		headers []string
		want    int
	}{
		"the page itself":              {[]string{"Sec-Fetch-Site", "same-origin"}, 303},
		"the page, no-referrer":        {[]string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, 303},
		"an old browser":               {[]string{"Origin", own}, 303},
		"another site":                 {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		"another site, our Origin":     {[]string{"Sec-Fetch-Site", "cross-site", "Origin", own}, 403},
		"a sibling domain":             {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"typed into the address bar":   {[]string{"Sec-Fetch-Site", "none"}, 403},
		"an old browser, another site": {[]string{"Origin", "https://evil.example"}, 403},
		"an old browser, hidden":       {[]string{"Origin", "null"}, 403},
		"a bare request":               {nil, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			id, path := f.start(t, "app://game")
			w := f.do("POST", path, tt.headers...)
			if w.Code != tt.want {
				t.Errorf("status %d, want %d", w.Code, tt.want)
			}
			want := latchkey.Waiting
			if tt.want == 303 {
				want = latchkey.Approved
			}
			if got := f.state(t, id); got != want {
				t.Errorf("the challenge is %s, want %s", got, want)
			}
		})
	}
}

func TestAfterApproval(t *testing.T) {
	t.Parallel()
	t.Run("the person goes to link_url", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, path := f.start(t, "https://game.example.com/in")
		if csp := f.do("GET", path).Header().Get("Content-Security-Policy"); !strings.HasSuffix(csp, "form-action 'self' https://game.example.com") {
			t.Errorf("a browser will hold back the redirect to link_url: %s", csp)
		}
		w := f.do("POST", path, "Sec-Fetch-Site", "same-origin")
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "https://game.example.com/in" {
			t.Errorf("%d %q, want a 303 to link_url", w.Code, w.Header().Get("Location"))
		}
		if again := f.do("POST", path, "Sec-Fetch-Site", "same-origin"); again.Code != http.StatusSeeOther {
			t.Errorf("pressed twice: %d, want 303 again", again.Code)
		}
		if w := f.do("GET", path); w.Code != 200 || strings.Contains(w.Body.String(), "<button") {
			t.Errorf("an approved link still asks: %d\n%s", w.Code, w.Body)
		}
	})
	t.Run("an app's scheme may follow the form", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, path := f.start(t, "app://game")
		if csp := f.do("GET", path).Header().Get("Content-Security-Policy"); !strings.HasSuffix(csp, "form-action 'self' app:") {
			t.Errorf("a browser will hold back the redirect to the app: %s", csp)
		}
	})
	t.Run("without link_url a page says to go back", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, path := f.linkFirst(t)
		w := f.do("POST", path, "Sec-Fetch-Site", "same-origin")
		if w.Code != 200 || !strings.Contains(w.Body.String(), "Go back to where you asked") {
			t.Errorf("%d\n%s", w.Code, w.Body)
		}
	})
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

func TestDeadLinks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id, path := f.start(t, "app://game")
	for _, unknown := range []string{"/l/x", path + "x", "/l/%00", "/l/" + strings.Repeat("a", 5000)} {
		for _, method := range []string{"GET", "POST"} {
			if w := f.do(method, unknown, "Sec-Fetch-Site", "same-origin"); w.Code != 404 {
				t.Errorf("%s of an unknown link: %d, want 404", method, w.Code)
			}
		}
	}
	f.now = noon.Add(180 * time.Second) // at this instant it is dead
	for _, method := range []string{"GET", "POST"} {
		w := f.do(method, path, "Sec-Fetch-Site", "same-origin")
		if w.Code != 410 || strings.Contains(w.Body.String(), "<button") {
			t.Errorf("%s of an expired link: %d, want 410 without a button", method, w.Code)
		}
	}
	if got := f.state(t, id); got != latchkey.Waiting {
		t.Errorf("an expired challenge became %s", got)
	}
}

// TestHeaders holds every page to strict headers: RFC 9700 §4.2.4 and §4.16, ASVS 14.3.2.
func TestHeaders(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, path := f.linkFirst(t)
	for _, at := range []string{path, "/l/unknown", "/static/pages.css"} {
		h := f.do("GET", at).Header()
		csp := strings.Split(h.Get("Content-Security-Policy"), "; ")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'"} {
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

func TestPageShowsWhoAsksAndNoMore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, path := f.start(t, "app://game")
	body := f.do("GET", path).Body.String()
	for _, want := range []string{"Space &lt;b&gt;Game&lt;/b&gt;", "p•••@example.test", `<html lang="en" dir="ltr">`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	for _, secret := range []string{"player@", strings.TrimPrefix(path, "/l/"), "<script", "style=", ">page."} {
		if strings.Contains(body, secret) {
			t.Errorf("the page has %q in it:\n%s", secret, body)
		}
	}
}

func TestStoreDown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, path := f.start(t, "app://game")
	f.store.Close()
	for _, method := range []string{"GET", "POST"} {
		w := f.do(method, path, "Sec-Fetch-Site", "same-origin")
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d with Retry-After %q, want 503 with one", method, w.Code, w.Header().Get("Retry-After"))
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
	for _, path := range []string{"/static/demo.js", "/static/..%2fdev%2fdemo.js", "/static/page.html", "/demo", "/dev/inbox", "/dev/inbox/messages"} {
		if w := f.do("GET", path); w.Code != 404 {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
}
