package sdktest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A page is the test's own web site: client and flows, and what the flows cannot do themselves.
type page struct {
	url     string
	reports chan result
}

// servePage serves the page for s. sdk is the client's file.
func servePage(t *testing.T, s *server, sdk string) page {
	t.Helper()
	p := page{reports: make(chan result, 2*len(flows))}
	setup, err := json.Marshal(map[string]any{
		"api": s.api(), "project": demoProject, "client": demoClient, "confidential": demoConfidential, "callback": s.callback(), "redirect": s.callback(),
		"short": testing.Short(),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<!doctype html><title>sdk</title><body><script>const setup=%s</script>"+
			"<script src=/sdk.js></script><script src=/flows.js></script>", setup)
	})
	mux.HandleFunc("GET /sdk.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, sdk) })
	mux.HandleFunc("GET /flows.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "testdata/flows.js") })
	mux.HandleFunc("GET /message", s.inbox)
	mux.HandleFunc("POST /approve", s.approve)
	mux.HandleFunc("POST /report", func(w http.ResponseWriter, r *http.Request) {
		var got result
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			got.Failed = "the page's report cannot be read: " + err.Error()
		}
		p.reports <- got
	})
	ts := httptest.NewServer(mux)
	t.Cleanup(ts.Close)
	p.url = ts.URL
	return p
}

// inbox shows the page the mails of one address.
func (s *server) inbox(w http.ResponseWriter, r *http.Request) {
	res, err := http.Get("http://" + s.host + "/dev/inbox/messages?limit=1&" + r.URL.RawQuery)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	w.WriteHeader(res.StatusCode)
	io.Copy(w, res.Body)
}

// approve presses the button of the page that a message's link opens, as its owner's browser would. A redirect to where
// the link leads is as good as a page.
func (s *server) approve(w http.ResponseWriter, r *http.Request) {
	link, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	press, err := http.NewRequestWithContext(r.Context(), http.MethodPost, string(link), strings.NewReader("action=approve"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	press.Header.Set("Origin", "http://"+s.host)
	press.Header.Set("Sec-Fetch-Site", "same-origin")
	press.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultTransport.RoundTrip(press)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	res.Body.Close()
	if res.StatusCode >= 400 {
		w.WriteHeader(res.StatusCode)
	}
}

// installSDK gives the client's browser file, after `npm ci` if it is not there yet.
func installSDK(t *testing.T) string {
	t.Helper()
	sdk := filepath.Join("js", "node_modules", "@xsolla", "login-sdk", "dist", "sdk.js")
	if _, err := os.Stat(sdk); err == nil {
		return sdk
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		missing(t, "npm", "install Node.js 18 or newer (Debian: apt-get install npm)")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, npm, "ci", "--prefix", "js", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
	if err != nil {
		t.Fatalf("npm ci --prefix internal/sdktest/js: %v\n%s", err, out)
	}
	return sdk
}

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "Chromium", "install it (Debian: apt-get install chromium)")
	return ""
}

// missing fails where everything must be tested, and skips elsewhere.
func missing(t *testing.T, what, how string) {
	t.Helper()
	if os.Getenv("LATCHKEY_TEST_ALL") == "1" {
		t.Fatalf("%s is missing: %s", what, how)
	}
	t.Skipf("%s is missing: %s", what, how)
}

// openPage opens url in a headless browser that talks to loopback only, until the test ends.
func openPage(t *testing.T, chromium, url string) {
	t.Helper()
	profile, err := os.MkdirTemp("", "latchkey-sdktest-") // not t.TempDir: a browser that is ending may still write
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) })
	cmd := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+profile, "--remote-debugging-port=0",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost", url)
	runUntilCleanup(t, cmd)
}
