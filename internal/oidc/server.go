// Package oidc is the standard way in: the endpoints of OAuth 2.0 and OpenID Connect that any client library finds by
// itself. Every project is an issuer, {public URL}/p/{project}, and everything stands below it. The rules behind it are
// those of /api (packages token and account); only the words differ: RFC errors instead of the envelope, and access
// tokens of RFC 9068. Only cmd/latchkey calls it.
//
//	server.go      the map, and what happens around every call
//	metadata.go    discovery (OIDC Discovery, RFC 8414) and the key set (RFC 7517)
//	authorize.go   the authorization endpoint (RFC 6749 §3.1, OIDC Core §3.1.2) and its answers
//	flow.go        the hosted login: address, code, back to the client
//	session.go     a browser that is signed in: going on without a code
//	logout.go      signing out (OIDC RP-Initiated Logout)
//	account.go     the page where a person sees and ends where they are signed in
//	box.go         a login under way, sealed into its page and bound to its browser
//	page.go        how the pages look
//	loginpage.go   what the pages of the login ask
//	wait.go        the login page, waiting for the link in the message
//	token.go       token (RFC 6749 §3.2), revoke (RFC 7009), introspect (RFC 7662)
//	userinfo.go    userinfo (OIDC Core §5.3)
//	par.go         pushed authorization requests (RFC 9126)
//	device.go      devices without a keyboard (RFC 8628), and the page where their person leads them in
//	limit.go       how often a call may be made
//	cors.go        who may read the answers in a browser
//	errors.go      Code → status and RFC word
package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/captcha"
	"github.com/latchkey-dev/latchkey/internal/catalog"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/polls"
	"github.com/latchkey-dev/latchkey/internal/session"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// Server answers the standard calls. Every field must be set that does not say otherwise.
type Server struct {
	Login     *login.Service
	Tokens    *token.Service
	Accounts  *account.Service
	Sessions  *session.Service
	Store     Settings
	Secrets   latchkey.Secrets
	Catalog   *catalog.Catalog
	PublicURL string // scheme://host[:port], no slash at its end
	Log       *slog.Logger
	Now       func() time.Time
	ClientIP  func(*http.Request) netip.Addr
	Captcha   *captcha.Service                                           // for starts that the gate asks for one; nil: none
	Gate      *limits.Gate                                               // of every call; nil: as often as anybody likes
	Polls     *polls.Places                                              // of the logins that wait for their link; nil: any number
	Lobby     *polls.Lobby                                               // where they wait; nil: on net/http's goroutines
	Observe   func(route, method string, status int, took time.Duration) // may be nil

	// Place names roughly where an address is, in the language of a locale; both are empty when nothing is known. It may be nil.
	Place func(ip netip.Addr, locale string) (city, country string)
}

// Settings is what Server reads of the store by itself: which issuers there are, and where their clients are left to.
type Settings interface {
	Project(ctx context.Context, id latchkey.ProjectID) (latchkey.Project, error)
	Client(ctx context.Context, id latchkey.ClientID) (latchkey.Client, error)
}

// A handler answers one call to the issuer of p, or gives the error that fail is to answer with; then it has written
// nothing.
type handler func(w http.ResponseWriter, r *http.Request, p latchkey.Project) error

// A Route is one line of the map.
type Route struct {
	Method string
	Path   string // as api/openapi.yaml spells it; HEAD works where GET does
	reach  reach
	handle handler
}

