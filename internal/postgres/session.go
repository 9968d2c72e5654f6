package postgres

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	sessionColumns = `s.id, s.project, s.user_id, s.epoch, s.channel, s.address, s.ip, s.user_agent, s.auth_time, s.used,
		s.expires, s.last`
	sessionByID    = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.id = $1`
	sessionAndUser = `SELECT ` + sessionColumns + `, ` + userColumns + ` FROM sessions s LEFT JOIN users u ON u.id = s.user_id
		WHERE s.id = $1`
	sessionsOfUser = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.user_id = $1 AND s.expires > $2 ORDER BY s.id DESC`
	insertSession  = `INSERT INTO sessions (id, project, user_id, epoch, channel, address, ip, user_agent, auth_time, used,
		expires, last) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @`
	useSession = `UPDATE sessions SET used = ?, expires = ? WHERE id = ? AND used = ? AND @ RETURNING 1`
	// A session that is kept may be used meanwhile, but not end. Like a challenge it is never waited for.
	keepSession     = `SELECT 1 FROM sessions WHERE id = ? AND @ FOR KEY SHARE SKIP LOCKED`
	lockSession     = `SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE`
	sessionAsLoaded = `SELECT 1 FROM sessions WHERE id = ? AND (SELECT count(*) FROM grants WHERE session = ?) = ? AND @`
	deleteSession   = `DELETE FROM sessions WHERE id = ? AND @`
	grantsOfSession = `SELECT ` + grantColumns + ` FROM grants g WHERE g.session = $1 ORDER BY g.id`
)

// Session implements latchkey.SessionStore.
func (s *Store) Session(ctx context.Context, id latchkey.SessionID) (latchkey.Session, latchkey.User, error) {
	got, err := s.loadSession(ctx, id)
	return got.session, got.user, err
}

// Sessions implements latchkey.SessionStore.
func (s *Store) Sessions(ctx context.Context, id latchkey.UserID, now time.Time) ([]latchkey.Session, error) {
	q := query(sessionsOfUser)
	q.putUUID(id.UUID)
	q.putTime(now)
	found, err := find(ctx, s, q, func(found *[]latchkey.Session, r *row) {
		var one latchkey.Session
		r.getSessionRow(&one)
		*found = append(*found, one)
	})
	return *found, err
}

// UseSession implements latchkey.SessionStore.
func (s *Store) UseSession(ctx context.Context, x latchkey.SessionUse, now time.Time) (latchkey.SessionUsed, error) {
	out := new(latchkey.SessionUsed)
	err := s.settle(ctx, func(ctx context.Context) (*change, error) {
		old, err := s.loadSession(ctx, x.ID)
		if err != nil {
			return nil, err
		}
		if *out = x.Judge(old.session, old.user, now); out.Event.Kind == "" { // a refusal
			return nil, nil
		}
		c := newChange(orderOfHandle(bySession, x.ID.Handle))
		if out.Session == old.session {
			c.guard(keepSession) // or a code could come of a session that is gone
			c.putHandle(x.ID.Handle)
		} else {
			c.guard(useSession)
			c.putTime(out.Session.Used)
			c.putTime(out.Session.Expires)
			c.putHandle(x.ID.Handle)
			c.putTime(old.session.Used)
		}
		c.step(insertCode)
		c.putCode(out.Code)
		return c.event(out.Event), nil
	})
	if err != nil {
		return latchkey.SessionUsed{}, err
	}
	return *out, nil
}

// EndSession implements latchkey.SessionStore.
func (s *Store) EndSession(ctx context.Context, x latchkey.Ending, now time.Time) (latchkey.Ended, error) {
	type loaded struct {
		session latchkey.Session
		grants  []latchkey.Grant
	}
	out := new(latchkey.Ended)
	err := s.settle(ctx, func(ctx context.Context) (*change, error) {
		old, err := findAll(ctx, s, func(got *loaded, i int, r *row) {
			if i == 0 {
				r.getSessionRow(&got.session)
				return
			}
			got.grants = append(got.grants, r.getGrantRow())
		}, sessionAndGrants(x.ID)...)
		if err != nil {
			return nil, err
		}
		if *out = x.Judge(old.session, old.grants, now); !out.Done {
			return nil, nil
		}
		c := aloneChange()
		c.holdSession(x.ID, old.grants)
		c.endSession(x.ID, *out)
		return c.event(out.Event), nil
	})
	if err != nil {
		return latchkey.Ended{}, err
	}
	return *out, nil
}

// sessionAndGrants gives the two statements that load what Ending.Judge asks for.
func sessionAndGrants(id latchkey.SessionID) []*stmt {
	stmts := []*stmt{query(sessionByID), query(grantsOfSession)}
	for _, q := range stmts {
		q.putHandle(id.Handle)
	}
	return stmts
}

// holdSession adds the guard that a session is there and that grants are all that came of it.
func (c *change) holdSession(id latchkey.SessionID, grants []latchkey.Grant) {
	lock := query(lockSession)
	lock.putHandle(id.Handle)
	c.before, c.alone = append(c.before, lock), true
	c.guard(sessionAsLoaded)
	c.putHandle(id.Handle)
	c.putHandle(id.Handle)
	c.putInt(int64(len(grants)))
}

// endSession adds the steps that store what Ending.Judge gave, its event excepted.
func (c *change) endSession(id latchkey.SessionID, out latchkey.Ended) {
	c.step(deleteSession)
	c.putHandle(id.Handle)
	for _, g := range out.Grants {
		c.step(leaveSession)
		c.putHandle(g.Session.Handle)
		c.putTime(g.Revoked)
		c.putHandle(g.ID.Handle)
	}
}

// sessionLoaded is a session and its user, or zero.
type sessionLoaded struct {
	session latchkey.Session
	user    latchkey.User
}

func (s *Store) loadSession(ctx context.Context, id latchkey.SessionID) (*sessionLoaded, error) {
	q := query(sessionAndUser)
	q.putHandle(id.Handle)
	return find(ctx, s, q, func(got *sessionLoaded, r *row) {
		r.getSessionRow(&got.session)
		r.getUserRow(&got.user)
	})
}

func (q *stmt) putSession(s latchkey.Session) {
	q.putHandle(s.ID.Handle)
	q.putUUID(s.Project.UUID)
	q.putUUID(s.User.UUID)
	q.putInt(int64(s.Epoch))
	q.putAddress(s.To)
	q.putOrigin(s.From)
	q.putTime(s.AuthTime)
	q.putTime(s.Used)
	q.putTime(s.Expires)
	q.putTime(s.Last)
}

// getSessionRow reads sessionColumns; all NULL is zero.
func (r *row) getSessionRow(s *latchkey.Session) {
	s.ID.Handle = r.getHandle()
	s.Project = r.getProject()
	s.User = r.getUser()
	s.Epoch = int(r.getInt())
	s.To = r.getAddress()
	s.From = r.getOrigin()
	s.AuthTime, s.Used, s.Expires, s.Last = r.getTime(), r.getTime(), r.getTime(), r.getTime()
}
