package oidc_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// signedOut is where the suite's client wants people back after a logout.
const signedOut = "https://app.example.test/signed-out"

// TestConformanceRPInitiatedLogoutOP is the plan oidcc-rp-initiated-logout-certification-test-plan.
func TestConformanceRPInitiatedLogoutOP(t *testing.T) {
	t.Parallel()
	conform(t, "", logoutModules())
}

func logoutModules() []module {
	leads := func(to string) spoiler { return redirectInstead("/logout", to) }
	forgets := spoiler{request: func(r *http.Request) { // a server that says goodbye and keeps the session
		if strings.HasSuffix(r.URL.Path, "/logout") {
			r.Header.Del("Cookie")
		}
	}, answer: func(r *http.Request, a *spoiled) {
		if strings.HasSuffix(r.URL.Path, "/logout") {
			a.header.Del("Set-Cookie")
		}
	}}
	stays := twin{"a session that lives on", "still signed in", forgets}
	return []module{
		{"oidcc-rp-initiated-logout-discovery-endpoint-verification", func(v *visit) {
			if doc := v.verifyDiscovery(); doc["end_session_endpoint"] == nil {
				v.fault("no end_session_endpoint")
			}
		}, []twin{
			{"no endpoint", "no end_session_endpoint", document("/openid-configuration", "end_session_endpoint", nil)},
			{"an endpoint on plain http", "no https URL", document("/openid-configuration", "end_session_endpoint", "http://login.example.test/logout")},
		}},
		{"oidcc-rp-initiated-logout", func(v *visit) { v.leaves() }, []twin{
			stays,
			{"another state", "state", leads(signedOut + "?state=another")},
			{"another place", "the browser went to", leads("https://evil.example.test/?state=x")},
			{"a page that leads nowhere", "did not come back", pageInstead("/logout")},
		}},
		{"oidcc-rp-initiated-logout-no-state", func(v *visit) { v.leaves("state", "") }, []twin{
			stays, {"a state that nobody gave", "state", leads(signedOut + "?state=x")},
		}},
		{"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", refusedLogout("post_logout_redirect_uri", signedOut+"/unregistered"), []twin{
			{"an open redirector", "the browser went to", leads(signedOut + "/unregistered")},
			{"a page of success", "no error page", statusOf("/logout", 200)},
		}},
		{"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", refusedLogout("post_logout_redirect_uri", signedOut+"?foo=bar"), []twin{
			{"a look at the path only", "the browser went to", leads(signedOut + "?foo=bar")},
		}},
		{"oidcc-rp-initiated-logout-modified-id-token-hint", func(v *visit) {
			v.stayPut(func(hint string) []string { return []string{"id_token_hint", unsigned(hint)} })
		}, []twin{{"a hint without a signature", "the browser went to", leads(signedOut)}}},
		{"oidcc-rp-initiated-logout-bad-id-token-hint", func(v *visit) {
			v.stayPut(func(hint string) []string {
				return []string{"id_token_hint", forge(part(v.w.t, hint, 0), part(v.w.t, hint, 1))}
			})
		}, []twin{{"a hint that somebody else signed", "the browser went to", leads(signedOut)}}},
		{"oidcc-rp-initiated-logout-no-id-token-hint", func(v *visit) {
			v.stayPut(func(string) []string { return []string{"id_token_hint", ""} })
		}, []twin{{"a logout that any site can cause", "the browser went to", leads(signedOut)}}},
		{"oidcc-rp-initiated-logout-no-params", func(v *visit) {
			v.staysOut("id_token_hint", "", "post_logout_redirect_uri", "", "state", "")
		}, []twin{stays, {"a place that nobody gave", "the browser went to", leads(signedOut)}}},
		{"oidcc-rp-initiated-logout-only-state", func(v *visit) {
			v.staysOut("id_token_hint", "", "post_logout_redirect_uri", "")
		}, []twin{stays, {"a place that nobody gave", "the browser went to", leads(signedOut)}}},
		{"oidcc-rp-initiated-logout-no-post-logout-redirect-uri", func(v *visit) {
			v.staysOut("post_logout_redirect_uri", "")
		}, []twin{stays, {"a place that nobody gave", "the browser went to", leads(signedOut)}}},
	}
}

// logout signs a person in and sends their browser to the end-session endpoint. change is changes to a good request, given
// the ID token of the login.
func (v *visit) logout(change func(hint string) []string) outcome {
	v.register()
	_, got, _ := v.login()
	q := url.Values{
		"id_token_hint": {got.ID}, "post_logout_redirect_uri": {signedOut}, "state": {strings.Repeat("a state & more ", 8)},
	}
	pairs := change(got.ID)
	for i := 0; i < len(pairs); i += 2 {
		if q.Del(pairs[i]); pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	endpoint, _ := v.discover()["end_session_endpoint"].(string)
	o := outcome{sent: q}
	v.walk(&o, v.browse(http.MethodGet, endpoint+"?"+q.Encode(), nil, "cross-site"), endpoint)
	return o
}

// register lets the client lead people to signedOut.
func (v *visit) register() {
	ctx := v.w.t.Context()
	c, err := v.w.store.Client(ctx, latchkey.ClientID(v.id))
	if err == nil && len(c.LogoutURIs) == 0 {
		c.LogoutURIs = []string{signedOut}
		err = v.w.store.UpdateClient(ctx, c, latchkey.Event{At: v.w.clock.Now(), Kind: latchkey.ClientUpdated, Project: c.Project, Client: c.ID, Detail: strconv.Itoa(v.id)})
	}
	if err != nil {
		v.stop("the client: %v", err)
	}
}

// leaves is a logout that leads back to the client.
func (v *visit) leaves(change ...string) {
	o := v.logout(func(string) []string { return change })
	if o.back == nil {
		v.stop("the browser did not come back to the client: status %d: %s", o.last.status, o.last.body)
	}
	if o.to != signedOut {
		v.fault("the browser went to %s", o.to)
	}
	if got := o.back.Get("state"); got != o.sent.Get("state") || len(o.back) != len(o.sent["state"]) {
		v.fault("after the logout: %v, want the state %q and nothing else", o.back, o.sent.Get("state"))
	}
	v.nobody()
}

// staysOut is a logout that ends on a page of the server's.
func (v *visit) staysOut(change ...string) {
	o := v.logout(func(string) []string { return change })
	if o.back != nil {
		v.stop("the browser went to %s with %v", o.to, o.back)
	}
	if o.last.status != http.StatusOK {
		v.fault("no page that says that it is done: status %d", o.last.status)
	}
	v.nobody()
}

// nobody wants the browser not to be signed in any more.
func (v *visit) nobody() {
	o := v.authorize("prompt", "none")
	if v.back(o) != "" {
		v.fault("still signed in after the logout")
		return
	}
	v.refusedWith(o, "login_required", "interaction_required")
}

// stayPut wants a page, and no way back to the client before the person has pressed anything.
func (v *visit) stayPut(change func(hint string) []string) {
	v.passive = true
	if o := v.logout(change); o.back != nil {
		v.fault("the browser went to %s with %v", o.to, o.back)
	}
}

// refusedLogout wants an error page.
func refusedLogout(change ...string) func(*visit) {
	return func(v *visit) { v.errorPage("the logout", v.logout(func(string) []string { return change })) }
}

// unsigned is a token with alg none.
func unsigned(token string) string {
	return strings.Split(unsignedRequest(callback), ".")[0] + "." + strings.Split(token, ".")[1] + "."
}
