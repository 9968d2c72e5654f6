package postgres

import (
	"context"
	"encoding/json"

	"github.com/latchkey-dev/latchkey"
)

const (
	userColumns = `u.id, u.project, u.email, u.phone, u.contact_phone, u.registered, u.last_login, u.ban_from, u.ban_until,
		u.ban_reason, u.epoch, u.networks, u.person`

	userByID    = `SELECT ` + userColumns + ` FROM users u WHERE u.id = $1`
	userByEmail = `SELECT ` + userColumns + ` FROM users u WHERE u.project = $1 AND u.email = $2 AND u.id > $3 LIMIT $4`
	userByPhone = `SELECT ` + userColumns + ` FROM users u WHERE u.project = $1 AND u.phone = $2 AND u.id > $3 LIMIT $4`
	usersAfter  = `SELECT ` + userColumns + ` FROM users u WHERE u.project = $1 AND u.id > $2 ORDER BY u.project, u.id LIMIT $3`
	standing    = `SELECT ` + userColumns + `, ` + grantColumns + ` FROM (SELECT 1) AS one
		LEFT JOIN users u ON u.id = $1 LEFT JOIN grants g ON g.id = $2`

	// A second login with one new address finds the address taken, and is judged again.
	insertUser    = insertUserRow + ` ON CONFLICT DO NOTHING RETURNING 1`
	insertUserRow = `INSERT INTO users (id, project, email, phone, contact_phone, registered, last_login, ban_from, ban_until,
		ban_reason, epoch, networks, person) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @`
	loginUser = `UPDATE users SET last_login = ?, epoch = ?, networks = ?
		WHERE id = ? AND epoch = ? AND ban_from = ? AND ban_until = ? AND @ RETURNING 1`
	setContactPhone = `UPDATE users SET contact_phone = ? WHERE id = ? AND @ RETURNING 1`
	setBan          = `UPDATE users SET ban_from = ?, ban_until = ?, ban_reason = ?, epoch = ? WHERE id = ? AND epoch = ? AND @ RETURNING 1`
	endSessions     = `UPDATE users SET epoch = ? WHERE id = ? AND epoch = ? AND @ RETURNING 1`
	describeUser    = `UPDATE users SET person = ? WHERE id = ? AND person IS NOT DISTINCT FROM ? AND @ RETURNING 1`

	deleteUser         = `DELETE FROM users WHERE id = ? AND @ RETURNING 1`
	deleteUserSessions = `DELETE FROM sessions WHERE user_id = $1`
	deleteUserCodes    = `DELETE FROM codes WHERE user_id = $1`
	deleteUserGrants   = `DELETE FROM grants WHERE user_id = $1`
)

// User implements latchkey.UserStore.
func (s *Store) User(ctx context.Context, id latchkey.UserID) (latchkey.User, error) {
	u, _, err := s.knownUser(ctx, id)
	return u, err
}

// Standing implements latchkey.UserStore.
func (s *Store) Standing(ctx context.Context, id latchkey.UserID, grant latchkey.GrantID) (latchkey.User, latchkey.Grant, error) {
	q := query(standing)
	q.putUUID(id.UUID)
	q.putHandle(grant.Handle)
	type both struct {
		u latchkey.User
		g latchkey.Grant
	}
	got, err := find(ctx, s, q, func(got *both, r *row) { r.getUserRow(&got.u); got.g = r.getGrantRow() })
	return got.u, got.g, err
}

// Users implements latchkey.UserStore.
func (s *Store) Users(
	ctx context.Context, p latchkey.ProjectID, address latchkey.Address, after latchkey.UserID, limit int,
) ([]latchkey.User, error) {
	q := query(usersAfter)
	switch address.Channel() {
	case latchkey.Email:
		q = query(userByEmail)
	case latchkey.Phone:
		q = query(userByPhone)
	}
	q.putUUID(p.UUID)
	if !address.IsZero() {
		q.putText(address.Value())
	}
	put(q, oidUUID, after.UUID[:])
	q.putInt(int64(max(limit, 0)))
	us, err := find(ctx, s, q, func(us *[]latchkey.User, r *row) {
		var u latchkey.User
		r.getUserRow(&u)
		*us = append(*us, u)
	})
	return *us, err
}

