package sqlite

import "github.com/latchkey-dev/latchkey"

const (
	selectGuesses = `SELECT g.total, n.tries, n.next_try FROM guesses g
		LEFT JOIN guess_networks n ON n.project = g.project AND n.channel = g.channel AND n.address = g.address AND n.network = ?4
		WHERE g.project = ?1 AND g.channel = ?2 AND g.address = ?3`
	upsertGuesses = `INSERT INTO guesses (project, channel, address, total) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET total = excluded.total`
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
	g.Total, g.FromNetwork, g.NextTry = int(q.getInt()), int(q.getInt()), q.getTime()
	return g, nil
}

// storeGuesses stores next where old was loaded. Zero forgets the guesses from every network.
func (c *conn) storeGuesses(p latchkey.ProjectID, to latchkey.Address, n latchkey.Network, old, next latchkey.Guesses) error {
	if next == old {
		return nil
	}
	if next == (latchkey.Guesses{}) {
		return c.forgetGuesses(p, to)
	}
	q := c.stmt(upsertGuesses)
	q.putUUID(p.UUID)
	q.putAddress(to)
	q.putInt(int64(next.Total))
	if err := q.exec(); err != nil {
		return err
	}
	q = c.stmt(upsertGuessNetwork)
	q.putUUID(p.UUID)
	q.putAddress(to)
	q.putText(string(n))
	q.putInt(int64(next.FromNetwork))
	q.putTime(next.NextTry)
	return q.exec()
}

func (c *conn) forgetGuesses(p latchkey.ProjectID, to latchkey.Address) error {
	for _, text := range [...]string{deleteGuesses, deleteGuessNetworks} {
		q := c.stmt(text)
		q.putUUID(p.UUID)
		q.putAddress(to)
		if err := q.exec(); err != nil {
			return err
		}
	}
	return nil
}
