package latchkey_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-dev/latchkey"
)

// television waits since noon for the person of client 7.
func television() latchkey.DeviceLogin {
	return latchkey.DeviceLogin{
		ID: deviceID(3), Project: project, Client: 7, Scope: "openid offline_access", UserCode: latchkey.HashSecret("keyed"), From: home,
		State: latchkey.Waiting, Interval: latchkey.DevicePollInterval, Started: noon, Expires: noon.Add(latchkey.DeviceLoginLife),
	}
}

func deviceIn(state latchkey.State) latchkey.DeviceLogin {
	d := television()
	d.State = state
	if state == latchkey.Approved || state == latchkey.Spent {
		d.User, d.Channel, d.AuthTime = annID, latchkey.Email, annSession().AuthTime
	}
	return d
}

func devicePress(approve bool) latchkey.DevicePress {
	return latchkey.DevicePress{UserCode: television().UserCode, Project: project, Approve: approve, Session: sessionID(8), From: home}
}

func devicePoll() latchkey.DevicePoll {
	return latchkey.DevicePoll{
		ID: deviceID(3), Project: project, Client: 7, NewGrant: grantID(6), Life: 90 * 24 * time.Hour, Access: time.Hour, From: home,
	}
}

func TestDevicePress(t *testing.T) {
	t.Parallel()
	for approve, kind := range map[bool]latchkey.Kind{true: latchkey.DeviceApproved, false: latchkey.DeviceDenied} {
		out := devicePress(approve).Judge(television(), annSession(), annUser(), noon)
		want := television()
		want.State = latchkey.Denied
		if approve {
			want = deviceIn(latchkey.Approved)
		}
		if out.Verdict != nil || out.Device != want {
			t.Errorf("approve %v: %v, device %+v, want %+v", approve, out.Verdict, out.Device, want)
		}
		if e := out.Event; e.Kind != kind || e.User != annID || e.Client != 7 || e.Project != project || e.From != home ||
			e.Address != "a•••@example.com" || !e.At.Equal(noon) {
			t.Errorf("approve %v: event %+v", approve, e)
		}
	}
	u, s := annUser(), annSession()
	u.Epoch, s.Epoch, s.To = 4, 4, phone
	if d := devicePress(true).Judge(television(), s, u, noon).Device; d.Epoch != 4 || d.Channel != latchkey.Phone {
		t.Errorf("approved by phone in epoch 4: %+v", d)
	}
}

func TestDevicePressRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		press   func(*latchkey.DevicePress)
		device  latchkey.DeviceLogin
		session func(*latchkey.Session)
		user    func(latchkey.User) latchkey.User
		now     time.Time
		want    latchkey.Code
	}{
		"just alive":        {device: television(), now: television().Expires.Add(-1), want: ""},
		"dead":              {device: television(), now: television().Expires, want: latchkey.NotFound},
		"unknown":           {want: latchkey.NotFound},
		"approved":          {device: deviceIn(latchkey.Approved), want: latchkey.NotFound},
		"denied":            {device: deviceIn(latchkey.Denied), want: latchkey.NotFound},
		"spent":             {device: deviceIn(latchkey.Spent), want: latchkey.NotFound},
		"another project's": {press: func(x *latchkey.DevicePress) { x.Project = foreign }, device: television(), want: latchkey.NotFound},
		"another project's session": {
			device: television(), session: func(s *latchkey.Session) { s.Project = foreign },
			user: func(u latchkey.User) latchkey.User { u.Project = foreign; return u }, want: latchkey.LoginRequired,
		},
		"nobody signed in": {
			device: television(), session: func(s *latchkey.Session) { *s = latchkey.Session{} },
			user: func(latchkey.User) latchkey.User { return latchkey.User{} }, want: latchkey.LoginRequired,
		},
		"a session that is over": {
			device: television(), session: func(s *latchkey.Session) { s.Expires = noon }, want: latchkey.LoginRequired,
		},
		"logged out everywhere": {device: television(), user: latchkey.User.LogOut, want: latchkey.LoginRequired},
		"banned":                {device: television(), user: banned, want: latchkey.LoginRequired},
		"dead, nobody signed in": {
			device: television(), session: func(s *latchkey.Session) { *s = latchkey.Session{} }, now: television().Expires, want: latchkey.NotFound,
		},
	} {
		for _, approve := range []bool{true, false} {
			x, s, u := devicePress(approve), annSession(), annUser()
			if c.press != nil {
				c.press(&x)
			}
			if c.session != nil {
				c.session(&s)
			}
			if c.user != nil {
				u = c.user(u)
			}
			if c.now.IsZero() {
				c.now = noon
			}
			out := x.Judge(c.device, s, u, c.now)
			if latchkey.CodeOf(out.Verdict) != c.want {
				t.Errorf("%s, approve %v: %v, want %q", name, approve, out.Verdict, c.want)
			}
			if c.want != "" && (out.Device != c.device || out.Event != (latchkey.Event{})) {
				t.Errorf("%s, approve %v: a refusal changes something: %+v", name, approve, out)
			}
		}
	}
}

