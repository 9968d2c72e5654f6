package postgres

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	keyColumns    = `id, project, algorithm, state, sealed, public, created, activated, retires`
	keysOfProject = `SELECT ` + keyColumns + ` FROM keys WHERE project = $1 ORDER BY created, id`
	allKeys       = `SELECT ` + keyColumns + ` FROM keys ORDER BY project, created, id`
	insertKey     = `INSERT INTO keys (` + keyColumns + `) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @ ON CONFLICT DO NOTHING RETURNING 1`
	replaceKeys   = `DELETE FROM keys WHERE project = ? AND algorithm = ? AND id <> ? AND @`
	lockKey       = `SELECT 1 FROM keys WHERE id = ? AND state = ? AND @ FOR UPDATE`
	moveKey       = `UPDATE keys SET state = ?, activated = ?, retires = ? WHERE id = ? AND @`
	deleteKey     = `DELETE FROM keys WHERE id = ? AND @`
	knownProject  = `SELECT 1 FROM projects WHERE id = ? AND @ FOR UPDATE`
)

// Keys implements latchkey.SettingsStore.
func (s *Store) Keys(ctx context.Context, p latchkey.ProjectID) (latchkey.Keys, error) {
	q := query(keysOfProject)
	q.putUUID(p.UUID)
	ks, err := find(ctx, s, q, func(ks *latchkey.Keys, r *row) { *ks = append(*ks, r.getKeyRow()) })
	return *ks, err
}

// AddKey implements latchkey.SettingsStore.
func (s *Store) AddKey(ctx context.Context, k latchkey.Key, replace bool, e latchkey.Event) error {
	c := aloneChange().guard(knownProject)
	c.putUUID(k.Project.UUID)
	c.guard(insertKey)
	c.putKey(k)
	if replace && k.State == latchkey.ActiveKey {
		c.step(replaceKeys)
		c.putUUID(k.Project.UUID)
		c.putText(string(k.Algorithm))
		c.putText(string(k.ID))
	}
	held, err := s.administer(ctx, patience, c.event(e).end())
	switch {
	case err != nil:
		return err
	case held == 0:
		return latchkey.ProjectNotFound
	case held == 1:
		return latchkey.Conflict
	}
	return nil
}

// AdvanceKeys implements latchkey.SettingsStore. Every node does it; each project's keys are moved on by the one that comes
// first, and the others find them moved.
func (s *Store) AdvanceKeys(ctx context.Context, now time.Time) (latchkey.Keys, error) {
	type loaded struct {
		projects []latchkey.Project
		keys     map[latchkey.ProjectID]latchkey.Keys
	}
	all, err := findAll(ctx, s, func(got *loaded, i int, r *row) {
		if i == 0 {
			got.projects = append(got.projects, r.getProjectRow())
			return
		}
		if got.keys == nil {
			got.keys = map[latchkey.ProjectID]latchkey.Keys{}
		}
		k := r.getKeyRow()
		got.keys[k.Project] = append(got.keys[k.Project], k)
	}, query(allProjects), query(allKeys))
	if err != nil {
		return nil, err
	}
	var moves []keyMove
	for _, p := range all.projects {
		old := all.keys[p.ID]
		if m := moveKeys(old, old.Advance(p.TokenLifeMax(), now), now); m.change.guards > 0 {
			moves = append(moves, m)
		}
	}
	return s.storeMoves(ctx, moves)
}

// A keyMove is how the keys of one project move on.
type keyMove struct {
	change *change
	active latchkey.Keys // that become active by it
}

// storeMoves stores moves in one transaction and gives the keys that became active by those that took hold.
func (s *Store) storeMoves(ctx context.Context, moves []keyMove) (latchkey.Keys, error) {
	if len(moves) == 0 {
		return nil, nil
	}
	stmts := make([]*stmt, 0, len(moves))
	for _, m := range moves {
		stmts = append(stmts, m.change.end())
	}
	active := new(latchkey.Keys)
	_, err := s.alone(ctx, patience, &job{begin: func() { *active = nil }, row: func(i int, r *row) {
		if int(r.getInt()) == moves[i].change.guards {
			*active = append(*active, moves[i].active...)
		}
	}}, stmts...)
	if err != nil {
		return nil, err
	}
	return *active, nil
}

// moveKeys is the change that stores how next differs from old, if old is still so.
func moveKeys(old, next latchkey.Keys, now time.Time) keyMove {
	left := make(map[latchkey.KeyID]latchkey.Key, len(next))
	for _, k := range next {
		left[k.ID] = k
	}
	m := keyMove{change: aloneChange()}
	var moved latchkey.Keys
	for _, was := range old {
		if is, kept := left[was.ID]; kept && is.State == was.State {
			continue
		}
		m.change.guard(lockKey)
		m.change.putText(string(was.ID))
		m.change.putText(string(was.State))
		moved = append(moved, was)
	}
	for _, was := range moved {
		is, kept := left[was.ID]
		if !kept {
			m.change.step(deleteKey)
		} else {
			m.change.step(moveKey)
			m.change.putText(string(is.State))
			m.change.putTime(is.Activated)
			m.change.putTime(is.Retires)
		}
		m.change.putText(string(was.ID))
		if kept && is.State == latchkey.ActiveKey {
			m.active = append(m.active, is)
			m.change.event(is.BecameActive(now))
		}
	}
	return m
}

func (q *stmt) putKey(k latchkey.Key) {
	q.putText(string(k.ID))
	q.putUUID(k.Project.UUID)
	q.putText(string(k.Algorithm))
	q.putText(string(k.State))
	q.putBlob(k.Sealed)
	q.putBlob(k.Public)
	q.putTime(k.Created)
	q.putTime(k.Activated)
	q.putTime(k.Retires)
}

func (r *row) getKeyRow() latchkey.Key {
	return latchkey.Key{
		ID: latchkey.KeyID(r.getText()), Project: r.getProject(), Algorithm: latchkey.Algorithm(r.getText()),
		State: latchkey.KeyState(r.getText()), Sealed: r.getBlob(), Public: r.getBlob(), Created: r.getTime(),
		Activated: r.getTime(), Retires: r.getTime(),
	}
}
