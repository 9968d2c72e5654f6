package sqlite

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	keyColumns    = `id, project, algorithm, state, sealed, public, created, activated, retires`
	keysOfProject = `SELECT ` + keyColumns + ` FROM keys WHERE project = ? ORDER BY created, id`
	insertKey     = `INSERT INTO keys (` + keyColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	replaceKeys   = `DELETE FROM keys WHERE project = ? AND algorithm = ?`
	moveKey       = `UPDATE keys SET state = ?, activated = ?, retires = ? WHERE id = ?`
	deleteKey     = `DELETE FROM keys WHERE id = ?`
)

// Keys implements latchkey.SettingsStore.
func (s *Store) Keys(ctx context.Context, p latchkey.ProjectID) (latchkey.Keys, error) {
	return find(ctx, s, func(c *conn) (latchkey.Keys, error) { return c.keys(p) })
}

// AddKey implements latchkey.SettingsStore.
func (s *Store) AddKey(ctx context.Context, k latchkey.Key, replace bool, e latchkey.Event) error {
	return s.writer.do(ctx, func(c *conn) error {
		if known, err := c.has(`SELECT 1 FROM projects WHERE id = ?`, k.Project.UUID[:]); err != nil {
			return err
		} else if !known {
			return latchkey.ProjectNotFound
		}
		if taken, err := c.hasKey(k.ID); taken || err != nil {
			return conflict(err)
		}
		if replace && k.State == latchkey.ActiveKey {
			q := c.stmt(replaceKeys)
			q.putUUID(k.Project.UUID)
			q.putText(string(k.Algorithm))
			if err := q.exec(); err != nil {
				return err
			}
		}
		if err := c.insertKey(k); err != nil {
			return err
		}
		return c.insertEvent(e)
	})
}

// AdvanceKeys implements latchkey.SettingsStore.
func (s *Store) AdvanceKeys(ctx context.Context, now time.Time) (latchkey.Keys, error) {
	return write(ctx, s, func(c *conn) (active latchkey.Keys, err error) {
		ps, err := c.projects()
		if err != nil {
			return nil, err
		}
		for _, p := range ps {
			old, err := c.keys(p.ID)
			if err != nil {
				return nil, err
			}
			moved, err := c.moveKeys(old, old.Advance(p.TokenLifeMax(), now))
			if err != nil {
				return nil, err
			}
			for _, k := range moved {
				if err := c.insertEvent(k.BecameActive(now)); err != nil {
					return nil, err
				}
			}
			active = append(active, moved...)
		}
		return active, nil
	})
}

// moveKeys stores how next differs from old and gives the keys that became active.
func (c *conn) moveKeys(old, next latchkey.Keys) (active latchkey.Keys, err error) {
	left := make(map[latchkey.KeyID]latchkey.Key, len(next))
	for _, k := range next {
		left[k.ID] = k
	}
	for _, was := range old {
		is, kept := left[was.ID]
		var q stmt
		switch {
		case !kept:
			q = c.stmt(deleteKey)
		case is.State == was.State:
			continue
		default:
			q = c.stmt(moveKey)
			q.putText(string(is.State))
			q.putTime(is.Activated)
			q.putTime(is.Retires)
		}
		q.putText(string(was.ID))
		if err := q.exec(); err != nil {
			return nil, err
		}
		if kept && is.State == latchkey.ActiveKey {
			active = append(active, is)
		}
	}
	return active, nil
}

// keys gives the keys of a project, oldest first.
func (c *conn) keys(p latchkey.ProjectID) (ks latchkey.Keys, err error) {
	q := c.stmt(keysOfProject)
	defer q.reset()
	q.putUUID(p.UUID)
	for {
		found, err := q.row()
		if !found {
			return ks, err
		}
		ks = append(ks, q.getKeyRow())
	}
}

// getKeyRow reads keyColumns.
func (q *stmt) getKeyRow() latchkey.Key {
	return latchkey.Key{
		ID: latchkey.KeyID(q.getText()), Project: q.getProject(), Algorithm: latchkey.Algorithm(q.getText()),
		State: latchkey.KeyState(q.getText()), Sealed: q.getBlob(), Public: q.getBlob(), Created: q.getTime(),
		Activated: q.getTime(), Retires: q.getTime(),
	}
}

func (c *conn) hasKey(id latchkey.KeyID) (bool, error) {
	q := c.stmt(`SELECT 1 FROM keys WHERE id = ?`)
	defer q.reset()
	q.putText(string(id))
	return q.row()
}

func (c *conn) insertKey(k latchkey.Key) error {
	q := c.stmt(insertKey)
	q.putText(string(k.ID))
	q.putUUID(k.Project.UUID)
	q.putText(string(k.Algorithm))
	q.putText(string(k.State))
	q.putBlob(k.Sealed)
	q.putBlob(k.Public)
	q.putTime(k.Created)
	q.putTime(k.Activated)
	q.putTime(k.Retires)
	return q.exec()
}