func TestRFC8628_3_5_Polls(t *testing.T) {
	t.Parallel()
	polled := func(d latchkey.DeviceLogin, ago time.Duration) latchkey.DeviceLogin {
		d.Polled = noon.Add(-ago)
		return d
	}
	const none, slower = time.Duration(0), 5 * time.Second
	for name, c := range map[string]struct {
		device latchkey.DeviceLogin
		poll   func(*latchkey.DevicePoll)
		user   func(latchkey.User) latchkey.User
		now    time.Time
		want   latchkey.Code // empty: a grant
		state  latchkey.State
		polled bool          // the poll is counted
		slower time.Duration // that the interval grows by
		event  latchkey.Kind
	}{
		"the first poll":         {device: television(), want: latchkey.AuthorizationPending, polled: true},
		"in time":                {device: polled(television(), 5*time.Second), want: latchkey.AuthorizationPending, polled: true},
		"a moment too early":     {device: polled(television(), 5*time.Second-1), want: latchkey.SlowDown, polled: true, slower: slower},
		"twice at once":          {device: polled(television(), none), want: latchkey.SlowDown, polled: true, slower: slower},
		"approved":               {device: polled(deviceIn(latchkey.Approved), 5*time.Second), state: latchkey.Spent, polled: true, event: latchkey.GrantCreated},
		"approved before it ask": {device: deviceIn(latchkey.Approved), state: latchkey.Spent, polled: true, event: latchkey.GrantCreated},
		"approved, too early":    {device: polled(deviceIn(latchkey.Approved), time.Second), want: latchkey.SlowDown, polled: true, slower: slower},
		"approved, just alive": {
			device: deviceIn(latchkey.Approved), now: television().Expires.Add(-1), state: latchkey.Spent, polled: true, event: latchkey.GrantCreated,
		},
		"approved, and over": {device: deviceIn(latchkey.Approved), now: television().Expires, want: latchkey.ExpiredToken},
		"over":               {device: television(), now: television().Expires, want: latchkey.ExpiredToken},
		"denied":             {device: deviceIn(latchkey.Denied), want: latchkey.AccessDenied},
		"denied, and over":   {device: deviceIn(latchkey.Denied), now: television().Expires, want: latchkey.AccessDenied},
		"spent":              {device: deviceIn(latchkey.Spent), want: latchkey.BadGrant},
		"spent, and over":    {device: deviceIn(latchkey.Spent), now: television().Expires, want: latchkey.BadGrant},
		"unknown":            {want: latchkey.BadGrant},
		"unknown, nobody's": {
			poll: func(x *latchkey.DevicePoll) { x.Client, x.Project = 0, latchkey.ProjectID{} }, want: latchkey.BadGrant,
		},
		"another client":  {device: deviceIn(latchkey.Approved), poll: func(x *latchkey.DevicePoll) { x.Client = 8 }, want: latchkey.BadGrant},
		"another project": {device: deviceIn(latchkey.Approved), poll: func(x *latchkey.DevicePoll) { x.Project = foreign }, want: latchkey.BadGrant},
		"approved by somebody who logged out everywhere": {
			device: deviceIn(latchkey.Approved), user: latchkey.User.LogOut, want: latchkey.BadGrant, state: latchkey.Spent, polled: true,
			event: latchkey.GrantRefused,
		},
		"approved by somebody who is kept out": {
			device: deviceIn(latchkey.Approved), user: banned, want: latchkey.BadGrant, state: latchkey.Spent, polled: true, event: latchkey.GrantRefused,
		},
		"approved by somebody who is gone": {
			device: deviceIn(latchkey.Approved), user: func(latchkey.User) latchkey.User { return latchkey.User{} }, want: latchkey.BadGrant,
			state: latchkey.Spent, polled: true, event: latchkey.GrantRefused,
		},
	} {
		x, u, want := devicePoll(), annUser(), c.device
		if c.poll != nil {
			c.poll(&x)
		}
		if c.user != nil {
			u = c.user(u)
		}
		if c.now.IsZero() {
			c.now = noon
		}
		if c.polled {
			want.Polled = c.now
		}
		if c.state != "" {
			want.State = c.state
		}
		want.Interval += c.slower
		out := x.Judge(c.device, u, c.now)
		if latchkey.CodeOf(out.Verdict) != c.want || out.Device != want {
			t.Errorf("%s: %v, device %+v; want %q, %+v", name, out.Verdict, out.Device, c.want, want)
		}
		if granted := out.Grant != (latchkey.Grant{}); granted != (c.want == "") || out.Event.Kind != c.event {
			t.Errorf("%s: event %q, grant %+v; want event %q", name, out.Event.Kind, out.Grant, c.event)
		}
	}
}

