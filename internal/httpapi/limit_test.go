package httpapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/altcha"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

// limited gives a world a gate with these limits and no others. A call says by the header X-From where it comes from.
func limited(t *testing.T, entries ...string) func(*world) {
	t.Helper()
	if !slices.ContainsFunc(entries, func(e string) bool { return strings.HasPrefix(e, "all=") }) {
		entries = append(entries, "all=off")
	}
	table, err := limits.Default().Override(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return func(w *world) {
		w.server.Gate = &limits.Gate{Limiter: memory.NewLimiter(1 << 12), Table: table, Key: w.secrets.LimiterKey()}
		w.server.ClientIP = func(r *http.Request) netip.Addr {
			ip, _ := netip.ParseAddr(r.Header.Get("X-From"))
			return ip
		}
	}
}

// TestASVS_6_6_3_EachCallHasALimit: once a network has used up what a call gives it, the call is refused from there, also from
// another address of its IPv6 /64, and from nowhere else.
func TestASVS_6_6_3_EachCallHasALimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		policy string
		call   func(w *world, from string) reply
	}{
		{"start-client", startFrom(jwtEmail)},
		{"start-client", startFrom(jwtPhone)},
		{"start-client", startFrom(oauthEmail)},
		{"start-client", startFrom(oauthPhone)},
		{"confirm-client", confirmFrom(jwtEmail)},
		{"confirm-client", confirmFrom(jwtPhone)},
		{"confirm-client", confirmFrom(oauthEmail)},
		{"confirm-client", confirmFrom(oauthPhone)},
		{"poll-client", func(w *world, from string) reply {
			return w.get("/api/otc/code", url.Values{"projectId": {w.project.String()}, "login": {"a@example.test"}, "operation_id": {"x"}}, "X-From", from)
		}},
		{"token-client", func(w *world, from string) reply { return w.form(refresh("none"), "X-From", from) }},
		{"token-client", aboutToken("/api/oauth2/token/revoke")},
		{"token-client", aboutToken("/api/oauth2/introspect")},
		{"token-client", func(w *world, from string) reply {
			return w.post("/api/token/validate", nil, body{"token": "none"}, "X-From", from)
		}},
		{"token-client", getFrom("/api/users/me")},
		{"token-client", getFrom("/api/users/me/email")},
		{"token-client", getFrom("/api/oauth2/logout?sessions=all")},
		{"page-client", func(w *world, from string) reply {
			q := url.Values{"projectId": {w.project.String()}, "state": {"x"}, "action": {"deny"}, "link_url": {linkURL}}
			return w.get("/api/otc/push", q, "X-From", from, "Origin", origin, "Sec-Fetch-Dest", "empty")
		}},
		{"page-client", func(w *world, from string) reply {
			return w.get("/api/oauth2/sso", oauthEmail.query(w), "X-From", from, "Origin", origin, "Sec-Fetch-Dest", "empty")
		}},
		{"page-client", func(w *world, from string) reply {
			q := url.Values{"projectId": {w.project.String()}}
			return w.get("/api/oauth2/clear_sso", q, "X-From", from, "Origin", origin, "Sec-Fetch-Dest", "empty")
		}},
		{"page-client", func(w *world, from string) reply {
			return w.get("/api/captcha", url.Values{"projectId": {w.project.String()}}, "X-From", from)
		}},
	} {
		w := newWorld(t, limited(t, tt.policy+"=1/1h"))
		for _, network := range []struct{ first, second, other string }{
			{"192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"}, {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"},
		} {
			if r := tt.call(w, network.first); r.status == http.StatusTooManyRequests {
				t.Fatalf("%s: the first call is refused: %s", tt.policy, r.body)
			} else if got := r.header.Get("RateLimit"); got != `"`+tt.policy+`";r=0;t=3600` {
				t.Errorf("%s: after the first call RateLimit is %q", tt.policy, got)
			}
			r := tt.call(w, network.second)
			r.fails(429, "002-057")
			for name, want := range map[string]string{
				"Retry-After": "3600", "RateLimit": `"` + tt.policy + `";r=0;t=3600`, "RateLimit-Policy": `"` + tt.policy + `";q=1;w=3600`,
			} {
				if got := r.header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", tt.policy, name, got, want)
				}
			}
			if r := tt.call(w, network.other); r.status == http.StatusTooManyRequests {
				t.Errorf("%s: %s is refused for what %s did", tt.policy, network.other, network.first)
			}
		}
	}
}

