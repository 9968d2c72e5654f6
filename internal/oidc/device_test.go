package oidc_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/session"
)

const (
	televisionID = 11 // public, may sign in devices
	consoleID    = 12 // confidential, may sign in devices
	deviceType   = "urn:ietf:params:oauth:grant-type:device_code"
)

// client adds one to the world.
func (w *world) client(c latchkey.Client, secret latchkey.Secret) {
	w.t.Helper()
	if c.Project.IsZero() {
		c.Project = w.project
	}
	_, _, err := (&admin.Service{Store: w.store, Now: w.clock.Now}).CreateClient(w.t.Context(), c, secret)
	w.must(err)
}

// devices adds the two clients that sign in devices.
func (w *world) devices() {
	w.t.Helper()
	one := []string{callback}
	w.client(latchkey.Client{ID: televisionID, Name: "television", Kind: latchkey.PublicClient, RedirectURIs: one, DeviceLogin: true}, "")
	w.client(latchkey.Client{ID: consoleID, Name: "console", Kind: latchkey.ConfidentialClient, RedirectURIs: one, DeviceLogin: true}, secret)
}

// sessionOf signs somebody in on a page of ours and gives what the browser's session cookie then holds.
func (w *world) sessionOf(address string) latchkey.Secret {
	w.t.Helper()
	to := latchkey.CanonicalAddress(latchkey.Email, address)
	op, err := w.login.Start(w.t.Context(), login.StartRequest{Protocol: latchkey.Hosted, Project: w.project, To: to})
	w.must(err)
	a, err := w.login.Authorize(w.t.Context(), login.CompleteRequest{
		Protocol: latchkey.Hosted, Project: w.project, To: to, Code: latchkey.Secret(w.sentCode()), Operation: op.ID.String(),
		Browser: login.Browser{Stay: true},
	})
	w.must(err)
	return a.Session
}

// asked is the answer to a device.
type asked struct {
	Device   string `json:"device_code"`
	User     string `json:"user_code"`
	At       string `json:"verification_uri"`
	Complete string `json:"verification_uri_complete"`
	Life     int    `json:"expires_in"`
	Interval int    `json:"interval"`
}

func (w *world) askDevice(scope string) (got asked) {
	w.t.Helper()
	w.post("/device_authorization", url.Values{"client_id": {"11"}, "scope": {scope}}).ok(&got)
	return got
}

// press says yes or no as the person whose session it is.
func (w *world) press(cookie latchkey.Secret, code string, yes bool) error {
	s := &session.Service{Store: w.store, Secrets: w.secrets, Now: w.clock.Now}
	return s.PressDevice(w.t.Context(), session.PressRequest{Project: w.project, Cookie: cookie, Code: code, Approve: yes})
}

func (w *world) poll(code string, pairs ...string) reply {
	w.t.Helper()
	f := url.Values{"grant_type": {deviceType}, "client_id": {"11"}, "device_code": {code}}
	for i := 0; i < len(pairs); i += 2 {
		if f.Del(pairs[i]); pairs[i+1] != "" {
			f.Set(pairs[i], pairs[i+1])
		}
	}
	return w.post("/token", f)
}

// TestRFC8628_3_2_DeviceAnswer: what the device shows and polls with, and nothing else; no two devices show the same code.
func TestRFC8628_3_2_DeviceAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	seen, letters := map[string]bool{}, map[rune]bool{}
	for range 200 {
		got := w.askDevice("openid offline made-up")
		if got.At != w.issuer+"/device" || got.Complete != got.At+"?user_code="+got.User || got.Life != 600 || got.Interval != 5 {
			t.Fatalf("answer %+v", got)
		}
		bare := strings.ReplaceAll(got.User, "-", "")
		if len(got.User) != 9 || got.User[4] != '-' || strings.Trim(bare, latchkey.UserCodeLetters) != "" {
			t.Fatalf("user code %q", got.User)
		}
		if seen[got.User] || seen[got.Device] || len(got.Device) < 22 {
			t.Fatalf("a code came twice, or is short: %+v", got)
		}
		seen[got.User], seen[got.Device] = true, true
		for _, r := range bare {
			letters[r] = true
		}
	}
	if len(letters) != len(latchkey.UserCodeLetters) {
		t.Errorf("1,600 letters are of %d kinds, want %d", len(letters), len(latchkey.UserCodeLetters))
	}
}

// TestRFC8628_3_1_WhoMayAsk: the client authenticates as at the token endpoint, and must have been allowed to.
func TestRFC8628_3_1_WhoMayAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	for name, c := range map[string]struct {
		form   url.Values
		header []string
		status int
		word   string
	}{
		"a client that may not":           {form: url.Values{"client_id": {"1"}}, status: 400, word: "unauthorized_client"},
		"a server client":                 {header: []string{"Authorization", basic(serverID, secret)}, status: 400, word: "unauthorized_client"},
		"nobody":                          {status: 400, word: "invalid_request"},
		"an unknown client":               {form: url.Values{"client_id": {"77"}}, status: 401, word: "invalid_client"},
		"another issuer's client":         {form: url.Values{"client_id": {"4"}}, status: 401, word: "invalid_client"},
		"no secret":                       {form: url.Values{"client_id": {"12"}}, status: 401, word: "invalid_client"},
		"a wrong secret":                  {header: []string{"Authorization", basic(consoleID, "x")}, status: 401, word: "invalid_client"},
		"a secret for a public client":    {form: url.Values{"client_id": {"11"}, "client_secret": {"x"}}, status: 401, word: "invalid_client"},
		"a scope twice":                   {form: url.Values{"client_id": {"11"}, "scope": {"a", "b"}}, status: 400, word: "invalid_request"},
		"a scope beyond what is stored":   {form: url.Values{"client_id": {"11"}, "scope": {strings.Repeat("openid ", 100)}}, status: 400, word: "invalid_scope"},
		"a body that is nothing we asked": {form: url.Values{"client_id": {"11"}}, header: []string{"Content-Type", "application/json"}, status: 415, word: "invalid_request"},
	} {
		w.post("/device_authorization", c.form, c.header...).fails(name, c.status, c.word)
	}
	var got asked
	w.post("/device_authorization", nil, "Authorization", basic(consoleID, secret)).ok(&got)
	w.get("/device_authorization").fails("GET", 405, "invalid_request")
}

