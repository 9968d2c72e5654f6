package siteverify_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/siteverify"
)

var (
	noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	game = latchkey.ProjectID{UUID: latchkey.UUID{1}}
	ip   = netip.MustParseAddr("192.0.2.7")
)

// room is a Captcha over a service that answers as it is told.
func room(t *testing.T, p latchkey.CaptchaProvider, service http.HandlerFunc) *siteverify.Captcha {
	t.Helper()
	s := httptest.NewServer(service)
	t.Cleanup(s.Close)
	c, err := siteverify.New(siteverify.Config{Provider: p, SiteKey: "site", Secret: "secret", URL: s.URL, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// TestWhatTheServiceIsAsked: the form that both services' documentation has.
func TestWhatTheServiceIsAsked(t *testing.T) {
	t.Parallel()
	for provider, siteKey := range map[latchkey.CaptchaProvider]string{latchkey.Turnstile: "", latchkey.HCaptcha: "site"} {
		c := room(t, provider, func(w http.ResponseWriter, r *http.Request) {
			for name, want := range map[string]string{"secret": "secret", "response": "a solution", "remoteip": "192.0.2.7", "sitekey": siteKey} {
				if got := r.PostFormValue(name); got != want {
					t.Errorf("%s is told %s=%q, want %q", provider, name, got, want)
				}
			}
			if r.Method != http.MethodPost || r.URL.RawQuery != "" {
				t.Errorf("%s is asked by %s %s", provider, r.Method, r.URL)
			}
			fmt.Fprint(w, `{"success":true,"error-codes":[]}`)
		})
		got, err := c.Check(t.Context(), game, "a solution", ip, noon)
		if err != nil || got.ID.IsZero() || !got.Dies.Equal(noon.Add(siteverify.Life)) {
			t.Errorf("%s: %+v, %v", provider, got, err)
		}
		other, err := c.Check(t.Context(), game, "a solution", ip, noon)
		if err != nil || other.ID != got.ID {
			t.Errorf("%s: one solution has two ids: %v", provider, err)
		}
		shop := latchkey.ProjectID{UUID: latchkey.UUID{2}}
		if other, err := c.Check(t.Context(), shop, "a solution", ip, noon); err != nil || other.ID != got.ID {
			t.Errorf("%s: one solution is good once for each project: %v", provider, err)
		}
		if name, key := c.Provider(); name != provider || key != "site" {
			t.Errorf("%s: is %s with %q", provider, name, key)
		}
		if p, err := c.Puzzle(game, noon); err != nil || p != (latchkey.Puzzle{Provider: provider, SiteKey: "site"}) {
			t.Errorf("%s: puzzle %+v, %v", provider, p, err)
		}
	}
}

// TestNobodyIsNamedWithoutAnAddress: what is no address is not sent as one.
func TestNobodyIsNamedWithoutAnAddress(t *testing.T) {
	t.Parallel()
	c := room(t, latchkey.Turnstile, func(w http.ResponseWriter, r *http.Request) {
		if r.ParseForm() != nil || r.PostForm.Has("remoteip") {
			t.Errorf("the service is told remoteip=%q", r.PostForm.Get("remoteip"))
		}
		fmt.Fprint(w, `{"success":true}`)
	})
	if _, err := c.Check(t.Context(), game, "a solution", netip.Addr{}, noon); err != nil {
		t.Error(err)
	}
}

// TestASVS_16_5_2_JudgementsAndFailures: only a clear yes is one; a clear no is the caller's, and everything else is an outage.
func TestASVS_16_5_2_JudgementsAndFailures(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		want   latchkey.Code
	}{
		"yes":                      {200, `{"success":true}`, ""},
		"yes, for this project":    {200, `{"success":true,"cdata":"` + game.String() + `"}`, ""},
		"yes, for another one":     {200, `{"success":true,"cdata":"00000000-0000-4000-8000-000000000001"}`, latchkey.ChallengeRequired},
		"no":                       {200, `{"success":false,"error-codes":["invalid-input-response"]}`, latchkey.ChallengeRequired},
		"too old or used":          {200, `{"success":false,"error-codes":["timeout-or-duplicate"]}`, latchkey.ChallengeRequired},
		"no, with a 400":           {400, `{"success":false,"error-codes":["bad-request"]}`, latchkey.ChallengeRequired},
		"the secret is wrong":      {200, `{"success":false,"error-codes":["invalid-input-secret"]}`, latchkey.Unavailable},
		"the service is broken":    {200, `{"success":false,"error-codes":["internal-error"]}`, latchkey.Unavailable},
		"a 500 that says yes":      {500, `{"success":true}`, latchkey.Unavailable},
		"a 500 that says no":       {500, `{"success":false,"error-codes":["invalid-input-response"]}`, latchkey.Unavailable},
		"a 404 that says yes":      {404, `{"success":true}`, latchkey.Unavailable},
		"a redirect that says yes": {302, `{"success":true}`, latchkey.Unavailable},
		"a redirect":               {302, ``, latchkey.Unavailable},
		"no JSON":                  {200, `<html>`, latchkey.Unavailable},
		"yes, and something odd":   {200, `{"success":true,"cdata":5}`, latchkey.Unavailable},
		"JSON of something else":   {200, `{}`, latchkey.Unavailable},
		"an answer without reason": {200, `{"success":false}`, latchkey.Unavailable},
		"more than anybody says":   {200, `{"success":true,"x":"` + strings.Repeat("x", 1<<17) + `"}`, latchkey.Unavailable},
	} {
		c := room(t, latchkey.Turnstile, says(tt.status, tt.body))
		got, err := c.Check(t.Context(), game, "a solution", ip, noon)
		if code := latchkey.CodeOf(err); code != tt.want || (err == nil) == got.ID.IsZero() {
			t.Errorf("%s: %+v, %v; want %q", name, got, err, tt.want)
		}
		if e := new(latchkey.Error); errors.As(err, &e) && e.RetryAfter <= 0 {
			t.Errorf("%s: %v does not say when to come again", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "a solution") || strings.Contains(err.Error(), "127.0.0.1")) {
			t.Errorf("%s: the error shows what it must not: %v", name, err)
		}
	}
}

// TestTwoSolutionsAreTwo: one that was used up leaves the others good.
func TestTwoSolutionsAreTwo(t *testing.T) {
	t.Parallel()
	ids := map[latchkey.Hash]bool{}
	for _, p := range []latchkey.CaptchaProvider{latchkey.Turnstile, latchkey.HCaptcha} {
		c := room(t, p, says(200, `{"success":true}`))
		for _, solution := range []string{"one", "two"} {
			got, err := c.Check(t.Context(), game, solution, ip, noon)
			if err != nil || ids[got.ID] {
				t.Errorf("%s: %s is remembered as another one: %v", p, solution, err)
			}
			ids[got.ID] = true
		}
	}
}

// TestNoRedirectIsFollowed: the secret goes where the operator said, and a yes from elsewhere is none.
func TestNoRedirectIsFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{302, 307, 308} {
		c := room(t, latchkey.Turnstile, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/elsewhere" {
				http.Redirect(w, r, "/elsewhere", status)
				return
			}
			t.Errorf("a %d is followed", status)
			fmt.Fprint(w, `{"success":true}`)
		})
		if _, err := c.Check(t.Context(), game, "a solution", ip, noon); latchkey.CodeOf(err) != latchkey.Unavailable {
			t.Errorf("a %d gives %v", status, err)
		}
	}
}

