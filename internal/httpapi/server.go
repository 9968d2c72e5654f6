// Package httpapi is the JSON way in: it decodes a call into domain types, calls one method of one use case, and
// encodes what comes back. It owns the wire of contract.md: paths, bodies, the error envelope, CORS. Only cmd/latchkey
// calls it.
//
//	server.go    the map of the API, and what happens around every call
//	login.go     start and complete
//	wait.go      the held poll
//	push.go      the link's button on a page of the project's own
//	sso.go       going into a client without a code, and signing the browser out
//	token.go     tokens and keys
//	user.go      the signed-in person
//	authorize.go the way to the hosted login
//	widget.go    how a project's own login form looks
//	captcha.go   puzzles, and who is asked for a solution
//	limit.go     how often a call may be made
//	request.go   request ids, clean paths, the access line
//	status.go    health, the reference, and what is the same for everybody
//	decode.go    query, JSON → domain types
//	members.go   the same for the bodies that come often
//	encode.go    values → JSON
//	errors.go    Code → status, wire code, RFC 6749 word
//	cors.go      who may read the answers in a browser
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/captcha"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/polls"
	"github.com/latchkey-dev/latchkey/internal/session"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// Server answers the calls. The fields of the first group must be set, those of the second may be nil.
type Server struct {
	Login    *login.Service
	Tokens   *token.Service
	Accounts *account.Service
	Sessions *session.Service
	Store    Settings
	Log      *slog.Logger

	// Observe is told of every answer. route is the path of the route, never of the request: "other" if there is none.
	Observe func(route, method string, status int, took time.Duration)
	// Verdict is told how every complete call ended: "ok", or the Code with underscores ("wrong_code").
	Verdict func(channel latchkey.Channel, protocol latchkey.Protocol, verdict string)
	// Gate says how often a call may be made; nil: as often as anybody likes.
	Gate *limits.Gate
	// Captcha tells people from programs; nil: nobody is asked.
	Captcha *captcha.Service
	// Polls has the places of held polls; nil: any number.
	Polls *polls.Places
	// Lobby is where they wait; nil: on net/http's goroutines.
	Lobby *polls.Lobby
	// ClientIP says where a request came from; nil: from the peer of the connection.
	ClientIP func(*http.Request) netip.Addr
}

// Settings is what Server reads of the store by itself: whose browser pages may call, and whether it is up.
type Settings interface {
	Project(ctx context.Context, id latchkey.ProjectID) (latchkey.Project, error)
	Projects(ctx context.Context) ([]latchkey.Project, error)
	Client(ctx context.Context, id latchkey.ClientID) (latchkey.Client, error)
	Ping(ctx context.Context) error
}

// A handler answers one call, or gives the error that fail is to answer with; then it has written nothing.
type handler func(w http.ResponseWriter, r *http.Request) error

// A Route is one line of the map of the API.
type Route struct {
	Method string
	Path   string // as api/openapi.yaml spells it; HEAD works where GET does
	handle handler
}

// Routes is the map of the API, in the order of contract.md.
func (s *Server) Routes() []Route {
	return []Route{
		{"POST", "/api/login/email/request", s.start(latchkey.JWT, latchkey.Email)},
		{"POST", "/api/login/phone/request", s.start(latchkey.JWT, latchkey.Phone)},
		{"POST", "/api/oauth2/login/email/request", s.start(latchkey.OAuth2, latchkey.Email)},
		{"POST", "/api/oauth2/login/phone/request", s.start(latchkey.OAuth2, latchkey.Phone)},
		{"POST", "/api/login/email/confirm", s.confirm(latchkey.JWT, latchkey.Email)},
		{"POST", "/api/login/phone/confirm", s.confirm(latchkey.JWT, latchkey.Phone)},
		{"POST", "/api/oauth2/login/email/confirm", s.confirm(latchkey.OAuth2, latchkey.Email)},
		{"POST", "/api/oauth2/login/phone/confirm", s.confirm(latchkey.OAuth2, latchkey.Phone)},
		{"GET", "/api/captcha", s.puzzle},
		{"GET", pollRoute, s.waitForLink},
		{"GET", "/api/otc/push", s.push},
		{"POST", "/api/oauth2/token", s.giveToken},
		{"POST", "/api/oauth2/token/revoke", s.revoke},
		{"POST", "/api/oauth2/introspect", s.introspect},
		{"GET", "/api/projects/{projectId}/keys", s.keys},
		{"POST", "/api/token/validate", s.validateToken},
		{"GET", "/api/oauth2/logout", s.logOut},
		{"GET", "/api/oauth2/auth", s.authorize},
		{"GET", "/api/oauth2/sso", s.signOn},
		{"GET", "/api/oauth2/clear_sso", s.signOff},
		{"GET", "/api/users/me", s.me},
		{"PATCH", "/api/users/me", s.describeMe},
		{"GET", "/api/users/me/email", s.myEmail},
		{"GET", "/api/users/me/phone", s.myPhone},
		{"POST", "/api/users/me/phone", s.setMyPhone},
		{"DELETE", "/api/users/me/phone/{phone}", s.removeMyPhone},
		{"GET", "/api/users/me/ask", s.ask},
		{"GET", "/api/client/details", s.clientDetails},
		{"GET", "/api/blank", s.blank},
		{"GET", "/api/widget/ng/settings", s.widget},
		{"GET", "/openapi.yaml", s.reference},
		{"GET", "/healthz", s.healthy},
		{"GET", "/readyz", s.ready},
	}
}

