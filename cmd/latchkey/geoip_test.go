package main

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLinkPageShowsThePlace: --geoip reaches the page behind a link, and the user agent of the start call too.
func TestLinkPageShowsThePlace(t *testing.T) {
	t.Parallel()
	d := newDevServer(t.Context(), filepath.Join(t.TempDir(), "data"), "--geoip", "../../internal/geoip/testdata/loopback.mmdb")
	t.Cleanup(func() { d.stop() })
	if err := d.wait(time.Minute); err != nil {
		t.Fatalf("%v\n%s", err, d.stderr.String())
	}
	status, answer := d.call(t, "POST", "/api/login/email/request?projectId="+demoID+"&locale=de",
		`{"email":"place@example.test","send_link":true,"link_url":"`+d.url+`/demo/callback"}`,
		"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0")
	if status != 200 {
		t.Fatalf("start: %d %v", status, answer)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.message(t, "place@example.test").Link, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	page := strings.NewReplacer("\u2068", "", "\u2069", "").Replace(string(raw))
	for _, want := range []string{"Nahe Berlin, Deutschland", "127.0.0.1", "Firefox auf Linux"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
