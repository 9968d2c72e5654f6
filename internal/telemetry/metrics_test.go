package telemetry_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/telemetry"
)

var update = flag.Bool("update", false, "write golden files anew")

// TestNames holds the names, types and labels: dashboards and alerts are built on them.
func TestNames(t *testing.T) {
	t.Parallel()
	m := telemetry.New(func() int { return 7 })
	m.Login(latchkey.Email, latchkey.JWT, "ok")
	m.Message("smtp", latchkey.Email, "sent", 30*time.Millisecond)
	m.Request("/api/otc/code", "GET", 408, 20*time.Second)
	m.Request("/api/otc/code", "GET", 200, 2*time.Second)
	m.Request("/api/otc/code", "GET", 499, 20*time.Second)
	m.Request("unmatched", "BREW", 404, time.Millisecond)
	m.Polls(3)
	m.Polls(-1)
	m.PollRefused()
	m.Limited("start-client")
	m.LimiterMissed()
	m.SMSTripped("country", time.Unix(1_900_000_000, 0))
	m.SMSRefused()
	m.Blocked("network")
	m.ConnectionRefused()
	m.Captcha(latchkey.Altcha, "ok")

	var lines []string
	for line := range strings.Lines(scrape(t, m)) {
		line = strings.TrimSpace(line)
		if name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE "); strings.HasPrefix(name, "latchkey_") && !strings.Contains(line, "_bucket{") {
			lines = append(lines, line)
		}
	}
	got := strings.Join(lines, "\n") + "\n"
	golden := filepath.Join("testdata", "metrics.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the metrics changed; if that is meant, run with -update.\ngot:\n%s\nwant:\n%s", got, want)
	}
}

// TestProcess promises the figures that every dashboard of a Go program starts from.
func TestProcess(t *testing.T) {
	t.Parallel()
	text := scrape(t, telemetry.New(nil))
	for _, name := range []string{"go_goroutines ", "process_resident_memory_bytes ", "go_build_info{", "latchkey_outbox_queued 0"} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("no %q among the metrics", name)
		}
	}
}

// TestRegistries promises that two servers in one process count apart.
func TestRegistries(t *testing.T) {
	t.Parallel()
	one, two := telemetry.New(nil), telemetry.New(nil)
	one.Login(latchkey.Phone, latchkey.OAuth2, "ok")
	if strings.Contains(scrape(t, two), `latchkey_logins_total{`) {
		t.Error("a login at one server is counted at another")
	}
	if !slices.Contains(strings.Split(scrape(t, one), "\n"), `latchkey_logins_total{channel="phone",protocol="oauth2",verdict="ok"} 1`) {
		t.Error("a login is not counted")
	}
}

func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}