// CreateUser implements latchkey.UserStore.
func (s *Store) CreateUser(ctx context.Context, u latchkey.User, e latchkey.Event) error {
	if _, err := s.Project(ctx, u.Project); err != nil {
		return err
	}
	c := aloneChange().guard(insertUser)
	c.putUser(u)
	held, err := s.administer(ctx, patience, c.event(e).end())
	if err == nil && held == 0 {
		err = &latchkey.Error{Code: latchkey.Conflict, Message: "the address belongs to another user"}
	}
	return err
}

// SetContactPhone implements latchkey.UserStore.
func (s *Store) SetContactPhone(ctx context.Context, id latchkey.UserID, phone latchkey.Address, e latchkey.Event) error {
	c := aloneChange().guard(setContactPhone)
	c.putOptional(phone.Value())
	c.putUUID(id.UUID)
	held, err := s.administer(ctx, patience, c.event(e).end())
	if err == nil && held == 0 {
		err = latchkey.UserNotFound
	}
	return err
}

// DescribeUser implements latchkey.UserStore.
func (s *Store) DescribeUser(
	ctx context.Context, id latchkey.UserID, said latchkey.PersonChange, e latchkey.Event,
) (latchkey.User, error) {
	next := new(latchkey.User)
	err := s.changeUser(ctx, id, func(old latchkey.User, person []byte) (*change, error) {
		var err error
		if *next, err = old.Describe(said); err != nil {
			return nil, err
		}
		return describing(id, person, next.Person, e), nil
	})
	return *next, err
}

// describing is the change that stores next where the column person is as it was loaded.
func describing(id latchkey.UserID, person []byte, next latchkey.Person, e latchkey.Event) *change {
	c := aloneChange().guard(describeUser)
	c.putPerson(next)
	c.putUUID(id.UUID)
	c.putBlob(person)
	return c.event(e)
}

// EndSessions implements latchkey.UserStore.
func (s *Store) EndSessions(ctx context.Context, id latchkey.UserID, e latchkey.Event) error {
	return s.changeUser(ctx, id, func(u latchkey.User, _ []byte) (*change, error) {
		c := aloneChange().guard(endSessions)
		c.putInt(int64(u.LogOut().Epoch))
		c.putUUID(id.UUID)
		c.putInt(int64(u.Epoch))
		return c.event(e), nil
	})
}

// SetBan implements latchkey.UserStore.
func (s *Store) SetBan(ctx context.Context, id latchkey.UserID, b latchkey.Ban, e latchkey.Event) error {
	return s.changeUser(ctx, id, func(u latchkey.User, _ []byte) (*change, error) {
		next := u
		if b != (latchkey.Ban{}) {
			next = u.LogOut()
		}
		c := aloneChange().guard(setBan)
		c.putTime(b.From)
		c.putTime(b.Until)
		c.putForeign(b.Reason)
		c.putInt(int64(next.Epoch))
		c.putUUID(id.UUID)
		c.putInt(int64(u.Epoch))
		return c.event(e), nil
	})
}

// DeleteUser implements latchkey.UserStore. Whoever makes a code or a grant for the user holds the user, one of their sessions
// or one of their codes meanwhile. So those go first, and the statements after them see what was made until then.
func (s *Store) DeleteUser(ctx context.Context, id latchkey.UserID, e latchkey.Event) error {
	u, _, err := s.knownUser(ctx, id)
	if err != nil {
		return err
	}
	c := aloneChange().guard(deleteUser)
	c.putUUID(id.UUID)
	for _, a := range [...]latchkey.Address{u.Email, u.Phone} {
		if !a.IsZero() {
			c.forgetGuesses(u.Project, a)
			c.forgetPendingSMS(u.Project, a)
		}
	}
	stmts := []*stmt{c.event(e).end()}
	for _, text := range [...]string{deleteUserSessions, deleteUserCodes, deleteUserGrants} {
		q := query(text)
		q.putUUID(id.UUID)
		stmts = append(stmts, q)
	}
	held, err := s.administer(ctx, patience, stmts...)
	if err == nil && held == 0 {
		err = latchkey.UserNotFound
	}
	return err
}

