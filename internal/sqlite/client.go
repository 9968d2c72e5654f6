package sqlite

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/latchkey-dev/latchkey"
)

const (
	clientColumns = `id, project, name, kind, secret_hash, redirect_uris, pkce_required, logout_uris,
		public_keys, device_login, third_party`
	clientByID       = `SELECT ` + clientColumns + ` FROM clients WHERE id = ?`
	clientsOfProject = `SELECT ` + clientColumns + ` FROM clients WHERE project = ? ORDER BY id`
	insertClient     = `INSERT INTO clients (` + clientColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	updateClient     = `UPDATE clients SET name = ?, kind = ?, secret_hash = ?, redirect_uris = ?, pkce_required = ?,
		logout_uris = ?, public_keys = ?, device_login = ?, third_party = ? WHERE id = ?`
)

// Client implements latchkey.SettingsStore.
func (s *Store) Client(ctx context.Context, id latchkey.ClientID) (latchkey.Client, error) {
	return find(ctx, s, func(c *conn) (latchkey.Client, error) {
		q := c.stmt(clientByID)
		defer q.reset()
		q.putInt(int64(id))
		found, err := q.row()
		if err != nil {
			return latchkey.Client{}, err
		}
		if !found {
			return latchkey.Client{}, latchkey.UnknownClient
		}
		return q.getClientRow()
	})
}

// Clients implements latchkey.SettingsStore.
func (s *Store) Clients(ctx context.Context, p latchkey.ProjectID) ([]latchkey.Client, error) {
	return find(ctx, s, func(c *conn) (cs []latchkey.Client, err error) {
		q := c.stmt(clientsOfProject)
		defer q.reset()
		q.putUUID(p.UUID)
		for {
			found, err := q.row()
			if !found {
				return cs, err
			}
			cl, err := q.getClientRow()
			if err != nil {
				return nil, err
			}
			cs = append(cs, cl)
		}
	})
}

// CreateClient implements latchkey.SettingsStore.
func (s *Store) CreateClient(ctx context.Context, cl latchkey.Client, e latchkey.Event) (latchkey.Client, error) {
	return write(ctx, s, func(c *conn) (latchkey.Client, error) {
		if known, err := c.has(`SELECT 1 FROM projects WHERE id = ?`, cl.Project.UUID[:]); err != nil {
			return cl, err
		} else if !known {
			return cl, latchkey.ProjectNotFound
		}
		if taken, err := c.hasClient(cl.ID); taken || err != nil {
			return cl, conflict(err)
		}
		out, event := cl, e
		if err := c.insertClient(cl); err != nil {
			return cl, err
		}
		out.ID = latchkey.ClientID(c.LastInsertRowID())
		event.Client = out.ID
		return out, c.insertEvent(event)
	})
}

// UpdateClient implements latchkey.SettingsStore.
func (s *Store) UpdateClient(ctx context.Context, cl latchkey.Client, e latchkey.Event) error {
	uris, err := urisOf(cl)
	if err != nil {
		return err
	}
	return s.writer.do(ctx, func(c *conn) error {
		q := c.stmt(updateClient)
		q.putClient(cl, uris)
		q.putInt(int64(cl.ID))
		if err := q.exec(); err != nil {
			return err
		}
		if c.Changes() == 0 {
			return latchkey.UnknownClient
		}
		return c.insertEvent(e)
	})
}

// DeleteClient implements latchkey.SettingsStore.
func (s *Store) DeleteClient(ctx context.Context, id latchkey.ClientID, e latchkey.Event) error {
	return s.writer.do(ctx, func(c *conn) error {
		if known, err := c.hasClient(id); err != nil {
			return err
		} else if !known {
			return latchkey.UnknownClient
		}
		for _, text := range [...]string{
			`DELETE FROM codes WHERE client = ?`, `DELETE FROM grants WHERE client = ?`,
			`DELETE FROM device_logins WHERE client = ?`, `DELETE FROM clients WHERE id = ?`,
		} {
			q := c.stmt(text)
			q.putInt(int64(id))
			if err := q.exec(); err != nil {
				return err
			}
		}
		return c.insertEvent(e)
	})
}

// insertClient gives a client without an id the next free one, which LastInsertRowID tells.
func (c *conn) insertClient(cl latchkey.Client) error {
	uris, err := urisOf(cl)
	if err != nil {
		return err
	}
	q := c.stmt(insertClient)
	if cl.ID == 0 {
		q.putNull()
	} else {
		q.putInt(int64(cl.ID))
	}
	q.putUUID(cl.Project.UUID)
	q.putClient(cl, uris)
	return q.exec()
}

func (c *conn) hasClient(id latchkey.ClientID) (bool, error) {
	q := c.stmt(`SELECT 1 FROM clients WHERE id = ?`)
	defer q.reset()
	q.putInt(int64(id))
	return q.row()
}

// putClient binds what inserting and updating have in common, in the order of clientColumns.
func (q *stmt) putClient(cl latchkey.Client, uris clientURIs) {
	q.putText(cl.Name)
	q.putText(string(cl.Kind))
	q.putHash(cl.SecretHash)
	q.putText(uris.redirect)
	q.putBool(cl.PKCERequired)
	q.putText(uris.logout)
	q.putText(cl.PublicKeys)
	q.putBool(cl.DeviceLogin)
	q.putBool(cl.ThirdParty)
}

func (q *stmt) getClientRow() (cl latchkey.Client, err error) {
	cl.ID = q.getClient()
	cl.Project = q.getProject()
	cl.Name = q.getText()
	cl.Kind = latchkey.ClientKind(q.getText())
	cl.SecretHash = q.getHash()
	redirect := json.Unmarshal(q.getBlob(), &cl.RedirectURIs)
	cl.PKCERequired = q.getBool()
	logout := json.Unmarshal(q.getBlob(), &cl.LogoutURIs)
	cl.PublicKeys, cl.DeviceLogin, cl.ThirdParty = q.getText(), q.getBool(), q.getBool()
	return cl, errors.Join(redirect, logout)
}

// clientURIs are the lists of a client in JSON, as its columns hold them.
type clientURIs struct{ redirect, logout string }

func urisOf(cl latchkey.Client) (clientURIs, error) {
	redirect, err := json.Marshal(cl.RedirectURIs)
	if err != nil {
		return clientURIs{}, err
	}
	logout, err := json.Marshal(cl.LogoutURIs)
	return clientURIs{string(redirect), string(logout)}, err
}