func TestDeviceGrant(t *testing.T) {
	t.Parallel()
	d := deviceIn(latchkey.Approved)
	u := annUser()
	d.Epoch, u.Epoch = 2, 2
	later := noon.Add(time.Minute)
	out := devicePoll().Judge(d, u, later)
	want := latchkey.Grant{
		ID: grantID(6), Project: project, Client: 7, User: annID, Epoch: 2, Channel: latchkey.Email, Scope: "openid offline_access",
		AuthTime: annSession().AuthTime, Created: later, Rotated: later, Expires: later.Add(90 * 24 * time.Hour),
	}
	if out.Grant != want || !out.Grant.Good(u, later) {
		t.Errorf("grant %+v, want %+v", out.Grant, want)
	}
	if e := out.Event; e.Kind != latchkey.GrantCreated || e.Grant != grantID(6) || e.User != annID || e.Client != 7 || e.Detail != "" {
		t.Errorf("event %+v", e)
	}
	d.Scope = "openid"
	if g := devicePoll().Judge(d, u, later).Grant; !g.Expires.Equal(later.Add(time.Hour)) {
		t.Errorf("a grant without refresh tokens lives until %v", g.Expires)
	}
}

// However a device polls and whatever its person does, it has its tokens once at the most, and only after a yes.
func TestDeviceHasItsTokensOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, now, grants, yes := television(), noon, 0, false
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			before := d
			if rapid.IntRange(0, 5).Draw(t, "who") == 0 {
				out := devicePress(rapid.Bool().Draw(t, "approve")).Judge(d, annSession(), annUser(), now)
				d = out.Device
				yes = yes || d.State == latchkey.Approved
				if before.State != latchkey.Waiting && d != before {
					t.Fatalf("a press moved a device that is %s to %s", before.State, d.State)
				}
				continue
			}
			out := devicePoll().Judge(d, annUser(), now)
			d = out.Device
			if out.Verdict == nil {
				grants++
			}
			if grants > 1 || grants > 0 && !yes {
				t.Fatalf("%d grants after a yes: %v", grants, yes)
			}
			if d.Interval < before.Interval {
				t.Fatal("the interval became shorter")
			}
		}
	})
}

func TestCanonicalUserCode(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]latchkey.Secret{
		"WDJBMJHT": "WDJBMJHT", "WDJB-MJHT": "WDJBMJHT", "wdjb-mjht": "WDJBMJHT", " wdjb mjht ": "WDJBMJHT", "W.D.J.B.M.J.H.T": "WDJBMJHT",
		"wdjb\u2013mjht": "WDJBMJHT", "wdjb\u2010mjht": "WDJBMJHT", "wdjb\u00a0mjht": "WDJBMJHT", "--wdjbmjht": "WDJBMJHT",
		"": "", "WDJBMJH": "", "WDJBMJHTT": "", "ADJBMJHT": "", "1DJBMJHT": "", "WDJB_MJHT": "", "WDJB\nMJHT": "", "WDJBMJH\x00": "",
		"WDJBMJÄ": "", "--------": "", "WDJB/MJHT": "", "YDJBMJHT": "", "UDJBMJHT": "",
	} {
		got, ok := latchkey.CanonicalUserCode(typed)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v; want %q", typed, got.Reveal(), ok, want.Reveal())
		}
	}
}

