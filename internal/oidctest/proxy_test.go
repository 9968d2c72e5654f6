package oidctest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// freePort gives an address of this machine that nobody listens on now: for programs that cannot tell which one they took.
func freePort(t *testing.T) string {
	t.Helper()
	ts := httptest.NewServer(nil)
	defer ts.Close()
	return strings.TrimPrefix(ts.URL, "http://")
}

// TestOAuth2Proxy: the configuration of docs/integrate/oauth2-proxy.md in the real oauth2-proxy, before an app that only reads
// headers.
func TestOAuth2Proxy(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	program, err := filepath.Abs(filepath.Join("..", "..", ".bin", "oauth2-proxy"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		missing(t, "oauth2-proxy", "run scripts/setup")
	}
	s, who := startDev(t), newPerson(t, "reader@example.test")
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<!doctype html><title>Wiki</title><p id=who data-user=%q>%s", r.Header.Get("X-Forwarded-User"), r.Header.Get("X-Forwarded-Email"))
	}))
	t.Cleanup(app.Close)
	listen := freePort(t)
	wiki := "http://" + listen
	c := s.client("confidential", "--redirect-uri", wiki+"/oauth2/callback", "--logout-uri", wiki+"/")
	config := filepath.Join(t.TempDir(), "oauth2-proxy.cfg")
	text := fill(t, guide(t, "oauth2-proxy.md", "toml"),
		"https://login.example.com/p/PROJECT-ID", s.issuer(), "CLIENT-ID", c.ID, "CLIENT-SECRET", c.Secret, "COOKIE-SECRET", strings.Repeat("0123", 8),
		"https://wiki.example.com", wiki, "127.0.0.1:4180", listen, "http://127.0.0.1:8000", app.URL, "login.example.com", strings.TrimPrefix(s.url, "http://"),
		"= true\ncookie_refresh", "= false\ncookie_refresh") // there is no TLS here
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(program, "--config", config)
	cmd.Stdout, cmd.Stderr = log, log
	startUntilCleanup(t, cmd)
	t.Cleanup(func() {
		if t.Failed() {
			raw, _ := os.ReadFile(log.Name())
			t.Logf("the proxy's log:\n%s", raw)
		}
	})
	eventually(t, "oauth2-proxy to listen", func() bool {
		res, err := http.Get(wiki + "/ping")
		if err == nil {
			res.Body.Close()
		}
		return err == nil && res.StatusCode == http.StatusOK
	})

	who.open(wiki + "/page")
	who.signIn(s)
	who.endsAt(wiki + "/page")
	if got := eval[string](who, `document.getElementById("who").textContent`); got != who.address {
		t.Errorf("the app was told %q, want %q", got, who.address)
	}
	if got := eval[string](who, `document.getElementById("who").dataset.user`); len(got) != 36 || strings.Contains(got, "@") {
		t.Errorf("the app was told that the person's id is %q", got)
	}
	// The guide's link, with what its reader puts in.
	who.open(fill(t, strings.TrimSpace(guide(t, "oauth2-proxy.md", "text")),
		"https%3A%2F%2Flogin.example.com%2Fp%2FPROJECT-ID", url.QueryEscape(s.issuer()), "CLIENT-ID", c.ID,
		"https%253A%252F%252Fwiki.example.com", url.QueryEscape(url.QueryEscape(wiki)), "https://wiki.example.com", wiki))
	who.press(goOn)
	// Back at the wiki, which is behind the proxy: it leads to the login again, and nobody is signed in there.
	who.until("an address to be asked for after the logout", `document.querySelector('`+typed+`')`)
}
