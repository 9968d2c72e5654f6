package sqlite

import "github.com/latchkey-dev/latchkey"

const (
	selectGuesses = `SELECT g.total, g.whole, n.tries, n.next_try FROM guesses g
		LEFT JOIN guess_networks n ON n.project = g.project AND n.channel = g.channel AND n.address = g.address AND n.network = ?4
		WHERE g.project = ?1 AND g.channel = ?2 AND g.address = ?3`
	upsertGuesses = `INSERT INTO guesses (project, channel, address, total, whole) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET total = excluded.total, whole = excluded.whole`
	upsertGuessNetwork = `INSERT INTO guess_networks (project, channel, address, network, tries, next_try)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET tries = excluded.tries, next_try = excluded.next_try`
	deleteGuesses       = `DELETE FROM guesses WHERE project = ? AND channel = ? AND address = ?`
	deleteGuessNetworks = `DELETE FROM guess_networks WHERE project = ? AND channel = ? AND address = ?`
)

// guesses gives the guesses at an address as the network n sees them; zero when there are none.
func (c *conn) guesses(p latchkey.ProjectID, to latchkey.Address, n latchkey.Network) (g latchkey.Guesses, err error) {
	q := c.stmt(selectGuesses)
	defer q.reset()
	q.putUUID(p.UUID)
	q.putAddress(to)
	q.putText(string(n))
	if found, err := q.row(); !found {
		return g, err
	}
	g.Total, g.Whole, g.FromNetwork, g.NextTry = int(q.getInt()), q.getTime(), int(q.getInt()), q.getTime()
	return g, nil
}

// storeGuesses stores next where old was loaded. Without a Total those of every network are forgotten.
func (c *conn) storeGuesses(p latchkey.ProjectID, to latchkey.Address, n latchkey.Network, old, next latchkey.Guesses) error {
	if next == old {
		return nil
	}
	if next.IsZero() {
		return c.forgetGuesses(p, to)
	}
	if err := c.putGuesses(p, to, next); err != nil {
		return err
	}
	if next.Total == 0 {
		return c.forgetNetworks(p, to)
	}
	q := c.stmt(upsertGuessNetwork)
	q.putUUID(p.UUID)
	q.putAddress(to)
	q.putText(string(n))
	q.putInt(int64(next.FromNetwork))
	q.putTime(next.NextTry)
	return q.exec()
}

// putGuesses stores what g says of the address from everywhere.
func (c *conn) putGuesses(p latchkey.ProjectID, to latchkey.Address, g latchkey.Guesses) error {
	q := c.stmt(upsertGuesses)
	q.putUUID(p.UUID)
	q.putAddress(to)
	q.putInt(int64(g.Total))
	q.putTime(g.Whole)
	return q.exec()
}

func (c *conn) forgetGuesses(p latchkey.ProjectID, to latchkey.Address) error {
	q := c.stmt(deleteGuesses)
	q.putUUID(p.UUID)
	q.putAddress(to)
	if err := q.exec(); err != nil {
		return err
	}
	return c.forgetNetworks(p, to)
}

func (c *conn) forgetNetworks(p latchkey.ProjectID, to latchkey.Address) error {
	q := c.stmt(deleteGuessNetworks)
	q.putUUID(p.UUID)
	q.putAddress(to)
	return q.exec()
}
