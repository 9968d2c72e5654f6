package sqlite

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	codeColumns = `id, project, client, user, expires, grant_id, said` // said is packed
	codeByID    = `SELECT ` + codeColumns + ` FROM codes WHERE id = ?`
	insertCode  = `INSERT INTO codes (` + codeColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?)`
	spendCode   = `UPDATE codes SET grant_id = ? WHERE id = ?`

	grantColumns = `g.id, g.project, g.client, g.user, g.session, g.generation, g.rotated, g.expires, g.revoked, g.said` // said is packed
	grantByID    = `SELECT ` + grantColumns + ` FROM grants g WHERE g.id = ?`
	grantsOfUser = `SELECT ` + grantColumns + ` FROM grants g WHERE g.user = ? AND g.revoked = 0 AND g.expires > ?
		ORDER BY g.id DESC`
	insertGrant = `INSERT INTO grants (id, project, client, user, session, generation, rotated, expires, revoked, said)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	rotateGrant  = `UPDATE grants SET generation = ?, rotated = ?, revoked = ? WHERE id = ?`
	revokeGrant  = `UPDATE grants SET revoked = ? WHERE id = ? AND revoked = 0`
	leaveSession = `UPDATE grants SET session = ?, revoked = ? WHERE id = ? AND revoked = 0`
)

// RedeemCode implements latchkey.LoginStore.
func (s *Store) RedeemCode(ctx context.Context, r latchkey.Redemption, now time.Time) (latchkey.Redeemed, error) {
	return writeInto(ctx, s, &s.redeemed, func(c *conn) (latchkey.Redeemed, error) {
		var none latchkey.Redeemed
		code, err := c.code(r.ID)
		if err != nil {
			return none, err
		}
		u, err := c.user(code.User)
		if err != nil {
			return none, err
		}
		var session latchkey.Session
		if !code.Session.IsZero() {
			if session, err = c.session(code.Session); err != nil {
				return none, err
			}
		}
		out := r.Judge(code, session, u, now)
		if out.Code.Grant != code.Grant {
			q := c.stmt(spendCode)
			q.putHandle(out.Code.Grant.Handle)
			q.putHandle(out.Code.ID.Handle)
			if err := q.exec(); err != nil {
				return out, err
			}
			if err := c.insertGrant(out.Grant); err != nil {
				return out, err
			}
		}
		if !out.Revoke.IsZero() {
			if err := c.revokeGrant(out.Revoke, now); err != nil {
				return out, err
			}
		}
		return out, c.insertEvent(out.Event)
	})
}

// RotateGrant implements latchkey.LoginStore.
func (s *Store) RotateGrant(ctx context.Context, r latchkey.Rotation, now time.Time) (latchkey.Rotated, error) {
	return write(ctx, s, func(c *conn) (latchkey.Rotated, error) {
		var none latchkey.Rotated
		g, err := c.grant(r.ID)
		if err != nil {
			return none, err
		}
		u, err := c.user(g.User)
		if err != nil {
			return none, err
		}
		out := r.Judge(g, u, now)
		if out.Grant != g {
			q := c.stmt(rotateGrant)
			q.putInt(int64(out.Grant.Generation))
			q.putTime(out.Grant.Rotated)
			q.putTime(out.Grant.Revoked)
			q.putHandle(out.Grant.ID.Handle)
			if err := q.exec(); err != nil {
				return out, err
			}
		}
		return out, c.insertEvent(out.Event)
	})
}

// RevokeGrant implements latchkey.LoginStore.
func (s *Store) RevokeGrant(ctx context.Context, r latchkey.Revocation, now time.Time) (latchkey.Revoked, error) {
	return write(ctx, s, func(c *conn) (latchkey.Revoked, error) {
		var none latchkey.Revoked
		g, err := c.grant(r.ID)
		if err != nil {
			return none, err
		}
		out := r.Judge(g, now)
		if !out.Done {
			return out, nil
		}
		if err := c.revokeGrant(out.Grant.ID, out.Grant.Revoked); err != nil {
			return out, err
		}
		return out, c.insertEvent(out.Event)
	})
}

// Grants implements latchkey.UserStore.
func (s *Store) Grants(ctx context.Context, id latchkey.UserID, now time.Time) ([]latchkey.Grant, error) {
	return find(ctx, s, func(c *conn) ([]latchkey.Grant, error) {
		q := c.stmt(grantsOfUser)
		defer q.reset()
		q.putUUID(id.UUID)
		q.putTime(now)
		return q.getGrantRows()
	})
}

