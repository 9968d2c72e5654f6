package valkey

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzParse: what is taken names a host, a port and a database that there can be, encrypted where that was asked for, and what is said
// about a mistake never shows the password.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"valkey://u:hunter2xyz@localhost:7000/2?prefix=x:", "rediss://localhost", "valkeys://a:1?addr=b:2&addr=c:3", "redis://:hunter2xyz@[::1]:6379",
		"valkey://u:hunter2xyz%zz@localhost", "valkey://u:hunter2xyz@localhost:70000", "valkey://localhost?timeout=1h", "valkey://u:hunter2xyz@localhost/1/2",
		"valkey://u:hunter2xyz@localhost?retries=3", "valkey://u:hunter2xyz@ho st", "valkey://u:hunter2xyz@localhost?ca=/no/such/file", "\x00valkey://u:hunter2xyz@a", "valkey://u:?hunter2xyz@a",
	} {
		f.Add(s)
	}
	const secret = "hunter2xyz"
	f.Fuzz(func(t *testing.T, raw string) {
		if strings.Contains(raw, "ca=") {
			return // would read files
		}
		s, err := parse(raw)
		if err != nil {
			if user, _, ok := strings.Cut(raw, "@"); ok && strings.Contains(user, secret) && strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the password: %v", err)
			}
			return
		}
		if len(s.addrs) == 0 || s.timeout < 10*time.Millisecond || s.timeout > time.Minute || len(s.prefix) > 50 || s.database < 0 {
			t.Errorf("%q: %+v", raw, s)
		}
		for _, a := range s.addrs {
			host, port, err := net.SplitHostPort(a)
			if n, bad := strconv.Atoi(port); err != nil || bad != nil || host == "" || n < 1 || n > 65535 {
				t.Errorf("%q: the address %q (%v)", raw, a, err)
			}
		}
		scheme, _, _ := strings.Cut(strings.ToLower(raw), ":")
		if secure := scheme == "valkeys" || scheme == "rediss"; secure != (s.tls != nil) {
			t.Errorf("%q: TLS is %v", raw, s.tls != nil)
		}
	})
}
