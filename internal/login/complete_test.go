package login

import "testing"

// TestLoginURL holds the form that SDKs cut apart (contract.md §3): token or code first and once, the URL's own query
// after it, values percent-encoded.
func TestLoginURL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		target string
		pairs  []string
		want   string
	}{
		"plain":                {"https://a.example/cb", []string{"token", "x.y_z-1"}, "https://a.example/cb?token=x.y_z-1"},
		"root without a slash": {"app://xlogin.game", []string{"code", "c", "state", "s"}, "app://xlogin.game?code=c&state=s"},
		"own query kept after": {"https://a.example/cb?x=1&y", []string{"token", "t"}, "https://a.example/cb?token=t&x=1&y"},
		"own token dropped":    {"https://a.example/cb?token=old&x=1&token=", []string{"token", "t"}, "https://a.example/cb?token=t&x=1"},
		"empty query":          {"https://a.example/cb?", []string{"token", "t"}, "https://a.example/cb?token=t"},
		"state is encoded":     {"https://a.example", []string{"code", "c", "state", "a b&c=d#é+"}, "https://a.example?code=c&state=a%20b%26c%3Dd%23%C3%A9%2B"},
		"opaque":               {"com.game:/cb", []string{"code", "c"}, "com.game:/cb?code=c"},
	} {
		if got := WithQuery(c.target, c.pairs...); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