// changeUser runs judge on a user that exists, with the column person as it is, and stores the change that it gives.
func (s *Store) changeUser(
	ctx context.Context, id latchkey.UserID, judge func(latchkey.User, []byte) (*change, error),
) error {
	return s.settle(ctx, func(ctx context.Context) (*change, error) {
		u, person, err := s.knownUser(ctx, id)
		if err != nil {
			return nil, err
		}
		return judge(u, person)
	})
}

// knownUser gives a user, and the column person as it is. Errors: UserNotFound.
func (s *Store) knownUser(ctx context.Context, id latchkey.UserID) (latchkey.User, []byte, error) {
	q := query(userByID)
	q.putUUID(id.UUID)
	type raw struct {
		u      latchkey.User
		person []byte
	}
	got, err := find(ctx, s, q, func(got *raw, r *row) {
		r.getUserRow(&got.u)
		got.person = append([]byte(nil), r.values[r.column-1]...)
	})
	if err == nil && got.u.ID.IsZero() {
		err = latchkey.UserNotFound
	}
	return got.u, got.person, err
}

// login adds the guard that stores what Attempt.Judge changes of a user: all of a new one, the last login, its network and the
// epoch of one that exists and is as it was loaded.
func (c *change) login(old, next latchkey.User) {
	if old.ID.IsZero() {
		c.guard(insertUser)
		c.putUser(next)
		return
	}
	c.guard(loginUser)
	c.putTime(next.LastLogin)
	c.putInt(int64(next.Epoch))
	c.putNetworks(next.Networks)
	c.putUUID(old.ID.UUID)
	c.putInt(int64(old.Epoch))
	c.putTime(old.Ban.From)
	c.putTime(old.Ban.Until)
}

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
	q.putForeign(u.Ban.Reason)
	q.putInt(int64(u.Epoch))
	q.putNetworks(u.Networks)
	q.putPerson(u.Person)
}

// putPerson puts NULL for somebody who said nothing.
func (q *stmt) putPerson(p latchkey.Person) {
	if p == (latchkey.Person{}) {
		q.putNull(oidBytea)
		return
	}
	said, err := json.Marshal(p)
	if err != nil {
		said = nil // texts only: it never fails
	}
	q.putBlob(said)
}

// getUserRow reads userColumns; all NULL is zero.
func (r *row) getUserRow(u *latchkey.User) {
	u.ID, u.Project = r.getUser(), r.getProject()
	u.Email = r.getOptional(latchkey.Email)
	u.Phone = r.getOptional(latchkey.Phone)
	u.ContactPhone = r.getOptional(latchkey.Phone)
	u.Registered, u.LastLogin = r.getTime(), r.getTime()
	u.Ban = latchkey.Ban{From: r.getTime(), Until: r.getTime(), Reason: r.getText()}
	u.Epoch = int(r.getInt())
	u.Networks = r.getNetworks()
	if said := r.next(); said != nil {
		if json.Unmarshal(said, &u.Person) != nil {
			r.err = errShape
		}
	}
}

// putNetworks puts NULL for no login.
func (q *stmt) putNetworks(ns latchkey.Networks) {
	if ns == (latchkey.Networks{}) {
		q.putNull(oidBytea)
		return
	}
	b := make([]byte, 0, len(ns)*len(ns[0]))
	for _, n := range ns {
		b = append(b, n[:]...)
	}
	q.putBlob(b)
}

func (r *row) getNetworks() (ns latchkey.Networks) {
	b := r.next()
	if len(b) == len(ns)*len(ns[0]) {
		for i := range ns {
			copy(ns[i][:], b[i*len(ns[i]):])
		}
	}
	return ns
}

// getOptional reads an address whose channel the column tells; NULL is none.
func (r *row) getOptional(c latchkey.Channel) latchkey.Address {
	if v := r.getText(); v != "" {
		return latchkey.CanonicalAddress(c, v)
	}
	return latchkey.Address{}
}