// A code that is shown is read, however it is typed in; and what is read is one that can be shown.
func TestUserCodesAreReadAsShown(t *testing.T) {
	t.Parallel()
	letter := rapid.SampledFrom([]byte(latchkey.UserCodeLetters))
	rapid.Check(t, func(t *rapid.T) {
		code := latchkey.Secret(rapid.SliceOfN(letter, latchkey.UserCodeLength, latchkey.UserCodeLength).Draw(t, "code"))
		shown := latchkey.ShowUserCode(code)
		var typed strings.Builder
		for _, r := range shown.Reveal() {
			if rapid.Bool().Draw(t, "lower") {
				r = []rune(strings.ToLower(string(r)))[0]
			}
			typed.WriteRune(r)
			typed.WriteString(rapid.SampledFrom([]string{"", "", " ", "-", "."}).Draw(t, "between"))
		}
		if got, ok := latchkey.CanonicalUserCode(typed.String()); !ok || got != code {
			t.Fatalf("%q typed as %q is read as %q, %v", shown.Reveal(), typed.String(), got.Reveal(), ok)
		}
		if got, ok := latchkey.CanonicalUserCode(rapid.String().Draw(t, "anything")); ok {
			if again, ok := latchkey.CanonicalUserCode(latchkey.ShowUserCode(got).Reveal()); !ok || again != got {
				t.Fatalf("%q is read, and shown is not", got.Reveal())
			}
		}
	})
	if got := latchkey.ShowUserCode("WDJBMJHT"); got != "WDJB-MJHT" {
		t.Errorf("shown as %q", got.Reveal())
	}
	if got := latchkey.ShowUserCode("WDJB"); got != "WDJB" {
		t.Errorf("what is no user code is shown as %q", got.Reveal())
	}
	if strings.ContainsAny(latchkey.UserCodeLetters, "AEIOUY01") || len(latchkey.UserCodeLetters) != 20 {
		t.Error("the letters of RFC 8628 §6.1 are twenty consonants")
	}
}

// A stolen database yields no user codes: 34 bits are found in seconds from a plain hash.
func TestUserCodeHashesAreKeyed(t *testing.T) {
	t.Parallel()
	const code = latchkey.Secret("WDJBMJHT")
	old, both := secrets(t, 1), secrets(t, 2, 1)
	hash := old.UserCodeHashes(project, code)
	if len(hash) != 1 || hash[0].IsZero() || hash[0] == latchkey.HashSecret(code) {
		t.Fatalf("hashes %x", hash)
	}
	seen := map[latchkey.Hash]string{hash[0]: "base"}
	for name, h := range map[string][]latchkey.Hash{
		"another project": old.UserCodeHashes(foreign, code), "another code": old.UserCodeHashes(project, "WDJBMJHS"),
		"another master secret": secrets(t, 2).UserCodeHashes(project, code),
	} {
		if was, taken := seen[h[0]]; taken {
			t.Errorf("%s and %s have one hash", name, was)
		}
		seen[h[0]] = name
	}
	if got := both.UserCodeHashes(project, code); len(got) != 2 || got[1] != hash[0] || got[0] != secrets(t, 2).UserCodeHashes(project, code)[0] {
		t.Errorf("under two master secrets: %x; want the new one's first and %x second", got, hash[0])
	}
	if got := (latchkey.Secrets{}).UserCodeHashes(project, code); len(got) != 0 {
		t.Errorf("without a master secret: %x", got)
	}
}

func TestDeviceLive(t *testing.T) {
	t.Parallel()
	for _, state := range []latchkey.State{latchkey.Waiting, latchkey.Approved, latchkey.Denied, latchkey.Spent, ""} {
		for now, alive := range map[time.Time]bool{noon: true, television().Expires.Add(-1): true, television().Expires: false} {
			if got := deviceIn(state).Live(now); got != (alive && state == latchkey.Waiting) {
				t.Errorf("%q at %v: live %v", state, now, got)
			}
		}
	}
	if (latchkey.DeviceLogin{}).Live(noon) || !errors.Is(devicePoll().Judge(latchkey.DeviceLogin{}, latchkey.User{}, noon).Verdict, latchkey.BadGrant) {
		t.Error("no device at all is live")
	}
}
