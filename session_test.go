package latchkey_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-dev/latchkey"
)

func sessionUse() latchkey.SessionUse {
	return latchkey.SessionUse{
		ID: sessionID(8), Project: project, Policy: policy, NewCode: codeID(5), From: home,
		Ask: latchkey.Ask{
			Client: 9, Redirect: "https://other.example/cb", State: "87654321", Scope: "openid email", Nonce: "n2", Payload: "p2",
			CodeChallenge: challenge,
		},
	}
}

func TestNewSession(t *testing.T) {
	t.Parallel()
	u := annUser()
	u.Epoch = 3
	want := latchkey.Session{
		ID: sessionID(8), Project: project, User: annID, Epoch: 3, To: ann, From: home, AuthTime: noon, Used: noon,
		Expires: noon.Add(time.Hour), Last: noon.Add(10 * time.Hour),
	}
	if got := latchkey.NewSession(sessionID(8), policy, u, ann, home, noon); got != want {
		t.Errorf("session %+v, want %+v", got, want)
	}
	short := latchkey.SessionPolicy{Idle: time.Hour, Life: time.Minute}
	if got := latchkey.NewSession(sessionID(8), short, u, ann, home, noon); !got.Expires.Equal(noon.Add(time.Minute)) {
		t.Errorf("a session of a minute in all ends at %v", got.Expires)
	}
}

// ASVS 7.4.1 and 7.4.2: what was ended, by time, by a logout everywhere or by a ban, lets nobody in.
func TestASVS_7_4_SessionGood(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		session func(*latchkey.Session)
		user    func(latchkey.User) latchkey.User
		now     time.Time
		want    bool
	}{
		"good":                      {want: true},
		"just alive":                {now: annSession().Expires.Add(-1), want: true},
		"dead at the exact instant": {now: annSession().Expires},
		"no session":                {session: func(s *latchkey.Session) { *s = latchkey.Session{} }},
		"no id":                     {session: func(s *latchkey.Session) { s.ID = latchkey.SessionID{} }},
		"the user is gone":          {user: func(latchkey.User) latchkey.User { return latchkey.User{} }},
		"another user":              {user: func(u latchkey.User) latchkey.User { u.ID.UUID[3]++; return u }},
		"another project's user":    {user: func(u latchkey.User) latchkey.User { u.Project = foreign; return u }},
		"logged out everywhere":     {user: latchkey.User.LogOut},
		"an epoch to come":          {session: func(s *latchkey.Session) { s.Epoch++ }},
		"banned":                    {user: banned},
		"a ban that is over":        {user: func(u latchkey.User) latchkey.User { u = banned(u); u.Ban.Until = noon; return u }, want: true},
		"signed in once more":       {user: func(u latchkey.User) latchkey.User { return u.LogIn(false, "n", noon) }, want: true},
		"and everywhere else out":   {user: func(u latchkey.User) latchkey.User { return u.LogIn(true, "n", noon) }},
	} {
		s, u := annSession(), annUser()
		if c.session != nil {
			c.session(&s)
		}
		if c.user != nil {
			u = c.user(u)
		}
		if c.now.IsZero() {
			c.now = noon
		}
		if got := s.Good(u, c.now); got != c.want {
			t.Errorf("%s: good %v", name, got)
		}
	}
}

func TestSessionUseGivesACode(t *testing.T) {
	t.Parallel()
	out := sessionUse().Judge(annSession(), annUser(), noon)
	if out.Verdict != nil {
		t.Fatalf("verdict %v", out.Verdict)
	}
	want := latchkey.AuthorizationCode{
		ID: codeID(5), Project: project, Client: 9, User: annID, Channel: latchkey.Email, Redirect: "https://other.example/cb",
		Scope: "openid email", Payload: "p2", Nonce: "n2", CodeChallenge: challenge, Session: sessionID(8),
		AuthTime: annSession().AuthTime, Issued: noon, Expires: noon.Add(latchkey.CodeLife),
	}
	if out.Code != want {
		t.Errorf("code %+v, want %+v", out.Code, want)
	}
	if out.User != annUser() {
		t.Errorf("a use changed the user: %+v", out.User)
	}
	if e := out.Event; e.Kind != latchkey.SessionEntered || e.User != annID || e.Client != 9 || e.Project != project || e.From != home ||
		e.Address != "a•••@example.com" || !e.At.Equal(noon) {
		t.Errorf("event %+v", e)
	}
}

func TestSessionUseRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		use     func(*latchkey.SessionUse)
		session func(*latchkey.Session)
		user    func(latchkey.User) latchkey.User
		now     time.Time
		ok      bool
	}{
		"as old as it may be":    {use: func(x *latchkey.SessionUse) { x.Oldest = annSession().AuthTime }, ok: true},
		"max_age, a moment over": {use: func(x *latchkey.SessionUse) { x.Oldest = annSession().AuthTime.Add(1) }},
		"max_age of 0":           {use: func(x *latchkey.SessionUse) { x.Oldest = noon }},
		"unknown":                {session: func(s *latchkey.Session) { *s = latchkey.Session{} }},
		"unknown, no project": {
			use:     func(x *latchkey.SessionUse) { x.Project = latchkey.ProjectID{} },
			session: func(s *latchkey.Session) { *s = latchkey.Session{} },
		},
		"another project's": {use: func(x *latchkey.SessionUse) { x.Project = foreign }},
		"of another project": {
			session: func(s *latchkey.Session) { s.Project = foreign },
			user:    func(u latchkey.User) latchkey.User { u.Project = foreign; return u },
		},
		"dead":                  {now: annSession().Expires},
		"banned":                {user: banned},
		"logged out everywhere": {user: latchkey.User.LogOut},
		"the user is gone":      {user: func(latchkey.User) latchkey.User { return latchkey.User{} }},
	} {
		x, s, u := sessionUse(), annSession(), annUser()
		if c.use != nil {
			c.use(&x)
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
		out := x.Judge(s, u, c.now)
		if (out.Verdict == nil) != c.ok || !c.ok && !errors.Is(out.Verdict, latchkey.LoginRequired) {
			t.Errorf("%s: %v, want a code: %v", name, out.Verdict, c.ok)
		}
		if !c.ok && (out.Session != s || out.Code != (latchkey.AuthorizationCode{}) || out.Event != (latchkey.Event{})) {
			t.Errorf("%s: a refusal changes or gives something: %+v", name, out)
		}
	}
}

// A use within a minute of the last one changes nothing, so that nothing is written for it.
func TestSessionTick(t *testing.T) {
	t.Parallel()
	for after, moved := range map[time.Duration]bool{
		-time.Hour: false, 0: false, time.Minute - 1: false, time.Minute: true, time.Hour - 1: true,
	} {
		s := annSession()
		now := s.Used.Add(after)
		want := s
		if moved {
			want.Used, want.Expires = now, now.Add(policy.Idle)
		}
		if out := sessionUse().Judge(s, annUser(), now); out.Verdict != nil || out.Session != want {
			t.Errorf("%v after the last use: %v, session %+v, want %+v", after, out.Verdict, out.Session, want)
		}
	}
}

// However a session is used, its life in all is the one it began with; without use it is over sooner.
func TestSessionNeverOutlivesItsLast(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		idle := time.Duration(rapid.IntRange(60, 4000).Draw(t, "idle")) * time.Second
		p := latchkey.SessionPolicy{Idle: idle, Life: idle + time.Duration(rapid.IntRange(0, 9000).Draw(t, "more"))*time.Second}
		s, now := latchkey.NewSession(sessionID(8), p, annUser(), ann, home, noon), noon
		last := noon.Add(p.Life)
		for range rapid.IntRange(1, 30).Draw(t, "uses") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "seconds")) * time.Second)
			x := sessionUse()
			x.Policy = p
			out := x.Judge(s, annUser(), now)
			switch good := now.Before(s.Expires); {
			case good != (out.Verdict == nil):
				t.Fatalf("at %v a session until %v: %v", now, s.Expires, out.Verdict)
			case out.Session.Expires.After(last) || out.Session.Last != last:
				t.Fatalf("a use at %v moved the end to %v and %v, past %v", now, out.Session.Expires, out.Session.Last, last)
			case good && out.Session.Used.Before(now.Add(-time.Minute)):
				t.Fatalf("a use at %v is remembered as %v", now, out.Session.Used)
			case good && out.Session.Expires.Before(now) || out.Session.Expires.After(now.Add(p.Idle)):
				t.Fatalf("a use at %v leaves %v", now, out.Session.Expires.Sub(now))
			case out.Session.AuthTime != noon:
				t.Fatal("a use made the proof of the address newer")
			}
			s = out.Session
		}
	})
}

