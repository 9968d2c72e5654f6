package sqlite

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/latchkey-dev/latchkey"
)

const (
	userColumns = `u.id, u.project, u.email, u.phone, u.contact_phone, u.registered, u.last_login, u.ban_from, u.ban_until,
		u.ban_reason, u.epoch, u.networks, u.person`

	userByID    = `SELECT ` + userColumns + ` FROM users u WHERE u.id = ?`
	userByEmail = `SELECT ` + userColumns + ` FROM users u WHERE u.project = ? AND u.email = ?`
	userByPhone = `SELECT ` + userColumns + ` FROM users u WHERE u.project = ? AND u.phone = ?`
	usersAfter  = `SELECT ` + userColumns + ` FROM users u WHERE u.project = ? AND u.id > ? ORDER BY u.id LIMIT ?`
	standing    = `SELECT ` + userColumns + `, ` + grantColumns + ` FROM (SELECT 1)
		LEFT JOIN users u ON u.id = ? LEFT JOIN grants g ON g.id = ?`

	insertUser = `INSERT INTO users (id, project, email, phone, contact_phone, registered, last_login, ban_from, ban_until,
		ban_reason, epoch, networks, person) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	loginUser       = `UPDATE users SET last_login = ?, epoch = ?, networks = ? WHERE id = ?`
	setContactPhone = `UPDATE users SET contact_phone = ? WHERE id = ?`
	setBan          = `UPDATE users SET ban_from = ?, ban_until = ?, ban_reason = ?, epoch = ? WHERE id = ?`
	describeUser    = `UPDATE users SET person = ? WHERE id = ?`
	deleteUser      = `DELETE FROM users WHERE id = ?`
)

// User implements latchkey.UserStore.
func (s *Store) User(ctx context.Context, id latchkey.UserID) (latchkey.User, error) {
	return find(ctx, s, func(c *conn) (latchkey.User, error) { return c.knownUser(id) })
}

// Standing implements latchkey.UserStore.
func (s *Store) Standing(ctx context.Context, id latchkey.UserID, grant latchkey.GrantID) (latchkey.User, latchkey.Grant, error) {
	var g latchkey.Grant
	u, err := find(ctx, s, func(c *conn) (u latchkey.User, err error) {
		q := c.stmt(standing)
		defer q.reset()
		q.putUUID(id.UUID)
		q.putHandle(grant.Handle)
		if found, err := q.row(); !found {
			return u, err
		}
		if u, err = q.getUserRow(); err == nil {
			g, err = q.getGrantRow()
		}
		return u, err
	})
	return u, g, err
}

// Users implements latchkey.UserStore.
func (s *Store) Users(
	ctx context.Context, p latchkey.ProjectID, address latchkey.Address, after latchkey.UserID, limit int,
) ([]latchkey.User, error) {
	return find(ctx, s, func(c *conn) ([]latchkey.User, error) {
		if !address.IsZero() {
			u, err := c.owner(p, address)
			if err != nil || u.ID.IsZero() || limit < 1 || string(u.ID.UUID[:]) <= string(after.UUID[:]) {
				return nil, err
			}
			return []latchkey.User{u}, nil
		}
		q := c.stmt(usersAfter)
		defer q.reset()
		q.putUUID(p.UUID)
		q.putBlob(after.UUID[:])
		q.putInt(int64(max(limit, 0))) // a negative LIMIT is none
		var us []latchkey.User
		for {
			found, err := q.row()
			if !found {
				return us, err
			}
			u, err := q.getUserRow()
			if err != nil {
				return nil, err
			}
			us = append(us, u)
		}
	})
}

// CreateUser implements latchkey.UserStore.
func (s *Store) CreateUser(ctx context.Context, u latchkey.User, e latchkey.Event) error {
	return s.writer.do(ctx, func(c *conn) error {
		if there, err := c.has(`SELECT 1 FROM projects WHERE id = ?`, u.Project.UUID[:]); !there || err != nil {
			return cmp.Or[error](err, latchkey.ProjectNotFound)
		}
		for _, a := range [...]latchkey.Address{u.Email, u.Phone} {
			if a.IsZero() {
				continue
			}
			if other, err := c.owner(u.Project, a); err != nil || !other.ID.IsZero() {
				return cmp.Or[error](err, &latchkey.Error{Code: latchkey.Conflict, Message: "the address belongs to another user"})
			}
		}
		if err := c.insertUser(u); err != nil {
			return err
		}
		return c.insertEvent(e)
	})
}

// SetContactPhone implements latchkey.UserStore.
func (s *Store) SetContactPhone(ctx context.Context, id latchkey.UserID, phone latchkey.Address, e latchkey.Event) error {
	return s.changeUser(ctx, id, e, func(c *conn, _ latchkey.User) error {
		q := c.stmt(setContactPhone)
		q.putOptional(phone.Value())
		q.putUUID(id.UUID)
		return q.exec()
	})
}

// DescribeUser implements latchkey.UserStore.
func (s *Store) DescribeUser(
	ctx context.Context, id latchkey.UserID, change latchkey.PersonChange, e latchkey.Event,
) (latchkey.User, error) {
	return write(ctx, s, func(c *conn) (latchkey.User, error) {
		old, err := c.knownUser(id)
		if err != nil {
			return old, err
		}
		next, err := old.Describe(change)
		if err != nil {
			return next, err
		}
		if err := c.describeUser(next); err != nil {
			return next, err
		}
		return next, c.insertEvent(e)
	})
}

// EndSessions implements latchkey.UserStore.
func (s *Store) EndSessions(ctx context.Context, id latchkey.UserID, e latchkey.Event) error {
	return s.changeUser(ctx, id, e, func(c *conn, u latchkey.User) error { return c.storeLogin(u, u.LogOut()) })
}

// SetBan implements latchkey.UserStore.
func (s *Store) SetBan(ctx context.Context, id latchkey.UserID, b latchkey.Ban, e latchkey.Event) error {
	return s.changeUser(ctx, id, e, func(c *conn, u latchkey.User) error {
		if b != (latchkey.Ban{}) {
			u = u.LogOut()
		}
		q := c.stmt(setBan)
		q.putTime(b.From)
		q.putTime(b.Until)
		q.putText(b.Reason)
		q.putInt(int64(u.Epoch))
		q.putUUID(id.UUID)
		return q.exec()
	})
}

// DeleteUser implements latchkey.UserStore.
func (s *Store) DeleteUser(ctx context.Context, id latchkey.UserID, e latchkey.Event) error {
	return s.changeUser(ctx, id, e, func(c *conn, u latchkey.User) error {
		for _, a := range [...]latchkey.Address{u.Email, u.Phone} {
			if a.IsZero() {
				continue
			}
			if err := c.forgetGuesses(u.Project, a); err != nil {
				return err
			}
			if err := c.forgetPendingSMS(u.Project, a); err != nil {
				return err
			}
		}
		for _, text := range [...]string{
			`DELETE FROM codes WHERE user = ?`, `DELETE FROM grants WHERE user = ?`, `DELETE FROM sessions WHERE user = ?`, deleteUser,
		} {
			q := c.stmt(text)
			q.putUUID(id.UUID)
			if err := q.exec(); err != nil {
				return err
			}
		}
		return nil
	})
}

// changeUser runs change on a user that exists, and stores e with it.
func (s *Store) changeUser(
	ctx context.Context, id latchkey.UserID, e latchkey.Event, change func(*conn, latchkey.User) error,
) error {
	return s.writer.do(ctx, func(c *conn) error {
		u, err := c.knownUser(id)
		if err != nil {
			return err
		}
		if err := change(c, u); err != nil {
			return err
		}
		return c.insertEvent(e)
	})
}

// knownUser gives a user. Errors: UserNotFound.
func (c *conn) knownUser(id latchkey.UserID) (latchkey.User, error) {
	u, err := c.user(id)
	if err == nil && u.ID.IsZero() {
		err = latchkey.UserNotFound
	}
	return u, err
}

// user gives a user, or zero.
func (c *conn) user(id latchkey.UserID) (u latchkey.User, err error) {
	q := c.stmt(userByID)
	defer q.reset()
	q.putUUID(id.UUID)
	if found, err := q.row(); !found {
		return u, err
	}
	return q.getUserRow()
}

// owner gives the user who proved an address, or zero.
func (c *conn) owner(p latchkey.ProjectID, a latchkey.Address) (u latchkey.User, err error) {
	query := userByEmail
	if a.Channel() == latchkey.Phone {
		query = userByPhone
	}
	q := c.stmt(query)
	defer q.reset()
	q.putUUID(p.UUID)
	q.putText(a.Value())
	if found, err := q.row(); !found {
		return u, err
	}
	return q.getUserRow()
}

// storeLogin stores what Attempt.Judge and User.LogOut change: all of a new user, the last login with its network and the
// epoch of one that exists.
func (c *conn) storeLogin(old, next latchkey.User) error {
	if next == old {
		return nil
	}
	if old.ID.IsZero() {
		return c.insertUser(next)
	}
	q := c.stmt(loginUser)
	q.putTime(next.LastLogin)
	q.putInt(int64(next.Epoch))
	q.putNetworks(next.Networks)
	q.putUUID(next.ID.UUID)
	return q.exec()
}

func (c *conn) describeUser(u latchkey.User) error {
	q := c.stmt(describeUser)
	q.putPerson(u.Person)
	q.putUUID(u.ID.UUID)
	return q.exec()
}

// putPerson binds NULL for somebody who said nothing.
func (q *stmt) putPerson(p latchkey.Person) {
	if p == (latchkey.Person{}) {
		q.putNull()
		return
	}
	said, err := json.Marshal(p)
	if err != nil && q.err == nil {
		q.err = err
	}
	q.putText(string(said))
}

func (c *conn) insertUser(u latchkey.User) error {
	q := c.stmt(insertUser)
	q.putUser(u)
	return q.exec()
}

// putUser binds what insertUser stores.
func (q *stmt) putUser(u latchkey.User) {
	q.putUUID(u.ID.UUID)
	q.putUUID(u.Project.UUID)
	q.putOptional(u.Email.Value())
	q.putOptional(u.Phone.Value())
	q.putOptional(u.ContactPhone.Value())
	q.putTime(u.Registered)
	q.putTime(u.LastLogin)
	q.putTime(u.Ban.From)
	q.putTime(u.Ban.Until)
	q.putText(u.Ban.Reason)
	q.putInt(int64(u.Epoch))
	q.putNetworks(u.Networks)
	q.putPerson(u.Person)
}

// getUserRow reads userColumns.
func (q *stmt) getUserRow() (u latchkey.User, err error) {
	u.ID, u.Project = q.getUser(), q.getProject()
	u.Email = q.getOptional(latchkey.Email)
	u.Phone = q.getOptional(latchkey.Phone)
	u.ContactPhone = q.getOptional(latchkey.Phone)
	u.Registered, u.LastLogin = q.getTime(), q.getTime()
	u.Ban = latchkey.Ban{From: q.getTime(), Until: q.getTime(), Reason: q.getText()}
	u.Epoch = int(q.getInt())
	u.Networks = q.getNetworks()
	if said := q.getBlob(); said != nil {
		err = json.Unmarshal(said, &u.Person)
	}
	return u, err
}

// putNetworks binds NULL for no login.
func (q *stmt) putNetworks(ns latchkey.Networks) {
	if ns == (latchkey.Networks{}) {
		q.putNull()
		return
	}
	var b [len(ns) * len(ns[0])]byte
	for i, n := range ns {
		copy(b[i*len(n):], n[:])
	}
	q.putBlob(b[:])
}

func (q *stmt) getNetworks() (ns latchkey.Networks) {
	var b [len(ns) * len(ns[0])]byte
	q.getInto(b[:])
	for i := range ns {
		copy(ns[i][:], b[i*len(ns[i]):])
	}
	return ns
}

// getOptional reads an address whose channel the column tells; NULL is none.
func (q *stmt) getOptional(c latchkey.Channel) latchkey.Address {
	if v := q.getText(); v != "" {
		return latchkey.CanonicalAddress(c, v)
	}
	return latchkey.Address{}
}
