package limits_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
)

// TestCaptchaAlways: a start without a solved CAPTCHA is refused, from a known browser too, after what its network may do and
// before anything is counted for its address. Without limits it is refused as well.
func TestCaptchaAlways(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := from("2001:db8::1", email("person@example.com"))
	s.Captcha, s.Browser = latchkey.CaptchaAlways, "of the owner"
	w.Known = ownersBrowser
	for range 3 {
		_, err := w.Start(t.Context(), s, w.now)
		var e *latchkey.Error
		if !errors.As(err, &e) || e.Code != latchkey.ChallengeRequired || e.RetryAfter <= 0 {
			t.Fatalf("a start without a CAPTCHA: %v", err)
		}
	}
	if got := keys(w); got != "start-client start-site" {
		t.Errorf("a start without a CAPTCHA is counted by %s", got)
	}
	s.Solution = right
	if by := w.start(s); by != "" {
		t.Errorf("a start with a CAPTCHA is refused by %s", by)
	}
	none := &limits.Gate{Limiter: w.spy}
	s.Solution = nil
	for what, g := range map[string]*limits.Gate{"no gate": nil, "no table": none} {
		if _, err := g.Start(t.Context(), s, w.now); latchkey.CodeOf(err) != latchkey.ChallengeRequired {
			t.Errorf("%s, and a start without a CAPTCHA gives %v", what, err)
		}
	}
	s.Test = true
	if _, err := w.Start(t.Context(), s, w.now); err != nil {
		t.Errorf("a test identity is asked for a CAPTCHA: %v", err)
	}
}

// TestCaptchaAlwaysCostsTheAddressNothing: nor where an operator has switched off what stands between the client and the address.
func TestCaptchaAlwaysCostsTheAddressNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, p := range w.Table {
		if p.By == limits.ByClientAddress {
			w.Table[i].Limit = limits.Limit{}
		}
	}
	s := from("2001:db8::1", phone("+4915112345678"))
	s.Captcha = latchkey.CaptchaAlways
	if _, err := w.Start(t.Context(), s, w.now); latchkey.CodeOf(err) != latchkey.ChallengeRequired {
		t.Fatalf("a start without a CAPTCHA: %v", err)
	}
	if got := keys(w); got != "start-client start-client-sms start-site" {
		t.Errorf("a start without a CAPTCHA is counted by %s", got)
	}
}

// ownersBrowser knows one cookie.
func ownersBrowser(_ context.Context, s limits.Sign) (bool, error) {
	return s.Browser == "of the owner", nil
}

// TestCaptchaNever: where nobody can be asked for a CAPTCHA, nobody is refused in its place, and none is judged.
func TestCaptchaNever(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 300 {
		s := from(fmt.Sprintf("10.0.%d.%d", i/256, i%256), email("person@example.com"))
		s.Captcha = latchkey.CaptchaNever
		s.Solution = func(context.Context) error { return latchkey.ChallengeRequired }
		if by := w.start(s); by != "" {
			t.Fatalf("start %d is refused by %s", i+1, by)
		}
	}
}

// TestWrongSolutions: a solution that is not good is refused as none is, whether one was asked for or not, and costs the address
// nothing. How many are judged is limited by client.
func TestWrongSolutions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	judged := 0
	s := from("192.0.2.7", email("person@example.com"))
	s.Solution = func(context.Context) error {
		judged++
		return &latchkey.Error{Code: latchkey.ChallengeRequired}
	}
	for range 100 {
		if _, err := w.Start(t.Context(), s, w.now); err == nil {
			t.Fatal("a wrong solution passes")
		}
	}
	if burst := policy(t, w.Table, "start-client").Limit.Burst; judged != burst {
		t.Errorf("%d solutions of one network were judged, want %d", judged, burst)
	}
	for key := range w.spy.taken {
		if !strings.HasPrefix(key, "start-client:") {
			t.Errorf("wrong solutions took from %s", key)
		}
	}
}

// TestSolvedStartsAreCountedApart: past what solved CAPTCHAs may ask for, a start is refused, and what others get is theirs.
func TestSolvedStartsAreCountedApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim := email("victim@example.com")
	burst := policy(t, w.Table, "start-address-solved").Limit.Burst
	for i := range burst + 1 {
		s := from(fmt.Sprintf("10.0.0.%d", i), victim)
		s.Solution = right
		want := ""
		if i == burst {
			want = "start-address-solved"
		}
		if by := w.start(s); by != want {
			t.Fatalf("solved start %d is refused by %q, want %q", i+1, by, want)
		}
	}
	if by := w.start(from("10.0.1.1", victim)); by != "" {
		t.Errorf("a start without a CAPTCHA is refused by %s for what solved ones did", by)
	}
}

// TestKnownIsAskedLate: who has signed in where is a question to the store. It is asked when something that strangers share would
// refuse, and only then; the rest of the table is asked after it, each policy once.
func TestKnownIsAskedLate(t *testing.T) {
	t.Parallel()
	victim := phone("+4915112345678")
	flood := func(t *testing.T, w *world) {
		t.Helper()
		for i := range 20 {
			w.start(from(fmt.Sprintf("10.0.0.%d", i), victim))
		}
	}
	w := newWorld(t)
	asked := 0
	w.Known = func(_ context.Context, s limits.Sign) (bool, error) {
		asked++
		return s.IP.String() == "192.0.2.7" && s.To == victim, nil
	}
	if by := w.start(from("192.0.2.9", victim)); by != "" || asked != 0 {
		t.Fatalf("a start that nothing refuses: refused by %q, asked %d times", by, asked)
	}
	flood(t, w)
	asked, w.spy.taken = 0, map[string]int{}
	if by := w.start(from("192.0.2.7", victim)); by != "" || asked != 1 {
		t.Errorf("a start from a known network is refused by %q, and %d questions were asked, want 1", by, asked)
	}
	if got := keys(w); got != "start-project start-server" {
		t.Errorf("after the question the gate asks for %s", got)
	}
	for key, n := range w.spy.taken {
		if n != 1 {
			t.Errorf("%s was counted %d times for one start", key, n)
		}
	}
	if by := w.start(from("192.0.2.8", victim)); by != "start-address" {
		t.Errorf("a stranger is refused by %q, want start-address", by)
	}
	if by := w.start(from("192.0.2.7", victim)); by != "start-wait-first" {
		t.Errorf("a known network is refused by %q, want the waits that everybody has", by)
	}
	w.Known = func(context.Context, limits.Sign) (bool, error) { return false, latchkey.Unavailable }
	if _, err := w.Start(t.Context(), from("192.0.2.6", victim), w.now); latchkey.CodeOf(err) != latchkey.Unavailable {
		t.Errorf("the store is down, and a start that needs it gives %v", err)
	}
}
