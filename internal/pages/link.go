// Package webhook is the room for operators who send messages by a service of their own, SMS or mail: each message is
// a POST of JSON to one URL.
//
//	POST /their/path
//	Content-Type: application/json
//	Idempotency-Key: 9b2c…                   the same for every try of one message
//	Latchkey-Timestamp: 1767225600           Unix seconds
//	Latchkey-Signature: v1=5257a8…           hex of HMAC-SHA-256(secret, timestamp + "." + body)
//
//	{"id":"9b2c…","channel":"phone","to":"+4915123456789","from":"Demo","text":"123456 is your Demo code. …",
//	 "code":"123456","link":"","locale":"en","expires_at":"2026-01-01T00:03:00Z"}
//
// A mail has "subject" and "html" as well. "text" is ready to send; "code" and "link" are for those who write their
// own. Nothing should be sent after "expires_at".
//
// The receiver checks, in this order: the timestamp is within five minutes of its clock; the HMAC of the timestamp, a
// dot and the body as it came, byte for byte, equals the signature, compared in constant time; the id is new to it. It
// should ignore elements of the comma-separated signature list whose version it does not know. In Go:
//
//	mac := hmac.New(sha256.New, secret)
//	mac.Write([]byte(r.Header.Get("Latchkey-Timestamp") + "."))
//	mac.Write(body)
//	given, _ := strings.CutPrefix(r.Header.Get("Latchkey-Signature"), "v1=")
//	sum, err := hex.DecodeString(given)
//	ok := err == nil && hmac.Equal(sum, mac.Sum(nil))
//
// Any 2xx means taken. 408, 425, 429 and 5xx mean: try again, after Retry-After if given. Any other 4xx means that no
// try of this message can succeed. Redirects are not followed: the signature is for one URL.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Config is what an operator says about their service.
type Config struct {
	URL     string          // https, or http to loopback
	Secret  latchkey.Secret // 32 bytes or more
	Timeout time.Duration   // of one message; 0: 10 s
	Now     func() time.Time
}

// minSecret is as long as the key of HMAC-SHA-256 should be (RFC 2104 §3).
const minSecret = 32

// A Sender is a latchkey.Sender for any channel.
type Sender struct {
	cfg    Config
	client *http.Client
}

// New checks cfg and gives its Sender.
// Errors: Invalid, which names the setting.
func New(cfg Config) (*Sender, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, latchkey.BadField("url", "not an https URL")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, latchkey.BadField("url", "codes are not sent unencrypted to another machine: use https")
	case len(cfg.Secret) < minSecret:
		return nil, latchkey.BadField("secret", "the secret has 32 bytes or more")
	case cfg.Timeout < 0:
		return nil, latchkey.BadField("timeout", "a timeout is positive")
	case cfg.Now == nil:
		return nil, errors.New("webhook: no clock")
	}
	return &Sender{cfg: cfg, client: &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Name implements latchkey.Sender.
func (s *Sender) Name() string { return "webhook" }

// Close implements latchkey.Sender.
func (s *Sender) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// A body is what is posted.
type body struct {
	ID      string           `json:"id"`
	Channel latchkey.Channel `json:"channel"`
	To      string           `json:"to"`
	From    string           `json:"from"`
	Subject string           `json:"subject,omitempty"`
	Text    string           `json:"text"`
	HTML    string           `json:"html,omitempty"`
	Code    string           `json:"code"`
	Link    string           `json:"link"`
	Locale  string           `json:"locale"`
	Expires time.Time        `json:"expires_at"`
}

// Send implements latchkey.Sender.
func (s *Sender) Send(ctx context.Context, e latchkey.Envelope) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	b, err := json.Marshal(body{
		ID: e.ID, Channel: e.To.Channel(), To: e.To.Value(), From: e.From, Subject: e.Subject, Text: e.Text, HTML: e.HTML,
		Code: e.Code.Reveal(), Link: e.Link.Reveal(), Locale: e.Locale, Expires: e.Dies.UTC(),
	})
	if err != nil {
		return unavailable("message not written", nil, 0)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL, bytes.NewReader(b))
	if err != nil {
		return unavailable("request not made", nil, 0)
	}
	stamp := strconv.FormatInt(s.cfg.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", e.ID)
	req.Header.Set("Latchkey-Timestamp", stamp)
	req.Header.Set("Latchkey-Signature", "v1="+sign(s.cfg.Secret, stamp, b))
	resp, err := s.client.Do(req)
	if err != nil {
		return unavailable("not reached", bare(err), 0)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	return verdict(resp)
}

// sign is the signature of the package's documentation.
func sign(secret latchkey.Secret, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// verdict reads the status, and nothing else, of an answer.
func verdict(resp *http.Response) error {
	cause := fmt.Errorf("the webhook answered %d", resp.StatusCode)
	switch c := resp.StatusCode; {
	case c >= 200 && c < 300:
		return nil
	case c == http.StatusRequestTimeout, c == http.StatusTooEarly, c == http.StatusTooManyRequests, c < 400, c >= 500:
		return unavailable("not taken now", cause, retryAfter(resp))
	}
	return &latchkey.Error{Code: latchkey.Undeliverable, Message: "the webhook refused the message", Err: cause}
}

func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || n < 0 || n > 3600 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// bare takes the URL, which may hold a key of the operator's, out of an error.
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
	return &latchkey.Error{Code: latchkey.Unavailable, Message: "webhook: " + what, Err: cause, RetryAfter: after}
}