// Routes is the map of the standard endpoints.
func (s *Server) Routes() []Route {
	return []Route{
		{"GET", "/p/{projectId}/.well-known/openid-configuration", anybody, s.metadata},
		{"GET", "/p/{projectId}/.well-known/oauth-authorization-server", anybody, s.metadata},
		{"GET", "/.well-known/openid-configuration/p/{projectId}", anybody, s.metadata},
		{"GET", "/.well-known/oauth-authorization-server/p/{projectId}", anybody, s.metadata},
		{"GET", "/p/{projectId}/.well-known/jwks.json", anybody, s.keySet},
		{"GET", "/p/{projectId}/authorize", nobody, s.shown(s.authorize)},
		{"POST", "/p/{projectId}/authorize", nobody, s.shown(s.authorize)},
		{"POST", "/p/{projectId}/login", nobody, s.shown(s.logIn)},
		{"POST", waitRoute, nobody, s.limited(s.Gate.Poll, s.wait)},
		{"GET", "/p/{projectId}/logout", nobody, s.shown(s.endSession)},
		{"POST", "/p/{projectId}/logout", nobody, s.shown(s.endSession)},
		{"GET", "/p/{projectId}/account", nobody, s.shown(s.account)},
		{"POST", "/p/{projectId}/account", nobody, s.shown(s.pressAccount)},
		{"POST", "/p/{projectId}/token", ownPages, s.token},
		{"GET", "/p/{projectId}/userinfo", ownPages, s.limited(s.Gate.Token, s.userinfo)},
		{"POST", "/p/{projectId}/userinfo", ownPages, s.limited(s.Gate.Token, s.userinfo)},
		{"POST", "/p/{projectId}/revoke", ownPages, s.limited(s.Gate.Token, s.revoke)},
		{"POST", "/p/{projectId}/introspect", nobody, s.limited(s.Gate.Token, s.introspect)},
		{"POST", "/p/{projectId}/par", ownPages, s.limited(s.Gate.Token, s.push)},
		{"POST", "/p/{projectId}/device_authorization", ownPages, s.limited(s.Gate.Page, s.authorizeDevice)},
		{"GET", "/p/{projectId}/device", nobody, s.shown(s.deviceStart)},
		{"POST", "/p/{projectId}/device", nobody, s.shown(s.pressDevice)},
		{"GET", "/p/{projectId}/device/qr", nobody, s.limited(s.Gate.Page, s.deviceQR)},
	}
}

// Handler serves Routes.
func (s *Server) Handler() http.Handler {
	byPath := map[string][]Route{}
	for _, r := range s.Routes() {
		byPath[r.Path] = append(byPath[r.Path], r)
	}
	mux := http.NewServeMux()
	for path, routes := range byPath {
		mux.Handle(path, s.serve(path, routes))
	}
	mux.Handle("/", s.serve("other", nil))
	return mux
}

// serve is everything around a call: headers, the issuer, CORS, dispatch, and the answer to an error.
func (s *Server) serve(path string, routes []Route) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w := &response{ResponseWriter: rw, began: s.Now()}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "Origin")
		if err := s.dispatch(w, r, routes); !errors.Is(err, errParked) {
			s.end(w, r, path, err)
		}
	})
}

func (s *Server) end(w *response, r *http.Request, path string, err error) {
	if err != nil {
		s.fail(w, r, err)
	}
	if s.Observe != nil {
		s.Observe(path, knownMethod(r.Method), w.status, s.Now().Sub(w.began))
	}
}

func (s *Server) dispatch(w *response, r *http.Request, routes []Route) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	if len(routes) == 0 {
		return latchkey.NotFound
	}
	p, err := s.issuer(r)
	if err != nil {
		return err
	}
	routes[0].reach.allow(w.Header(), r, p) // all methods of a path have the same
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	methods := []string{http.MethodOptions}
	for _, route := range routes {
		if route.Method == method {
			return route.handle(w, r, p)
		}
		methods = append(methods, route.Method)
		if route.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	w.Header().Set("Allow", strings.Join(methods, ", "))
	if method == http.MethodOptions {
		preflight(w, methods)
		return nil
	}
	return latchkey.MethodNotAllowed
}

// issuer gives the project whose issuer was called. The id must stand in the path as in the issuer: whoever compares the
// two byte for byte (RFC 8414 §3.3) would refuse any other spelling anyway.
// Errors: ProjectNotFound.
func (s *Server) issuer(r *http.Request) (latchkey.Project, error) {
	text := r.PathValue("projectId")
	id, err := latchkey.ParseProjectID(text)
	if err != nil {
		return latchkey.Project{}, err
	}
	if id.String() != text {
		return latchkey.Project{}, latchkey.ProjectNotFound
	}
	return s.Store.Project(r.Context(), id)
}

// response remembers what was answered. Handlers see it as an http.ResponseWriter.
type response struct {
	http.ResponseWriter
	began  time.Time
	status int // 0 while nothing is written
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

// encode answers with v as JSON. An error means that nothing was written.
func encode(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // what the connection says of it is of no use: the caller is gone
	return nil
}

// origin is where a request came from, for the audit trail. A user agent is cut at 512 bytes: it is stored.
func (s *Server) origin(r *http.Request) latchkey.Origin {
	const maxUserAgent = 512
	agent := strings.ToValidUTF8(r.UserAgent(), "\uFFFD")
	if len(agent) > maxUserAgent {
		agent = strings.ToValidUTF8(agent[:maxUserAgent], "") // no half letter at the end
	}
	return latchkey.Origin{IP: s.ClientIP(r), UserAgent: agent}
}

// knownMethod keeps a caller from inventing metric labels.
func knownMethod(m string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, m) {
		return m
	}
	return "other"
}
