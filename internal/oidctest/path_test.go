package oidctest_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestRFC9700_4_11_Paths: no spelling of a path makes the server redirect, to somewhere else or at all (RFC 9700 §4.11, §4.12).
func TestRFC9700_4_11_Paths(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts the program: left out of -short")
	}
	s := startDev(t)
	issuer := strings.TrimPrefix(s.issuer(), s.url)
	for _, path := range []string{
		"//evil.test/%2e%2e", "//evil.test/..", "/%2f%2fevil.test/", `/\evil.test/`, "/%5c%5cevil.test/", "/.//evil.test", "//evil.test" + issuer + "/authorize",
		issuer + "//evil.test/../authorize", issuer + "/authorize//evil.test", issuer + "/./authorize", issuer + "/x/../authorize", issuer + "/token/", issuer + "//token",
		issuer, issuer + "/", "/p", "/p/", "/l", "/static", "/.well-known", issuer + "/authorize/..;/x", issuer + "/%2e%2e/authorize",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req, err := http.NewRequestWithContext(t.Context(), method, s.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.URL.Opaque = path // as it is
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode/100 == 3 || res.Header.Get("Location") != "" {
				t.Errorf("%s %s: redirects by %d to %q", method, path, res.StatusCode, res.Header.Get("Location"))
			}
		}
	}
}
