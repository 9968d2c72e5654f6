package postgres

import (
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	guessColumns = `g.total, g.whole, n.tries, n.next_try`
	// guessTables finds both rows of an address and a network, parameters $2 to $5.
	guessTables = `guesses g ON g.project = $2 AND g.channel = $3 AND g.address = $4
		LEFT JOIN guess_networks n ON n.project = $2 AND n.channel = $3 AND n.address = $4 AND n.network = $5`

	// Nobody guessed at the address.
	noGuesses = `SELECT 1 WHERE NOT EXISTS (SELECT FROM guesses WHERE project = ? AND channel = ? AND address = ?) AND @`
	// The guesses are as they were loaded: whoever changes one of the two rows changes total.
	guessesAsLoaded = ` WHERE project = ? AND channel = ? AND address = ? AND total = ? AND whole = ? AND @`

	lockGuesses = `SELECT 1 FROM guesses` + guessesAsLoaded + ` FOR UPDATE`
	countGuess  = `UPDATE guesses SET total = ?, whole = ?` + guessesAsLoaded + ` RETURNING 1`
	firstGuess  = `INSERT INTO guesses (project, channel, address, total, whole) SELECT ?, ?, ?, ?, ? WHERE @
		ON CONFLICT DO NOTHING RETURNING 1`
	insertNetwork = `INSERT INTO guess_networks (project, channel, address, network, tries, next_try) SELECT ?, ?, ?, ?, ?, ? WHERE @`
	countNetwork  = insertNetwork + ` ON CONFLICT (project, channel, address, network)
		DO UPDATE SET tries = excluded.tries, next_try = excluded.next_try`
	keepLongCount       = `UPDATE guesses SET total = 0 WHERE project = ? AND channel = ? AND address = ? AND @`
	deleteGuesses       = `DELETE FROM guesses WHERE project = ? AND channel = ? AND address = ? AND @`
	deleteGuessNetworks = `DELETE FROM guess_networks WHERE project = ? AND channel = ? AND address = ? AND @`
)

// guessed adds the guard and the step that count one more guess: next where old was loaded.
func (c *change) guessed(p latchkey.ProjectID, to latchkey.Address, n latchkey.Network, old, next latchkey.Guesses) {
	if old.IsZero() {
		c.guard(firstGuess)
		c.putProjectAddress(p, to)
		c.putCounts(next)
	} else {
		c.guard(countGuess)
		c.putCounts(next)
		c.putProjectAddress(p, to)
		c.putCounts(old)
	}
	c.step(countNetwork)
	c.putNetwork(p, to, n, next.FromNetwork, next.NextTry)
}

// holdGuesses adds the guard that old is as it was loaded. Where there were none nothing can be held: guesses that come now
// come after this verb.
func (c *change) holdGuesses(p latchkey.ProjectID, to latchkey.Address, old latchkey.Guesses) {
	if !old.IsZero() {
		c.guard(lockGuesses)
		c.putProjectAddress(p, to)
		c.putCounts(old)
	}
}

// loggedIn adds the steps that store what a login leaves of the guesses, which is held.
func (c *change) loggedIn(p latchkey.ProjectID, to latchkey.Address, old, next latchkey.Guesses) {
	switch {
	case old == next || old.IsZero():
	case next.IsZero():
		c.forgetGuesses(p, to)
	default:
		c.step(keepLongCount)
		c.putProjectAddress(p, to)
		c.step(deleteGuessNetworks)
		c.putProjectAddress(p, to)
	}
}

// forgetGuesses adds the steps that forget the guesses at an address from every network.
func (c *change) forgetGuesses(p latchkey.ProjectID, to latchkey.Address) {
	c.step(deleteGuesses)
	c.putProjectAddress(p, to)
	c.step(deleteGuessNetworks)
	c.putProjectAddress(p, to)
}

func (q *stmt) putNetwork(p latchkey.ProjectID, to latchkey.Address, n latchkey.Network, tries int, nextTry time.Time) {
	q.putProjectAddress(p, to)
	q.putText(string(n))
	q.putInt(int64(tries))
	q.putTime(nextTry)
}

// putCounts puts what g says of the address from everywhere.
func (q *stmt) putCounts(g latchkey.Guesses) {
	q.putInt(int64(g.Total))
	q.putTime(g.Whole)
}

func (q *stmt) putProjectAddress(p latchkey.ProjectID, to latchkey.Address) {
	q.putUUID(p.UUID)
	q.putAddress(to)
}

func (q *stmt) putGuesser(p latchkey.ProjectID, to latchkey.Address, n latchkey.Network) {
	q.putProjectAddress(p, to)
	q.putText(string(n))
}

// getGuesses reads guessColumns; all NULL is zero.
func (r *row) getGuesses() latchkey.Guesses {
	return latchkey.Guesses{Total: int(r.getInt()), Whole: r.getTime(), FromNetwork: int(r.getInt()), NextTry: r.getTime()}
}
