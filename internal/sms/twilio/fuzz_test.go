package twilio

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// FuzzVerdict: whatever Twilio answers, a 2xx means taken and nothing else does; an error is one of the contract's two, quotes nothing
// of the answer, and asks for no wait that would outlast a challenge by far.
func FuzzVerdict(f *testing.F) {
	f.Add(201, `{"sid":"SM1"}`, "")
	f.Add(400, `{"code":21211,"message":"The 'To' number +4915123456789 is not a valid phone number."}`, "")
	f.Add(429, `{"code":20429}`, "30")
	f.Add(503, "<html>quoted 918273</html>", "-1")
	f.Add(400, `{"code":"21211"}`, "99999999999999999999")
	f.Add(302, `{"code":21211}`, "Wed, 21 Oct 2026 07:28:00 GMT")
	f.Add(99, "", "\x00")
	f.Fuzz(func(t *testing.T, status int, answer, after string) {
		err := verdict(&http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}}, []byte(answer))
		if taken := status >= 200 && status < 300; taken != (err == nil) {
			t.Fatalf("%d gives %v", status, err)
		}
		if err == nil {
			return
		}
		var e *latchkey.Error
		if !errors.As(err, &e) || e.Code != latchkey.Unavailable && e.Code != latchkey.Undeliverable {
			t.Fatalf("%d %q gives %v", status, answer, err)
		}
		if e.Code == latchkey.Undeliverable && (status < 400 || status >= 500) {
			t.Errorf("%d %q ends the message for good", status, answer)
		}
		if e.RetryAfter < 0 || e.RetryAfter > time.Hour {
			t.Errorf("%q asks for a wait of %v", after, e.RetryAfter)
		}
		shown := fmt.Sprintf("%v %v", err, e.Err)
		for _, word := range strings.Fields(answer) {
			if len(word) > 20 && strings.Contains(shown, word) {
				t.Errorf("the error quotes the answer: %s", shown)
			}
		}
	})
}
