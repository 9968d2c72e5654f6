package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/blocklist"
	"github.com/latchkey-dev/latchkey/internal/limits"
)

func listFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "block.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBlockedGetNoCode: the whole server, /api and hosted page, on addresses and networks that are listed for all and for one
// project. Nothing is sent, and an event and a metric tell of it, the event once.
func TestBlockedGetNoCode(t *testing.T) {
	t.Parallel()
	h := newHook(t, 0)
	path := listFile(t, "# somebody's list\nmailinator.test\n+44770090\n192.0.2.0/24\n")
	one := listFile(t, "other.test\n")
	s, env, p := newServe(t, h, "--trusted-proxy", "127.0.0.1", "--block", path, "--block", "00000000-0000-4000-8000-0000000000ff="+one)
	start := func(kind, address, from string) (int, string) {
		status, answer := s.call(t, "POST", "/api/login/"+kind+"/request?projectId="+p.ID, address, "X-Forwarded-For", from)
		failure, _ := answer["error"].(map[string]any)
		return status, fmt.Sprint(failure["code"], " ", failure["details"])
	}
	for name, tt := range map[string]struct {
		kind, body, from string
		status           int
		want             string
	}{
		"an email":          {"email", `{"email":"a@x.Mailinator.test"}`, "198.51.100.1", 422, "002-027 map[field:email message:Addresses of this provider are not taken. Use another one.]"},
		"a phone":           {"phone", `{"phone_number":"+447700900123"}`, "198.51.100.2", 422, "002-027 map[field:phone_number message:Numbers of this range are not taken. Use another one.]"},
		"a network":         {"email", `{"email":"a@example.test"}`, "192.0.2.77", 429, "002-057 map[message:Nobody can sign in from this network. Try another one.]"},
		"another's project": {"email", `{"email":"a@other.test"}`, "198.51.100.3", 200, "<nil> <nil>"},
	} {
		if status, got := start(tt.kind, tt.body, tt.from); status != tt.status || got != tt.want {
			t.Errorf("%s: %d %s; want %d %s", name, status, got, tt.status, tt.want)
		}
	}
	if m := <-h.messages; m["to"] != "a@other.test" {
		t.Errorf("sent to %v, want the one who is not blocked", m["to"])
	}
	for range 3 {
		start("email", `{"email":"b@mailinator.test"}`, "198.51.100.4")
	}
	for _, want := range []string{`latchkey_blocked_total{what="email"} 4`, `latchkey_blocked_total{what="network"} 1`, `latchkey_blocked_total{what="phone"} 1`} {
		if !strings.Contains(s.metrics(t), want) {
			t.Errorf("no %s among the metrics", want)
		}
	}
	details := []string{}
	for _, e := range must[[]eventRow](t, env, "events", "--project", p.ID) {
		if e.Kind == string(latchkey.StartBlocked) {
			details = append(details, e.Detail)
		}
	}
	slices.Sort(details)
	if want := []string{"email block.txt line 2", "network block.txt line 4", "phone block.txt line 3"}; !slices.Equal(details, want) {
		t.Errorf("the events say %q, want %q", details, want)
	}
	if len(h.messages) > 0 {
		t.Errorf("a message went to %v", (<-h.messages)["to"])
	}
}

// TestListsReload: a file that changes holds from then on; one that is broken, unreadable or gone leaves the last good one, and
// the log says so once, with file and line.
func TestListsReload(t *testing.T) {
	t.Parallel()
	path := listFile(t, "a.test\n")
	j := &judge{from: &origins{}}
	files := j.block([]string{path})
	if len(j.problems) > 0 {
		t.Fatal(j.problems)
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	blocked := func(domain string) bool {
		_, ok := files.listed(limits.Sign{Caller: limits.Caller{IP: netip.MustParseAddr("192.0.2.1")}, To: latchkey.CanonicalAddress(latchkey.Email, "x@"+domain)})
		return ok
	}
	version := time.Now()
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		version = version.Add(time.Second) // so that the test does not hang on how fine the file system's clock is
		if err := os.Chtimes(path, version, version); err != nil {
			t.Fatal(err)
		}
	}
	step := func(name string, a, b bool, wantLog string) {
		t.Helper()
		out.Reset()
		for range 3 {
			files.reload(t.Context(), log)
		}
		if blocked("a.test") != a || blocked("b.test") != b {
			t.Errorf("%s: a.test is blocked: %v, b.test: %v; want %v, %v", name, blocked("a.test"), blocked("b.test"), a, b)
		}
		if got := out.String(); wantLog == "" && got != "" || wantLog != "" && (strings.Count(got, "level=") != 1 || !strings.Contains(got, wantLog)) {
			t.Errorf("%s: the log says %q, want %q once", name, got, wantLog)
		}
	}
	step("unchanged", true, false, "")
	write("b.test\n")
	step("changed", false, true, "entries=1")
	write("a.test\nb.test c.test\n")
	step("broken", false, true, path+": line 2: one entry a line")
	write("a.test\nb.test\n")
	step("mended", true, true, "entries=2")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	step("gone", true, true, "no such file")
	write("a.test\n")
	step("back", true, false, "entries=1")
	other := listFile(t, "b.test\n")
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	step("replaced", false, true, "entries=1")
}

// TestARunningServerReadsItsListsAgain: within seconds, and without being told.
func TestARunningServerReadsItsListsAgain(t *testing.T) {
	t.Parallel()
	path := listFile(t, "a.test\n")
	s, _, _ := newServe(t, newHook(t, 0), "--block", path)
	if err := os.WriteFile(path, []byte("a.test\nb.test\nc.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(20 * time.Second)
	for !strings.Contains(s.stderr.String(), "block list read") && time.Now().Before(end) {
		time.Sleep(50 * time.Millisecond)
	}
	if !strings.Contains(s.stderr.String(), `"entries":3`) {
		t.Errorf("the list was not read again:\n%s", s.stderr.String())
	}
}

// TestListsThatCannotBeUsed: at start it is a mistake in the configuration.
func TestListsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	broken, dir := listFile(t, "a.test\nnot a domain\n"), t.TempDir()
	env := map[string]string{"LATCHKEY_SECRET": testSecret, "LATCHKEY_PUBLIC_URL": "https://login.example.com", "LATCHKEY_EMAIL": "smtp://x@mail.example.com?from=a@example.com"}
	for path, want := range map[string]string{
		broken: "block.txt: line 2: one entry a line", filepath.Join(dir, "none"): "no such file", dir: "is no file",
		demoProject.String() + "=" + broken: "block.txt: line 2",
	} {
		code, _, stderr := command(t, env, "config", "check", "--block", path)
		if code != exitUsage || !strings.Contains(stderr, "block (--block)") || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d\n%s\nwant %q", path, code, stderr, want)
		}
	}
	if _, err := readAtMost(broken, 5); err == nil {
		t.Error("a list without end is read to its end")
	}
}

// TestWordsForTheBlocked: the room of lists and the gate call what is blocked by the same words.
func TestWordsForTheBlocked(t *testing.T) {
	t.Parallel()
	if blocklist.Email != limits.BlockedEmail || blocklist.Phone != limits.BlockedPhone || blocklist.Network != limits.BlockedNetwork {
		t.Error("they differ, and the refusal would be another")
	}
}
