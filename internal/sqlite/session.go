package sqlite

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	sessionColumns = `s.id, s.project, s.user, s.epoch, s.channel, s.address, s.ip, s.user_agent, s.auth_time, s.used,
		s.expires, s.last`
	sessionByID    = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.id = ?`
	sessionAndUser = `SELECT ` + sessionColumns + `, ` + userColumns + ` FROM sessions s LEFT JOIN users u ON u.id = s.user
		WHERE s.id = ?`
	sessionsOfUser = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.user = ? AND s.expires > ? ORDER BY s.id DESC`
	insertSession  = `INSERT INTO sessions (id, project, user, epoch, channel, address, ip, user_agent, auth_time, used,
		expires, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	useSession      = `UPDATE sessions SET used = ?, expires = ? WHERE id = ?`
	deleteSession   = `DELETE FROM sessions WHERE id = ?`
	grantsOfSession = `SELECT ` + grantColumns + ` FROM grants g WHERE g.session = ?`
)

// Session implements latchkey.SessionStore.
func (s *Store) Session(ctx context.Context, id latchkey.SessionID) (latchkey.Session, latchkey.User, error) {
	var u latchkey.User
	found, err := find(ctx, s, func(c *conn) (found latchkey.Session, err error) {
		found, u, err = c.sessionAndUser(id)
		return found, err
	})
	return found, u, err
}

// Sessions implements latchkey.SessionStore.
func (s *Store) Sessions(ctx context.Context, id latchkey.UserID, now time.Time) ([]latchkey.Session, error) {
	return find(ctx, s, func(c *conn) (found []latchkey.Session, err error) {
		q := c.stmt(sessionsOfUser)
		defer q.reset()
		q.putUUID(id.UUID)
		q.putTime(now)
		for {
			more, err := q.row()
			if !more {
				return found, err
			}
			found = append(found, q.getSessionRow())
		}
	})
}

// UseSession implements latchkey.SessionStore.
func (s *Store) UseSession(ctx context.Context, x latchkey.SessionUse, now time.Time) (latchkey.SessionUsed, error) {
	return write(ctx, s, func(c *conn) (latchkey.SessionUsed, error) {
		old, u, err := c.sessionAndUser(x.ID)
		if err != nil {
			return latchkey.SessionUsed{}, err
		}
		out := x.Judge(old, u, now)
		if out.Event.Kind == "" { // a refusal
			return out, nil
		}
		if out.Session != old {
			q := c.stmt(useSession)
			q.putTime(out.Session.Used)
			q.putTime(out.Session.Expires)
			q.putHandle(out.Session.ID.Handle)
			if err := q.exec(); err != nil {
				return out, err
			}
		}
		if err := c.insertCode(out.Code); err != nil {
			return out, err
		}
		return out, c.insertEvent(out.Event)
	})
}

// EndSession implements latchkey.SessionStore.
func (s *Store) EndSession(ctx context.Context, x latchkey.Ending, now time.Time) (latchkey.Ended, error) {
	return write(ctx, s, func(c *conn) (latchkey.Ended, error) { return c.endSession(x, now) })
}

// endSession applies Ending.Judge and stores what it gives.
func (c *conn) endSession(x latchkey.Ending, now time.Time) (out latchkey.Ended, err error) {
	old, err := c.session(x.ID)
	if err != nil || old.ID.IsZero() {
		return out, err
	}
	gs, err := c.grantsOfSession(x.ID)
	if err != nil {
		return out, err
	}
	out = x.Judge(old, gs, now)
	if !out.Done {
		return out, nil
	}
	for _, g := range out.Grants {
		if err := c.leaveSession(g); err != nil {
			return out, err
		}
	}
	q := c.stmt(deleteSession)
	q.putHandle(x.ID.Handle)
	if err := q.exec(); err != nil {
		return out, err
	}
	return out, c.insertEvent(out.Event)
}

func (c *conn) grantsOfSession(id latchkey.SessionID) ([]latchkey.Grant, error) {
	q := c.stmt(grantsOfSession)
	defer q.reset()
	q.putHandle(id.Handle)
	return q.getGrantRows()
}

// session gives a session, or zero.
func (c *conn) session(id latchkey.SessionID) (s latchkey.Session, err error) {
	q := c.stmt(sessionByID)
	defer q.reset()
	q.putHandle(id.Handle)
	if found, err := q.row(); !found {
		return s, err
	}
	return q.getSessionRow(), nil
}

// sessionAndUser gives a session and its user, or zero.
func (c *conn) sessionAndUser(id latchkey.SessionID) (s latchkey.Session, u latchkey.User, err error) {
	q := c.stmt(sessionAndUser)
	defer q.reset()
	q.putHandle(id.Handle)
	if found, err := q.row(); !found {
		return s, u, err
	}
	s = q.getSessionRow()
	u, err = q.getUserRow()
	return s, u, err
}

func (c *conn) insertSession(s latchkey.Session) error {
	q := c.stmt(insertSession)
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
	return q.exec()
}

// getSessionRow reads sessionColumns.
func (q *stmt) getSessionRow() (s latchkey.Session) {
	s.ID.Handle = q.getHandle()
	s.Project = q.getProject()
	s.User = q.getUser()
	s.Epoch = int(q.getInt())
	s.To = q.getAddress()
	s.From = q.getOrigin()
	s.AuthTime, s.Used, s.Expires, s.Last = q.getTime(), q.getTime(), q.getTime(), q.getTime()
	return s
}
