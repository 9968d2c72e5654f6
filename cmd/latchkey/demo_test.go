package main

import (
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestDemoMoves: the demo's own URIs follow the address that dev listens on, and what a developer added stays.
func TestDemoMoves(t *testing.T) {
	t.Parallel()
	old, now := newDemo("http://127.0.0.1:8080"), newDemo("http://127.0.0.1:9000")
	found := append(old.redirects(), "http://localhost:5173/", "https://app.example.com/demo/callback")
	got := now.moved(found, now.redirects())
	if want := append(now.redirects(), "http://localhost:5173/", "https://app.example.com/demo/callback"); !slices.Equal(got, want) {
		t.Errorf("redirect URIs after the move: %q, want %q", got, want)
	}
	if again := now.moved(got, now.redirects()); !slices.Equal(again, got) {
		t.Errorf("a second run at the same address changes them: %q", again)
	}
	if got := now.moved([]string{old.home()}, []string{now.home()}); !slices.Equal(got, []string{now.home()}) {
		t.Errorf("logout URIs after the move: %q", got)
	}
}

// TestDemoClientTakesAnyLoopbackPort: what the first page tells a developer to enter works (RFC 8252 §7.3).
func TestDemoClientTakesAnyLoopbackPort(t *testing.T) {
	t.Parallel()
	d := newDevServer(t.Context(), filepath.Join(t.TempDir(), "data"))
	t.Cleanup(func() { d.stop() })
	if err := d.wait(30 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, d.stderr.String())
	}
	for redirect, want := range map[string]int{
		"http://127.0.0.1:3000/callback": http.StatusOK, "http://[::1]:4711/callback": http.StatusOK, d.url + redirectPath: http.StatusOK,
		"http://127.0.0.1:3000/elsewhere": http.StatusBadRequest, "http://localhost:3000/callback": http.StatusBadRequest,
	} {
		q := url.Values{
			"client_id": {"1"}, "response_type": {"code"}, "redirect_uri": {redirect}, "scope": {"openid"}, "state": {"xsollatest"},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
		}
		resp, err := http.Get(d.url + "/p/" + demoID + "/authorize?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("redirect_uri %s: %d, want %d", redirect, resp.StatusCode, want)
		}
	}
}

func TestDataFlag(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]string{
		"latchkey-data": "", "./latchkey-data/": "", "/tmp/a.b-c_d": " --data /tmp/a.b-c_d", "my data": " --data 'my data'", "o'clock": ` --data 'o'\''clock'`,
	} {
		if got := (devCommand{Data: folder}).dataFlag(); got != want {
			t.Errorf("%q: %q, want %q", folder, got, want)
		}
	}
}
