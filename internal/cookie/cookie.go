// Package cookie is the room of the cookies that a browser holds: that of its session, and that of the addresses that have signed
// in from it. The ways in that know a browser by them (oidc, httpapi, pages) share it, so that all mean the same ones. It only
// computes.
package cookie

import (
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Session is the cookie of a browser's session with one project. Every project has one of its own: several share a host,
// and a person who signs in to one of them is nobody in the others.
type Session struct{ host }

// OfSession names the cookie of a project's sessions on the server at publicURL.
func OfSession(publicURL string, p latchkey.ProjectID) Session {
	return Session{hostCookie(publicURL, "latchkey-session-"+p.String())}
}

// Set makes the browser hold token until last, the end of the session's life at the longest. It is Lax, because a client
// leads here from elsewhere.
func (c Session) Set(token latchkey.Secret, last, now time.Time) *http.Cookie {
	return c.set(token, last.Sub(now))
}

// Gone makes the browser forget it.
func (c Session) Gone() *http.Cookie {
	out := c.cookie("")
	out.MaxAge = -1
	return out
}

// A Known is the cookie of a browser in which people of one project have signed in before (Secrets.KnownBrowser). It signs
// nobody in: limits are kinder to who holds it, and that is all.
type Known struct{ host }

// OfKnown names the cookie of a project's known browsers on the server at publicURL.
func OfKnown(publicURL string, p latchkey.ProjectID) Known {
	return Known{hostCookie(publicURL, "latchkey-known-"+p.String())}
}

// Set makes the browser hold marks for as long as the newest of them is good.
func (c Known) Set(marks latchkey.Secret) *http.Cookie {
	return c.set(marks, latchkey.KnownBrowserLife)
}

// A host is a cookie of one host and no other. The prefix __Host- keeps a neighbouring host from planting one (session
// fixation); it is missing on plain http, which is for development on loopback, because browsers refuse it there.
type host struct {
	name   string
	secure bool
}

func hostCookie(publicURL, name string) host {
	c := host{name: name, secure: strings.HasPrefix(publicURL, "https://")}
	if c.secure {
		c.name = "__Host-" + c.name
	}
	return c
}

// Read gives what the cookie in r holds; empty without one.
func (c host) Read(r *http.Request) latchkey.Secret {
	got, err := r.Cookie(c.name)
	if err != nil {
		return ""
	}
	return latchkey.Secret(got.Value)
}

func (c host) set(value latchkey.Secret, life time.Duration) *http.Cookie {
	out := c.cookie(value.Reveal())
	out.MaxAge = max(1, int(life/time.Second)) // 0 would mean until the browser is closed
	return out
}

func (c host) cookie(value string) *http.Cookie {
	return &http.Cookie{Name: c.name, Value: value, Path: "/", HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode}
}
