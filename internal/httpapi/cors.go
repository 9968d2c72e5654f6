package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/latchkey-dev/latchkey"
)

// The headers of contract.md §1.5. Those of the SDKs are an open family (X-SDK, X-SDK-V, X-ENGINE, …); preflight adds
// any other X- header that is asked for.
const (
	allowedHeaders = "authorization, content-type, x-request-id, x-lot-number, x-captcha-output, x-pass-token, x-gen-time"
	exposedHeaders = "x-captcha-enabled, retry-after, x-request-id, ratelimit, ratelimit-policy"
	preflightLife  = "7200" // seconds: a preflight comes for every poll
)

// allowOrigin lets a browser page read the answer, an error too, if its origin is allowed. Every answer varies by
// Origin, or a cache would give one page what was meant for another.
func (s *Server) allowOrigin(w http.ResponseWriter, r *http.Request) {
	put(w, "Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !s.mayRead(r, origin) {
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
}

// mayRead asks the project that the call names. A call that names none, or none that exists, is judged by all of them:
// its answer is about nobody in particular, and a page must be able to read that its project is wrong.
func (s *Server) mayRead(r *http.Request, origin string) bool {
	ctx := r.Context()
	if id, ok := s.namedProject(r); ok {
		p, err := s.Store.Project(ctx, id)
		if err == nil {
			return p.AllowsOrigin(origin)
		}
	}
	all, err := s.Store.Projects(ctx)
	if err != nil {
		return false // the call itself meets the same failure and reports it
	}
	for _, p := range all {
		if p.AllowsOrigin(origin) {
			return true
		}
	}
	return false
}

func (s *Server) namedProject(r *http.Request) (latchkey.ProjectID, bool) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil && len(q) == 0 {
		return latchkey.ProjectID{}, false
	}
	if text := q.Get("projectId"); text != "" {
		id, err := latchkey.ParseProjectID(text)
		return id, err == nil
	}
	if n, err := strconv.ParseInt(q.Get("client_id"), 10, 64); err == nil {
		c, err := s.Store.Client(r.Context(), latchkey.ClientID(n))
		return c.Project, err == nil
	}
	return latchkey.ProjectID{}, false
}

// preflight answers OPTIONS.
func preflight(w http.ResponseWriter, r *http.Request, methods string) error {
	h := w.Header()
	h.Set("Allow", methods)
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Add("Vary", "Access-Control-Request-Headers")
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", allowedHeaders+extraHeaders(r.Header.Get("Access-Control-Request-Headers")))
		h.Set("Access-Control-Max-Age", preflightLife)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// extraHeaders gives the X- headers among those asked for, ready to be appended.
func extraHeaders(asked string) string {
	const most = 32
	var out strings.Builder
	n := 0
	for name := range strings.SplitSeq(asked, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		odd := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != ""
		if n++; n > most || odd || !strings.HasPrefix(name, "x-") || strings.Contains(allowedHeaders, name) {
			continue
		}
		out.WriteString(", " + name)
	}
	return out.String()
}
