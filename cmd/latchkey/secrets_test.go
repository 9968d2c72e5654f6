package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// An audited is a server of which everything is kept that it says to people who are refused, and every secret that it is told or
// tells.
type audited struct {
	*devServer
	t        *testing.T
	hook     *hook
	project  string
	secrets  map[string]string // by what each is
	refusals strings.Builder
}

func newAudited(t *testing.T) (*audited, map[string]string) {
	t.Helper()
	h := newHook(t, 1)
	env := map[string]string{
		"LATCHKEY_DATA": t.TempDir(), "LATCHKEY_SECRET": testSecret, "LATCHKEY_EMAIL": h.url(), "LATCHKEY_SMS": h.url(),
		"LATCHKEY_LISTEN": "127.0.0.1:0", "LATCHKEY_PUBLIC_URL": "https://login.example.com", "LATCHKEY_LOG_LEVEL": "debug",
	}
	must[map[string]any](t, env, "migrate")
	// Ten digits stand nowhere by chance, which six do in the fractions of a second.
	p := must[projectRow](t, env, "project", "create", "Game", "--callback-url", "https://game.example.com/in", "--algorithm", "ES256",
		"--sms-country", "*", "--code-digits", "10")
	a := &audited{t: t, hook: h, project: p.ID, secrets: map[string]string{
		"master secret": testSecret, "email": "player@example.test", "phone": "2025550123",
	}}
	for _, kind := range []string{"confidential", "server"} {
		args := []string{"client", "create", kind, "--kind", kind}
		if kind == "confidential" {
			args = append(args, "--redirect-uri", "https://game.example.com/cb")
		}
		a.secrets[kind+" client's secret"] = must[clientRow](t, env, args...).Secret
	}
	a.devServer = newServerRun(context.Background(), env, "serve")
	t.Cleanup(func() { a.stop() })
	if err := a.wait(30 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, a.stderr.String())
	}
	return a, env
}

// ask does one request with a body of a kind, and keeps the answer if it is a refusal.
func (a *audited) ask(method, path, kind, body string, headers ...string) (int, string, http.Header) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if resp.StatusCode >= 400 {
		fmt.Fprintln(&a.refusals, method, kind, resp.StatusCode, resp.Header, string(raw))
	}
	return resp.StatusCode, string(raw), resp.Header
}

const (
	jsonBody = "application/json"
	formBody = "application/x-www-form-urlencoded"
)

// member gives a text of a JSON object.
func member(body, name string) string {
	m := regexp.MustCompile(`"` + name + `":"([^"]*)"`).FindStringSubmatch(body)
	if m == nil {
		return ""
	}
	return m[1]
}

// signIn signs in by a channel on OAuth 2.0, by its link and its code, and gives the authorization code.
func (a *audited) signIn(channel, name, to string) string {
	a.t.Helper()
	start := "/api/oauth2/login/" + channel + "/request?" + url.Values{
		"client_id": {"1"}, "response_type": {"code"}, "state": {"12345678"}, "scope": {"openid offline email"}, "redirect_uri": {"https://game.example.com/cb"},
	}.Encode()
	_, started, _ := a.ask("POST", start, jsonBody, fmt.Sprintf(`{%q:%q,"send_link":true,"link_url":"https://game.example.com/in"}`, name, to))
	m := <-a.hook.messages
	code, link := fmt.Sprint(m["code"]), fmt.Sprint(m["link"])
	_, path, _ := strings.Cut(link, "login.example.com")
	operation := member(started, "operation_id")
	poll := "/api/otc/code?" + url.Values{"projectId": {a.project}, "login": {to}, "operation_id": {operation}}.Encode()
	a.secrets[channel+" code"], a.secrets[channel+" link"], a.secrets[channel+" operation"] = code, strings.TrimPrefix(path, "/l/"), operation

	a.ask("GET", path, "", "")
	a.ask("POST", path, formBody, "action=approve", "Sec-Fetch-Site", "cross-site")
	a.ask("POST", path, formBody, "action="+code, "Sec-Fetch-Site", "same-origin")
	if status, _, _ := a.ask("POST", path, formBody, "action=approve", "Sec-Fetch-Site", "same-origin"); status != 303 {
		a.t.Fatalf("the link is answered with %d", status)
	}
	a.ask("GET", poll, "", "")
	confirm := "/api/oauth2/login/" + channel + "/confirm?client_id=1"
	answer := func(code string) string {
		return fmt.Sprintf(`{%q:%q,"code":%q,"operation_id":%q}`, name, to, code, operation)
	}
	a.ask("POST", confirm, jsonBody, answer("0000000000"))
	a.ask("POST", confirm, jsonBody, answer(code)[1:])                     // no JSON
	a.ask("POST", confirm, jsonBody, fmt.Sprintf(`{%q:[%q]}`, name, code)) // a wrong type
	a.ask("POST", confirm, formBody, answer(code))
	a.ask("PUT", confirm, jsonBody, answer(code))
	a.ask("POST", "/api/oauth2/login/"+channel+"/confirm?client_id="+code, jsonBody, answer(code))
	_, done, _ := a.ask("POST", confirm, jsonBody, answer(code))
	authorization := queryOf(a.t, member(done, "login_url"), "code")
	a.ask("POST", confirm, jsonBody, answer(code)) // used
	if authorization == "" {
		a.t.Fatalf("no login: %s", done)
	}
	return authorization
}

