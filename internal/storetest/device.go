package storetest

import (
	"time"

	"github.com/latchkey-dev/latchkey"
)

// waits stores a device that waits. change may change it before.
func (w *world) waits(change ...func(*latchkey.DeviceLogin)) latchkey.DeviceLogin {
	w.Helper()
	d := w.Nouns.Device(w.project.ID, w.now)
	for _, f := range change {
		f(&d)
	}
	w.must(w.StartDeviceLogin(w.ctx(), d, w.Event(latchkey.DeviceStarted, d.Project, w.now)))
	return d
}

// device gives a device as it is in the store.
func (w *world) device(userCode latchkey.Hash) latchkey.DeviceLogin {
	w.Helper()
	d, err := w.DeviceLogin(w.ctx(), userCode)
	w.must(err)
	return d
}

// polls has d ask for its tokens.
func (w *world) polls(d latchkey.DeviceLogin) latchkey.DevicePolled {
	w.Helper()
	out, err := w.PollDeviceLogin(w.ctx(), w.Poll(d, w.now), w.now)
	w.must(err)
	return out
}

// approved gives a device that the person of s let in.
func (w *world) approved(s latchkey.Session, change ...func(*latchkey.DeviceLogin)) latchkey.DeviceLogin {
	w.Helper()
	out, err := w.PressDeviceLogin(w.ctx(), w.Press(w.waits(change...), s), w.now)
	w.must(err)
	if out.Verdict != nil {
		w.Fatalf("approving a device: %v", out.Verdict)
	}
	return out.Device
}

func startDevice(w *world) {
	d := w.Nouns.Device(w.project.ID, w.now)
	e := w.Event(latchkey.DeviceStarted, d.Project, w.now)
	w.must(w.StartDeviceLogin(w.ctx(), d, e))
	w.waits()
	same(w, "the device", w.device(d.UserCode), d)
	es, err := w.Events(w.ctx(), d.Project, 2)
	w.must(err)
	same(w, "the event", es[1], e)
}

func startDeviceConflict(w *world) {
	first := w.waits()
	second := w.Nouns.Device(w.newProject("Other").ID, w.now)
	second.UserCode = first.UserCode
	err := w.StartDeviceLogin(w.ctx(), second, w.Event(latchkey.DeviceStarted, w.project.ID, w.now))
	w.wants("a user code that is taken", err, latchkey.Conflict)
	same(w, "the device", w.device(first.UserCode), first)
	same(w, "events", w.count(latchkey.DeviceStarted), 1)
	poll := w.polls(second)
	w.wants("a poll of the second device", poll.Verdict, latchkey.BadGrant)
}

func deviceNotFound(w *world) {
	w.waits()
	for what, h := range map[string]latchkey.Hash{"an unknown user code": latchkey.HashSecret("x"), "the zero hash": {}} {
		_, err := w.DeviceLogin(w.ctx(), h)
		w.wants(what, err, latchkey.NotFound)
	}
}

func pressDevice(w *world) {
	login := w.stays(w.Phone())
	w.now = w.now.Add(time.Minute)
	for approve, state := range map[bool]latchkey.State{true: latchkey.Approved, false: latchkey.Denied} {
		d := w.waits()
		x := w.Press(d, login.Session)
		x.Approve = approve
		out, err := w.PressDeviceLogin(w.ctx(), x, w.now)
		w.must(err)
		same(w, "what PressDeviceLogin gives", out, x.Judge(d, login.Session, login.User, w.now))
		w.wants("the verdict", out.Verdict, "")
		same(w, "the state of the device", out.Device.State, state)
		same(w, "the device", w.device(d.UserCode), out.Device)
		same(w, "the event", w.last(), out.Event)
	}
}

func pressDeviceRefusals(w *world) {
	login, d := w.stays(w.Email()), w.waits()
	banned := w.stays(w.Email())
	w.must(w.SetBan(w.ctx(), banned.User.ID, latchkey.Ban{From: w.now}, w.Event(latchkey.UserBanned, w.project.ID, w.now)))
	elsewhere := latchkey.ProjectID{UUID: latchkey.NewUUID(w.now, w.Random())}
	for what, c := range map[string]struct {
		change func(*latchkey.DevicePress)
		now    time.Time
		want   latchkey.Code
	}{
		"an unknown user code":     {func(x *latchkey.DevicePress) { x.UserCode = latchkey.HashSecret("x") }, w.now, latchkey.NotFound},
		"the zero hash":            {func(x *latchkey.DevicePress) { x.UserCode = latchkey.Hash{} }, w.now, latchkey.NotFound},
		"another project":          {func(x *latchkey.DevicePress) { x.Project = elsewhere }, w.now, latchkey.NotFound},
		"a device that is dead":    {func(*latchkey.DevicePress) {}, d.Expires, latchkey.NotFound},
		"nobody":                   {func(x *latchkey.DevicePress) { x.Session = latchkey.SessionID{} }, w.now, latchkey.LoginRequired},
		"a session that is gone":   {func(x *latchkey.DevicePress) { x.Session.Handle = w.Handle(w.now) }, w.now, latchkey.LoginRequired},
		"somebody who is kept out": {func(x *latchkey.DevicePress) { x.Session = banned.Session.ID }, w.now, latchkey.LoginRequired},
	} {
		for _, approve := range []bool{true, false} {
			x := w.Press(d, login.Session)
			x.Approve = approve
			c.change(&x)
			out, err := w.PressDeviceLogin(w.ctx(), x, c.now)
			w.must(err)
			w.wants(what, out.Verdict, c.want)
			same(w, "the device after "+what, w.device(d.UserCode), d)
		}
	}
	same(w, "events", w.count(latchkey.DeviceApproved)+w.count(latchkey.DeviceDenied), 0)
	w.approved(login.Session)
	x := w.Press(d, login.Session)
	_, err := w.PressDeviceLogin(w.ctx(), x, w.now)
	w.must(err)
	x.Approve = false
	out, err := w.PressDeviceLogin(w.ctx(), x, w.now)
	w.must(err)
	w.wants("denying what was approved", out.Verdict, latchkey.NotFound)
	same(w, "the state of the device", w.device(d.UserCode).State, latchkey.Approved)
}

