package main

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/geoip"
	"github.com/latchkey-dev/latchkey/internal/pages"
)

// A problem is one mistake in the configuration. It never quotes a value that may hold a secret.
type problem struct {
	setting string // its name
	from    string // where the value came from; empty: it is not set
	what    string // what is wrong with it
	right   string // what would be right
}

func (p problem) String() string {
	s := p.setting
	if p.from != "" {
		s += " (" + p.from + ")"
	}
	s += " " + p.what
	if p.right != "" {
		s += ": " + p.right
	}
	return s
}

// mistakes is all problems in one error, or nil.
func mistakes(title string, problems []problem) error {
	if len(problems) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(title + ":")
	for _, p := range problems {
		b.WriteString("\n  - " + p.String())
	}
	return usageError{errors.New(b.String())}
}

// A config is what serve runs with: settings, judged and parsed.
type config struct {
	listen    string
	publicURL string
	tls       *tls.Config // nil: plain http
	front     frontSettings
	polls     pollLimits
	limits    limiterChoice
	secrets   latchkey.Secrets
	senders   map[latchkey.Channel][]latchkey.Sender
	place     placer // nil without a file of places
	captcha   captchaChoice
	block     blockFiles
	checkMX   bool
	noTests   bool // no test identity is one
	logLevel  slog.Level
	metrics   string        // empty: on the main address
	drain     time.Duration // before the shutdown
	shutdown  time.Duration
}

// A judge turns settings into a config and notes every mistake on the way.
type judge struct {
	from     *origins
	now      func() time.Time
	problems []problem
}

func (j *judge) wrong(setting, what, right string) {
	j.problems = append(j.problems, problem{setting, j.from.from[setting], what, right})
}

// check judges all settings at once. An error is a usageError that lists every mistake.
func (s settings) check(from *origins, now func() time.Time) (config, error) {
	j := &judge{from: from, now: now}
	j.problems = append(append(j.problems, from.problems...), s.databaseSettings.problems(from)...)
	c := config{
		listen: j.address("listen", s.Listen), publicURL: j.publicURL(s.PublicURL), tls: j.tls(s.TLSCert, s.TLSKey),
		front: j.front(s), polls: j.polls(s.MaxPolls, s.MaxPollsPerClient), place: j.geoip(s.GeoIP), logLevel: j.level(s.LogLevel),
		metrics: j.address("metrics-listen", s.MetricsListen), drain: j.duration("drain-time", s.DrainTime, 0),
		shutdown: j.duration("shutdown-timeout", s.ShutdownTimeout, time.Second),
	}
	if len(s.Secret)+len(s.SecretFile) == 0 {
		j.wrong("secret", "is missing", "make one with `latchkey secret generate` and give it as LATCHKEY_SECRET or by --secret-file")
	} else {
		secrets, problems := readSecrets(s.Secret, s.SecretFile, from)
		c.secrets, j.problems = secrets, append(j.problems, problems...)
	}
	c.captcha = j.captcha(s.Captcha)
	c.block, c.checkMX = j.block(s.Block), s.CheckMX
	c.noTests = s.NoTestIdentities
	c.limits = j.limiter(s.limiterSettings, s.databaseSettings)
	c.senders = j.senders(s.Email, s.SMS)
	return c, mistakes("the configuration is not right", j.problems)
}

// address accepts host:port with either part as net.Listen takes it.
func (j *judge) address(setting, v string) string {
	if v == "" {
		return ""
	}
	_, port, err := net.SplitHostPort(v)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		j.wrong(setting, fmt.Sprintf("is %q", v), "it is HOST:PORT or :PORT, such as :8080")
	}
	return v
}

// publicURL accepts an origin: links and issuers are made by putting a path behind it.
func (j *judge) publicURL(v string) string {
	const setting = "public-url"
	if v == "" {
		j.wrong(setting, "is missing", "it is what people reach the server at, such as https://login.example.com")
		return ""
	}
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		j.wrong(setting, fmt.Sprintf("is %q", v), "it is a URL such as https://login.example.com")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		j.wrong(setting, fmt.Sprintf("is %q", v), "it has a scheme and a host, no path, query or user")
	case u.Scheme == "http" && !pages.Loopback(u.Host):
		j.wrong(setting, fmt.Sprintf("is %q", v), "codes and tokens cross the network, so it is https, except on this machine")
	default:
		return u.Scheme + "://" + strings.ToLower(u.Host)
	}
	return ""
}

func (j *judge) tls(cert, key string) *tls.Config {
	switch {
	case cert == "" && key == "":
		return nil
	case cert == "":
		j.wrong("tls-cert", "is missing", "--tls-key needs its certificate")
		return nil
	case key == "":
		j.wrong("tls-key", "is missing", "--tls-cert needs its key")
		return nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		j.wrong("tls-cert", "and tls-key do not load", cause(err))
		return nil
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
}

// A placer names roughly where an address is (pages.Server.Place).
type placer = func(ip netip.Addr, locale string) (city, country string)

func (j *judge) geoip(path string) placer {
	if path == "" {
		return nil
	}
	f, err := geoip.Open(path)
	if err != nil {
		j.wrong("geoip", "cannot be used", cause(err))
		return nil
	}
	return f.Place
}

func (j *judge) level(v string) slog.Level {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	l, ok := levels[strings.ToLower(v)]
	if !ok {
		j.wrong("log-level", fmt.Sprintf("is %q", v), "it is debug, info, warn or error")
	}
	return l
}

func (j *judge) duration(setting, v string, least time.Duration) time.Duration {
	d, err := time.ParseDuration(v)
	if err != nil || d < least || d > 10*time.Minute {
		j.wrong(setting, fmt.Sprintf("is %q", v), fmt.Sprintf("it is a time from %v to 10m, such as 10s", least))
	}
	return d
}

// readSecrets takes the master secrets from settings first, then from files, in their order.
func readSecrets(texts, fromFiles []string, from *origins) (latchkey.Secrets, []problem) {
	var problems []problem
	var masters [][]byte
	add := func(setting, where, text string) {
		b, err := parseSecret(text)
		if err != nil {
			problems = append(problems, problem{setting, where, err.Error(), "`latchkey secret generate` makes a good one"})
			return
		}
		masters = append(masters, b)
	}
	for _, several := range texts {
		for _, text := range strings.FieldsFunc(several, func(r rune) bool { return r == ',' || r == ' ' }) {
			add("secret", from.from["secret"], text)
		}
	}
	for _, file := range fromFiles {
		raw, err := os.ReadFile(file)
		if err != nil {
			problems = append(problems, problem{"secret-file", file, "cannot be read", cause(err)})
			continue
		}
		for _, text := range strings.Fields(string(raw)) {
			add("secret-file", file, text)
		}
	}
	if len(problems) > 0 {
		return latchkey.Secrets{}, problems
	}
	secrets, err := latchkey.NewSecrets(masters...)
	if err != nil {
		return secrets, []problem{{"secret", from.from["secret"], "is not usable", err.Error()}}
	}
	return secrets, nil
}

// parseSecret reads base64, with or without padding and in either alphabet, or hexadecimal. Hexadecimal is tried first:
// 64 of its digits are base64 too.
func parseSecret(text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if err != nil {
			b, err = e.DecodeString(strings.TrimRight(text, "="))
		}
	}
	if err != nil {
		return nil, errors.New("is neither base64 nor hexadecimal")
	}
	if len(b) < latchkey.MinMasterSecret {
		return nil, fmt.Errorf("has %d bytes, which is less than %d", len(b), latchkey.MinMasterSecret)
	}
	return b, nil
}
