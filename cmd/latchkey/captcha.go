package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/altcha"
	"github.com/latchkey-dev/latchkey/internal/captcha"
	"github.com/latchkey-dev/latchkey/internal/siteverify"
	"github.com/latchkey-dev/latchkey/internal/telemetry"
)

// captchaSettings say what people solve when a limit, or their project, asks for it.
type captchaSettings struct {
	Captcha string `setting:"" group:"limit" default:"altcha" placeholder:"PROVIDER" help:"What a caller solves whom a limit, or the project, asks for a CAPTCHA. altcha: a proof of work, which asks nobody else (altcha?difficulty=100000 for another than that). turnstile://SITE-KEY:SECRET@ or hcaptcha://SITE-KEY:SECRET@: that service's; with ?down=open starts pass while it does not answer. off: none, and limits that would ask for one let everybody pass. Default: ${default}."`
}

// A captchaChoice is captchaSettings, judged. The zero value is off.
type captchaChoice struct {
	difficulty int64               // of altcha; 0: another provider
	service    *siteverify.Captcha // nil: none
	open       bool
}

// captcha judges --captcha. Errors do not quote it: there may be a secret in it.
func (j *judge) captcha(given string) captchaChoice {
	c, err := parseCaptcha(given)
	if err != nil {
		j.wrong("captcha", "is not right", err.Error())
	}
	return c
}

func parseCaptcha(given string) (captchaChoice, error) {
	if given == "off" {
		return captchaChoice{}, nil
	}
	if rest, ok := strings.CutPrefix(given, "altcha"); ok && (rest == "" || rest[0] == '?') {
		return parseAltcha(strings.TrimPrefix(rest, "?"))
	}
	u, err := url.Parse(given)
	if err != nil {
		return captchaChoice{}, errors.New("it is not a URL; special characters in keys and secrets are percent-encoded")
	}
	provider := latchkey.CaptchaProvider(u.Scheme)
	if provider != latchkey.Turnstile && provider != latchkey.HCaptcha {
		return captchaChoice{}, errors.New("it is altcha, off, turnstile://SITE-KEY:SECRET@ or hcaptcha://SITE-KEY:SECRET@")
	}
	secret, _ := u.User.Password()
	q := u.Query()
	if name := unknown(q, "down", "url"); name != "" {
		return captchaChoice{}, fmt.Errorf("it has no option %q: there are down and url", name)
	}
	cfg := siteverify.Config{Provider: provider, SiteKey: u.User.Username(), Secret: latchkey.Secret(secret), URL: q.Get("url")}
	out := captchaChoice{open: q.Get("down") == "open"}
	if down := q.Get("down"); down != "" && down != "open" && down != "closed" {
		return captchaChoice{}, errors.New("down is open or closed")
	}
	if out.service, err = siteverify.New(cfg); err != nil {
		return captchaChoice{}, errors.New("it needs a site key and a secret: " + string(provider) + "://SITE-KEY:SECRET@")
	}
	return out, nil
}

// unknown gives an option that is none of these; empty: there is no such.
func unknown(q url.Values, known ...string) string {
	for name := range q {
		if !slices.Contains(known, name) {
			return name
		}
	}
	return ""
}

func parseAltcha(query string) (captchaChoice, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return captchaChoice{}, errors.New("it is altcha, or altcha?difficulty=N")
	}
	if name := unknown(q, "difficulty"); name != "" {
		return captchaChoice{}, fmt.Errorf("it has no option %q: there is difficulty", name)
	}
	c := captchaChoice{difficulty: altcha.DefaultDifficulty}
	if given := q.Get("difficulty"); given != "" {
		c.difficulty, err = strconv.ParseInt(given, 10, 64)
		if err != nil || c.difficulty < altcha.MinDifficulty || c.difficulty > altcha.MaxDifficulty {
			return captchaChoice{}, errors.New("the difficulty of altcha is a number from 1,000 to 10,000,000")
		}
	}
	return c, nil
}

// captchas makes the use case; nil when there are none.
func (s *server) captchas(store latchkey.Store, metrics *telemetry.Metrics) *captcha.Service {
	out := &captcha.Service{Store: store, Now: s.now, Open: s.captcha.open, Judged: metrics.Captcha}
	switch {
	case s.captcha.service != nil:
		out.Captcha = s.captcha.service
	case s.captcha.difficulty != 0:
		out.Captcha = &altcha.Captcha{Keys: s.secrets.CaptchaKeys(), Difficulty: s.captcha.difficulty}
	default:
		return nil
	}
	return out
}

// shown is the setting without its secret.
func (c captchaSettings) shown() string {
	u, err := url.Parse(c.Captcha)
	if err != nil {
		return "[redacted]"
	}
	return u.Redacted()
}
