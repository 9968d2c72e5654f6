package postgres

import (
	"context"
	"encoding/json"

	"github.com/latchkey-dev/latchkey"
)

const (
	clientColumns = `id, project, name, kind, secret_hash, redirect_uris, pkce_required, logout_uris,
		public_keys, device_login, third_party`
	clientByID       = `SELECT ` + clientColumns + ` FROM clients WHERE id = $1`
	clientsOfProject = `SELECT ` + clientColumns + ` FROM clients WHERE project = $1 ORDER BY id`
	// The next id, or, where one is given, that one.
	takeClientID = `UPDATE latchkey SET last_client = CASE WHEN $1 = 0 THEN last_client + 1 ELSE greatest(last_client, $1) END
		RETURNING CASE WHEN $1 = 0 THEN last_client ELSE $1 END`
	insertClient = `INSERT INTO clients (` + clientColumns + `) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @
		ON CONFLICT DO NOTHING RETURNING 1`
	updateClient = `UPDATE clients SET name = ?, kind = ?, secret_hash = ?, redirect_uris = ?, pkce_required = ?,
		logout_uris = ?, public_keys = ?, device_login = ?, third_party = ? WHERE id = ? AND @ RETURNING 1`
	deleteClient = `DELETE FROM clients WHERE id = ? AND @ RETURNING 1`
)

// Client implements latchkey.SettingsStore.
func (s *Store) Client(ctx context.Context, id latchkey.ClientID) (latchkey.Client, error) {
	q := query(clientByID)
	q.putInt(int64(id))
	cl, err := find(ctx, s, q, func(cl *latchkey.Client, r *row) { *cl = r.getClientRow() })
	if err == nil && cl.ID == 0 {
		err = latchkey.UnknownClient
	}
	return *cl, err
}

// Clients implements latchkey.SettingsStore.
func (s *Store) Clients(ctx context.Context, p latchkey.ProjectID) ([]latchkey.Client, error) {
	q := query(clientsOfProject)
	q.putUUID(p.UUID)
	cs, err := find(ctx, s, q, func(cs *[]latchkey.Client, r *row) { *cs = append(*cs, r.getClientRow()) })
	return *cs, err
}

// CreateClient implements latchkey.SettingsStore. The id is taken before, so that one of a verb that fails is passed over.
func (s *Store) CreateClient(ctx context.Context, cl latchkey.Client, e latchkey.Event) (latchkey.Client, error) {
	texts, err := clientTextsOf(cl)
	if err != nil {
		return latchkey.Client{}, err
	}
	q := query(takeClientID)
	q.putInt(int64(cl.ID))
	id := new(int64)
	if _, err := s.alone(ctx, patience, &job{row: func(_ int, r *row) { *id = r.getInt() }}, q); err != nil {
		return cl, err
	}
	out := cl
	out.ID = latchkey.ClientID(*id)
	e.Client = out.ID
	c := aloneChange().guard(knownProject)
	c.putUUID(cl.Project.UUID)
	c.guard(insertClient)
	c.putInt(*id)
	c.putUUID(cl.Project.UUID)
	c.putClient(cl, texts)
	held, err := s.administer(ctx, patience, c.event(e).end())
	switch {
	case err != nil:
		return cl, err
	case held == 0:
		return cl, latchkey.ProjectNotFound
	case held == 1:
		return cl, latchkey.Conflict
	}
	return out, nil
}

// UpdateClient implements latchkey.SettingsStore.
func (s *Store) UpdateClient(ctx context.Context, cl latchkey.Client, e latchkey.Event) error {
	texts, err := clientTextsOf(cl)
	if err != nil {
		return err
	}
	c := aloneChange().guard(updateClient)
	c.putClient(cl, texts)
	c.putInt(int64(cl.ID))
	held, err := s.administer(ctx, patience, c.event(e).end())
	if err == nil && held == 0 {
		err = latchkey.UnknownClient
	}
	return err
}

// DeleteClient implements latchkey.SettingsStore. Like DeleteProject it reads through whole tables.
func (s *Store) DeleteClient(ctx context.Context, id latchkey.ClientID, e latchkey.Event) error {
	c := aloneChange().guard(deleteClient)
	c.putInt(int64(id))
	stmts := []*stmt{c.event(e).end(), query(unlimited)}
	for _, text := range deletesOfClient() {
		q := query(text)
		q.putInt(int64(id))
		stmts = append(stmts, q)
	}
	held, err := s.administer(ctx, longest, stmts...)
	if err == nil && held == 0 {
		err = latchkey.UnknownClient
	}
	return err
}

func deletesOfClient() []string {
	return []string{
		`DELETE FROM codes WHERE client = $1`, `DELETE FROM grants WHERE client = $1`, `DELETE FROM device_logins WHERE client = $1`,
	}
}

// putClient puts what inserting and updating have in common, in the order of clientColumns.
func (q *stmt) putClient(cl latchkey.Client, texts clientTexts) {
	q.putText(cl.Name)
	q.putText(string(cl.Kind))
	q.putHash(cl.SecretHash)
	put(q, oidBytea, texts.redirect)
	q.putBool(cl.PKCERequired)
	put(q, oidBytea, texts.logout)
	q.putForeign(cl.PublicKeys)
	q.putBool(cl.DeviceLogin)
	q.putBool(cl.ThirdParty)
}

func (r *row) getClientRow() (cl latchkey.Client) {
	cl.ID = r.getClient()
	cl.Project = r.getProject()
	cl.Name = r.getText()
	cl.Kind = latchkey.ClientKind(r.getText())
	cl.SecretHash = r.getHash()
	r.getJSON(&cl.RedirectURIs)
	cl.PKCERequired = r.getBool()
	r.getJSON(&cl.LogoutURIs)
	cl.PublicKeys, cl.DeviceLogin, cl.ThirdParty = r.getText(), r.getBool(), r.getBool()
	return cl
}

// clientTexts are the lists of a client in JSON, as its columns hold them.
type clientTexts struct{ redirect, logout []byte }

func clientTextsOf(cl latchkey.Client) (clientTexts, error) {
	redirect, err := json.Marshal(cl.RedirectURIs)
	if err != nil {
		return clientTexts{}, err
	}
	logout, err := json.Marshal(cl.LogoutURIs)
	return clientTexts{redirect, logout}, err
}
