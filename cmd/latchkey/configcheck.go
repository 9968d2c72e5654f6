package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

type configCommands struct {
	Check configCheck `cmd:"" help:"Say what is wrong with serve's configuration, or show what it would use, without secrets."`
}

type configCheck struct {
	settings
	outputSettings
}

// A settingRow is one setting as it would be used.
type settingRow struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"`
}

// Run implements the command.
func (c configCheck) Run(a *app) error {
	cfg, err := c.check(a.settings, a.Now)
	if err != nil {
		return err
	}
	for _, senders := range cfg.senders {
		for _, s := range senders {
			s.Close() // it has connected to nobody yet
		}
	}
	rows := []settingRow{}
	add := func(name, value string) {
		from := a.settings.from[name]
		if from == "" {
			from = "default"
		}
		rows = append(rows, settingRow{name, value, from})
	}
	add("public-url", cfg.publicURL)
	add("listen", cfg.listen)
	add("tls-cert", c.TLSCert)
	add("tls-key", c.TLSKey)
	add("trusted-proxy", strings.Join(c.TrustedProxy, " "))
	add("proxy-header", c.ProxyHeader)
	add("proxy-protocol", strconv.FormatBool(c.ProxyProtocol))
	add("max-conns-per-client", c.MaxConnsPerClient)
	add("max-polls", c.MaxPolls)
	add("max-polls-per-client", c.MaxPollsPerClient)
	add("limiter", c.limiterName())
	add("limiter-down", c.LimiterDown)
	add("limit", strings.Join(c.Limit, ", "))
	add("captcha", c.captchaSettings.shown())
	add("block", strings.Join(c.Block, " "))
	add("check-mx", strconv.FormatBool(c.CheckMX))
	add("no-test-identities", strconv.FormatBool(c.NoTestIdentities))
	add("data", c.Data)
	if c.shared() {
		add("store", c.name())
		add("store-bell", strings.Join(redacted(given(c.StoreBell)), ""))
	} else {
		add("database", c.path())
	}
	add("secret", hidden(len(c.Secret)))
	add("secret-file", strings.Join(c.SecretFile, " "))
	add("email", strings.Join(redacted(c.Email), " "))
	add("sms", strings.Join(redacted(c.SMS), " "))
	add("geoip", c.GeoIP)
	add("log-level", c.LogLevel)
	add("metrics-listen", c.MetricsListen)
	add("drain-time", c.DrainTime)
	add("shutdown-timeout", c.ShutdownTimeout)
	return c.show(a.Stdout, rows, func(t *tabwriter.Writer) {
		fmt.Fprintln(t, "SETTING\tVALUE\tFROM")
		for _, r := range rows {
			fmt.Fprintf(t, "%s\t%s\t%s\n", r.Name, dash(r.Value), r.From)
		}
	})
}

// given is a list of what is set.
func given(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

func hidden(n int) string {
	if n == 0 {
		return ""
	}
	return "[redacted]"
}

// redacted is provider URLs without what must not be shown: password and secret options.
func redacted(urls []string) []string {
	out := slices.Clone(urls)
	for i, raw := range out {
		u, err := url.Parse(raw)
		if err != nil || u.Opaque != "" {
			out[i] = "[redacted]"
			continue
		}
		q := u.Query()
		if q.Has("secret") {
			q.Set("secret", "xxxxx")
			u.RawQuery = q.Encode()
		}
		out[i] = u.Redacted()
	}
	return out
}
