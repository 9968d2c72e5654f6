package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/latchkey-dev/latchkey"
)

const (
	projectColumns = `id, name, locale, algorithm, token_life, access_life, refresh_life, code_digits, code_life, code_tries,
		approval, logo, color, session_idle, session_life, created, lists, look, defence`
	projectByID   = `SELECT ` + projectColumns + ` FROM projects WHERE id = $1`
	allProjects   = `SELECT ` + projectColumns + ` FROM projects`
	insertProject = `INSERT INTO projects (` + projectColumns + `)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @ ON CONFLICT DO NOTHING RETURNING 1`
	updateProject = `UPDATE projects SET name = ?, locale = ?, algorithm = ?, token_life = ?, access_life = ?,
		refresh_life = ?, code_digits = ?, code_life = ?, code_tries = ?, approval = ?, logo = ?, color = ?,
		session_idle = ?, session_life = ?, lists = ?, look = ?, defence = ? WHERE id = ? AND @ RETURNING 1`
	freeKeyID     = `SELECT 1 WHERE NOT EXISTS (SELECT FROM keys WHERE id = ?) AND @`
	deleteProject = `DELETE FROM projects WHERE id = ? AND @ RETURNING 1`
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
	q := query(projectByID)
	q.putUUID(id.UUID)
	p, err := find(ctx, s, q, func(p *latchkey.Project, r *row) { *p = r.getProjectRow() })
	if err == nil && p.ID.IsZero() {
		err = latchkey.ProjectNotFound
	}
	return *p, err
}

// Projects implements latchkey.SettingsStore.
func (s *Store) Projects(ctx context.Context) ([]latchkey.Project, error) {
	ps, err := find(ctx, s, query(allProjects), func(ps *[]latchkey.Project, r *row) { *ps = append(*ps, r.getProjectRow()) })
	slices.SortFunc(*ps, func(a, b latchkey.Project) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), slices.Compare(a.ID.UUID[:], b.ID.UUID[:]))
	})
	return *ps, err
}

// CreateProject implements latchkey.SettingsStore.
func (s *Store) CreateProject(ctx context.Context, p latchkey.Project, ks latchkey.Keys, e latchkey.Event) error {
	texts, err := textsOf(p)
	if err != nil {
		return err
	}
	c := aloneChange()
	for _, k := range ks {
		c.guard(freeKeyID)
		c.putText(string(k.ID))
	}
	c.guard(insertProject)
	c.putProject(p, texts)
	for _, k := range ks {
		c.step(insertKey)
		c.putKey(k)
	}
	held, err := s.administer(ctx, patience, c.event(e).end())
	if err == nil && held < c.guards {
		err = latchkey.Conflict
	}
	return err
}

// UpdateProject implements latchkey.SettingsStore.
func (s *Store) UpdateProject(ctx context.Context, p latchkey.Project, e latchkey.Event) error {
	texts, err := textsOf(p)
	if err != nil {
		return err
	}
	c := aloneChange().guard(updateProject)
	c.putSettings(p)
	put(&c.stmt, oidBytea, texts.lists)
	put(&c.stmt, oidBytea, texts.look)
	put(&c.stmt, oidBytea, texts.defence)
	c.putUUID(p.ID.UUID)
	held, err := s.administer(ctx, patience, c.event(e).end())
	if err == nil && held == 0 {
		err = latchkey.ProjectNotFound
	}
	return err
}

// DeleteProject implements latchkey.SettingsStore. It is one transaction, so that nobody ever sees half a project, and it reads
// through whole tables, for which no other verb has a use that would pay for an index by project. Logins go on meanwhile.
func (s *Store) DeleteProject(ctx context.Context, id latchkey.ProjectID, e latchkey.Event) error {
	c := aloneChange().guard(deleteProject)
	c.putUUID(id.UUID)
	stmts := []*stmt{c.event(e).end(), query(unlimited)}
	for _, text := range deletesOfProject() {
		q := query(text)
		q.putUUID(id.UUID)
		stmts = append(stmts, q)
	}
	held, err := s.administer(ctx, longest, stmts...)
	if err == nil && held == 0 {
		err = latchkey.ProjectNotFound
	}
	return err
}

func deletesOfProject() []string {
	return []string{
		`DELETE FROM keys WHERE project = $1`, `DELETE FROM clients WHERE project = $1`,
		`DELETE FROM outbox WHERE project = $1`, `DELETE FROM challenges WHERE project = $1`,
		`DELETE FROM sms_counts WHERE project = $1`, `DELETE FROM sms_days WHERE project = $1`,
		`DELETE FROM sms_trips WHERE project = $1`, `DELETE FROM sms_pending WHERE project = $1`,
		`DELETE FROM guess_networks WHERE project = $1`, `DELETE FROM guesses WHERE project = $1`,
		`DELETE FROM users WHERE project = $1`, `DELETE FROM sessions WHERE project = $1`,
		`DELETE FROM device_logins WHERE project = $1`, `DELETE FROM codes WHERE project = $1`,
		`DELETE FROM grants WHERE project = $1`,
	}
}

func (q *stmt) putProject(p latchkey.Project, texts projectTexts) {
	q.putUUID(p.ID.UUID)
	q.putSettings(p)
	q.putTime(p.Created)
	put(q, oidBytea, texts.lists)
	put(q, oidBytea, texts.look)
	put(q, oidBytea, texts.defence)
}

// putSettings puts what inserting and updating have in common, in the order of projectColumns.
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

func (r *row) getProjectRow() (p latchkey.Project) {
	p.ID = r.getProject()
	p.Name, p.DefaultLocale = r.getText(), r.getText()
	p.Algorithm = latchkey.Algorithm(r.getText())
	p.TokenLife, p.AccessLife, p.RefreshLife = r.getDuration(), r.getDuration(), r.getDuration()
	p.Codes = latchkey.CodePolicy{Digits: int(r.getInt()), Life: r.getDuration(), Tries: int(r.getInt())}
	p.Approval, p.Logo, p.Color = latchkey.Approval(r.getText()), r.getText(), r.getText()
	p.Sessions = latchkey.SessionPolicy{Idle: r.getDuration(), Life: r.getDuration()}
	p.Created = r.getTime()
	var lists projectLists
	r.getJSON(&lists)
	p.CallbackURLs, p.LinkURLs, p.AllowedOrigins, p.Channels = lists.CallbackURLs, lists.LinkURLs, lists.AllowedOrigins, lists.Channels
	r.getJSON(&p.Look)
	r.getJSON(&p.Defence)
	return p
}

// getJSON reads a column of JSON.
func (r *row) getJSON(into any) {
	if json.Unmarshal(r.next(), into) != nil {
		r.err = errShape
	}
}

// projectTexts are the settings of a project that are JSON, as its columns hold them.
type projectTexts struct{ lists, look, defence []byte }

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
	return projectTexts{lists, look, defence}, err
}