// Handler serves Routes, and the 404 envelope on every other path. If it is mounted in another mux, that one must be
// wrapped in SingleSlashes too: a mux redirects what it finds unclean, and no SDK follows.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, h := range s.byPath() {
		mux.Handle(path, h)
	}
	mux.Handle("/", s.serve("other", nil))
	return SingleSlashes(mux)
}

// Before serves the routes without a wildcard at once, by a map, and leaves everything else to next. A request of an API is
// not worth a walk through two trees of patterns.
func (s *Server) Before(next http.Handler) http.Handler {
	fixed := s.byPath()
	maps.DeleteFunc(fixed, func(path string, _ http.Handler) bool { return strings.Contains(path, "{") })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A path with another spelling than its own is for the mux to judge: %2F is no slash there.
		if h := fixed[r.URL.Path]; h != nil && r.URL.RawPath == "" {
			h.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) byPath() map[string]http.Handler {
	all := map[string]endpoint{}
	for _, r := range s.Routes() {
		if all[r.Path] == nil {
			all[r.Path] = endpoint{}
		}
		all[r.Path][r.Method] = r.handle
	}
	out := map[string]http.Handler{}
	for path, e := range all {
		out[path] = s.serve(path, e)
	}
	return out
}

// An endpoint is what one path answers, by method.
type endpoint map[string]handler

// methods lists what goes into Allow, in a fixed order.
func (e endpoint) methods() string {
	var out []string
	for m := range e {
		out = append(out, m)
		if m == http.MethodGet {
			out = append(out, http.MethodHead)
		}
	}
	slices.Sort(out)
	return strings.Join(append(out, http.MethodOptions), ", ")
}

// serve is everything around a call: request id, CORS, dispatch, the answer to an error, and the access line. The
// clock is the login service's: one clock for the whole server. What comes before and after the call has functions of
// its own, because a held poll keeps the frames that it is called through.
func (s *Server) serve(route string, e endpoint) http.Handler {
	methods := e.methods()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w := s.begin(rw, r)
		if err := s.dispatch(w, r, e, methods); !errors.Is(err, errParked) {
			s.end(w, r, route, err)
		}
	})
}

func (s *Server) begin(rw http.ResponseWriter, r *http.Request) *response {
	w := &response{ResponseWriter: rw, id: requestID(r.Header.Get("X-Request-Id")), began: s.Login.Now()}
	put(w, "X-Request-Id", w.id)
	put(w, "X-Content-Type-Options", "nosniff")
	put(w, "Cache-Control", "no-store")
	return w
}

func (s *Server) end(w *response, r *http.Request, route string, err error) {
	if err != nil {
		s.fail(w, r, err)
	}
	took := s.Login.Now().Sub(w.began)
	if s.Observe != nil {
		s.Observe(route, knownMethod(r.Method), w.status, took)
	}
	s.logAccess(r, w, route, err, took)
}

// dispatch says which pages may read the answer, finds the handler for the method and calls it. A panic becomes an
// Internal error with its stack.
func (s *Server) dispatch(w *response, r *http.Request, e endpoint, methods string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	s.allowOrigin(w, r)
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	handle := e[method]
	switch {
	case e == nil:
		return latchkey.NotFound
	case handle != nil:
		return handle(w, r)
	case method == http.MethodOptions:
		return preflight(w, r, methods)
	}
	w.Header().Set("Allow", methods)
	return latchkey.MethodNotAllowed
}

// response remembers what was answered. Handlers see it as an http.ResponseWriter.
type response struct {
	http.ResponseWriter
	id     string // the request id
	began  time.Time
	status int // 0 while nothing is written

	room  [9]string // what put gives to heads, so that they cost no allocation each
	heads int
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// origin says where r came from. A user agent is cut at 512 bytes: it is shown and stored.
func (s *Server) origin(r *http.Request) latchkey.Origin {
	const maxUserAgent = 512
	agent := strings.ToValidUTF8(r.UserAgent(), "\uFFFD")
	if len(agent) > maxUserAgent {
		cut := maxUserAgent
		for !utf8.RuneStart(agent[cut]) {
			cut--
		}
		agent = agent[:cut]
	}
	return latchkey.Origin{IP: s.clientIP(r), UserAgent: agent}
}

func (s *Server) clientIP(r *http.Request) netip.Addr {
	if s.ClientIP != nil {
		return s.ClientIP(r)
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	return peer.Addr().Unmap()
}
