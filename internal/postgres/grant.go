package postgres

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	codeColumns = `d.id, d.project, d.client, d.user_id, d.epoch, d.channel, d.redirect, d.scope, d.payload, d.nonce,
		d.code_challenge, d.session, d.auth_time, d.issued, d.expires, d.grant_id`
	redeemLoad = `SELECT ` + codeColumns + `, ` + userColumns + `, ` + sessionColumns + ` FROM codes d
		LEFT JOIN users u ON u.id = d.user_id LEFT JOIN sessions s ON s.id = d.session WHERE d.id = $1`
	insertCode = `INSERT INTO codes (id, project, client, user_id, epoch, channel, redirect, scope, payload, nonce,
		code_challenge, session, auth_time, issued, expires, grant_id)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @`
	spendCode = `UPDATE codes SET grant_id = ? WHERE id = ? AND grant_id IS NULL AND @ RETURNING 1`

	grantColumns = `g.id, g.project, g.client, g.user_id, g.epoch, g.channel, g.scope, g.payload, g.session, g.generation,
		g.auth_time, g.created, g.rotated, g.expires, g.revoked`
	grantAndUser = `SELECT ` + grantColumns + `, ` + userColumns + ` FROM grants g LEFT JOIN users u ON u.id = g.user_id WHERE g.id = $1`
	grantByID    = `SELECT ` + grantColumns + ` FROM grants g WHERE g.id = $1`
	grantsOfUser = `SELECT ` + grantColumns + ` FROM grants g WHERE g.user_id = $1 AND g.revoked = 0 AND g.expires > $2
		ORDER BY g.id DESC`
	insertGrant = `INSERT INTO grants (id, project, client, user_id, epoch, channel, scope, payload, session, generation,
		auth_time, created, rotated, expires, revoked) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @`
	rotateGrant = `UPDATE grants SET generation = ?, rotated = ?, revoked = ?
		WHERE id = ? AND generation = ? AND rotated = ? AND revoked = ? AND @ RETURNING 1`
	revokeGrant  = `UPDATE grants SET revoked = ? WHERE id = ? AND revoked = 0 AND @ RETURNING 1`
	leaveSession = `UPDATE grants SET session = ?, revoked = ? WHERE id = ? AND revoked = 0 AND @ RETURNING 1`
)

// RedeemCode implements latchkey.LoginStore.
func (s *Store) RedeemCode(ctx context.Context, r latchkey.Redemption, now time.Time) (latchkey.Redeemed, error) {
	type loaded struct {
		code    latchkey.AuthorizationCode
		user    latchkey.User
		session latchkey.Session
	}
	out := new(latchkey.Redeemed)
	err := s.settle(ctx, func(ctx context.Context) (*change, error) {
		q := query(redeemLoad)
		q.putHandle(r.ID.Handle)
		old, err := find(ctx, s, q, func(got *loaded, r *row) {
			r.getCodeRow(&got.code)
			r.getUserRow(&got.user)
			r.getSessionRow(&got.session)
		})
		if err != nil {
			return nil, err
		}
		*out = r.Judge(old.code, old.session, old.user, now)
		c := newChange(orderOfHandle(byCode, r.ID.Handle))
		if out.Code.Grant != old.code.Grant {
			if !old.session.ID.IsZero() { // or it could end before the grant is there, and the grant would outlive it
				c.guard(keepSession)
				c.putHandle(old.session.ID.Handle)
			}
			c.guard(spendCode)
			c.putHandle(out.Code.Grant.Handle)
			c.putHandle(out.Code.ID.Handle)
			c.step(insertGrant)
			c.putGrant(out.Grant)
		}
		if !out.Revoke.IsZero() {
			c.order = orderOfHandle(byGrant, out.Revoke.Handle)
			c.revoke(out.Revoke, now)
		}
		return c.event(out.Event), nil
	})
	if err != nil {
		return latchkey.Redeemed{}, err
	}
	return *out, nil
}

// RotateGrant implements latchkey.LoginStore.
func (s *Store) RotateGrant(ctx context.Context, r latchkey.Rotation, now time.Time) (latchkey.Rotated, error) {
	type loaded struct {
		grant latchkey.Grant
		user  latchkey.User
	}
	out := new(latchkey.Rotated)
	err := s.settle(ctx, func(ctx context.Context) (*change, error) {
		q := query(grantAndUser)
		q.putHandle(r.ID.Handle)
		old, err := find(ctx, s, q, func(got *loaded, r *row) {
			got.grant = r.getGrantRow()
			r.getUserRow(&got.user)
		})
		if err != nil {
			return nil, err
		}
		*out = r.Judge(old.grant, old.user, now)
		c := newChange(orderOfHandle(byGrant, r.ID.Handle))
		if out.Grant != old.grant {
			c.guard(rotateGrant)
			c.putInt(int64(out.Grant.Generation))
			c.putTime(out.Grant.Rotated)
			c.putTime(out.Grant.Revoked)
			c.putHandle(old.grant.ID.Handle)
			c.putInt(int64(old.grant.Generation))
			c.putTime(old.grant.Rotated)
			c.putTime(old.grant.Revoked)
		}
		return c.event(out.Event), nil
	})
	if err != nil {
		return latchkey.Rotated{}, err
	}
	return *out, nil
}

