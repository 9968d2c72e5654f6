// Package pages is the HTML way in: what a person sees in a browser.
//
//	GET  /l/{token}               who asks, and the buttons     login.Service.Page
//	POST /l/{token}               the press of one              login.Service.Approve, Deny
//	GET  /static/{file}           the stylesheet
//	GET  /static/color/{file}     a project's colour
//
// and, in development only (dev.go):
//
//	GET  /demo, /demo/callback    a client of the published calls, to see a login
//	GET  /dev/inbox               the messages that were sent
//
// A GET changes nothing, ever: mail scanners fetch links and run their scripts. Pages need no script to work, carry
// strict headers, and are never cached.
package pages

import (
	"bytes"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/login"
)

//go:embed static templates dev
var files embed.FS

// Server serves the pages. Login, Catalog, PublicURL, Log, Now and ClientIP must be set; what may be nil says so.
type Server struct {
	Login     *login.Service
	Catalog   *catalog.Catalog
	PublicURL string // scheme://host[:port], no slash at its end
	Log       *slog.Logger
	Now       func() time.Time
	ClientIP  func(*http.Request) netip.Addr
	Gate      *limits.Gate                                               // of every page; nil: as often as anybody likes
	Observe   func(route, method string, status int, took time.Duration) // may be nil

	// Place names roughly where an address is, in the language of a locale; both are empty when nothing is known. It may
	// be nil.
	Place func(ip netip.Addr, locale string) (city, country string)
}

// Handler serves /l/ and /static/.
func (s *Server) Handler() (http.Handler, error) {
	page, err := template.ParseFS(files, "templates/page.html")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /l/{token}", s.serve("/l/{token}", page, s.show))
	mux.Handle("POST /l/{token}", s.serve("/l/{token}", page, s.press))
	mux.Handle("GET /static/{file}", assets("static"))
	mux.HandleFunc("GET /static/color/{file}", color)
	return mux, nil
}

// serve is the frame of every page: headers, the page or the redirect, and the one place where a failure is logged.
func (s *Server) serve(route string, page *template.Template, f func(*http.Request) (view, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.Now()
		v, err := s.limited(w, r, f)
		switch {
		case err == nil:
		case latchkey.CodeOf(err) == latchkey.RateLimited: // theirs, and not one line of the log for each
			v = s.tooOften(r, err)
		default:
			v = s.trouble(r, err)
			s.Log.ErrorContext(r.Context(), "page failed", "route", route, "code", string(latchkey.CodeOf(err)), "err", err)
		}
		var body bytes.Buffer
		if v.Goto == "" {
			if err := page.Execute(&body, v); err != nil {
				v.Status = http.StatusInternalServerError
				s.Log.ErrorContext(r.Context(), "page failed", "route", route, "err", err)
			}
		}
		h := w.Header()
		picture := ""
		if v.Who != nil {
			picture = formTarget(v.Who.Logo)
		}
		strict(h, linkPolicy(picture, v.FormTo))
		for _, c := range v.Cookies {
			http.SetCookie(w, c)
		}
		if v.Goto != "" {
			h.Set("Location", v.Goto)
		} else {
			h.Set("Content-Type", "text/html; charset=utf-8")
			h.Set("Content-Language", v.Lang)
			h.Set("Content-Length", strconv.Itoa(body.Len()))
		}
		switch v.Status {
		case http.StatusServiceUnavailable:
			h.Set("Retry-After", "5")
		case http.StatusTooManyRequests:
			h.Set("Retry-After", strconv.Itoa(max(1, v.Wait)))
		}
		w.WriteHeader(v.Status)
		w.Write(body.Bytes()) // a reader who left is nobody's failure; HEAD drops the body by itself
		if s.Observe != nil {
			s.Observe(route, r.Method, v.Status, s.Now().Sub(began))
		}
	})
}

// limited asks the gate before f. The answer says how the caller's network stands.
func (s *Server) limited(w http.ResponseWriter, r *http.Request, f func(*http.Request) (view, error)) (view, error) {
	standing, err := s.Gate.Page(r.Context(), limits.Caller{IP: s.ClientIP(r)}, s.Now())
	if left, policy := standing.Fields(); left != "" {
		w.Header().Set("RateLimit", left)
		w.Header().Set("RateLimit-Policy", policy)
	}
	if err != nil {
		return view{}, err
	}
	return f(r)
}

// strict sets the headers of every page, with its own Content-Security-Policy. In nobody's frame; and its address, which
// holds a secret, goes nowhere (RFC 9700 §4.2.4, rules.md).
func strict(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Cache-Control", "no-store")
}

// linkPolicy lets a page behind a link have the stylesheets of this server, its pictures and the project's logo, and
// nothing else: no script at all. picture and formTo are one source expression each, or empty.
func linkPolicy(picture, formTo string) string {
	return "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; " +
		strings.TrimSuffix("img-src 'self' "+picture, " ") + "; " + strings.TrimSuffix("form-action 'self' "+formTo, " ")
}

// assets serves the files of one embedded folder that a page refers to. They hold nothing secret and may be kept.
func assets(folder string) http.HandlerFunc {
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("file")
		b, err := files.ReadFile(folder + "/" + name)
		h := w.Header()
		strict(h, linkPolicy("", ""))
		if err != nil || kinds[path.Ext(name)] == "" {
			http.NotFound(w, r)
			return
		}
		h.Set("Content-Type", kinds[path.Ext(name)])
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("Content-Length", strconv.Itoa(len(b)))
		w.Write(b)
	}
}

// origin is where a request came from, for the audit trail.
func (s *Server) origin(r *http.Request) latchkey.Origin {
	agent := r.UserAgent()
	if len(agent) > 512 {
		agent = agent[:512]
	}
	if !utf8.ValidString(agent) {
		agent = strings.ToValidUTF8(agent, "")
	}
	return latchkey.Origin{IP: s.ClientIP(r), UserAgent: agent}
}
