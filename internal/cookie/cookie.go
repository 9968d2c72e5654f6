// Package cookie is the room of the cookie that a signed-in browser holds. The ways in that know a browser by it (oidc,
// httpapi) share it, so that both mean the same one. It only computes.
package cookie

import (
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Session is the cookie of a browser's session with one project. Every project has one of its own: several share a host,
// and a person who signs in to one of them is nobody in the others.
type Session struct {
	name   string
	secure bool
}

// OfSession names the cookie of a project on the server at publicURL. The prefix __Host- keeps a neighbouring host from
// planting one (session fixation); it is missing on plain http, which is for development on loopback, because browsers
// refuse it there.
func OfSession(publicURL string, p latchkey.ProjectID) Session {
	c := Session{name: "latchkey-session-" + p.String(), secure: strings.HasPrefix(publicURL, "https://")}
	if c.secure {
		c.name = "__Host-" + c.name
	}
	return c
}

// Read gives what the cookie in r holds; empty without one.
func (c Session) Read(r *http.Request) latchkey.Secret {
	got, err := r.Cookie(c.name)
	if err != nil {
		return ""
	}
	return latchkey.Secret(got.Value)
}

// Set makes the browser hold token until last, the end of the session's life at the longest. It is Lax, because a client
// leads here from elsewhere.
func (c Session) Set(token latchkey.Secret, last, now time.Time) *http.Cookie {
	out := c.cookie(token.Reveal())
	out.MaxAge = max(1, int(last.Sub(now)/time.Second)) // 0 would mean until the browser is closed
	return out
}

// Gone makes the browser forget it.
func (c Session) Gone() *http.Cookie {
	out := c.cookie("")
	out.MaxAge = -1
	return out
}

func (c Session) cookie(value string) *http.Cookie {
	return &http.Cookie{Name: c.name, Value: value, Path: "/", HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode}
}
