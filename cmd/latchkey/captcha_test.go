package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/altcha"
	"github.com/latchkey-dev/latchkey/internal/telemetry"
)

// TestCaptchaSetting: what --captcha can say, and that what is wrong about it is told without the secret.
func TestCaptchaSetting(t *testing.T) {
	t.Parallel()
	for given, tt := range map[string]struct {
		difficulty    int64
		service, open bool
		wrong         string
	}{
		"altcha":                             {difficulty: altcha.DefaultDifficulty},
		"altcha?difficulty=1000":             {difficulty: 1000},
		"altcha?difficulty=10000000":         {difficulty: 10_000_000},
		"altcha?difficulty=999":              {wrong: "1,000 to 10,000,000"},
		"altcha?difficulty=10000001":         {wrong: "1,000 to 10,000,000"},
		"altcha?difficulty=-5":               {wrong: "1,000 to 10,000,000"},
		"altcha?hardness=1000":               {wrong: "no option \"hardness\""},
		"hcaptcha://site:hush@?dwn=open":     {wrong: "no option \"dwn\""},
		"off":                                {},
		"":                                   {wrong: "it is altcha, off"},
		"altchas":                            {wrong: "it is altcha, off"},
		"turnstile://site:hush@":             {service: true},
		"hcaptcha://site:hush@":              {service: true},
		"hcaptcha://site:hush@?down=open":    {service: true, open: true},
		"turnstile://site:hush@?down=closed": {service: true},
		"turnstile://site:hush@?down=opened": {wrong: "down is open or closed"},
		"turnstile://site@":                  {wrong: "a site key and a secret"},
		"turnstile://:hush@":                 {wrong: "a site key and a secret"},
		"recaptcha://site:hush@":             {wrong: "it is altcha, off"},
		"turnstile://site:hu%sh@":            {wrong: "percent-encoded"},
	} {
		got, err := parseCaptcha(given)
		if tt.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wrong) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%q gives %v, want an error that says %q and no secret", given, err, tt.wrong)
			}
			continue
		}
		if err != nil || got.difficulty != tt.difficulty || (got.service != nil) != tt.service || got.open != tt.open {
			t.Errorf("%q gives %+v, %v", given, got, err)
		}
	}
	if got := (captchaSettings{"turnstile://site:hush@"}).shown(); strings.Contains(got, "hush") || !strings.Contains(got, "site") {
		t.Errorf("the setting is shown as %s", got)
	}
}

// TestPuzzlesAreOfTheMasterSecret: every node knows what another one signed, and nobody else can sign.
func TestPuzzlesAreOfTheMasterSecret(t *testing.T) {
	t.Parallel()
	keys := func(secret string) [][]byte {
		secrets, err := latchkey.NewSecrets([]byte(strings.Repeat(secret, 32)))
		if err != nil {
			t.Fatal(err)
		}
		s := &server{house: house{secrets: secrets, now: time.Now, captcha: captchaChoice{difficulty: altcha.DefaultDifficulty}}}
		return s.captchas(nil, telemetry.New(func() int { return 0 })).Captcha.(*altcha.Captcha).Keys
	}
	if a, again, b := keys("a"), keys("a"), keys("b"); !slices.EqualFunc(a, again, bytes.Equal) || slices.EqualFunc(a, b, bytes.Equal) {
		t.Errorf("the keys are %x and %x of one secret, %x of another", a, again, b)
	}
}

// TestServeAsksAProvider: a project that always asks for a CAPTCHA has starts judged by the provider that the operator chose, and
// what becomes of them is counted. Where the provider is down, the operator has chosen what that means.
func TestServeAsksAProvider(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		down   string
		status int
	}{{"", 503}, {"&down=open", 200}} {
		down := false
		provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			fmt.Fprintf(w, `{"success":%v,"error-codes":["invalid-input-response"]}`, r.PostFormValue("response") == "right")
		}))
		defer provider.Close()
		s, env, p := newServe(t, newHook(t, 0), "--captcha", "hcaptcha://site:hush@?url="+url.QueryEscape(provider.URL)+tt.down)
		must[projectRow](t, env, "project", "update", p.ID, "--captcha", "always")
		n := 0
		start := func(solution string) (int, map[string]any) {
			n++
			return s.call(t, "POST", "/api/login/email/request?projectId="+p.ID, fmt.Sprintf(`{"email":"p%d@example.test"}`, n), "X-Captcha-Output", solution)
		}
		status, refused := start("")
		details := fmt.Sprint(refused["error"])
		if status != 429 || !strings.Contains(details, "003-038") || !strings.Contains(details, "site_key:site") || !strings.Contains(details, "captcha:hcaptcha") {
			t.Errorf("a start without a solution: %d %s", status, details)
		}
		for i, try := range []struct {
			solution string
			want     int
		}{{"right", 200}, {"right", 429}, {"wrong", 429}} {
			if got, _ := start(try.solution); got != try.want {
				t.Errorf("start %d, %s: %d, want %d", i+1, try.solution, got, try.want)
			}
		}
		down = true
		if got, _ := start("another"); got != tt.status {
			t.Errorf("%q, and the provider is down: %d, want %d", tt.down, got, tt.status)
		}
		metrics := s.metrics(t)
		for _, verdict := range []string{"ok", "used", "wrong", "down"} {
			if line := fmt.Sprintf(`latchkey_captchas_total{provider="hcaptcha",verdict=%q} 1`, verdict); !strings.Contains(metrics, line) {
				t.Errorf("the metrics do not have %s", line)
			}
		}
		if strings.Contains(s.stderr.String(), "hush") {
			t.Error("the secret is in the log")
		}
	}
}
