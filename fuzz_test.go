package latchkey_test

import (
	"bytes"
	"math"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey"
)

// FuzzValidateRedirect: what may be registered is read alike by everybody. A browser takes a backslash for a slash, drops tabs
// and line breaks, and runs a script behind javascript:; none of that passes, and what passes goes nowhere but where it says.
func FuzzValidateRedirect(f *testing.F) {
	for _, s := range []string{
		"https://game.example/cb?x=1", "app://xlogin.game", "com.example.app:/cb", "http://127.0.0.1:8080/cb", "http://[::1]/cb", "http://localhost",
		"JavaScript:alert(1)", "https://good.example\\@evil.example", "https://user@evil.example", "https:evil.example", "http://127.0.0.1.evil.example",
		"java\tscript:alert(1)", "data:text/html,x", "https://good.example#@evil.example", "//evil.example", "https:///evil.example", "blob:https://a",
		"https://g\u00e4me.example/\xff", "http://localhost:80\\@evil.example/", "view-source:https://a", "https://[::1%25eth0]/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if latchkey.ValidateRedirect("callback_urls", raw) != nil {
			return
		}
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatalf("%q is accepted and is no URL: %v", raw, err)
		}
		if !utf8.ValidString(raw) || strings.ContainsFunc(raw, unicode.IsControl) || strings.ContainsAny(raw, "\\#") {
			t.Errorf("%q is accepted: a browser reads other bytes than these", raw)
		}
		if slices.Contains([]string{"javascript", "data", "vbscript", "file", "blob", "about"}, u.Scheme) || u.User != nil {
			t.Errorf("%q is accepted", raw)
		}
		if h := u.Hostname(); u.Scheme == "http" && h != "localhost" && !net.ParseIP(h).IsLoopback() || u.Scheme == "https" && h == "" {
			t.Errorf("%q is accepted, and its host is %q", raw, h)
		}
		p := latchkey.Project{CallbackURLs: []string{raw}}
		if got, err := p.Callback(raw); err != nil || got != raw {
			t.Errorf("%q is registered and not found: %q, %v", raw, got, err)
		}
	})
}

// FuzzStandardRedirect: of URIs that nobody registered only those on a loopback address pass, and they differ from a registered
// one in the port alone (RFC 8252 §7.3), by what a parser makes of them.
func FuzzStandardRedirect(f *testing.F) {
	c := latchkey.Client{RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]/cb?x=1", "https://app.example/cb", "com.example.app:/cb", "http://localhost/cb"}}
	for _, s := range append(slices.Clone(c.RedirectURIs),
		"http://127.0.0.1:1/cb", "http://127.0.0.1:65536/cb", "http://127.0.0.1:/cb", "http://[::1]:8080/cb?x=1", "http://127.0.0.1:1@evil.example/cb",
		"http://127.0.0.1:1\\@evil.example/cb", "http://127.0.0.1.evil.example/cb", "http://127.0.0.1:1/cb#", "http://localhost:1/cb", "HTTP://127.0.0.1/cb",
		"http://127.0.0.1:1/cb/../x", "http://127.0.0.1:00001/cb", "https://app.example:443/cb") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, given string) {
		got, err := c.StandardRedirect(given)
		if err != nil || slices.Contains(c.RedirectURIs, given) {
			return
		}
		u, err := url.Parse(given)
		if got != given || err != nil || u.Scheme != "http" || u.User != nil || u.Port() == "" && strings.HasSuffix(u.Host, ":") {
			t.Fatalf("%q leads to %q (%v)", given, got, err)
		}
		bare := "http://" + strings.TrimSuffix(u.Host, ":"+u.Port()) + u.RequestURI()
		if !slices.Contains(c.RedirectURIs[:2], bare) {
			t.Errorf("%q passes, and without its port it is %q", given, bare)
		}
	})
}

// FuzzAllowsOrigin: an origin that may be registered allows itself and, with port *, what differs from it in the port alone.
func FuzzAllowsOrigin(f *testing.F) {
	for _, pair := range [][2]string{
		{"https://game.example", "https://game.example"}, {"http://localhost:*", "http://localhost:8080"}, {"http://localhost:*", "http://localhost:8080.evil.example"},
		{"https://game.example", "https://game.example.evil.example"}, {"https://game.example:*", "https://game.example:1@evil.example"}, {"null", "null"},
		{"https://*", "https://evil.example"}, {"http://[::1]:*", "http://[::1]:1"}, {"https://a b", "https://a"}, {":*", ":1"}, {"https://a:1:*", "https://a:1:2"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, registered, given string) {
		p := latchkey.NewProject(project, "Game", noon)
		p.AllowedOrigins = []string{registered}
		if p.Validate() != nil || given == registered || !p.AllowsOrigin(given) {
			return
		}
		want, ok := strings.CutSuffix(registered, ":*")
		u, err := url.Parse(given)
		if !ok || err != nil || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Scheme+"://"+strings.TrimSuffix(u.Host, ":"+u.Port()) != want {
			t.Errorf("%q, registered, lets %q read answers (%v)", registered, given, err)
		}
	})
}