// RevokeGrant implements latchkey.LoginStore.
func (s *Store) RevokeGrant(ctx context.Context, r latchkey.Revocation, now time.Time) (latchkey.Revoked, error) {
	out := new(latchkey.Revoked)
	err := s.settle(ctx, func(ctx context.Context) (*change, error) {
		q := query(grantByID)
		q.putHandle(r.ID.Handle)
		old, err := find(ctx, s, q, func(got *latchkey.Grant, r *row) { *got = r.getGrantRow() })
		if err != nil {
			return nil, err
		}
		if *out = r.Judge(*old, now); !out.Done {
			return nil, nil
		}
		c := newChange(orderOfHandle(byGrant, r.ID.Handle)).guard(revokeGrant)
		c.putTime(out.Grant.Revoked)
		c.putHandle(out.Grant.ID.Handle)
		return c.event(out.Event), nil
	})
	if err != nil {
		return latchkey.Revoked{}, err
	}
	return *out, nil
}

// Grants implements latchkey.UserStore.
func (s *Store) Grants(ctx context.Context, id latchkey.UserID, now time.Time) ([]latchkey.Grant, error) {
	q := query(grantsOfUser)
	q.putUUID(id.UUID)
	q.putTime(now)
	gs, err := find(ctx, s, q, func(gs *[]latchkey.Grant, r *row) { *gs = append(*gs, r.getGrantRow()) })
	return *gs, err
}

// revoke adds the step that revokes a grant, unless it is revoked already.
func (c *change) revoke(id latchkey.GrantID, now time.Time) {
	c.step(revokeGrant)
	c.putTime(now)
	c.putHandle(id.Handle)
}

func (q *stmt) putCode(a latchkey.AuthorizationCode) {
	q.putHandle(a.ID.Handle)
	q.putUUID(a.Project.UUID)
	q.putInt(int64(a.Client))
	q.putUUID(a.User.UUID)
	q.putInt(int64(a.Epoch))
	q.putText(string(a.Channel))
	q.putForeign(a.Redirect)
	q.putForeign(a.Scope)
	q.putForeign(a.Payload)
	q.putForeign(a.Nonce)
	q.putForeign(a.CodeChallenge)
	q.putHandle(a.Session.Handle)
	q.putTime(a.AuthTime)
	q.putTime(a.Issued)
	q.putTime(a.Expires)
	q.putHandle(a.Grant.Handle)
}

// getCodeRow reads codeColumns; all NULL is zero.
func (r *row) getCodeRow(a *latchkey.AuthorizationCode) {
	a.ID.Handle = r.getHandle()
	a.Project = r.getProject()
	a.Client = r.getClient()
	a.User = r.getUser()
	a.Epoch = int(r.getInt())
	a.Channel = r.getChannel()
	a.Redirect, a.Scope, a.Payload, a.Nonce = r.getText(), r.getText(), r.getText(), r.getText()
	a.CodeChallenge = r.getText()
	a.Session.Handle = r.getHandle()
	a.AuthTime, a.Issued, a.Expires = r.getTime(), r.getTime(), r.getTime()
	a.Grant.Handle = r.getHandle()
}

func (q *stmt) putGrant(g latchkey.Grant) {
	q.putHandle(g.ID.Handle)
	q.putUUID(g.Project.UUID)
	q.putInt(int64(g.Client))
	q.putUUID(g.User.UUID)
	q.putInt(int64(g.Epoch))
	q.putText(string(g.Channel))
	q.putForeign(g.Scope)
	q.putForeign(g.Payload)
	q.putHandle(g.Session.Handle)
	q.putInt(int64(g.Generation))
	q.putTime(g.AuthTime)
	q.putTime(g.Created)
	q.putTime(g.Rotated)
	q.putTime(g.Expires)
	q.putTime(g.Revoked)
}

// getGrantRow reads grantColumns; all NULL is zero.
func (r *row) getGrantRow() (g latchkey.Grant) {
	g.ID.Handle = r.getHandle()
	g.Project = r.getProject()
	g.Client = r.getClient()
	g.User = r.getUser()
	g.Epoch = int(r.getInt())
	g.Channel = r.getChannel()
	g.Scope, g.Payload = r.getText(), r.getText()
	g.Session.Handle = r.getHandle()
	g.Generation = uint32(r.getInt()) // was one when it was stored
	g.AuthTime, g.Created, g.Rotated, g.Expires, g.Revoked = r.getTime(), r.getTime(), r.getTime(), r.getTime(), r.getTime()
	return g
}