// code gives an authorization code, or zero.
func (c *conn) code(id latchkey.CodeID) (a latchkey.AuthorizationCode, err error) {
	q := c.stmt(codeByID)
	defer q.reset()
	q.putHandle(id.Handle)
	if found, err := q.row(); !found {
		return a, err
	}
	a.ID.Handle = q.getHandle()
	a.Project = q.getProject()
	a.Client = q.getClient()
	a.User = q.getUser()
	a.Expires = q.getTime()
	a.Grant.Handle = q.getHandle()
	return a, unpackCode(&a, q.getText())
}

func (c *conn) insertCode(a latchkey.AuthorizationCode) error {
	q := c.stmt(insertCode)
	q.putHandle(a.ID.Handle)
	q.putUUID(a.Project.UUID)
	q.putInt(int64(a.Client))
	q.putUUID(a.User.UUID)
	q.putTime(a.Expires)
	q.putBlob(a.Grant.Handle[:]) // as many zeros for none: the row stays as long as it is, and is spent in place
	p := c.packer()
	packCode(p, a)
	q.putBlob(p.b)
	return q.exec()
}

func packCode(p *packer, a latchkey.AuthorizationCode) {
	p.int(int64(a.Epoch))
	p.text(string(a.Channel))
	p.text(a.Redirect)
	p.text(a.Scope)
	p.text(a.Payload)
	p.text(a.Nonce)
	p.text(a.CodeChallenge)
	p.id(a.Session.Handle[:], a.Session.IsZero())
	p.time(a.AuthTime)
	p.time(a.Issued)
}

func unpackCode(a *latchkey.AuthorizationCode, said string) error {
	u := unpacker{s: said}
	a.Epoch = int(u.int())
	a.Channel = latchkey.Channel(u.text())
	a.Redirect, a.Scope, a.Payload, a.Nonce = u.text(), u.text(), u.text(), u.text()
	a.CodeChallenge = u.text()
	u.into(a.Session.Handle[:])
	a.AuthTime, a.Issued = u.time(), u.time()
	return u.end()
}

// grant gives a grant, or zero.
func (c *conn) grant(id latchkey.GrantID) (g latchkey.Grant, err error) {
	q := c.stmt(grantByID)
	defer q.reset()
	q.putHandle(id.Handle)
	if found, err := q.row(); !found {
		return g, err
	}
	return q.getGrantRow()
}

// getGrantRows reads every row.
func (q *stmt) getGrantRows() (gs []latchkey.Grant, err error) {
	for {
		found, err := q.row()
		if !found {
			return gs, err
		}
		g, err := q.getGrantRow()
		if err != nil {
			return nil, err
		}
		gs = append(gs, g)
	}
}

// revokeGrant leaves a grant that is revoked already as it is.
func (c *conn) revokeGrant(id latchkey.GrantID, now time.Time) error {
	q := c.stmt(revokeGrant)
	q.putTime(now)
	q.putHandle(id.Handle)
	return q.exec()
}

// leaveSession stores what Ending.Judge changes of a grant.
func (c *conn) leaveSession(g latchkey.Grant) error {
	q := c.stmt(leaveSession)
	q.putHandle(g.Session.Handle)
	q.putTime(g.Revoked)
	q.putHandle(g.ID.Handle)
	return q.exec()
}

func (c *conn) insertGrant(g latchkey.Grant) error {
	q := c.stmt(insertGrant)
	q.putHandle(g.ID.Handle)
	q.putUUID(g.Project.UUID)
	q.putInt(int64(g.Client))
	q.putUUID(g.User.UUID)
	q.putHandle(g.Session.Handle)
	q.putInt(int64(g.Generation))
	q.putTime(g.Rotated)
	q.putTime(g.Expires)
	q.putTime(g.Revoked)
	p := c.packer()
	p.int(int64(g.Epoch))
	p.text(string(g.Channel))
	p.text(g.Scope)
	p.text(g.Payload)
	p.time(g.AuthTime)
	p.time(g.Created)
	q.putBlob(p.b)
	return q.exec()
}

// getGrantRow reads grantColumns. A row without a grant (standing) gives zero.
func (q *stmt) getGrantRow() (g latchkey.Grant, err error) {
	g.ID.Handle = q.getHandle()
	if g.ID.IsZero() {
		return g, nil
	}
	g.Project = q.getProject()
	g.Client = q.getClient()
	g.User = q.getUser()
	g.Session.Handle = q.getHandle()
	g.Generation = uint32(q.getInt()) // was one when it was stored
	g.Rotated, g.Expires, g.Revoked = q.getTime(), q.getTime(), q.getTime()
	u := unpacker{s: q.getText()}
	g.Epoch = int(u.int())
	g.Channel = latchkey.Channel(u.text())
	g.Scope, g.Payload = u.text(), u.text()
	g.AuthTime, g.Created = u.time(), u.time()
	return g, u.end()
}
