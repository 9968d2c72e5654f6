package sqlite

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// rememberOnce changes no row if the hash is there and not past its time.
const rememberOnce = `INSERT INTO once (hash, expires) VALUES (?1, ?2)
	ON CONFLICT DO UPDATE SET expires = excluded.expires WHERE expires <= ?3`

// Once implements latchkey.SessionStore.
func (s *Store) Once(ctx context.Context, h latchkey.Hash, until, now time.Time) (first bool, err error) {
	return write(ctx, s, func(c *conn) (bool, error) {
		q := c.stmt(rememberOnce)
		q.putBlob(h[:])
		q.putTime(until)
		q.putTime(now)
		err := q.exec()
		return c.Changes() > 0, err
	})
}