// TestAServiceThatDoesNotAnswer is an outage after a while, and nothing is waited for that was given up.
func TestAServiceThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else nobody sees the client leave
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	for name, tt := range map[string]struct {
		url     string
		timeout time.Duration
	}{"silence": {silent.URL, 50 * time.Millisecond}, "silence, where nobody said how long": {silent.URL, 0}, "nobody": {"http://127.0.0.1:1", 50 * time.Millisecond}} {
		c, err := siteverify.New(siteverify.Config{Provider: latchkey.HCaptcha, SiteKey: "site", Secret: "secret", URL: tt.url + "/?key=hush", Timeout: tt.timeout})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Check(t.Context(), game, "a solution", netip.Addr{}, noon); latchkey.CodeOf(err) != latchkey.Unavailable || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s gives %v; want an outage, and nothing of the URL, in which there may be a key", name, err)
		}
	}
}

// TestNothingToAskAbout: what is no solution at all is not carried to the service.
func TestNothingToAskAbout(t *testing.T) {
	t.Parallel()
	c := room(t, latchkey.Turnstile, func(http.ResponseWriter, *http.Request) { t.Error("the service is asked") })
	for _, s := range []string{"", strings.Repeat("x", 20_000)} {
		if _, err := c.Check(t.Context(), game, s, ip, noon); latchkey.CodeOf(err) != latchkey.ChallengeRequired {
			t.Errorf("%d bytes give %v", len(s), err)
		}
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cfg   siteverify.Config
		names string
	}{
		{siteverify.Config{Provider: latchkey.Altcha, SiteKey: "k", Secret: "s"}, "captcha"},
		{siteverify.Config{Provider: latchkey.Turnstile, Secret: "s"}, "captcha-site-key"},
		{siteverify.Config{Provider: latchkey.Turnstile, SiteKey: `a"b`, Secret: "s"}, "captcha-site-key"},
		{siteverify.Config{Provider: latchkey.HCaptcha, SiteKey: "k"}, "captcha-secret"},
	} {
		if _, err := siteverify.New(tt.cfg); err == nil || !strings.Contains(err.Error(), "("+tt.names+")") {
			t.Errorf("%+v: %v, want an error that names %s", tt.cfg, err, tt.names)
		}
	}
}