func ending() latchkey.Ending {
	return latchkey.Ending{ID: sessionID(8), Project: project, Why: "signed out", From: home}
}

// sessionGrant is a grant with a scope that came of annSession.
func sessionGrant(n byte, scope string) latchkey.Grant {
	g := family(0)
	g.ID, g.Scope, g.Session = grantID(n), scope, sessionID(8)
	return g
}

// OIDC Core §11: what was given to be used in the person's absence stays when the person goes.
func TestEndingTakesGrants(t *testing.T) {
	t.Parallel()
	other, direct, dead := sessionGrant(4, "openid"), sessionGrant(5, "openid"), sessionGrant(6, "openid")
	other.Session, direct.Session, dead.Revoked = sessionID(9), latchkey.SessionID{}, noon.Add(-time.Minute)
	gs := []latchkey.Grant{
		sessionGrant(1, "openid"), sessionGrant(2, "openid offline"), sessionGrant(3, "offline_access"), other, direct, dead,
		sessionGrant(7, ""),
	}
	out := ending().Judge(annSession(), gs, noon)
	one, seven := gs[0], gs[6]
	one.Revoked, seven.Revoked = noon, noon
	if want := []latchkey.Grant{one, seven}; !out.Done || !reflect.DeepEqual(out.Grants, want) {
		t.Errorf("done %v, grants %+v, want %+v", out.Done, out.Grants, want)
	}
	if e := out.Event; e.Kind != latchkey.SessionEnded || e.User != annID || e.Project != project || e.From != home ||
		e.Detail != "signed out" || e.Address != "a•••@example.com" || !e.At.Equal(noon) {
		t.Errorf("event %+v", e)
	}
	if !gs[0].Revoked.IsZero() {
		t.Error("the rule wrote into what it was given")
	}
}

func TestEndingForAnotherSession(t *testing.T) {
	t.Parallel()
	held := latchkey.Grant{ID: grantID(6), Project: project, User: annID, Session: sessionID(8)}
	for name, c := range map[string]struct {
		next latchkey.UserID
		over bool
	}{
		"of the same person": {annID, true},
		"of another person":  {latchkey.UserID{UUID: latchkey.UUID{2}}, false},
	} {
		x := ending()
		x.Next = latchkey.Session{ID: sessionID(9), User: c.next}
		out := x.Judge(annSession(), []latchkey.Grant{held}, noon)
		if len(out.Grants) != 1 {
			t.Fatalf("%s: %d grants change, want 1", name, len(out.Grants))
		}
		g := out.Grants[0]
		if c.over != (g.Session == sessionID(9) && g.Revoked.IsZero()) || c.over == g.Revoked.Equal(noon) {
			t.Errorf("%s: the grant has session %v and was revoked at %v", name, g.Session, g.Revoked)
		}
	}
}

func TestEndingOfWhatIsAnothers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*latchkey.Ending)
		session latchkey.Session
		done    bool
	}{
		"whoever holds it":    {func(*latchkey.Ending) {}, annSession(), true},
		"its person":          {func(x *latchkey.Ending) { x.User = annID }, annSession(), true},
		"another person":      {func(x *latchkey.Ending) { x.User = latchkey.UserID{UUID: latchkey.UUID{2}} }, annSession(), false},
		"another project":     {func(x *latchkey.Ending) { x.Project = foreign }, annSession(), false},
		"unknown":             {func(*latchkey.Ending) {}, latchkey.Session{}, false},
		"unknown, no project": {func(x *latchkey.Ending) { x.Project = latchkey.ProjectID{} }, latchkey.Session{}, false},
	} {
		x := ending()
		c.change(&x)
		out := x.Judge(c.session, []latchkey.Grant{sessionGrant(1, "openid")}, noon)
		if out.Done != c.done || !c.done && !reflect.DeepEqual(out, latchkey.Ended{}) {
			t.Errorf("%s: %+v, want done %v", name, out, c.done)
		}
	}
}
