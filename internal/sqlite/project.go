package sqlite

import (
	"context"
	"encoding/json"

	"github.com/latchkey-dev/latchkey"
)

const (
	projectColumns = `id, name, locale, algorithm, token_life, access_life, refresh_life, code_digits, code_life, code_tries,
		approval, logo, color, session_idle, session_life, created, lists, look, defence`
	projectByID   = `SELECT ` + projectColumns + ` FROM projects WHERE id = ?`
	allProjects   = `SELECT ` + projectColumns + ` FROM projects ORDER BY name, id`
	insertProject = `INSERT INTO projects (` + projectColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
		?, ?, ?)`
	updateProject = `UPDATE projects SET name = ?, locale = ?, algorithm = ?, token_life = ?, access_life = ?,
		refresh_life = ?, code_digits = ?, code_life = ?, code_tries = ?, approval = ?, logo = ?, color = ?,
		session_idle = ?, session_life = ?, lists = ?, look = ?, defence = ? WHERE id = ?`
)

// projectLists are the settings of a project that are lists; they share a JSON column.
type projectLists struct {
	CallbackURLs   []string           `json:"callback_urls"`
	LinkURLs       []string           `json:"link_urls"`
	AllowedOrigins []string           `json:"allowed_origins"`
	Channels       []latchkey.Channel `json:"channels"`
}

// Project implements latchkey.SettingsStore.
func (s *Store) Project(ctx context.Context, id latchkey.ProjectID) (latchkey.Project, error) {
	return find(ctx, s, func(c *conn) (latchkey.Project, error) { return c.project(id) })
}

// Projects implements latchkey.SettingsStore.
func (s *Store) Projects(ctx context.Context) ([]latchkey.Project, error) {
	return find(ctx, s, (*conn).projects)
}

// CreateProject implements latchkey.SettingsStore.
func (s *Store) CreateProject(ctx context.Context, p latchkey.Project, ks latchkey.Keys, e latchkey.Event) error {
	return s.writer.do(ctx, func(c *conn) error {
		if taken, err := c.has(`SELECT 1 FROM projects WHERE id = ?`, p.ID.UUID[:]); taken || err != nil {
			return conflict(err)
		}
		for _, k := range ks {
			if taken, err := c.hasKey(k.ID); taken || err != nil {
				return conflict(err)
			}
		}
		if err := c.insertProject(p); err != nil {
			return err
		}
		for _, k := range ks {
			if err := c.insertKey(k); err != nil {
				return err
			}
		}
		return c.insertEvent(e)
	})
}

// UpdateProject implements latchkey.SettingsStore.
func (s *Store) UpdateProject(ctx context.Context, p latchkey.Project, e latchkey.Event) error {
	texts, err := textsOf(p)
	if err != nil {
		return err
	}
	return s.writer.do(ctx, func(c *conn) error {
		q := c.stmt(updateProject)
		q.putSettings(p)
		q.putText(texts.lists)
		q.putText(texts.look)
		q.putText(texts.defence)
		q.putUUID(p.ID.UUID)
		if err := q.exec(); err != nil {
			return err
		}
		if c.Changes() == 0 {
			return latchkey.ProjectNotFound
		}
		return c.insertEvent(e)
	})
}

// DeleteProject implements latchkey.SettingsStore. It is one transaction, so that nobody ever sees half a project:
// logins wait while the rows of a large one go.
func (s *Store) DeleteProject(ctx context.Context, id latchkey.ProjectID, e latchkey.Event) error {
	return s.writer.do(ctx, func(c *conn) error {
		if known, err := c.has(`SELECT 1 FROM projects WHERE id = ?`, id.UUID[:]); err != nil {
			return err
		} else if !known {
			return latchkey.ProjectNotFound
		}
		for _, text := range [...]string{
			`DELETE FROM outbox WHERE project = ?`, `DELETE FROM challenges WHERE project = ?`,
			`DELETE FROM sms_counts WHERE project = ?`, `DELETE FROM sms_days WHERE project = ?`,
			`DELETE FROM sms_trips WHERE project = ?`, `DELETE FROM sms_pending WHERE project = ?`,
			`DELETE FROM guess_networks WHERE project = ?`, `DELETE FROM guesses WHERE project = ?`,
			`DELETE FROM codes WHERE project = ?`, `DELETE FROM grants WHERE project = ?`,
			`DELETE FROM sessions WHERE project = ?`, `DELETE FROM device_logins WHERE project = ?`,
			`DELETE FROM users WHERE project = ?`, `DELETE FROM keys WHERE project = ?`,
			`DELETE FROM clients WHERE project = ?`, `DELETE FROM projects WHERE id = ?`,
		} {
			q := c.stmt(text)
			q.putUUID(id.UUID)
			if err := q.exec(); err != nil {
				return err
			}
		}
		return c.insertEvent(e)
	})
}

func (c *conn) insertProject(p latchkey.Project) error {
	texts, err := textsOf(p)
	if err != nil {
		return err
	}
	q := c.stmt(insertProject)
	q.putUUID(p.ID.UUID)
	q.putSettings(p)
	q.putTime(p.Created)
	q.putText(texts.lists)
	q.putText(texts.look)
	q.putText(texts.defence)
	return q.exec()
}

// project gives one project. Errors: ProjectNotFound.
func (c *conn) project(id latchkey.ProjectID) (p latchkey.Project, err error) {
	q := c.stmt(projectByID)
	defer q.reset()
	q.putUUID(id.UUID)
	found, err := q.row()
	if err != nil {
		return p, err
	}
	if !found {
		return p, latchkey.ProjectNotFound
	}
	return q.getProjectRow()
}

func (c *conn) projects() (ps []latchkey.Project, err error) {
	q := c.stmt(allProjects)
	defer q.reset()
	for {
		found, err := q.row()
		if !found {
			return ps, err
		}
		p, err := q.getProjectRow()
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
}

// putSettings binds what inserting and updating have in common, in the order of projectColumns.
func (q *stmt) putSettings(p latchkey.Project) {
	q.putText(p.Name)
	q.putText(p.DefaultLocale)
	q.putText(string(p.Algorithm))
	q.putInt(int64(p.TokenLife))
	q.putInt(int64(p.AccessLife))
	q.putInt(int64(p.RefreshLife))
	q.putInt(int64(p.Codes.Digits))
	q.putInt(int64(p.Codes.Life))
	q.putInt(int64(p.Codes.Tries))
	q.putText(string(p.Approval))
	q.putText(p.Logo)
	q.putText(p.Color)
	q.putInt(int64(p.Sessions.Idle))
	q.putInt(int64(p.Sessions.Life))
}

func (q *stmt) getProjectRow() (p latchkey.Project, err error) {
	p.ID = q.getProject()
	p.Name, p.DefaultLocale = q.getText(), q.getText()
	p.Algorithm = latchkey.Algorithm(q.getText())
	p.TokenLife, p.AccessLife, p.RefreshLife = q.getDuration(), q.getDuration(), q.getDuration()
	p.Codes = latchkey.CodePolicy{Digits: int(q.getInt()), Life: q.getDuration(), Tries: int(q.getInt())}
	p.Approval, p.Logo, p.Color = latchkey.Approval(q.getText()), q.getText(), q.getText()
	p.Sessions = latchkey.SessionPolicy{Idle: q.getDuration(), Life: q.getDuration()}
	p.Created = q.getTime()
	var lists projectLists
	if err := json.Unmarshal(q.getBlob(), &lists); err != nil {
		return p, err
	}
	p.CallbackURLs, p.LinkURLs, p.AllowedOrigins, p.Channels = lists.CallbackURLs, lists.LinkURLs, lists.AllowedOrigins, lists.Channels
	if err := json.Unmarshal(q.getBlob(), &p.Look); err != nil {
		return p, err
	}
	return p, json.Unmarshal(q.getBlob(), &p.Defence)
}

// projectTexts are the settings of a project that are JSON, as its columns hold them.
type projectTexts struct{ lists, look, defence string }

func textsOf(p latchkey.Project) (projectTexts, error) {
	lists, err := json.Marshal(projectLists{p.CallbackURLs, p.LinkURLs, p.AllowedOrigins, p.Channels})
	if err != nil {
		return projectTexts{}, err
	}
	look, err := json.Marshal(p.Look)
	if err != nil {
		return projectTexts{}, err
	}
	defence, err := json.Marshal(p.Defence)
	return projectTexts{string(lists), string(look), string(defence)}, err
}

// has reports whether a query by one blob gives a row.
func (c *conn) has(query string, key []byte) (bool, error) {
	q := c.stmt(query)
	defer q.reset()
	q.putBlob(key)
	return q.row()
}

// conflict is what a verb gives whose id is taken, unless the look failed.
func conflict(err error) error {
	if err != nil {
		return err
	}
	return latchkey.Conflict
}