// TestRFC8628_3_5_Polling: pending, slower and slower for a device in a hurry, tokens once after a yes.
func TestRFC8628_3_5_Polling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	got := w.askDevice("openid offline email")
	w.poll(got.Device).fails("the first poll", 400, "authorization_pending")
	w.clock.move(5 * time.Second)
	w.poll(got.Device).fails("in time", 400, "authorization_pending")
	w.clock.move(5*time.Second - 1)
	w.poll(got.Device).fails("too early", 400, "slow_down")
	w.clock.move(5 * time.Second)
	w.poll(got.Device).fails("at the old interval, which has grown by 5 s", 400, "slow_down")
	w.clock.move(15 * time.Second)
	w.poll(got.Device).fails("at the new interval", 400, "authorization_pending")

	cookie := w.sessionOf(player)
	w.must(w.press(cookie, strings.ToLower(got.User), true))
	w.clock.move(15 * time.Second)
	for name, pairs := range map[string][]string{
		"another client":      {"client_id", "1"},
		"another device code": {"device_code", w.askDevice("").Device + "x"},
		"no device code's":    {"device_code", strings.Repeat("A", 64)},
	} {
		w.poll(got.Device, pairs...).fails(name, 400, "invalid_grant")
	}
	w.poll(got.Device, "device_code", "").fails("no device code", 400, "invalid_request")
	var granted tokens
	w.poll(got.Device).ok(&granted)
	if granted.Refresh == "" || granted.Scope != "openid offline email" || granted.Type != "Bearer" {
		t.Errorf("tokens %+v", granted)
	}
	id, access := part(t, granted.ID, 1), part(t, granted.Access, 1)
	if id["sub"] != access["sub"] || id["email"] != player || !slices.Equal(id["aud"].([]any), []any{"11"}) || id["at_hash"] == nil || id["nonce"] != nil {
		t.Errorf("ID token %v", id)
	}
	if id["auth_time"] != float64(w.clock.Now().Add(-15*time.Second).Unix()) {
		t.Errorf("auth_time %v is not when the person signed in on the phone", id["auth_time"])
	}
	var again tokens
	w.post("/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"11"}, "refresh_token": {granted.Refresh}}).ok(&again)
	w.clock.move(15 * time.Second)
	w.poll(got.Device).fails("a second time", 400, "invalid_grant")
}

// TestRFC8628_3_5_NoAndNever: the two other ends.
func TestRFC8628_3_5_NoAndNever(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	denied, forgotten := w.askDevice(""), w.askDevice("")
	cookie := w.sessionOf(player)
	w.must(w.press(cookie, denied.User, false))
	w.poll(denied.Device).fails("after a no", 400, "access_denied")
	if err := w.press(cookie, denied.User, true); latchkey.CodeOf(err) != latchkey.NotFound {
		t.Errorf("a yes after a no: %v", err)
	}
	w.clock.move(latchkey.DeviceLoginLife)
	w.poll(forgotten.Device).fails("after ten minutes", 400, "expired_token")
	if err := w.press(cookie, forgotten.User, true); latchkey.CodeOf(err) != latchkey.NotFound {
		t.Errorf("a yes after ten minutes: %v", err)
	}
}

// TestRFC8628_3_4_ApprovedByWhomItWas: a person who was logged out everywhere, or banned, between the yes and the poll gives
// the device nothing; nor does a session of another project.
func TestRFC8628_3_4_ApprovedByWhomItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.devices()
	got := w.askDevice("openid")
	cookie := w.sessionOf(player)
	w.must(w.press(cookie, got.User, true))
	s := &session.Service{Store: w.store, Secrets: w.secrets, Now: w.clock.Now}
	in, err := s.Who(t.Context(), w.project, cookie)
	w.must(err)
	w.must(s.EndAll(t.Context(), in, latchkey.Origin{}))
	w.poll(got.Device).fails("after the person ended everything", 400, "invalid_grant")

	other := w.askDevice("openid")
	if err := w.press(cookie, other.User, true); latchkey.CodeOf(err) != latchkey.LoginRequired {
		t.Errorf("a dead session says yes: %v", err)
	}
	if err := w.press("", other.User, true); latchkey.CodeOf(err) != latchkey.LoginRequired {
		t.Errorf("nobody says yes: %v", err)
	}
	foreign := &session.Service{Store: w.store, Secrets: w.secrets, Now: w.clock.Now}
	err = foreign.PressDevice(t.Context(), session.PressRequest{Project: w.other, Cookie: w.sessionOf(player), Code: other.User, Approve: true})
	if latchkey.CodeOf(err) != latchkey.NotFound {
		t.Errorf("a code of another project: %v", err)
	}
	w.poll(other.Device).fails("none of these was a yes", 400, "authorization_pending")
}
