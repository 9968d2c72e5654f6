// Package twilio is the room for SMS by Twilio's REST API: one POST to the account's Messages resource for a message.
//
// Any 2xx means that Twilio has taken the message. A refusal that names the recipient or the message is Undeliverable;
// everything else, wrong credentials included, is Unavailable: another provider, or the operator, may help in time.
// Twilio knows no idempotency key: a message whose answer was lost is sent twice, with the same code.
package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Config is what an operator says about their account.
type Config struct {
	AccountSID          string
	AuthToken           latchkey.Secret
	From                string        // a number, short code or sender id; or
	MessagingServiceSID string        // a service that picks one
	BaseURL             string        // empty: https://api.twilio.com
	Timeout             time.Duration // of one message; 0: 10 s
	Now                 func() time.Time
}

// maxAnswer is as much of an answer as is read: its code stands within the first few hundred bytes.
const maxAnswer = 16 << 10

// A Sender is a latchkey.Sender for SMS.
type Sender struct {
	cfg    Config
	client *http.Client
	url    string
}

// New checks cfg and gives its Sender.
// Errors: Invalid, which names the setting.
func New(cfg Config) (*Sender, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = "https://api.twilio.com"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	base, err := url.Parse(cfg.BaseURL)
	switch {
	case err != nil || base.Host == "" || base.Scheme != "https" && (base.Scheme != "http" || !loopback(base.Hostname())):
		return nil, latchkey.BadField("base_url", "an https URL, or http to loopback")
	case cfg.AccountSID == "" || strings.ContainsAny(cfg.AccountSID, "/?#:"):
		return nil, latchkey.BadField("account_sid", "Twilio's account SID is missing or malformed")
	case cfg.AuthToken == "":
		return nil, latchkey.BadField("auth_token", "Twilio's auth token is missing")
	case (cfg.From == "") == (cfg.MessagingServiceSID == ""):
		return nil, latchkey.BadField("from", "give a sender or a messaging service, and not both")
	case cfg.Timeout < 0:
		return nil, latchkey.BadField("timeout", "a timeout is positive")
	case cfg.Now == nil:
		return nil, errors.New("twilio: no clock")
	}
	return &Sender{
		cfg: cfg,
		client: &http.Client{
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		url: strings.TrimSuffix(cfg.BaseURL, "/") + "/2010-04-01/Accounts/" + url.PathEscape(cfg.AccountSID) + "/Messages.json",
	}, nil
}

// Name implements latchkey.Sender.
func (s *Sender) Name() string { return "twilio" }

// Close implements latchkey.Sender.
func (s *Sender) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Send implements latchkey.Sender.
func (s *Sender) Send(ctx context.Context, e latchkey.Envelope) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	form := url.Values{"To": {e.To.Value()}, "Body": {e.Text}}
	if s.cfg.From != "" {
		form.Set("From", s.cfg.From)
	} else {
		form.Set("MessagingServiceSid", s.cfg.MessagingServiceSID)
	}
	if life := e.Dies.Sub(s.cfg.Now()) / time.Second; life >= 1 && life <= maxValidity {
		form.Set("ValidityPeriod", strconv.Itoa(int(life))) // a dead code need not leave Twilio's queue any more
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(form.Encode()))
	if err != nil {
		return unavailable("request not made", nil, 0)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(s.cfg.AccountSID, s.cfg.AuthToken.Reveal())
	resp, err := s.client.Do(req)
	if err != nil {
		return unavailable("not reached", bare(err), 0)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // what came of it is enough
	return verdict(resp, answer)
}

// maxValidity is the longest ValidityPeriod that every account takes, in seconds.
const maxValidity = 14400

// verdict reads an answer. Its text is left out of errors, because it quotes the number.
func verdict(resp *http.Response, answer []byte) error {
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	var said struct {
		Code int `json:"code"`
	}
	_ = json.Unmarshal(answer, &said) // no JSON: no code
	cause := fmt.Errorf("twilio answered %d, code %d", resp.StatusCode, said.Code)
	if resp.StatusCode >= 400 && resp.StatusCode < 500 && forGood(said.Code) {
		return &latchkey.Error{Code: latchkey.Undeliverable, Message: "twilio refused the message", Err: cause}
	}
	return unavailable("not taken now", cause, retryAfter(resp))
}

// forGood reports whether an error code of Twilio's is about this recipient or this text, so that no other try of the
// same message can go better.
func forGood(code int) bool {
	switch code {
	case 21211, // not a valid number
		21214, // cannot be reached
		21217, // not a valid number
		21265, // a short code
		21266, // the sender itself
		21408, // a region that the account may not send to
		21610, // unsubscribed
		21614, // not a mobile number
		21617, // too long
		21635: // a landline
		return true
	}
	return false
}

func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || n < 0 || n > 3600 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// bare takes the URL, and so the account, out of an error.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func unavailable(what string, cause error, after time.Duration) error {
	return &latchkey.Error{Code: latchkey.Unavailable, Message: "twilio: " + what, Err: cause, RetryAfter: after}
}
