package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// FuzzConfigFile: whatever stands in the YAML file, it is right or it is said what is wrong with it; and the secrets that come by other
// ways are shown in neither case.
func FuzzConfigFile(f *testing.F) {
	for _, s := range []string{
		"public-url: https://login.example.com\nlisten: :8080\n", "public_url: http://127.0.0.1:8080", "limit: [start-client=60/10m, 'all=off']\nlog-level: debug",
		"listen: {a: b}", "- a\n- b", "&a [*a, *a]", "trusted-proxy: 10.0.0.0/8\ntrusted_proxy: ::1", "public-url: [https://a, https://b]", "\x00", "a: b: c",
		"listen: !!binary AAAA", "drain-time: 1h\nshutdown-timeout: -1s\nmax-polls: 99999999999999999999", "<<: {listen: ':1'}", "? [a]\n: b", "publik-url: https://a",
	} {
		f.Add(s)
	}
	const secret, password = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA", "hunter2xyz"
	path := filepath.Join(f.TempDir(), "latchkey.yaml")
	env := map[string]string{
		"LATCHKEY_SECRET": secret, "LATCHKEY_EMAIL": "smtp://u:" + password + "@mail.example.com:587?from=login@example.com", "LATCHKEY_CONFIG": path,
		"LATCHKEY_PUBLIC_URL": "https://login.example.com",
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "/") && !strings.Contains(text, "://") {
			return // a file of this machine is no part of the test
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, bad bytes.Buffer
		code := run(t.Context(), []string{"config", "check"}, world{
			Getenv: func(name string) string { return env[name] }, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &bad, Now: time.Now,
		})
		if code != exitOK && code != exitUsage || (code == exitOK) != (bad.Len() == 0) || (code == exitOK) != (out.Len() > 0) {
			t.Errorf("%q: exit code %d with %q and %q", text, code, out.String(), bad.String())
		}
		if all := out.String() + bad.String(); strings.Contains(all, secret) || strings.Contains(all, password) {
			t.Errorf("%q: a secret is shown: %s", text, all)
		}
	})
}

// FuzzProvider: a provider's URL makes a sender or a sentence, and the sentence shows nothing of what stands before an @ or behind
// secret=.
func FuzzProvider(f *testing.F) {
	for _, s := range []string{
		"smtp://user:hunter2xyz@mail.example.com:587?from=login@example.com", "smtps://mail.example.com?from=Demo <login@example.com>&tls=none", "smtp://user:?hunter2xyz@mail",
		"twilio://AC1:hunter2xyz@?from=+12025550100", "twilio://AC1:hunter2xyz@127.0.0.1:1?from=x&messaging_service=y", "webhook+https://example.com/a?secret=hunter2xyzhunter2xyzhunter2xyzhun",
		"webhook+http://example.com?secret=hunter2xyz", "smtp://u:hunter2xyz%zz@a", "smtp://u:hunter2xyz@a:99999?from=a@b.example", "http://u:hunter2xyz@a", "twilio:hunter2xyz@", "",
		"smtp://u:hunter2xyz@a?from=a@b.example&connections=x", "webhook+https://hunter2xyz@/",
	} {
		f.Add(s)
	}
	const secret = "hunter2xyz"
	f.Fuzz(func(t *testing.T, raw string) {
		for _, ch := range []latchkey.Channel{latchkey.Email, latchkey.Phone} {
			j := &judge{from: &origins{}, now: time.Now}
			s, err := j.sender(ch, raw)
			if err == nil {
				if s == nil {
					t.Fatalf("%q makes neither a sender nor an error", raw)
				}
				_ = s.Close()
				continue
			}
			before, behind := raw[:max(0, strings.LastIndexByte(raw, '@'))], raw[max(0, strings.Index(raw, "secret=")):]
			if strings.Contains(err.Error(), secret) && (strings.Contains(before, secret) || strings.HasPrefix(behind, "secret=") && strings.Contains(behind, secret)) {
				t.Errorf("%q: the secret is shown: %v", raw, err)
			}
		}
	})
}
