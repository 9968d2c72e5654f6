package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestTheShortWayTakesItsOwn: a route without a wildcard is served before any mux, and what is spelled otherwise is left to it.
func TestTheShortWayTakesItsOwn(t *testing.T) {
	t.Parallel()
	const left = http.StatusTeapot
	s := newTrack(t).server
	h := s.Before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(left) }))
	for target, want := range map[string]int{
		"/healthz": 200, "/api/blank": 200, "/api/blank?a=%2F": 200, "/api/login/email/request": 405, "/openapi.yaml": 200,
		"/": left, "/api": left, "/api/": left, "/api/blank/": left, "/api//blank": left, "/api/./blank": left, "/api%2Fblank": left,
		"/api/projects/00000000-0000-4000-8000-000000000001/keys": left, "/api/projects/{projectId}/keys": left, "/other": left,
		"/metrics": left, "/p/00000000-0000-4000-8000-000000000001/authorize": left,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if w.Code != want {
			t.Errorf("GET %s: %d, want %d", target, w.Code, want)
		}
	}
}