func startFrom(a way) func(*world, string) reply {
	return func(w *world, from string) reply { return w.startFrom(a, a.address, from) }
}

func (w *world) startFrom(a way, address, from string) reply {
	w.t.Helper()
	return w.post(a.path+"/request", a.query(w), body{a.member: address}, "X-From", from)
}

func confirmFrom(a way) func(*world, string) reply {
	return func(w *world, from string) reply {
		return w.confirmFrom(a, "x", "000000", from)
	}
}

func (w *world) confirmFrom(a way, operation, code, from string) reply {
	w.t.Helper()
	q := url.Values{"projectId": {w.project.String()}}
	if a.protocol == latchkey.OAuth2 {
		q = url.Values{"client_id": {publicID}}
	}
	return w.post(a.path+"/confirm", q, body{a.member: a.address, "code": code, "operation_id": operation}, "X-From", from)
}

func aboutToken(path string) func(*world, string) reply {
	return func(w *world, from string) reply {
		f := url.Values{"token": {"none"}, "client_id": {confidentialID}, "client_secret": {secret}}
		return w.send(http.MethodPost, path, nil, "application/x-www-form-urlencoded", f.Encode(), "X-From", from)
	}
}

func getFrom(path string) func(*world, string) reply {
	return func(w *world, from string) reply {
		return w.get(path, nil, "X-From", from, "Authorization", "Bearer x")
	}
}

// TestASVS_6_1_1_AFloodElsewhereKeepsNobodyOut: whatever one network does to an address under the default limits, its owner
// signs in from another one.
func TestASVS_6_1_1_AFloodElsewhereKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(t))
	w.server.Gate.Table = limits.Default()
	refused := 0
	for i := range 300 {
		if w.startFrom(jwtEmail, jwtEmail.address, "198.51.100.1").status == http.StatusTooManyRequests {
			refused++
		}
		if i%2 == 0 && w.confirmFrom(jwtEmail, "x", "000000", "198.51.100.1").status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 300 {
		t.Errorf("%d of 450 calls were refused: this is no flood", refused)
	}
	for len(w.outbox) > 0 {
		<-w.outbox
	}
	var started struct {
		ID string `json:"operation_id"`
	}
	w.startFrom(jwtEmail, jwtEmail.address, "192.0.2.1").ok(&started)
	w.confirmFrom(jwtEmail, started.ID, w.codeOf(w.message()), "192.0.2.1").ok(&struct{}{})
}

// TestTooManyMessagesAskForAChallenge: past what an address gets from everywhere, whoever asks must solve a challenge. Nothing
// in the answer tells how the address stands.
func TestTooManyMessagesAskForAChallenge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(t, "start-address=1/1h", "start-client=60/1h"))
	w.startFrom(jwtEmail, jwtEmail.address, "192.0.2.1").ok(&struct{}{})
	r := w.startFrom(jwtEmail, jwtEmail.address, "192.0.2.2")
	r.fails(429, "003-038")
	if r.header.Get("X-Captcha-Enabled") != "1" {
		t.Errorf("x-captcha-enabled is %q", r.header.Get("X-Captcha-Enabled"))
	}
	if got := r.header.Get("RateLimit"); got != `"start-client";r=59;t=60` {
		t.Errorf("RateLimit is %q: it speaks of the client's network, and not of the address", got)
	}
}

// TestCaptchaOverTheWire: the refusal says where a puzzle comes from; its solution lets one start pass, in the body or in the
// header, for this project and for some minutes.
func TestCaptchaOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(func(p *latchkey.Project) { p.Defence.Captcha = latchkey.CaptchaAlways })
	start := func(solution string, header ...string) reply {
		b := body{"email": jwtEmail.address}
		if solution != "" {
			b["altcha"] = solution
		}
		return w.post(jwtEmail.path+"/request", jwtEmail.query(w), b, header...)
	}
	r := start("")
	r.fails(429, "003-038")
	var refused struct {
		Error struct{ Details map[string]string }
	}
	w.must(json.Unmarshal(r.body, &refused))
	want := map[string]string{"captcha": "altcha", "challenge_url": publicURL + "/api/captcha?projectId=" + w.project.String()}
	if got := refused.Error.Details; !maps.Equal(got, want) {
		t.Errorf("the refusal says of the puzzle %v, want %v", got, want)
	}
	first, second := w.solution(w.project), w.solution(w.project)
	start(first).ok(&struct{}{})
	start(first).fails(429, "003-038")
	start("", "X-Captcha-Output", second).ok(&struct{}{})
	start(w.solution(w.other)).fails(429, "003-038")
	start("bm8=").fails(429, "003-038")
	late := w.solution(w.project)
	w.clock.move(altcha.Life)
	start(late).fails(429, "003-038")
}

