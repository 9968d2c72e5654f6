package oidctest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// A site is a client's own web site. It shows its visitors a page, whatever they came for: the tests read where they came
// to off their browser.
type site struct{ url string }

func newSite(t *testing.T) site {
	t.Helper()
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><title>The client</title><h1>The client's own site</h1>")
	}))
	t.Cleanup(ts.Close)
	return site{ts.URL}
}

func (s site) callback() string  { return s.url + "/callback" }
func (s site) signedOut() string { return s.url + "/signed-out" }

// flags register the site with a client.
func (s site) flags(more ...string) []string {
	return append([]string{"--redirect-uri", s.callback(), "--logout-uri", s.signedOut()}, more...)
}

// query gives the parameters of an address.
func query(t *testing.T, address string) url.Values {
	t.Helper()
	_, raw, _ := strings.Cut(address, "?")
	q, err := url.ParseQuery(raw)
	if err != nil {
		t.Fatal(err)
	}
	return q
}
