package sdktest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// flows are the flows that must be in testdata/flows.js, so that none gets lost in silence.
var flows = []string{
	"email, JWT", "phone, JWT", "email, OAuth 2.0", "phone, OAuth 2.0", "email, link approved, JWT", "email, link pushed by the page, JWT",
	"phone, link approved, OAuth 2.0", "settings", "hosted login page", "logout", "refusals", "poll runs out",
}

// A result is what one flow reports.
type result struct {
	Name    string `json:"name"`
	Failed  string `json:"failed"`  // why
	Skipped string `json:"skipped"` // why
	Token   string `json:"token"`   // of a completed JWT login
	Code    string `json:"code"`    // authorization code of a completed OAuth 2.0 login
	Page    string `json:"page"`    // where the client sends the browser
}

// TestPublishedSDK runs every flow of the client and verifies the tokens that it ends with.
func TestPublishedSDK(t *testing.T) {
	t.Parallel()
	chromium := findChromium(t)
	sdk := installSDK(t)
	s := startDev(t)
	p := servePage(t, s, sdk)
	openPage(t, chromium, p.url)

	deadline := time.After(2 * time.Minute)
	results := map[string]result{}
	for len(results) < len(flows) {
		select {
		case r := <-p.reports:
			results[r.Name] = r
		case <-deadline:
			t.Fatalf("%d of %d flows reported within 2 minutes: %v\n%s", len(results), len(flows), results, s.log())
		}
	}
	for _, name := range flows {
		r, ok := results[name]
		t.Run(name, func(t *testing.T) {
			switch {
			case !ok:
				t.Fatalf("testdata/flows.js has no such flow")
			case r.Skipped != "":
				t.Skip(r.Skipped)
			case r.Failed != "":
				t.Fatal(r.Failed)
			}
			if r.Code != "" {
				r.Token = s.exchange(t, r.Code)
			}
			if r.Token != "" {
				s.validate(t, r.Token)
			}
			if r.Page != "" {
				s.hostedLogin(t, r.Page)
			}
		})
	}
	if t.Failed() {
		t.Log(s.log())
	}
}

// exchange trades an authorization code for an access token, as the game's code does after the client is done.
func (s *server) exchange(t *testing.T, code string) string {
	t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {demoClient}, "code": {code}, "redirect_uri": {s.callback()},
	}
	res, err := http.PostForm(s.api()+"/oauth2/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct {
		Access    string `json:"access_token"`
		Refresh   string `json:"refresh_token"`
		ExpiresIn int    `json:"expires_in"`
		Type      string `json:"token_type"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("token exchange: status %d, %v", res.StatusCode, err)
	}
	if got.Access == "" || got.Refresh == "" || got.ExpiresIn <= 0 || got.Type != "bearer" {
		t.Errorf("token exchange: access token %v, refresh token %v, expires_in %d, token_type %q",
			got.Access != "", got.Refresh != "", got.ExpiresIn, got.Type)
	}
	return got.Access
}

// hostedLogin goes where the client sends the browser: it must end on the login page of the project.
func (s *server) hostedLogin(t *testing.T, page string) {
	t.Helper()
	res, err := http.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if path := "/p/" + demoProject + "/authorize"; res.StatusCode != http.StatusOK || res.Request.URL.Path != path || !bytes.Contains(body, []byte(`name="address"`)) {
		t.Errorf("the client's %s ends at %s with status %d, want the form of %s", page, res.Request.URL, res.StatusCode, path)
	}
}

// validate lets the server judge a token.
func (s *server) validate(t *testing.T, token string) {
	t.Helper()
	res, err := http.Post(s.api()+"/token/validate", "application/json", bytes.NewReader(fmt.Appendf(nil, `{"token":%q}`, token)))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		t.Errorf("the token of a completed login is not valid: status %d", res.StatusCode)
	}
}