// solution fetches a puzzle of a project and solves it.
func (w *world) solution(p latchkey.ProjectID) string {
	w.t.Helper()
	var puzzle struct {
		Algorithm string `json:"algorithm"`
		Challenge string `json:"challenge"`
		Salt      string `json:"salt"`
		Signature string `json:"signature"`
		Max       int    `json:"maxnumber"`
	}
	w.get("/api/captcha", url.Values{"projectId": {p.String()}}).ok(&puzzle)
	for n := range puzzle.Max + 1 {
		if sum := sha256.Sum256([]byte(puzzle.Salt + strconv.Itoa(n))); hex.EncodeToString(sum[:]) == puzzle.Challenge {
			return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"algorithm":%q,"challenge":%q,"number":%d,"salt":%q,"signature":%q}`,
				puzzle.Algorithm, puzzle.Challenge, n, puzzle.Salt, puzzle.Signature))
		}
	}
	w.t.Fatalf("no number solves %+v", puzzle)
	return ""
}

// TestDevicesAreToldToSlowDown: a device that polls too often goes on, slower (RFC 8628 §3.5).
func TestDevicesAreToldToSlowDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(t, "token-client=1/1h"))
	poll := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {publicID}, "device_code": {"x"}}
	w.form(poll)
	if details := w.form(poll).fails(429, "002-057"); details["error"] != "slow_down" {
		t.Errorf("a device is told %q, want slow_down", details["error"])
	}
	if details := w.form(refresh("x")).fails(429, "002-057"); details["error"] != "temporarily_unavailable" {
		t.Errorf("a refresh is told %q, want temporarily_unavailable", details["error"])
	}
}

// TestProjectsThatAreNotThereAreNotCounted: nobody fills the limiter with projects that he makes up.
func TestProjectsThatAreNotThereAreNotCounted(t *testing.T) {
	t.Parallel()
	counter := &countedKeys{Limiter: memory.NewLimiter(1 << 12)}
	w := newWorld(t, limited(t, "start-project=60/1h"))
	w.server.Gate.Limiter = counter
	w.post("/api/login/email/request", url.Values{"projectId": {"00000000-0000-4000-8000-0000000000ff"}}, body{"email": "a@example.test"})
	w.post("/api/oauth2/login/email/request", url.Values{"client_id": {"99"}, "response_type": {"code"}, "state": {"xsollatest"}}, body{"email": "a@example.test"})
	if len(counter.keys) > 0 {
		t.Errorf("counted: %v", counter.keys)
	}
	w.startFrom(jwtEmail, "a@example.test", "192.0.2.1")
	w.startFrom(oauthEmail, "a@example.test", "192.0.2.1")
	if len(counter.keys) != 2 || counter.keys[0] != counter.keys[1] || !strings.HasSuffix(counter.keys[0], w.project.String()) {
		t.Errorf("two starts of one project were counted as %v", counter.keys)
	}
}

type countedKeys struct {
	latchkey.Limiter
	keys []string
}

func (c *countedKeys) Take(ctx context.Context, ts []latchkey.Take, now time.Time) ([]latchkey.Tally, error) {
	for _, t := range ts {
		c.keys = append(c.keys, t.Key)
	}
	return c.Limiter.Take(ctx, ts, now)
}

// A brokenLimiter does not answer.
type brokenLimiter struct{ latchkey.Limiter }

func (brokenLimiter) Take(context.Context, []latchkey.Take, time.Time) ([]latchkey.Tally, error) {
	return nil, &latchkey.Error{Code: latchkey.Unavailable, RetryAfter: time.Second}
}

// TestALimiterThatIsDown: where the operator chose so, nothing that is limited passes, and nothing is stored or sent.
func TestALimiterThatIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(t, "all=60/1h"))
	w.server.Gate.Limiter = brokenLimiter{}
	w.startFrom(jwtEmail, "a@example.test", "192.0.2.1").fails(503, "503")
	w.confirmFrom(jwtEmail, "x", "000000", "192.0.2.1").fails(503, "503")
	if len(w.outbox) > 0 {
		t.Error("a message was sent")
	}
	if got := w.get("/healthz", nil).status; got != 200 {
		t.Errorf("/healthz gives %d", got)
	}
}
