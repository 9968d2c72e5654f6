package pages_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/devinbox"
	"github.com/latchkey-dev/latchkey/internal/pages"
)

// newDev serves the pages of development on a loopback port.
func newDev(t *testing.T) (*devinbox.Inbox, *httptest.Server, chan struct{}) {
	t.Helper()
	inbox := devinbox.New(func() time.Time { return noon })
	closing := make(chan struct{})
	d := &pages.Dev{Inbox: inbox, Project: project, Client: 1, DataFlag: " --data 'a b'", Closing: closing}
	server := httptest.NewUnstartedServer(nil)
	d.PublicURL = "http://" + server.Listener.Addr().String()
	d.Callback, d.Redirect, d.Home = d.PublicURL+"/demo/callback", d.PublicURL+"/demo/signed-in", d.PublicURL+"/demo"
	h, err := d.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = h
	server.Start()
	t.Cleanup(server.Close)
	server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return inbox, server, closing
}

func send(t *testing.T, inbox *devinbox.Inbox, id, to string, ch latchkey.Channel) {
	t.Helper()
	err := inbox.Send(t.Context(), latchkey.Envelope{
		ID: id, To: latchkey.CanonicalAddress(ch, to), Subject: "A <subject>", Text: "text", HTML: "<html><head></head><p>hi</p>",
		Code: "123456", Link: "https://login.example.com/l/x",
	})
	if err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s *httptest.Server, path, host string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestInboxMessages(t *testing.T) {
	t.Parallel()
	inbox, s, _ := newDev(t)
	send(t, inbox, "1", "a@example.test", latchkey.Email)
	send(t, inbox, "2", "+12025550123", latchkey.Phone)
	for query, want := range map[string][]string{
		"":                          {"2", "1"},
		"?limit=1":                  {"2"},
		"?to=A@example.test":        {"1"},
		"?to=%2B12025550123":        {"2"},
		"?to=+12025550123":          {"2"},
		"?to=a@example.tes":         {},
		"?to=a@example.test&limit=": {"1"},
	} {
		resp := get(t, s, "/dev/inbox/messages"+query, "")
		var got []map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
			t.Fatalf("%q: %v", query, err)
		}
		ids := []string{}
		for _, m := range got {
			ids = append(ids, m["id"].(string))
			for _, field := range []string{"id", "channel", "to", "subject", "text", "html", "code", "link", "sent_at"} {
				if _, ok := m[field]; !ok || len(m) != 9 {
					t.Errorf("%q: the message has not exactly the nine fields: %v", query, m)
				}
			}
		}
		if strings.Join(ids, " ") != strings.Join(want, " ") {
			t.Errorf("%q gives %v, want %v", query, ids, want)
		}
	}
	if resp := get(t, s, "/dev/inbox/messages?limit=many", ""); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("limit=many: %d, want 422", resp.StatusCode)
	}
}

// TestDevPagesRefuseForeignNames: a web site whose name points at 127.0.0.1 must not read the inbox (DNS rebinding).
func TestDevPagesRefuseForeignNames(t *testing.T) {
	t.Parallel()
	_, s, _ := newDev(t)
	for host, want := range map[string]int{
		"": 200, "localhost:1234": 200, "[::1]:80": 200, "127.0.0.2": 200, "LOCALHOST": 200,
		"evil.example": 421, "localhost.evil.example:80": 421, "192.0.2.1": 421, "127.0.0.1.evil.example": 421, "0.0.0.0": 421,
	} {
		if got := get(t, s, "/dev/inbox/messages", host).StatusCode; got != want {
			t.Errorf("Host %q: %d, want %d", host, got, want)
		}
	}
}

func TestInboxShowsForeignHTMLInASandbox(t *testing.T) {
	t.Parallel()
	inbox, s, _ := newDev(t)
	send(t, inbox, "1", "a@example.test", latchkey.Email)
	csp := get(t, s, "/dev/inbox/html?id=1", "").Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "sandbox", "frame-ancestors 'self'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %s: %s", want, csp)
		}
	}
	if strings.Contains(csp, "script") || strings.Contains(csp, "allow-same-origin") {
		t.Errorf("a mail may run scripts in the inbox: %s", csp)
	}
	if resp := get(t, s, "/dev/inbox/html?id=2", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown message: %d, want 404", resp.StatusCode)
	}
}

func TestInboxIsLiveAndEndsWithTheServer(t *testing.T) {
	t.Parallel()
	inbox, s, closing := newDev(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/dev/inbox/events", nil)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	news := func() bool {
		for lines.Scan() {
			if lines.Text() == "event: news" {
				return true
			}
		}
		return false
	}
	if !news() {
		t.Fatal("no news on connecting")
	}
	send(t, inbox, "1", "a@example.test", latchkey.Email)
	if !news() {
		t.Fatal("no news after a message")
	}
	close(closing)
	if news() || ctx.Err() != nil {
		t.Error("the stream does not end with the server")
	}
}

func TestDevPages(t *testing.T) {
	t.Parallel()
	_, s, _ := newDev(t)
	for _, path := range []string{
		"/demo", "/demo/signed-in", "/demo/calls", "/demo/callback", "/dev/inbox", "/demo/hosted.js", "/demo/calls.js", "/demo/wire.js", "/demo/token.js", "/dev/inbox.js",
	} {
		resp := get(t, s, path, "")
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d with policy %q", path, resp.StatusCode, resp.Header.Get("Content-Security-Policy"))
		}
	}
	if resp := get(t, s, "/", ""); resp.Header.Get("Location") != "/demo" {
		t.Errorf("/ leads to %q, want /demo", resp.Header.Get("Location"))
	}
	// Callback URLs are compared byte for byte, and a tab's memory is one origin's.
	if resp := get(t, s, "/demo?x=1", "localhost:1"); resp.Header.Get("Location") != s.URL+"/demo?x=1" {
		t.Errorf("under another name /demo leads to %q, want %s", resp.Header.Get("Location"), s.URL+"/demo?x=1")
	}
}