func pollWaits(w *world) {
	d := w.waits()
	want := d
	step := func(what string, after time.Duration, verdict latchkey.Code, slower time.Duration) {
		w.Helper()
		w.now = w.now.Add(after)
		x := w.Poll(d, w.now)
		out, err := w.PollDeviceLogin(w.ctx(), x, w.now)
		w.must(err)
		same(w, "what PollDeviceLogin gives for "+what, out, x.Judge(want, latchkey.User{}, w.now))
		w.wants(what, out.Verdict, verdict)
		want.Polled, want.Interval = w.now, want.Interval+slower
		same(w, "the device after "+what, w.device(d.UserCode), want)
	}
	step("the first poll", 0, latchkey.AuthorizationPending, 0)
	step("a poll in time", want.Interval, latchkey.AuthorizationPending, 0)
	step("a poll too early", want.Interval-time.Microsecond, latchkey.SlowDown, 5*time.Second)
	step("a poll at the old interval", latchkey.DevicePollInterval, latchkey.SlowDown, 5*time.Second)
	step("a poll at the new interval", want.Interval, latchkey.AuthorizationPending, 0)
	es, err := w.Events(w.ctx(), w.project.ID, 100)
	w.must(err)
	same(w, "events", len(es), 2) // of the project and of the start
}

func pollGrants(w *world) {
	login := w.stays(w.Email())
	w.now = w.now.Add(time.Minute)
	for _, scope := range []string{"openid offline_access", "openid"} {
		d := w.approved(login.Session, func(d *latchkey.DeviceLogin) { d.Scope = scope })
		w.now = w.now.Add(time.Second)
		x := w.Poll(d, w.now)
		out, err := w.PollDeviceLogin(w.ctx(), x, w.now)
		w.must(err)
		same(w, "what PollDeviceLogin gives", out, x.Judge(d, login.User, w.now))
		w.wants("the verdict", out.Verdict, "")
		same(w, "the device", w.device(d.UserCode), out.Device)
		u, g := w.standing(login.User.ID, x.NewGrant)
		same(w, "the user", u, login.User)
		same(w, "the grant", g, out.Grant)
		same(w, "when the person proved the address", g.AuthTime, login.Session.AuthTime)
		same(w, "the event", w.last(), out.Event)
		w.now = w.now.Add(time.Minute)
		again := w.polls(d)
		w.wants("a poll by a device that has its tokens", again.Verdict, latchkey.BadGrant)
		same(w, "its grant", again.Grant, latchkey.Grant{})
		_, g = w.standing(login.User.ID, x.NewGrant)
		same(w, "the grant after it", g, out.Grant)
	}
	same(w, "events", w.count(latchkey.GrantCreated), 2)
}

func pollRefusals(w *world) {
	login := w.stays(w.Email())
	denied := w.waits()
	x := w.Press(denied, login.Session)
	x.Approve = false
	_, err := w.PressDeviceLogin(w.ctx(), x, w.now)
	w.must(err)
	w.wants("a device that was sent away", w.polls(denied).Verdict, latchkey.AccessDenied)

	d := w.approved(login.Session)
	for what, change := range map[string]func(*latchkey.DevicePoll){
		"an unknown device": func(x *latchkey.DevicePoll) { x.ID.Handle = w.Handle(w.now) },
		"the zero id":       func(x *latchkey.DevicePoll) { x.ID = latchkey.DeviceLoginID{} },
		"another client":    func(x *latchkey.DevicePoll) { x.Client++ },
		"another project":   func(x *latchkey.DevicePoll) { x.Project = w.newProject("Other").ID },
	} {
		x := w.Poll(d, w.now)
		change(&x)
		out, err := w.PollDeviceLogin(w.ctx(), x, w.now)
		w.must(err)
		w.wants(what, out.Verdict, latchkey.BadGrant)
		same(w, "the device after "+what, w.device(d.UserCode), d)
	}
	out, err := w.PollDeviceLogin(w.ctx(), w.Poll(d, w.now), d.Expires)
	w.must(err)
	w.wants("a device whose time is over", out.Verdict, latchkey.ExpiredToken)
	same(w, "the device after its time", w.device(d.UserCode), d)

	w.must(w.EndSessions(w.ctx(), login.User.ID, w.Event(latchkey.UserLoggedOut, w.project.ID, w.now)))
	late := w.polls(d)
	w.wants("a device whose person logged out everywhere", late.Verdict, latchkey.BadGrant)
	same(w, "the event", w.last(), late.Event)
	same(w, "its grant", late.Grant, latchkey.Grant{})
	same(w, "the state of the device", w.device(d.UserCode).State, latchkey.Spent)
}
