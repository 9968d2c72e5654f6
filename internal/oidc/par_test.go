package oidc_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const requestURN = "urn:ietf:params:oauth:request_uri:"

// wanted is an authorization request of the public client, with changes, as pairs.
func wanted(pairs ...string) url.Values {
	f := url.Values{
		"client_id": {strconv.Itoa(publicID)}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"a state"}, "scope": {"openid email"},
		"nonce": {"n"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(pairs); i += 2 {
		if f.Del(pairs[i]); pairs[i+1] != "" {
			f.Set(pairs[i], pairs[i+1])
		}
	}
	return f
}

// push hands a request in and gives its request_uri.
func (w *world) push(f url.Values, header ...string) string {
	w.t.Helper()
	r := w.post("/par", f, header...)
	if r.status != 201 {
		w.t.Fatalf("status %d, want 201: %s", r.status, r.body)
	}
	var got struct {
		URI  string `json:"request_uri"`
		Life int    `json:"expires_in"`
	}
	r.status = 200
	r.ok(&got)
	if !strings.HasPrefix(got.URI, requestURN) || got.Life != 60 {
		w.t.Fatalf("answer %+v", got)
	}
	return got.URI
}

func (w *world) bring(client, uri string, pairs ...string) reply {
	w.t.Helper()
	q := url.Values{"client_id": {client}, "request_uri": {uri}}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return w.get("/authorize?" + q.Encode())
}

// TestRFC9126_4_PushedRequest: the browser brings the client's id and the request_uri, and meets the login that was asked for
// there; what else stands in its URL is not looked at.
func TestRFC9126_4_PushedRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uri := w.push(wanted("prompt", "none"))
	r := w.bring("1", uri, "redirect_uri", "https://evil.example.test", "state", "another", "prompt", "login", "scope", "offline")
	to, err := url.Parse(r.header.Get("Location"))
	w.must(err)
	if r.status != 303 || !strings.HasPrefix(to.String(), callback+"?") || to.Query().Get("error") != "login_required" || to.Query().Get("state") != "a state" {
		t.Errorf("prompt=none came as %d to %s", r.status, to)
	}
	if page := w.bring("1", w.push(wanted("login_hint", "hinted@example.test"))); page.status != 200 || !strings.Contains(string(page.body), "hinted@example.test") {
		t.Errorf("the login page: %d %s", page.status, page.body)
	}
	if page := w.bring("2", w.push(url.Values{"redirect_uri": {callback}, "response_type": {"code"}}, "Authorization", basic(confidentialID, secret))); page.status != 200 {
		t.Errorf("a client that authenticates by Basic: %d %s", page.status, page.body)
	}
	if strings.Contains(uri, callback) || strings.Contains(uri, "email") {
		t.Errorf("the request_uri says what it holds: %s", uri)
	}
}

// TestRFC9126_2_SecretsStayBehind: what the client proved itself by is no part of the request.
func TestRFC9126_2_SecretsStayBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := url.Values{"client_id": {"2"}, "redirect_uri": {callback}, "response_type": {"code"}}
	without := w.push(f, "Authorization", basic(confidentialID, secret))
	f.Set("client_secret", secret)
	if with := w.push(f); len(with) != len(without) {
		t.Errorf("request_uris of %d and %d characters: the secret is in the longer one", len(with), len(without))
	}
}

// TestRFC9126_4_BadRequestURIs: none of another client, altered, too old, or never made; nothing is redirected for them.
func TestRFC9126_4_BadRequestURIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.client(latchkey.Client{ID: 31, Name: "another", Kind: latchkey.PublicClient, RedirectURIs: []string{callback}}, "")
	uri := w.push(wanted())
	i := len(requestURN) + 30
	altered := uri[:i] + map[bool]string{true: "B", false: "A"}[uri[i] == 'A'] + uri[i+1:]
	box := strings.TrimPrefix(uri, requestURN)
	for name, c := range map[string][2]string{
		"another client's":  {"31", uri},
		"an unknown client": {"77", uri},
		"no client":         {"", uri},
		"altered":           {"1", altered},
		"cut short":         {"1", uri[:len(uri)-1]},
		"with something on": {"1", uri + "A"},
		"with a line break": {"1", uri + "\n"},
		"empty":             {"1", requestURN},
		"made up":           {"1", requestURN + "x"},
	} {
		r := w.bring(c[0], c[1])
		if r.status != 400 || r.header.Get("Location") != "" || !strings.Contains(r.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d to %q", name, r.status, r.header.Get("Location"))
		}
	}
	if r := w.send("GET", latchkey.Issuer(publicURL, w.other)+"/authorize?client_id=1&request_uri="+url.QueryEscape(uri), ""); r.status != 400 || !strings.Contains(string(r.body), "no pushed request") {
		t.Errorf("at another issuer: %d %s", r.status, r.body)
	}
	if r := w.get("/authorize?client_id=1&client_id=31&request_uri=" + url.QueryEscape(uri)); r.status != 400 {
		t.Errorf("two clients: %d", r.status)
	}
	for name, other := range map[string]string{"a URL": "https://app.example.test/request.jwt", "another name": "urn:example:" + box} {
		r := w.get("/authorize?" + wanted("request_uri", other).Encode())
		if to := r.header.Get("Location"); r.status != 303 || !strings.Contains(to, "error=request_uri_not_supported") {
			t.Errorf("%s: %d to %s", name, r.status, to)
		}
	}
	if r := w.bring("1", uri); r.status != 200 {
		t.Errorf("after all these, the good one: %d", r.status)
	}
	w.clock.move(time.Minute - 1)
	if r := w.bring("1", uri); r.status != 200 {
		t.Errorf("again, as by a reload, at the last moment (RFC 9126 §4): %d", r.status)
	}
	w.clock.move(1)
	if r := w.bring("1", uri); r.status != 400 {
		t.Errorf("after a minute: %d", r.status)
	}
}

