package httpapi

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// SingleSlashes serves a path with doubled slashes or dot segments as the clean one (contract.md §1.6). It must stand
// before any http.ServeMux, which would redirect, and an API call is never answered with a 3xx (§1.4).
func SingleSlashes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, singleSlashed(r)) })
}

// singleSlashed gives r itself if its path is clean.
func singleSlashed(r *http.Request) *http.Request {
	raw := r.URL.EscapedPath()
	if !strings.Contains(raw, "//") && !strings.Contains(raw, "/.") {
		return r
	}
	clean := path.Clean("/" + raw)
	if clean != "/" && strings.HasSuffix(raw, "/") {
		clean += "/" // as the mux has it: a trailing slash is another path
	}
	decoded, err := url.PathUnescape(clean)
	if err != nil {
		return r
	}
	u := *r.URL
	u.Path, u.RawPath = decoded, clean
	copied := *r
	copied.URL = &u
	return &copied
}

// requestID gives the caller's own id when it is 1–128 printable ASCII (contract.md §1.5; the text "null" is one), and
// else a new one.
func requestID(given string) string {
	notPrintable := func(r rune) bool { return r < ' ' || r > '~' }
	if given != "" && len(given) <= 128 && !strings.ContainsFunc(given, notPrintable) {
		return given
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: the process dies without entropy
	return hex.EncodeToString(b[:])
}

// knownMethod keeps a caller from inventing metric labels.
func knownMethod(m string) string {
	known := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	if slices.Contains(known, m) {
		return m
	}
	return "other"
}

// logAccess writes one line per request. The path and the query stay out of it: they hold addresses and secrets.
func (s *Server) logAccess(r *http.Request, w *response, route string, err error, took time.Duration) {
	ctx := r.Context()
	if !s.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", w.id), slog.String("method", knownMethod(r.Method)), slog.String("route", route),
		slog.Int("status", w.status), slog.Float64("ms", float64(took.Microseconds())/1000),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", string(latchkey.CodeOf(err))))
	}
	s.Log.LogAttrs(ctx, slog.LevelDebug, "request", attrs...)
}
