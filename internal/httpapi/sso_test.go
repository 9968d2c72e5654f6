package httpapi_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// cookie gives a session as a browser presents it to p.
func (w *world) cookie(p latchkey.ProjectID, id latchkey.SessionID) string {
	w.t.Helper()
	token, ok := w.secrets.SessionToken(id)
	if !ok {
		w.t.Fatal("no cookie can be derived from the session")
	}
	return "__Host-latchkey-session-" + p.String() + "=" + token.Reveal()
}

// byScriptOf is byScript in a browser with a cookie.
func byScriptOf(cookie string) []string { return append(slices.Clone(byScript), "Cookie", cookie) }

// TestSignOn: a second client gets its code without a one-time code, by a script of the project's page.
func TestSignOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, _ := w.inBrowser("openid")
	q := oauthEmail.query(w)
	q.Set("scope", "openid offline")
	r := w.get("/api/oauth2/sso", q, byScriptOf(w.cookie(w.project, id))...)
	to := w.loginURL(r)
	if !strings.HasPrefix(to.String(), redirect+"?code=") || to.Query().Get("state") != "xsollatest" {
		t.Errorf("the answer leads to %s", to)
	}
	if r.header.Get("Access-Control-Allow-Origin") != origin || r.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("the page may not read the answer: %v", r.header)
	}
	var got tokens
	w.form(redeem(to.Query().Get("code"))).ok(&got)
	if c := w.claims(w.project, got.Access); got.Refresh == "" || c.Email != oauthEmail.address {
		t.Errorf("the code is worth %+v of %s", got, c.Email)
	}
	w.get("/api/oauth2/sso", url.Values{"client_id": {"77"}}, byScript...).fails(400, "010-019")
	q.Set("redirect_uri", "app://elsewhere")
	w.get("/api/oauth2/sso", q, byScriptOf(w.cookie(w.project, id))...).fails(422, "010-012")
}

// TestSignOnNeedsASession: of this project, and a good one.
func TestSignOnNeedsASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, _ := w.inBrowser("openid")
	good := w.cookie(w.project, id)
	other := oauthEmail.query(w)
	other.Set("client_id", foreignID)
	atOther := []string{"Origin", "https://other.example.test", "Sec-Fetch-Dest", "empty", "Cookie"}
	w.get("/api/oauth2/sso", oauthEmail.query(w), byScript...).fails(401, "002-016")
	w.get("/api/oauth2/sso", oauthEmail.query(w), byScriptOf(good+"x")...).fails(401, "002-016")
	w.get("/api/oauth2/sso", oauthEmail.query(w), byScriptOf(w.cookie(w.other, id))...).fails(401, "002-016")
	w.get("/api/oauth2/sso", other, append(atOther, good)...).fails(401, "002-016")
	w.get("/api/oauth2/sso", other, append(atOther, w.cookie(w.other, id))...).fails(401, "002-016")
	u, _, err := w.store.Session(t.Context(), id)
	w.must(err)
	w.must(w.store.SetBan(t.Context(), u.User, latchkey.Ban{From: w.clock.Now()}, latchkey.Event{At: w.clock.Now(), Kind: latchkey.UserBanned, Project: w.project}))
	w.get("/api/oauth2/sso", oauthEmail.query(w), byScriptOf(good)...).fails(401, "002-016")
}

// TestSignOff: the browser is signed out of the project and of what came of its session; the npm client names the project.
func TestSignOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, q := range []url.Values{{"projectId": {w.project.String()}}, {"client_id": {publicID}}} {
		id, got := w.inBrowser("openid")
		held := w.cookie(w.project, id)
		for range 2 { // once more is no mistake
			r := w.get("/api/oauth2/clear_sso", q, byScriptOf(held)...)
			r.is(204)
			gone := (&http.Response{Header: r.header}).Cookies()
			if len(gone) != 1 || gone[0].Name+"=" != held[:len(gone[0].Name)+1] || gone[0].MaxAge >= 0 || gone[0].Value != "" || !gone[0].Secure || gone[0].Path != "/" {
				t.Errorf("%v: the cookie is not taken away: %v", q, r.header["Set-Cookie"])
			}
		}
		w.get("/api/oauth2/sso", oauthEmail.query(w), byScriptOf(held)...).fails(401, "002-016")
		if w.alive(got.Access) {
			t.Errorf("%v: the token that came of the session lives", q)
		}
	}
	w.get("/api/oauth2/clear_sso", nil, byScript...).fails(422, "002-028")
	w.get("/api/oauth2/clear_sso", url.Values{"projectId": {"demo"}}, byScript...).fails(404, "003-019")
}

// TestSignOffOfAnotherProject: one project's page cannot sign anybody out of another one.
func TestSignOffOfAnotherProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, _ := w.inBrowser("openid")
	q := url.Values{"projectId": {w.other.String()}}
	w.get("/api/oauth2/clear_sso", q, byScriptOf(w.cookie(w.project, id))...).fails(422, "002-027")
	header := []string{"Origin", "https://other.example.test", "Sec-Fetch-Dest", "empty", "Cookie", w.cookie(w.project, id) + "; " + w.cookie(w.other, id)}
	w.get("/api/oauth2/clear_sso", q, header...).is(204)
	w.loginURL(w.get("/api/oauth2/sso", oauthEmail.query(w), byScriptOf(w.cookie(w.project, id))...))
}

// TestSessionCallsTakeAScriptOfThePage: both calls change something and are a GET, so nothing else that could make a browser
// fetch them does anything: no link, no picture, no page of anybody else's.
func TestSessionCallsTakeAScriptOfThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, _ := w.inBrowser("openid")
	held := w.cookie(w.project, id)
	for path, q := range map[string]url.Values{
		"/api/oauth2/sso": oauthEmail.query(w), "/api/oauth2/clear_sso": {"projectId": {w.project.String()}},
	} {
		for name, header := range elsewhere() {
			r := w.get(path, q, append(header, "Cookie", held)...)
			if field := r.fails(422, "002-027")["field"]; field != "Origin" && field != "Sec-Fetch-Dest" {
				t.Errorf("%s, %s: the details name %q", path, name, field)
			}
			if len(r.header["Set-Cookie"]) > 0 {
				t.Errorf("%s, %s: the cookie was touched", path, name)
			}
		}
		w.send(http.MethodHead, path, q, "", "", byScriptOf(held)...)
		w.send(http.MethodOptions, path, q, "", "", byScriptOf(held)...)
		w.send(http.MethodPost, path, q, "", "", byScriptOf(held)...).fails(405, "405")
	}
	if in, _, err := w.store.Session(t.Context(), id); err != nil || in.ID.IsZero() {
		t.Errorf("the session was ended (%v)", err)
	}
}
