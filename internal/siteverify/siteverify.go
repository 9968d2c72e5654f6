// Package siteverify is the room of CAPTCHAs that an outside service makes and judges: Cloudflare Turnstile and hCaptcha, whose
// calls are alike. The page of whoever asks for a code shows the service's own script with a site key; what that gives is posted
// to the service with the secret, which says whether it is good.
//
//	POST https://challenges.cloudflare.com/turnstile/v0/siteverify      secret, response, remoteip
//	POST https://api.hcaptcha.com/siteverify                            secret, response, remoteip, sitekey
package siteverify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Config is what an operator says about the service.
type Config struct {
	Provider latchkey.CaptchaProvider // Turnstile or HCaptcha
	SiteKey  string                   // public
	Secret   latchkey.Secret
	URL      string        // of the service's call; empty: the provider's own
	Timeout  time.Duration // of one call; 0: 3 s, for a person waits
}

// Life is for how long a solution is remembered as used. Both services take one for 5 minutes at the most (hCaptcha for 2).
const Life = 10 * time.Minute

// maxSolution bounds what is posted on: Turnstile's have 2,048 characters at the most, hCaptcha's some more.
const maxSolution = 16 << 10

// A Captcha has one service judge solutions.
type Captcha struct {
	cfg    Config
	client *http.Client
}

// New checks cfg.
// Errors: Invalid, which names the setting.
func New(cfg Config) (*Captcha, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 3 * time.Second
	}
	if cfg.URL == "" {
		cfg.URL = map[latchkey.CaptchaProvider]string{
			latchkey.Turnstile: "https://challenges.cloudflare.com/turnstile/v0/siteverify",
			latchkey.HCaptcha:  "https://api.hcaptcha.com/siteverify",
		}[cfg.Provider]
	}
	switch {
	case cfg.URL == "":
		return nil, latchkey.BadField("captcha", "it is turnstile or hcaptcha")
	case cfg.SiteKey == "" || strings.ContainsFunc(cfg.SiteKey, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }):
		return nil, latchkey.BadField("captcha-site-key", "the provider gives it, for pages")
	case cfg.Secret == "":
		return nil, latchkey.BadField("captcha-secret", "the provider gives it, for servers")
	}
	return &Captcha{cfg: cfg, client: &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Provider implements latchkey.Captcha.
func (c *Captcha) Provider() (p latchkey.CaptchaProvider, siteKey string) {
	return c.cfg.Provider, c.cfg.SiteKey
}

// Puzzle implements latchkey.Captcha: the service's script makes the puzzle itself.
func (c *Captcha) Puzzle(latchkey.ProjectID, time.Time) (latchkey.Puzzle, error) {
	return latchkey.Puzzle{Provider: c.cfg.Provider, SiteKey: c.cfg.SiteKey}, nil
}

// An answer is what both services say.
type answer struct {
	Success bool     `json:"success"`
	Errors  []string `json:"error-codes"`
	CData   string   `json:"cdata"` // Turnstile only: what the page gave its script
}

// Check implements latchkey.Captcha. A site key serves all projects of a server; a page of Turnstile's that gives its script the
// project's id as cData has its solution taken for that project alone. hCaptcha knows of nothing like it.
func (c *Captcha) Check(ctx context.Context, p latchkey.ProjectID, solution string, from netip.Addr, now time.Time) (latchkey.Solution, error) {
	if solution == "" || len(solution) > maxSolution {
		return latchkey.Solution{}, wrong("The solution is none of the provider's.")
	}
	a, err := c.ask(ctx, solution, from)
	switch {
	case err != nil:
		return latchkey.Solution{}, &latchkey.Error{Code: latchkey.Unavailable, RetryAfter: 5 * time.Second, Err: fmt.Errorf("%s: %w", c.cfg.Provider, err)}
	case !a.Success && ours(a.Errors):
		return latchkey.Solution{}, &latchkey.Error{Code: latchkey.Unavailable, RetryAfter: 5 * time.Second, Err: fmt.Errorf("%s does not take what --captcha-site-key and --captcha-secret say", c.cfg.Provider)}
	case !a.Success:
		return latchkey.Solution{}, wrong("The solution is wrong, too old, or was used before.")
	case a.CData != "" && a.CData != p.String():
		return latchkey.Solution{}, wrong("The solution is of another project's page.")
	}
	id := latchkey.HashSecret(latchkey.Secret(string(c.cfg.Provider) + " " + solution))
	return latchkey.Solution{ID: id, Dies: now.Add(Life)}, nil
}

// ours reports a failure that no caller can help: the settings are wrong, or the service is in trouble.
func ours(codes []string) bool {
	return slices.ContainsFunc(codes, func(code string) bool {
		switch code {
		case "missing-input-secret", "invalid-input-secret", "internal-error", "sitekey-secret-mismatch", "not-using-dummy-secret":
			return true
		}
		return false
	})
}

func (c *Captcha) ask(ctx context.Context, solution string, from netip.Addr) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	form := url.Values{"secret": {c.cfg.Secret.Reveal()}, "response": {solution}}
	if from.IsValid() {
		form.Set("remoteip", from.String())
	}
	if c.cfg.Provider == latchkey.HCaptcha {
		form.Set("sitekey", c.cfg.SiteKey)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.client.Do(r)
	if err != nil {
		return answer{}, unnamed(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return answer{}, unnamed(err)
	}
	var a answer
	bad := json.Unmarshal(raw, &a) != nil || res.StatusCode >= 500
	if bad || a.Success && res.StatusCode != http.StatusOK || !a.Success && len(a.Errors) == 0 { // whatever that is, it judges nothing
		return answer{}, fmt.Errorf("answered %d with what is no judgement", res.StatusCode)
	}
	return a, nil
}

// unnamed leaves the URL out of an error: an operator may have put a key into it.
func unnamed(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func wrong(message string) error {
	return &latchkey.Error{Code: latchkey.ChallengeRequired, Message: message, RetryAfter: time.Second}
}
