package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/pages"
	"github.com/latchkey-dev/latchkey/internal/sms/twilio"
	"github.com/latchkey-dev/latchkey/internal/sms/webhook"
	"github.com/latchkey-dev/latchkey/internal/smtp"
)

// senders makes the providers of both channels, in the order in which they are tried.
func (j *judge) senders(email, sms []string) map[latchkey.Channel][]latchkey.Sender {
	if len(email)+len(sms) == 0 {
		j.wrong("email", "and sms are missing", "give at least one provider, such as --email 'smtp://user:password@mail.example.com:587?from=login@example.com'")
		return nil
	}
	out := map[latchkey.Channel][]latchkey.Sender{}
	add := func(setting string, ch latchkey.Channel, urls []string) {
		for i, raw := range urls {
			s, err := j.sender(ch, raw)
			if err != nil {
				j.wrong(setting, fmt.Sprintf("provider %d is not right", i+1), err.Error())
				continue
			}
			out[ch] = append(out[ch], s)
		}
	}
	add("email", latchkey.Email, email)
	add("sms", latchkey.Phone, sms)
	return out
}

// sender reads one provider. Errors do not quote the URL: there is a password in it.
func (j *judge) sender(ch latchkey.Channel, raw string) (latchkey.Sender, error) {
	scheme, _, _ := strings.Cut(raw, ":")
	if scheme == "twilio" {
		raw = strings.Replace(raw, "@?", "@api.twilio.com?", 1) // a URL needs a host
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("it is not a URL; special characters in user names and passwords are percent-encoded")
	}
	switch {
	case (scheme == "smtp" || scheme == "smtps") && ch == latchkey.Email:
		return j.smtp(u)
	case scheme == "twilio" && ch == latchkey.Phone:
		return j.twilio(u)
	case scheme == "webhook+https" || scheme == "webhook+http":
		return j.webhook(u)
	case ch == latchkey.Email:
		return nil, errors.New("it begins with smtp://, smtps:// or webhook+https://")
	}
	return nil, errors.New("it begins with twilio:// or webhook+https://")
}

func (j *judge) smtp(u *url.URL) (latchkey.Sender, error) {
	q, err := options(u, "from", "tls", "helo", "connections")
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	cfg := smtp.Config{
		Host: u.Hostname(), TLS: smtp.TLSMode(q.Get("tls")), Username: u.User.Username(), Password: latchkey.Secret(password),
		From: q.Get("from"), HELO: q.Get("helo"), Now: j.now,
	}
	if u.Scheme == "smtps" {
		if cfg.TLS != "" && cfg.TLS != smtp.TLS {
			return nil, errors.New("smtps:// is TLS from the first byte: take smtp:// for another mode")
		}
		cfg.TLS = smtp.TLS
	}
	if cfg.Port, err = number(u.Port(), "port"); err != nil {
		return nil, err
	}
	if cfg.Connections, err = number(q.Get("connections"), "connections"); err != nil {
		return nil, err
	}
	s, err := smtp.New(cfg)
	return s, plain(err)
}

// twilio takes the host only for a stand-in on this machine, to try things out.
func (j *judge) twilio(u *url.URL) (latchkey.Sender, error) {
	q, err := options(u, "from", "messaging_service")
	if err != nil {
		return nil, err
	}
	token, _ := u.User.Password()
	cfg := twilio.Config{
		AccountSID: u.User.Username(), AuthToken: latchkey.Secret(token), MessagingServiceSID: q.Get("messaging_service"),
		From: strings.Replace(q.Get("from"), " ", "+", 1), Now: j.now, // a plus in a query reads as a space
	}
	if pages.Loopback(u.Host) {
		cfg.BaseURL = "http://" + u.Host
	} else if u.Host != "api.twilio.com" {
		return nil, errors.New("it has no host: twilio://SID:TOKEN@?from=+12025550100")
	}
	s, err := twilio.New(cfg)
	return s, plain(err)
}

// webhook takes the secret out of the query; the rest of the URL is the operator's.
func (j *judge) webhook(u *url.URL) (latchkey.Sender, error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("its query is malformed")
	}
	secret := q.Get("secret")
	q.Del("secret")
	to := *u
	to.Scheme = strings.TrimPrefix(u.Scheme, "webhook+")
	to.RawQuery = q.Encode()
	s, err := webhook.New(webhook.Config{URL: to.String(), Secret: latchkey.Secret(secret), Now: j.now})
	return s, plain(err)
}

// options gives the query, if every part of it is known.
func options(u *url.URL, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("its query is malformed")
	}
	for name := range q {
		switch {
		case slices.Contains(known, name):
		case strings.Contains(u.RawQuery, "@"): // what was meant for a password is not quoted
			return nil, errors.New("it has an @ in an option that there is not: special characters in passwords are percent-encoded")
		default:
			return nil, fmt.Errorf("it has no option %s: there are %s", strconv.Quote(name), strings.Join(known, ", "))
		}
	}
	return q, nil
}

func number(text, name string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s is a number", name)
	}
	return n, nil
}

// plain leaves the sentence of an Invalid, without the name of a Go field.
func plain(err error) error {
	var e *latchkey.Error
	if errors.As(err, &e) && e.Message != "" {
		return errors.New(e.Message)
	}
	return err
}
