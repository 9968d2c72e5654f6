package postgres

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// rememberOnce gives no row if the hash is there and not past its time.
const rememberOnce = `INSERT INTO once (hash, expires) SELECT ?, ? WHERE @
	ON CONFLICT (hash) DO UPDATE SET expires = excluded.expires WHERE once.expires <= ? RETURNING 1`

// Once implements latchkey.SessionStore.
func (s *Store) Once(ctx context.Context, h latchkey.Hash, until, now time.Time) (first bool, err error) {
	c := newChange(byOnce<<60 | binary.BigEndian.Uint64(h[:])>>4).guard(rememberOnce)
	put(&c.stmt, oidBytea, h[:])
	c.putTime(until)
	c.putTime(now)
	held, err := s.storeAtOnce(ctx, c)
	return held > 0, err
}
