package clustertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// An api is how tests call a project's server: the whole cluster through its proxy, or one node.
type api struct {
	url     string
	http    *http.Client
	project latchkey.ProjectID
	client  string // id of its public client
	secrets latchkey.Secrets
}

func newAPI(t *testing.T, base string) *api {
	t.Helper()
	var key []byte
	if _, err := fmt.Sscanf(master, "%x", &key); err != nil {
		t.Fatal(err)
	}
	secrets, err := latchkey.NewSecrets(key)
	if err != nil {
		t.Fatal(err)
	}
	return &api{url: base, secrets: secrets, http: &http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1024},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// at is the same api on one node.
func (a *api) at(n *node) *api {
	b := *a
	b.url = "http://" + n.host
	return &b
}

// An answer is what a call gave. A zero status means that no answer came.
type answer struct {
	status int
	took   time.Duration
	node   string // that answered, through a proxy
	header http.Header

	Op      string `json:"operation_id"`
	URL     string `json:"login_url"`
	Code    string `json:"code"` // of a poll
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	UserID  string `json:"id"`
	Subject string `json:"sub"`
	Error   struct {
		Code string `json:"code"`
	} `json:"error"`
}

// String is for failure messages: it holds no token.
func (a answer) String() string {
	return fmt.Sprintf("status %d, error %q, from %q after %v", a.status, a.Error.Code, a.node, a.took.Round(time.Millisecond))
}

// is fails the test unless the call gave that status.
func (a answer) is(t *testing.T, what string, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s: %v, want status %d", what, a, status)
	}
	return a
}

// unknown reports that nobody can know whether the call had an effect: there was no answer, or one that says so.
func (a answer) unknown() bool {
	return a.status == 0 || a.status == http.StatusBadGateway || a.status == http.StatusServiceUnavailable
}

// token is what a login of the JWT protocol ended with, code what one of OAuth 2.0 did.
func (a answer) token() string { return fromURL(a.URL, callbackURL, "token") }
func (a answer) code() string  { return fromURL(a.URL, redirectURI, "code") }

func fromURL(text, base, name string) string {
	u, err := url.Parse(text)
	if err != nil || !strings.HasPrefix(text, base+"?") {
		return ""
	}
	return u.Query().Get(name)
}

// A person signs in: an address, and a network of its own, so that nobody is limited for another one's mistakes.
type person struct {
	email string
	from  string // address in X-Forwarded-For
}

func newPerson(test string, i int) person {
	return person{
		email: fmt.Sprintf("%s-%d@cluster.example.com", test, i),
		from:  fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255),
	}
}

func (p person) address() latchkey.Address { return latchkey.CanonicalAddress(latchkey.Email, p.email) }

// start asks for a code on OAuth 2.0, with a link in the message.
func (a *api) start(p person) answer {
	q := url.Values{
		"response_type": {"code"}, "client_id": {a.client}, "state": {"a-state-of-mind"}, "redirect_uri": {redirectURI},
		"scope": {"openid offline email"},
	}
	body := fmt.Sprintf(`{"email":%q,"send_link":true,"link_url":%q}`, p.email, linkURL)
	return a.call(p, http.MethodPost, "/api/oauth2/login/email/request?"+q.Encode(), body, nil)
}

func (a *api) confirm(p person, op, code string) answer {
	body := fmt.Sprintf(`{"email":%q,"code":%q,"operation_id":%q}`, p.email, code, op)
	return a.call(p, http.MethodPost, "/api/oauth2/login/email/confirm?client_id="+a.client, body, nil)
}

// startJWT and confirmJWT are the same on the JWT protocol, without a link.
func (a *api) startJWT(p person) answer {
	return a.call(p, http.MethodPost, "/api/login/email/request?projectId="+a.project.String(), fmt.Sprintf(`{"email":%q}`, p.email), nil)
}

func (a *api) confirmJWT(p person, op, code string) answer {
	body := fmt.Sprintf(`{"email":%q,"code":%q,"operation_id":%q}`, p.email, code, op)
	return a.call(p, http.MethodPost, "/api/login/email/confirm?projectId="+a.project.String(), body, nil)
}

