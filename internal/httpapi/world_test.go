package httpapi_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/admin"
	"github.com/latchkey-dev/latchkey/internal/altcha"
	"github.com/latchkey-dev/latchkey/internal/captcha"
	"github.com/latchkey-dev/latchkey/internal/catalog"
	"github.com/latchkey-dev/latchkey/internal/httpapi"
	"github.com/latchkey-dev/latchkey/internal/jose"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/memory"
	"github.com/latchkey-dev/latchkey/internal/polls"
	"github.com/latchkey-dev/latchkey/internal/session"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
	"github.com/latchkey-dev/latchkey/internal/token"
)

const (
	publicURL = "https://login.example.test"
	callback  = "https://game.example.test/in?theme=dark&token=old"
	redirect  = "app://xlogin.game"
	linkURL   = "https://game.example.test/approved"
	origin    = "https://game.example.test"
	secret    = "a confidential: client+secret %41"
	serverKey = "the server client's secret"

	publicID       = "1"
	confidentialID = "2"
	serverID       = "3"
	foreignID      = "4" // of the other project
	manyID         = "5" // several redirect URIs, PKCE required
)

// A world is a whole server on a store of its own, with a clock that the test moves and an outbox that it reads.
type world struct {
	t       testing.TB
	store   *spy
	secrets latchkey.Secrets
	signer  *jose.Signer
	admin   *admin.Service
	clock   *clock
	outbox  chan latchkey.Message
	closing chan struct{}
	bell    *memory.Bell
	server  *httpapi.Server
	http    *http.Client
	log     *logBuffer
	project latchkey.ProjectID // one callback URL, every channel
	other   latchkey.ProjectID // two callback URLs, email only, another origin
}

