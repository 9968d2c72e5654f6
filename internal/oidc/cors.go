package oidc

import (
	"net/http"
	"strings"

	"github.com/latchkey-dev/latchkey"
)

// A reach says which browser pages may read an answer. No call here looks at cookies, so none allows credentials.
type reach int

const (
	nobody   reach = iota // back ends only
	ownPages              // pages of the project's allowed origins
	anybody               // it is public
)

// allow sets the headers, errors included: a page must be able to read what went wrong.
func (to reach) allow(h http.Header, r *http.Request, p latchkey.Project) {
	origin := r.Header.Get("Origin")
	switch {
	case to == anybody:
		h.Set("Access-Control-Allow-Origin", "*")
	case to == ownPages && origin != "" && p.AllowsOrigin(origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy")
	}
}

// preflight answers OPTIONS.
func preflight(w http.ResponseWriter, methods []string) {
	h := w.Header()
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
		h.Set("Access-Control-Allow-Headers", "authorization, content-type")
		h.Set("Access-Control-Max-Age", "7200")
	}
	w.WriteHeader(http.StatusNoContent)
}
