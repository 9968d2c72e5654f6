package latchkey

import "time"

// A SessionID names a Session; the cookie that holds it is derived (Secrets.SessionToken).
type SessionID struct{ Handle }

// A Session is a browser in which a person is signed in to a project: every client of the project gets in there without
// another code, until Expires. It is not what tokens stand on; that is a Grant. One that ended is gone from the store.
type Session struct {
	ID       SessionID
	Project  ProjectID
	User     UserID
	Epoch    int       // of the user when it began: a later one has ended it
	To       Address   // that the person proved
	From     Origin    // where it began
	AuthTime time.Time // UTC: when the person proved To
	Used     time.Time // UTC: the last use, to sessionTick
	Expires  time.Time // UTC: moves on with every use, no further than Last; at this instant it is already dead
	Last     time.Time // UTC: its end, however often it is used
}

// A SessionPolicy says how long a browser stays signed in.
type SessionPolicy struct {
	Idle time.Duration `json:"idle"` // without use
	Life time.Duration `json:"life"` // in all: from the login on
}

// sessionTick is how exactly the last use is known: a browser that leads a person through five applications in a minute
// costs one commit for it, not five.
const sessionTick = time.Minute

// NewSession is the session of a browser in which u just proved to.
func NewSession(id SessionID, p SessionPolicy, u User, to Address, from Origin, now time.Time) Session {
	s := Session{
		ID: id, Project: u.Project, User: u.ID, Epoch: u.Epoch, To: to, From: from, AuthTime: now, Used: now, Last: now.Add(p.Life),
	}
	s.Expires = earlier(now.Add(p.Idle), s.Last)
	return s
}

// Good reports whether s lets u in at now (ASVS 7.4.1, 7.4.2).
func (s Session) Good(u User, now time.Time) bool {
	return !s.ID.IsZero() && now.Before(s.Expires) && u.ID == s.User && u.Project == s.Project && u.Epoch == s.Epoch && !u.Banned(now)
}

// use is s after a use at now.
func (s Session) use(p SessionPolicy, now time.Time) Session {
	if now.Sub(s.Used) >= sessionTick {
		s.Used = now
		s.Expires = earlier(now.Add(p.Idle), s.Last)
	}
	return s
}

// A SessionUse is a browser with a session that goes into a client without a code.
type SessionUse struct {
	ID      SessionID
	Project ProjectID
	Ask     Ask       // what the client asked for
	Oldest  time.Time // UTC: the person must have proved the address then or later (max_age); zero: whenever
	Policy  SessionPolicy
	NewCode CodeID
	From    Origin
}

// SessionUsed is what a SessionUse leads to; the store writes it in one commit.
type SessionUsed struct {
	// Verdict is nil for a code. Errors: LoginRequired.
	Verdict error
	Session Session // as it must be stored next
	User    User
	Code    AuthorizationCode
	Event   Event
}

// Judge is the rule of single sign-on: s is the session that x.ID names, or zero, and u its user, or zero. A refusal
// changes nothing and makes no event: the person is asked for a code then.
func (x SessionUse) Judge(s Session, u User, now time.Time) SessionUsed {
	if s.Project != x.Project || !s.Good(u, now) || s.AuthTime.Before(x.Oldest) {
		return SessionUsed{Verdict: LoginRequired, Session: s, User: u}
	}
	out := SessionUsed{Session: s.use(x.Policy, now), User: u}
	out.Code = newCode(x.NewCode, x.Project, x.Ask, u, s.To.Channel(), now)
	out.Code.AuthTime, out.Code.Session = s.AuthTime, s.ID
	out.Event = Event{
		At: now, Kind: SessionEntered, Project: x.Project, Client: x.Ask.Client, User: u.ID, Address: s.To.String(), From: x.From,
	}
	return out
}

// An Ending is somebody's wish that a session ends.
type Ending struct {
	ID      SessionID
	Project ProjectID
	User    UserID  // whose it must be; zero: whoever holds the session's own token may end it
	Next    Session // that a login put in its place; zero: the browser is signed out
	Why     string  // the event's Detail
	From    Origin
}

// Ended is what an Ending leads to; the store writes it in one commit.
type Ended struct {
	Done   bool    // false: there was no such session, and there is no event
	Grants []Grant // that end with it, or go over to the next one, as they must be stored next
	Event  Event
}

// Judge is the rule of signing out: s is the session that x.ID names, or zero, and gs the grants that came of it. Those
// without refresh tokens end with it; one that was asked for to be used in the person's absence stays (OIDC Core §11) and
// is ended by itself. Who only proved their address anew, because one client asked for that, stays signed in at the others:
// the grants go over to the next session.
func (x Ending) Judge(s Session, gs []Grant, now time.Time) Ended {
	if s.ID.IsZero() || s.Project != x.Project || !x.User.IsZero() && s.User != x.User {
		return Ended{}
	}
	out := Ended{Done: true, Event: Event{
		At: now, Kind: SessionEnded, Project: s.Project, User: s.User, Address: s.To.String(), From: x.From, Detail: x.Why,
	}}
	for _, g := range gs {
		if g.Session != s.ID || g.Offline() || !g.Revoked.IsZero() {
			continue
		}
		if x.Next.User == s.User && !x.Next.ID.IsZero() {
			g.Session = x.Next.ID
		} else {
			g.Revoked = now
		}
		out.Grants = append(out.Grants, g)
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
