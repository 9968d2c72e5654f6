package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// volatile is what differs from run to run, and what stands for it in a golden file.
var volatile = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`), "JWT"},
	{regexp.MustCompile(`([^A-Za-z0-9_-])[A-Za-z0-9_-]{64}([^A-Za-z0-9_-])`), "${1}SECRET${2}"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "UUID"},
	{regexp.MustCompile(`"operation_id": "[A-Za-z0-9_-]{32}"`), `"operation_id": "OPERATION"`},
	{regexp.MustCompile(`"kid": "[A-Za-z0-9_-]{43}"`), `"kid": "KEY"`},
	{regexp.MustCompile(`"code": "\d{6}"`), `"code": "CODE"`},
}

// TestGolden holds what SDKs parse, byte for byte: status, the headers that matter, body.
func TestGolden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	post := func(a way, step string, b body) reply { return w.post(a.path+"/"+step, a.query(w), b) }
	answers := map[string]reply{}

	answers["start"] = post(jwtEmail, "request", body{"email": jwtEmail.address})
	m := w.message()
	operation, code := m.Challenge.String(), w.codeOf(m)
	answers["confirm_wrong"] = w.confirm(jwtEmail, operation, wrong(code))
	answers["confirm_jwt"] = w.confirm(jwtEmail, operation, code)
	token := w.userToken(jwtEmail)
	w.clock.move(time.Second)
	operation, code = w.start(oauthPhone, "scope", "offline openid phone")
	answers["confirm_oauth2"] = w.confirm(oauthPhone, operation, code)
	var done struct {
		URL string `json:"login_url"`
	}
	answers["confirm_oauth2"].ok(&done)
	u, err := url.Parse(done.URL)
	w.must(err)
	answers["token"] = w.form(redeem(u.Query().Get("code")))
	answers["token_reused_code"] = w.form(redeem(u.Query().Get("code")))
	answers["token_malformed"] = w.form(url.Values{"grant_type": {"authorization_code"}})

	operation, code = w.start(jwtPhone)
	for range 5 {
		w.confirm(jwtPhone, operation, wrong(code))
	}
	answers["confirm_exhausted"] = w.confirm(jwtPhone, operation, code)
	answers["start_missing_email"] = post(jwtEmail, "request", body{})
	answers["start_malformed_oauth2"] = post(oauthEmail, "request", body{"email": 7})
	answers["start_bad_phone"] = post(jwtPhone, "request", body{"phone_number": "+12"})

	link := w.startLink(jwtEmail)
	answers["poll_waits"] = w.get("/api/otc/code", pollQuery(w, jwtEmail, link.Challenge.String()))
	w.approve(jwtEmail, link)
	answers["poll_approved"] = w.get("/api/otc/code", pollQuery(w, jwtEmail, link.Challenge.String()))

	as := []string{"Authorization", "Bearer " + token}
	answers["me"] = w.get("/api/users/me", nil, as...)
	answers["me_email"] = w.get("/api/users/me/email", nil, as...)
	w.post("/api/users/me/phone", nil, body{"phone_number": "+447700900123"}, as...).is(204)
	answers["me_phone"] = w.get("/api/users/me/phone", nil, as...)
	answers["ask"] = w.get("/api/users/me/ask", nil, as...)
	answers["me_described"] = w.patch(`{"first_name":"Jo","last_name":"Doe","nickname":"jo","birthday":"1995-01-05","gender":"other"}`, as...)
	answers["me_narrow"] = w.get("/api/users/me", nil, bearer(w.standardTokens("openid").Access.Reveal())...)
	answers["me_without_token"] = w.get("/api/users/me", nil)
	answers["validate_bad"] = w.post("/api/token/validate", nil, body{"token": "x"})
	answers["keys"] = w.get("/api/projects/"+w.project.String()+"/keys", nil)
	answers["widget"] = w.get("/api/widget/ng/settings", url.Values{"projectId": {w.project.String()}})
	answers["authorize"] = w.get("/api/oauth2/auth", url.Values{"client_id": {publicID}, "response_type": {"code"}, "state": {"xsollatest"}})
	answers["client_details"] = w.get("/api/client/details", nil)
	answers["blank"] = w.get("/api/blank", nil)
	answers["no_such_path"] = w.get("/api/nothing", nil)
	answers["preflight"] = w.send("OPTIONS", "/api/otc/code", url.Values{"projectId": {w.project.String()}}, "", "", "Origin", origin,
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x-request-id,x-sdk")
	w.store.die(latchkey.Unavailable)
	answers["unavailable"] = post(jwtEmail, "request", body{"email": jwtEmail.address})

	for name, r := range answers {
		t.Run(name, func(t *testing.T) { golden(t, name, r) })
	}
	if !*update {
		files, _ := filepath.Glob("testdata/*.golden")
		if len(files) != len(answers) {
			t.Errorf("testdata has %d golden files for %d answers: remove what is left over, or run with -update", len(files), len(answers))
		}
	}
}

// golden compares one answer with testdata/name.golden.
func golden(t *testing.T, name string, r reply) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", r.status)
	r.header.Del("X-Request-Id")
	for _, h := range slices.Sorted(maps.Keys(r.header)) {
		if h != "Content-Length" { // of values that differ from run to run
			fmt.Fprintf(&b, "%s: %s\n", h, strings.Join(r.header.Values(h), " | "))
		}
	}
	b.WriteString("\n")
	var pretty bytes.Buffer
	if json.Indent(&pretty, r.body, "", "  ") == nil {
		b.Write(bytes.TrimSpace(pretty.Bytes()))
		b.WriteString("\n")
	} else {
		b.Write(r.body)
	}
	got := b.String()
	for _, v := range volatile {
		got = v.pattern.ReplaceAllString(got, v.name)
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run with -update to write it", err)
	}
	if got != string(want) {
		t.Errorf("the answer changed\n--- %s\n%s\n--- now\n%s", path, want, got)
	}
}