// spend has an authorization code and the tokens that it gives refused in many ways.
func (a *audited) spend(channel, code string) {
	a.t.Helper()
	secret := a.secrets["confidential client's secret"]
	grant := func(client string, pairs ...string) string {
		f := url.Values{"client_id": {"1"}, "client_secret": {client}, "redirect_uri": {"https://game.example.com/cb"}}
		for i := 0; i < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		_, body, _ := a.ask("POST", "/api/oauth2/token", formBody, f.Encode())
		return body
	}
	redeem := []string{"grant_type", "authorization_code", "code", code}
	wrong := secret[:len(secret)-1] + "!"
	a.secrets["a wrong client secret"] = wrong
	grant(wrong, redeem...)
	grant(secret, append(redeem, "redirect_uri", "https://game.example.com/"+code)...)
	grant(secret, append(redeem, "grant_type", code)...)
	a.ask("POST", "/api/oauth2/token", jsonBody, `{"code":"`+code+`"}`)
	a.ask("POST", "/api/oauth2/token?code="+code, formBody, "%zz"+secret)
	got := grant(secret, redeem...)
	access, refresh := member(got, "access_token"), member(got, "refresh_token")
	next := grant(secret, "grant_type", "refresh_token", "refresh_token", refresh)
	grant(secret, "grant_type", "refresh_token", "refresh_token", refresh+"x")
	grant(secret, "grant_type", "refresh_token", "refresh_token", refresh, "scope", refresh)
	a.secrets[channel+" authorization code"], a.secrets[channel+" access token"], a.secrets[channel+" refresh token"] = code, access, refresh
	a.secrets[channel+" ID token"], a.secrets[channel+" next access token"] = member(got, "id_token"), member(next, "access_token")
	for _, path := range []string{"/api/users/me", "/api/users/me?access_token=" + access, "/api/nothing/" + access, "/l/" + refresh, "/" + refresh} {
		a.ask("GET", path, "", "", "Authorization", "Bearer "+access)
		a.ask("GET", path, "", "", "Authorization", "Bearer "+refresh)
	}
	grant(secret, redeem...) // used: it ends them all
	grant(secret, "grant_type", "refresh_token", "refresh_token", member(next, "refresh_token"))
	a.secrets[channel+" next refresh token"] = member(next, "refresh_token")
	a.ask("POST", "/api/token/validate", jsonBody, `{"token":"`+access+`x"}`)
	a.ask("GET", "/p/"+a.project+"/userinfo", "", "", "Authorization", "Bearer "+access)
	a.ask("GET", "/p/"+a.project+"/authorize?client_id="+access+"&redirect_uri="+refresh+"&id_token_hint="+access, "", "")
	a.ask("GET", "/p/"+a.project+"/logout?id_token_hint="+access+"&post_logout_redirect_uri="+refresh, "", "")
	for _, path := range []string{"introspect", "revoke"} {
		a.ask("POST", "/p/"+a.project+"/"+path, formBody, url.Values{"token": {access}, "client_id": {"1"}, "client_secret": {wrong}}.Encode())
	}
}

// TestASVS_16_2_5_ARunTellsNoSecret: whatever people do with them and however it fails, no code, link, token, address, key or secret
// of clients gets into the log at its most talkative, a metric, an event or the answer to a refusal; and those that are derived are
// in no file of the store.
func TestASVS_16_2_5_ARunTellsNoSecret(t *testing.T) {
	t.Parallel()
	a, env := newAudited(t)
	a.spend("email", a.signIn("email", "email", "player@example.test"))
	a.spend("phone", a.signIn("phone", "phone_number", "+12025550123"))
	server := url.Values{"grant_type": {"client_credentials"}, "client_id": {"2"}, "client_secret": {a.secrets["server client's secret"]}}
	_, got, _ := a.ask("POST", "/api/oauth2/token", formBody, server.Encode())
	a.secrets["server token"] = member(got, "access_token")
	a.ask("GET", "/api/oauth2/logout?sessions=all", "", "", "Authorization", "Bearer "+a.secrets["server token"])
	a.ask("GET", "/api/oauth2/logout?sessions=all", "", "", "Authorization", "Bearer "+a.secrets["phone next access token"])

	metrics := a.metrics(t)
	_, events, _ := command(t, env, "events", "--project", a.project, "--json")
	a.stop()
	said := map[string]string{
		"log": a.stderr.String() + a.stdout.String(), "metrics": metrics, "events": events, "answers to refusals": a.refusals.String(),
	}
	for where, atLeast := range map[string]int{"log": 60, "events": 12, "answers to refusals": 40} {
		if n := strings.Count(said[where], "\n"); n < atLeast {
			t.Errorf("%s: %d lines, which prove nothing:\n%s", where, n, said[where])
		}
	}
	files, err := filepath.Glob(filepath.Join(env["LATCHKEY_DATA"], "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the store: %v", err)
	}
	for what, secret := range a.secrets {
		if len(secret) < 10 {
			t.Errorf("there is no %s: %q", what, secret)
			continue
		}
		operation := strings.HasSuffix(what, " operation") // of no use alone: the audit trail names it
		for where, text := range said {
			if strings.Contains(text, secret) && !(operation && where == "events") {
				t.Errorf("%s: the %s is in it", where, what)
			}
		}
		if what == "email" || what == "phone" || operation {
			continue // which the store is there to keep
		}
		for _, file := range files {
			if raw, err := os.ReadFile(file); err != nil || bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s: the %s is in it, or it cannot be read: %v", filepath.Base(file), what, err)
			}
		}
	}
}