// newWorld makes a world. change may alter the server before it serves.
func newWorld(t testing.TB, change ...func(*world)) *world {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "latchkey.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	secrets, err := latchkey.NewSecrets([]byte("a master secret for tests, 32 bytes and more"))
	if err != nil {
		t.Fatal(err)
	}
	texts, err := catalog.New()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, store: &spy{Store: store}, secrets: secrets, signer: jose.New(secrets),
		clock:  &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		outbox: make(chan latchkey.Message, 100), closing: make(chan struct{}), bell: &memory.Bell{}, log: &logBuffer{},
		project: projectID("00000000-0000-4000-8000-000000000001"), other: projectID("00000000-0000-4000-8000-000000000002"),
	}
	w.admin = &admin.Service{Store: w.store, Signer: w.signer, Now: w.clock.Now}
	w.server = &httpapi.Server{
		Login: &login.Service{
			Store: w.store, Signer: w.signer, Secrets: secrets, Bell: w.bell, Catalog: texts, Outbox: w.outbox,
			PublicURL: publicURL, Hold: time.Millisecond, Closing: w.closing, Now: w.clock.Now,
		},
		Tokens:   &token.Service{Store: w.store, Signer: w.signer, Secrets: secrets, PublicURL: publicURL, Now: w.clock.Now},
		Accounts: &account.Service{Store: w.store, Signer: w.signer, PublicURL: publicURL, Now: w.clock.Now},
		Sessions: &session.Service{Store: w.store, Secrets: secrets, Now: w.clock.Now},
		Store:    w.store,
		Captcha: &captcha.Service{
			Captcha: &altcha.Captcha{Keys: secrets.CaptchaKeys(), Difficulty: altcha.MinDifficulty}, Store: w.store, Now: w.clock.Now,
		},
		Polls: &polls.Places{},
		Log:   slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	w.seed()
	for _, f := range change {
		f(w)
	}
	w.http = &http.Client{
		Transport:     &wire{t: t, handler: w.server.Handler()},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w
}

func (w *world) seed() {
	w.t.Helper()
	ctx := w.t.Context()
	p := latchkey.NewProject(w.project, "Game", w.clock.Now())
	p.Algorithm, p.CallbackURLs, p.LinkURLs, p.AllowedOrigins = latchkey.EdDSA, []string{callback}, []string{linkURL}, []string{origin}
	p.Defence.SMS.Countries, p.Defence.SMS.Budget = []string{latchkey.AnyCountry}, 10_000
	w.must(w.admin.CreateProject(ctx, p))
	q := latchkey.NewProject(w.other, "Other", w.clock.Now())
	q.Algorithm, q.Channels = latchkey.HS256, []latchkey.Channel{latchkey.Email}
	q.CallbackURLs = []string{"https://other.example.test/a", "https://other.example.test/b"}
	q.AllowedOrigins = []string{"https://other.example.test", "http://localhost:*"}
	w.must(w.admin.CreateProject(ctx, q))
	one := []string{redirect}
	for _, c := range []struct {
		client latchkey.Client
		secret latchkey.Secret
	}{
		{latchkey.Client{ID: 1, Project: w.project, Name: "game", Kind: latchkey.PublicClient, RedirectURIs: one}, ""},
		{latchkey.Client{ID: 2, Project: w.project, Name: "web", Kind: latchkey.ConfidentialClient, RedirectURIs: one}, secret},
		{latchkey.Client{ID: 3, Project: w.project, Name: "back end", Kind: latchkey.ServerClient}, serverKey},
		{latchkey.Client{ID: 4, Project: w.other, Name: "foreign", Kind: latchkey.PublicClient, RedirectURIs: one}, ""},
		{latchkey.Client{
			ID: 5, Project: w.project, Name: "strict", Kind: latchkey.PublicClient, PKCERequired: true,
			RedirectURIs: []string{"https://strict.example.test/cb?tenant=7&code=x", "http://127.0.0.1/cb"},
		}, ""},
	} {
		_, _, err := w.admin.CreateClient(ctx, c.client, c.secret)
		w.must(err)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func projectID(s string) latchkey.ProjectID {
	id, err := latchkey.ParseProjectID(s)
	if err != nil {
		panic(err)
	}
	return id
}

// A way is one of the four to sign in.
type way struct {
	protocol latchkey.Protocol
	channel  latchkey.Channel
	path     string // of request and confirm, without the last part
	member   string // that holds the address
	address  string
}

func (a way) name() string { return string(a.protocol) + " " + string(a.channel) }

var (
	jwtEmail   = way{latchkey.JWT, latchkey.Email, "/api/login/email", "email", "player@example.test"}
	jwtPhone   = way{latchkey.JWT, latchkey.Phone, "/api/login/phone", "phone_number", "+12025550123"}
	oauthEmail = way{latchkey.OAuth2, latchkey.Email, "/api/oauth2/login/email", "email", "player@example.test"}
	oauthPhone = way{latchkey.OAuth2, latchkey.Phone, "/api/oauth2/login/phone", "phone_number", "+12025550123"}
	ways       = []way{jwtEmail, jwtPhone, oauthEmail, oauthPhone}
)

// query is what a start call by this way needs.
func (a way) query(w *world) url.Values {
	if a.protocol == latchkey.OAuth2 {
		return url.Values{"response_type": {"code"}, "client_id": {publicID}, "state": {"xsollatest"}, "redirect_uri": {redirect}}
	}
	return url.Values{"projectId": {w.project.String()}}
}

// A body is a JSON object to send.
type body map[string]any

// start starts a login and gives its operation and the code from the message. extra is changes to the query, as pairs.
func (w *world) start(a way, extra ...string) (operation, code string) {
	w.t.Helper()
	q := a.query(w)
	for i := 0; i < len(extra); i += 2 {
		q.Set(extra[i], extra[i+1])
	}
	var out struct {
		ID string `json:"operation_id"`
	}
	w.post(a.path+"/request", q, body{a.member: a.address}).ok(&out)
	m := w.message()
	if m.Challenge.String() != out.ID {
		w.t.Fatalf("the message is of operation %s, the answer of %s", m.Challenge, out.ID)
	}
	return out.ID, w.codeOf(m)
}

// message gives the one that was just put into the outbox.
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

func (w *world) codeOf(m latchkey.Message) string {
	code, ok := w.secrets.Code(m.Challenge, m.Project, m.To, m.Digits)
	if !ok {
		w.t.Fatal("no code can be derived from the message")
	}
	return code.Reveal()
}

// confirm gives the answer of the complete call.
func (w *world) confirm(a way, operation, code string) reply {
	w.t.Helper()
	q := url.Values{"projectId": {w.project.String()}}
	if a.protocol == latchkey.OAuth2 {
		q = url.Values{"client_id": {publicID}}
	}
	return w.post(a.path+"/confirm", q, body{a.member: a.address, "code": code, "operation_id": operation})
}

// login signs in all the way and gives the login_url.
func (w *world) login(a way, extra ...string) *url.URL {
	w.t.Helper()
	operation, code := w.start(a, extra...)
	return w.loginURL(w.confirm(a, operation, code))
}

func (w *world) loginURL(r reply) *url.URL {
	w.t.Helper()
	var out struct {
		URL string `json:"login_url"`
	}
	r.ok(&out)
	u, err := url.Parse(out.URL)
	w.must(err)
	return u
}

// userToken signs in on the JWT protocol and gives the token.
func (w *world) userToken(a way, extra ...string) string {
	w.t.Helper()
	return w.login(a, extra...).Query().Get("token")
}

// tokens are what POST /oauth2/token gives.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Type    string `json:"token_type"`
	Scope   string `json:"scope"`
	Life    int    `json:"expires_in"`
}

// redeem gives the form that turns an authorization code into tokens.
func redeem(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "client_id": {publicID}, "code": {code}, "redirect_uri": {redirect}}
}

func refresh(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {publicID}, "refresh_token": {token}}
}

// oauthLogin signs in on OAuth 2.0 with the scope and gives the authorization code and the tokens.
func (w *world) oauthLogin(scope string) (code string, got tokens) {
	w.t.Helper()
	code = w.login(oauthEmail, "scope", scope).Query().Get("code")
	w.form(redeem(code)).ok(&got)
	return code, got
}

// claims verifies a token with the project's keys, as a service would.
func (w *world) claims(p latchkey.ProjectID, token string) latchkey.Claims {
	w.t.Helper()
	keys, err := w.store.Keys(w.t.Context(), p)
	w.must(err)
	c, err := w.signer.Verify(w.t.Context(), keys, latchkey.Secret(token))
	w.must(err)
	return c
}

// alive reports what GET /users/me says of a token.
func (w *world) alive(token string) bool {
	w.t.Helper()
	r := w.get("/api/users/me", nil, "Authorization", "Bearer "+token)
	if r.status != http.StatusOK {
		r.fails(http.StatusUnauthorized, "010-017")
	}
	return r.status == http.StatusOK
}