// FuzzOpen: a sealed box opens for the context it was sealed for, whole, and nothing that was not sealed opens at all.
func FuzzOpen(f *testing.F) {
	s := secrets(f, 1)
	f.Add([]byte("a login under way"), []byte("oidc login"), []byte("x"), 3)
	f.Add([]byte{}, []byte{}, []byte{}, 0)
	f.Add([]byte(`{"client":1}`), []byte("a"), secrets(f, 2).Seal([]byte("y"), []byte("a"), [12]byte{1}), 40)
	f.Fuzz(func(t *testing.T, plain, context, foreign []byte, at int) {
		box := s.Seal(plain, context, [12]byte{7})
		if got, err := s.Open(box, context); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("what was sealed opens as %q, %v", got, err)
		}
		if _, err := s.Open(box, append(bytes.Clone(context), 0)); err == nil {
			t.Error("a box opens in another context")
		}
		if at >= 0 {
			spoiled := bytes.Clone(box)
			spoiled[at%len(box)] ^= 1
			if _, err := s.Open(spoiled, context); err == nil {
				t.Errorf("a box with bit %d of %d bytes turned opens", at%len(box), len(box))
			}
			if _, err := s.Open(box[:at%len(box)], context); err == nil {
				t.Error("a part of a box opens")
			}
		}
		if got, err := s.Open(foreign, context); err == nil && !bytes.Equal(foreign, box) {
			t.Errorf("%x, which nobody sealed, opens as %q", foreign, got)
		}
	})
}

// FuzzUserCode: a user code is eight of its letters however it was typed, and reads the same as it is shown.
func FuzzUserCode(f *testing.F) {
	for _, s := range []string{"WDJB-MJHT", "wdjb mjht", "w.d.j.b.m.j.h.t", "WDJB\u2013MJHT", "WDJBMJHTX", "AEIOUAEI", "ſDJB-MJHT", "WDJB\u00a0MJHT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := latchkey.CanonicalUserCode(typed)
		if !ok {
			return
		}
		if len(code) != latchkey.UserCodeLength || strings.Trim(code.Reveal(), latchkey.UserCodeLetters) != "" {
			t.Errorf("%q is read as %q", typed, code.Reveal())
		}
		if again, ok := latchkey.CanonicalUserCode(latchkey.ShowUserCode(code).Reveal()); !ok || again != code {
			t.Errorf("%q is read as %q and, as it is shown, as %q", typed, code.Reveal(), again.Reveal())
		}
	})
}

// FuzzRateTake: whatever a limiter kept of a key, and however the clock was set meanwhile, a Take gives a tally that can be told
// to a caller, a refusal changes nothing, and after Retry the next unit is there.
func FuzzRateTake(f *testing.F) {
	f.Add(int64(time.Second), 3, int64(0), int64(5))
	f.Add(int64(10*time.Second), 60, int64(time.Hour), int64(0))
	f.Add(int64(1), 1, int64(math.MaxInt64), int64(math.MinInt64))
	f.Add(int64(24*time.Hour), 1_000_000, int64(-5), int64(1<<62))
	f.Fuzz(func(t *testing.T, every int64, burst int, full, now int64) {
		r := latchkey.Rate{Every: time.Duration(every), Burst: burst}
		if every < 1 || burst < 1 || int64(burst) > math.MaxInt64/4/every {
			return // no limit that can be set is one: they are read within these bounds
		}
		const years = int64(200 * 365 * 24 * time.Hour) // a time.Duration holds 292
		then, at := noon.Add(time.Duration(full%years)), noon.Add(time.Duration(now%(years/4)))
		if then.Sub(at) > time.Duration(years/2) {
			then = at.Add(time.Duration(full % (years / 4)))
		}
		next, got := r.Take(then, at)
		if got.Remaining < 0 || got.Remaining >= burst || got.Retry < 0 || got.Reset < 0 || got.Allowed != (got.Retry == 0) {
			t.Fatalf("%+v at %v of %v: %+v", r, at, then, got)
		}
		if !got.Allowed {
			if later, _ := r.Take(then, at); !later.Equal(next) || !next.Equal(then) {
				t.Errorf("a refusal made %v of %v", next, then)
			}
			if _, again := r.Take(then, at.Add(got.Retry)); !again.Allowed {
				t.Errorf("%+v: refused again after the %v that it asked for: %+v", r, got.Retry, again)
			}
		} else if next.Sub(at) > time.Duration(burst)*r.Every {
			t.Errorf("%+v: the burst is whole again in %v", r, next.Sub(at))
		}
	})
}