// poll waits for the link.
func (a *api) poll(p person, op string) answer {
	q := url.Values{"projectId": {a.project.String()}, "login": {p.email}, "operation_id": {op}}
	return a.call(p, http.MethodGet, "/api/otc/code?"+q.Encode(), "", nil)
}

// press presses a button on the page behind a link.
func (a *api) press(p person, token, action string) answer {
	return a.call(p, http.MethodPost, "/l/"+token, "action="+action, map[string]string{"Sec-Fetch-Site": "same-origin"})
}

// push is the same button on a page of the project's own. Its answer says what became of it.
func (a *api) push(p person, token, action string) answer {
	q := url.Values{"projectId": {a.project.String()}, "state": {token}, "action": {action}, "link_url": {linkURL}}
	return a.call(p, http.MethodGet, "/api/otc/push?"+q.Encode(), "", map[string]string{"Origin": origin, "Sec-Fetch-Dest": "empty"})
}

func (a *api) redeem(p person, code string) answer {
	return a.form(p, "/api/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}})
}

func (a *api) refresh(p person, token string) answer {
	return a.form(p, "/api/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func (a *api) revoke(p person, token string) answer {
	return a.form(p, "/api/oauth2/token/revoke", url.Values{"token": {token}})
}

func (a *api) form(p person, path string, v url.Values) answer {
	v.Set("client_id", a.client)
	return a.call(p, http.MethodPost, path, v.Encode(), nil)
}

func (a *api) userinfo(p person, access string) answer {
	return a.call(p, http.MethodGet, "/p/"+a.project.String()+"/userinfo", "", map[string]string{"Authorization": "Bearer " + access})
}

// validate asks whether a user token is good: 204.
func (a *api) validate(p person, token string) answer {
	return a.call(p, http.MethodPost, "/api/token/validate", fmt.Sprintf(`{"token":%q}`, token), nil)
}

// kids are the ids of the published keys, the signing one first.
func (a *api) kids(t *testing.T) []string {
	t.Helper()
	res, err := a.http.Get(a.url + "/api/projects/" + a.project.String() + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var keys []struct{ Kid string }
	if err := json.NewDecoder(res.Body).Decode(&keys); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the keys of %s: status %d, %v", a.url, res.StatusCode, err)
	}
	var out []string
	for _, k := range keys {
		out = append(out, k.Kid)
	}
	return out
}

func (a *api) call(p person, method, path, body string, header map[string]string) (out answer) {
	req, err := http.NewRequestWithContext(context.Background(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		return out
	}
	req.Header.Set("X-Forwarded-For", p.from)
	switch {
	case body == "":
	case body[0] == '{':
		req.Header.Set("Content-Type", "application/json")
	default:
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, v := range header {
		req.Header.Set(name, v)
	}
	began := time.Now()
	defer func() { out.took = time.Since(began) }()
	res, err := a.http.Do(req)
	if err != nil {
		return out
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return out // it broke off
	}
	_ = json.Unmarshal(raw, &out) // a page is none, and an error of RFC 6749 is told by the status
	out.status, out.node, out.header = res.StatusCode, res.Header.Get(answeredBy), res.Header
	return out
}

// retryAfter gives the seconds of Retry-After; ok is false without it.
func (a answer) retryAfter() (wait time.Duration, ok bool) {
	n, err := strconv.Atoi(a.header.Get("Retry-After"))
	return time.Duration(n) * time.Second, err == nil && n > 0
}

// code and link are what the message to a person carries.
func (a *api) code(t *testing.T, p person, op string) string {
	t.Helper()
	id, _ := latchkey.ParseChallengeID(op)
	code, ok := a.secrets.Code(id, a.project, p.address(), 6)
	if !ok {
		t.Fatalf("no code can be derived for %q", op)
	}
	return code.Reveal()
}

func (a *api) link(t *testing.T, p person, op string) string {
	t.Helper()
	id, _ := latchkey.ParseChallengeID(op)
	token, ok := a.secrets.LinkToken(id, a.project, p.address())
	if !ok {
		t.Fatalf("no link can be derived for %q", op)
	}
	return token.Reveal()
}
