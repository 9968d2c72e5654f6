package webhook

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// FuzzVerdict: whatever the operator's service answers, a 2xx means taken and nothing else does; an error is one of the contract's
// two, and asks for no wait that would outlast a challenge by far.
func FuzzVerdict(f *testing.F) {
	f.Add(204, "")
	f.Add(429, "30")
	f.Add(503, "+5")
	f.Add(404, "99999999999999999999")
	f.Add(302, "Wed, 21 Oct 2026 07:28:00 GMT")
	f.Add(-1, "\x00")
	f.Fuzz(func(t *testing.T, status int, after string) {
		err := verdict(&http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}})
		if taken := status >= 200 && status < 300; taken != (err == nil) {
			t.Fatalf("%d gives %v", status, err)
		}
		var e *latchkey.Error
		if err != nil && (!errors.As(err, &e) || e.Code != latchkey.Unavailable && e.Code != latchkey.Undeliverable) {
			t.Fatalf("%d gives %v", status, err)
		}
		if e != nil && (e.RetryAfter < 0 || e.RetryAfter > time.Hour || e.Code == latchkey.Undeliverable && (status < 400 || status >= 500)) {
			t.Errorf("%d %q gives %v after %v", status, after, err, e.RetryAfter)
		}
	})
}
