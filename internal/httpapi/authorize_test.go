package httpapi_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestAuthorizeHosted: the browser goes to the authorization endpoint of the client's project, with what means something
// there and nothing else.
func TestAuthorizeHosted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// What the npm SDK makes of its oauth2Auth, to the letter: response_type comes twice, and projectId goes along.
	const sdk = "response_type=code&trackId=7&projectId=00000000-0000-4000-8000-000000000001&client_id=1&scope=offline&state=xsollatest" +
		"&redirect_uri=app%3A%2F%2Fxlogin.game&response_type=code&audience=https%3A%2F%2Fapi.example.test"
	own := latchkey.Issuer(publicURL, w.project) + "/authorize"
	for name, c := range map[string]struct{ path, query, at, want string }{
		"the npm SDK":           {"/api/oauth2/auth", sdk, own, "client_id=1&redirect_uri=app%3A%2F%2Fxlogin.game&response_type=code&scope=offline&state=xsollatest"},
		"with a slash too many": {"/api//oauth2/auth", "client_id=1", own, "client_id=1&redirect_uri=app%3A%2F%2Fxlogin.game"},
		"PKCE and OpenID Connect": {
			"/api/oauth2/auth", "client_id=1&redirect_uri=app://other&code_challenge=c&code_challenge_method=S256&nonce=n&prompt=login&max_age=0&login_hint=a%2Bb@c&response_mode=query",
			own, "client_id=1&code_challenge=c&code_challenge_method=S256&login_hint=a%2Bb%40c&max_age=0&nonce=n&prompt=login&redirect_uri=app%3A%2F%2Fother&response_mode=query",
		},
		"what the page refuses is not swallowed": {"/api/oauth2/auth", "client_id=1&request=x.y.z&request_uri=u", own, "client_id=1&redirect_uri=app%3A%2F%2Fxlogin.game&request=x.y.z&request_uri=u"},
		"the noise of SDKs":                      {"/api/oauth2/auth", "client_id=1&engine=unity&sdk=x&ref=y&payload=p", own, "client_id=1&redirect_uri=app%3A%2F%2Fxlogin.game"},
		"locale":                                 {"/api/oauth2/auth", "client_id=1&locale=de_DE", own, "client_id=1&redirect_uri=app%3A%2F%2Fxlogin.game&ui_locales=de-DE"},
		"ui_locales wins":                        {"/api/oauth2/auth", "client_id=1&locale=de_DE&ui_locales=fr", own, "client_id=1&redirect_uri=app%3A%2F%2Fxlogin.game&ui_locales=fr"},
		"several redirect URIs":                  {"/api/oauth2/auth", "client_id=5", own, "client_id=5"},
		"the other project's client":             {"/api/oauth2/auth", "client_id=4", latchkey.Issuer(publicURL, w.other) + "/authorize", "client_id=4&redirect_uri=app%3A%2F%2Fxlogin.game"},
	} {
		q, err := url.ParseQuery(c.query)
		w.must(err)
		r := w.get(c.path, q)
		if r.status != http.StatusFound || r.header.Get("Location") != c.at+"?"+c.want || len(r.body) > 0 {
			t.Errorf("%s: %d to\n%s, want\n%s", name, r.status, r.header.Get("Location"), c.at+"?"+c.want)
		}
	}
	w.get("/api/oauth2/auth", url.Values{"client_id": {"99"}}).fails(400, "010-019")
	w.get("/api/oauth2/auth", url.Values{"client_id": {"x"}}).fails(400, "010-019")
	w.get("/api/oauth2/auth", nil).fails(422, "002-028")
}

// TestAuthorizeHostedLeadsNowhereElse: nothing that a link can say changes where it leads.
func TestAuthorizeHostedLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for what, v := range values() {
		q := url.Values{"client_id": {"1"}}
		for _, name := range []string{"redirect_uri", "state", "scope", "locale", "projectId"} {
			q.Set(name, v)
		}
		r := w.send(http.MethodGet, "/api/oauth2/auth", q, "", "", "Host", "evil.example", "X-Forwarded-Host", "evil.example")
		to, err := url.Parse(r.header.Get("Location"))
		if r.status != http.StatusFound || err != nil || to.Scheme+"://"+to.Host != publicURL || to.Path != "/p/"+w.project.String()+"/authorize" {
			t.Errorf("%s: %d to %q", what, r.status, r.header.Get("Location"))
		}
	}
}
