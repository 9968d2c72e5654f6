package login

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey"
)

// FuzzWithQuery: whatever a client sends as its state comes back as it was, first and once, at the place that was registered and
// nowhere else; and the URL reads the same to a client that decodes it whole before it splits it.
func FuzzWithQuery(f *testing.F) {
	f.Add("https://game.example/cb?theme=dark&code=old", "xsollatest")
	f.Add("app://xlogin.game", "a b+c&d=e#f%41\u00e4")
	f.Add("http://127.0.0.1:8080?state=1&&state", "\r\nSet-Cookie: a=b")
	f.Add("com.example.app:/cb", "\x00\xff?//evil.example")
	f.Fuzz(func(t *testing.T, target, state string) {
		if latchkey.ValidateRedirect("redirect_uris", target) != nil {
			return
		}
		const code = "abc._-"
		got := WithQuery(target, "code", code, "state", state)
		base, _, _ := strings.Cut(target, "?")
		after, ok := strings.CutPrefix(got, base+"?code="+code+"&state=")
		if !ok {
			t.Fatalf("%q with a state is %q", target, got)
		}
		printed, _, _ := strings.Cut(after, "&")
		if back, err := url.PathUnescape(printed); err != nil || back != state || strings.Trim(printed, unreserved+"%") != "" {
			t.Errorf("the state %q is printed as %q", state, printed)
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("%q is no URL: %v", got, err)
		}
		if was, _ := url.Parse(target); u.Scheme != was.Scheme || u.Host != was.Host || u.Path != was.Path || u.Fragment != "" {
			t.Errorf("%q leads to %q", target, got)
		}
		_, query, _ := strings.Cut(got, "?") // a registered path may spell a parameter; it is its owner's
		for _, name := range []string{"code", "state"} {
			if n := strings.Count("&"+query, "&"+name+"="); n != 1 {
				t.Errorf("%s stands %d times in %q", name, n, got)
			}
		}
		if utf8.ValidString(state) && u.Query().Get("state") != state && !strings.Contains(target, ";") {
			t.Errorf("a parser reads the state of %q as %q, want %q", got, u.Query().Get("state"), state)
		}
	})
}

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