// TestRFC9126_2_3_Errors: the client learns at once what is wrong, in the words of the authorization endpoint.
func TestRFC9126_2_3_Errors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		form   url.Values
		header []string
		status int
		word   string
	}{
		"nobody":                     {form: wanted("client_id", ""), status: 400, word: "invalid_request"},
		"an unknown client":          {form: wanted("client_id", "77"), status: 401, word: "invalid_client"},
		"another issuer's client":    {form: wanted("client_id", "4"), status: 401, word: "invalid_client"},
		"no secret":                  {form: wanted("client_id", "2"), status: 401, word: "invalid_client"},
		"a wrong secret":             {form: wanted("client_id", ""), header: []string{"Authorization", basic(confidentialID, "x")}, status: 401, word: "invalid_client"},
		"two clients":                {form: wanted(), header: []string{"Authorization", basic(confidentialID, secret)}, status: 400, word: "invalid_request"},
		"a client for no people":     {form: wanted("client_id", ""), header: []string{"Authorization", basic(serverID, secret)}, status: 400, word: "unauthorized_client"},
		"a request_uri in it":        {form: wanted("request_uri", requestURN+"x"), status: 400, word: "invalid_request"},
		"a request object":           {form: wanted("request", "x.y.z"), status: 400, word: "request_not_supported"},
		"an unknown redirect URI":    {form: wanted("redirect_uri", callback+"/x"), status: 400, word: "invalid_request"},
		"no redirect URI":            {form: wanted("redirect_uri", ""), status: 400, word: "invalid_request"},
		"no response type":           {form: wanted("response_type", ""), status: 400, word: "invalid_request"},
		"an unknown response type":   {form: wanted("response_type", "token"), status: 400, word: "unsupported_response_type"},
		"no PKCE of a public client": {form: wanted("code_challenge", "", "code_challenge_method", ""), status: 400, word: "invalid_request"},
		"plain PKCE":                 {form: wanted("code_challenge_method", "plain"), status: 400, word: "invalid_request"},
		"an unknown response mode":   {form: wanted("response_mode", "fragment"), status: 400, word: "invalid_request"},
		"prompt=none with another":   {form: wanted("prompt", "none login"), status: 400, word: "invalid_request"},
		"a hint that is none":        {form: wanted("id_token_hint", "x"), status: 400, word: "invalid_request"},
		"a parameter twice":          {form: url.Values{"client_id": {"1", "1"}}, status: 400, word: "invalid_request"},
		"longer than 4 KiB":          {form: wanted("claims", strings.Repeat("c", 4<<10)), status: 413, word: "invalid_request"},
		"no form":                    {form: wanted(), header: []string{"Content-Type", "application/json"}, status: 415, word: "invalid_request"},
	} {
		w.post("/par", c.form, c.header...).fails(name, c.status, c.word)
	}
	w.get("/par").fails("GET", 405, "invalid_request")
	longest := w.push(wanted("claims", strings.Repeat("c", 3500)))
	if r := w.bring("1", longest); r.status != 200 || len(longest) > 6000 {
		t.Errorf("a request_uri of %d characters: %d", len(longest), r.status)
	}
}

// TestRFC9126_ChangesBetween: what was good when it was pushed is judged again when the browser comes.
func TestRFC9126_ChangesBetween(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uri := w.push(wanted())
	c, err := w.store.Client(t.Context(), publicID)
	w.must(err)
	c.RedirectURIs = []string{"https://app.example.test/elsewhere"}
	w.must(w.store.UpdateClient(t.Context(), c, latchkey.Event{At: w.clock.Now(), Kind: latchkey.ClientUpdated, Project: w.project}))
	if r := w.bring("1", uri); r.status != 400 || r.header.Get("Location") != "" {
		t.Errorf("a redirect URI that was taken away since: %d to %q", r.status, r.header.Get("Location"))
	}
}
