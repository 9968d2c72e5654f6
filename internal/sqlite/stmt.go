package sqlite

import (
	"net/netip"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/latchkey-dev/latchkey"
)

// A conn is one connection. It belongs to one goroutine at a time.
type conn struct {
	*sqlite.Conn
	events []latchkey.Event // that the verbs of a transaction made, until storeEvents
	packed packer           // reused
	bulk   bulk             // of AddRecords
	rows   int              // that AddRecords stored, until the checkpointer is told
	ready  map[string]*sqlite.Stmt
}

// packer gives an empty packer, good until it is asked for again: a bound column is copied.
func (c *conn) packer() *packer {
	c.packed.b = c.packed.b[:0]
	return &c.packed
}

// A stmt is one use of a prepared statement: put… binds the next parameter, get… reads the next column. The first
// error sticks and comes out of row or exec. The connection prepares each text once and keeps it.
type stmt struct {
	s      *sqlite.Stmt
	par    int
	column int
	err    error
}

// stmt keeps its own list of what is prepared: the module's would also clear every parameter, and each is bound anew.
func (c *conn) stmt(text string) stmt {
	if s := c.ready[text]; s != nil {
		return stmt{s: s, err: s.Reset(), column: -1}
	}
	s, err := c.Prepare(text)
	if err == nil {
		if c.ready == nil {
			c.ready = map[string]*sqlite.Stmt{}
		}
		c.ready[text] = s
	}
	return stmt{s: s, err: err, column: -1}
}

// row steps to the next row; false at the end.
func (q *stmt) row() (bool, error) {
	if q.err != nil {
		return false, q.err
	}
	q.column = -1
	return q.s.Step()
}

// reset ends a read: a statement left in the middle of its rows keeps its snapshot, and the WAL, alive.
func (q *stmt) reset() {
	if q.s != nil {
		_ = q.s.Reset() // repeats the error of the last Step, which row gave
	}
}

// exec runs a statement that gives no rows.
func (q *stmt) exec() error {
	_, err := q.row()
	return err
}

func (q *stmt) next() int { q.par++; return q.par }

func (q *stmt) putInt(n int64) {
	if q.err == nil {
		q.s.BindInt64(q.next(), n)
	}
}

func (q *stmt) putBool(b bool) {
	if q.err == nil {
		q.s.BindBool(q.next(), b)
	}
}

func (q *stmt) putText(s string) {
	if q.err == nil {
		q.s.BindText(q.next(), s)
	}
}

// putOptional binds NULL for the empty text.
func (q *stmt) putOptional(s string) {
	if s == "" {
		q.putNull()
		return
	}
	q.putText(s)
}

// putBlob binds NULL for no bytes.
func (q *stmt) putBlob(b []byte) {
	if len(b) == 0 {
		q.putNull()
		return
	}
	if q.err == nil {
		q.s.BindBytes(q.next(), b)
	}
}

func (q *stmt) putNull() {
	if q.err == nil {
		q.s.BindNull(q.next())
	}
}

func (q *stmt) putUUID(u latchkey.UUID) {
	if u.IsZero() {
		q.putNull()
		return
	}
	q.putBlob(u[:])
}

func (q *stmt) putHandle(h latchkey.Handle) {
	if h.IsZero() {
		q.putNull()
		return
	}
	q.putBlob(h[:])
}

func (q *stmt) putHash(h latchkey.Hash) {
	if h.IsZero() {
		q.putNull()
		return
	}
	q.putBlob(h[:])
}

// putTime keeps microseconds, as PostgreSQL does, so that both stores answer alike; nanoseconds would end in 2262.
func (q *stmt) putTime(t time.Time) {
	if t.IsZero() {
		q.putInt(0)
		return
	}
	q.putInt(t.UnixMicro())
}

func (q *stmt) putAddress(a latchkey.Address) {
	q.putText(string(a.Channel()))
	q.putText(a.Value())
}

func (q *stmt) putOrigin(o latchkey.Origin) {
	var buf [48]byte
	ip, err := o.IP.AppendBinary(buf[:0])
	if err != nil {
		q.err = err
	}
	q.putBlob(ip)
	q.putText(o.UserAgent)
}

func (q *stmt) col() int { q.column++; return q.column }

func (q *stmt) getInt() int64                  { return q.s.ColumnInt64(q.col()) }
func (q *stmt) getBool() bool                  { return q.s.ColumnInt64(q.col()) != 0 }
func (q *stmt) getText() string                { return q.s.ColumnText(q.col()) }
func (q *stmt) getDuration() time.Duration     { return time.Duration(q.getInt()) }
func (q *stmt) getInto(b []byte)               { q.s.ColumnBytes(q.col(), b) }
func (q *stmt) getUUID() (u latchkey.UUID)     { q.getInto(u[:]); return u }
func (q *stmt) getHash() (h latchkey.Hash)     { q.getInto(h[:]); return h }
func (q *stmt) getHandle() latchkey.Handle     { var h latchkey.Handle; q.getInto(h[:]); return h }
func (q *stmt) getUser() latchkey.UserID       { return latchkey.UserID{UUID: q.getUUID()} }
func (q *stmt) getProject() latchkey.ProjectID { return latchkey.ProjectID{UUID: q.getUUID()} }
func (q *stmt) getClient() latchkey.ClientID   { return latchkey.ClientID(q.getInt()) }

func (q *stmt) getBlob() []byte {
	i := q.col()
	n := q.s.ColumnLen(i)
	if n == 0 {
		return nil
	}
	b := make([]byte, n)
	q.s.ColumnBytes(i, b)
	return b
}

func (q *stmt) getTime() time.Time {
	n := q.getInt()
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

func (q *stmt) getAddress() latchkey.Address {
	c := q.getChannel()
	return latchkey.CanonicalAddress(c, q.getText())
}

func (q *stmt) getOrigin() (o latchkey.Origin) {
	var buf [48]byte
	n := q.s.ColumnBytes(q.col(), buf[:])
	var ip netip.Addr
	if ip.UnmarshalBinary(buf[:n]) == nil {
		o.IP = ip
	}
	o.UserAgent = q.getText()
	return o
}

// The words below are read on every login: comparing the column's bytes makes no garbage, where getText would.

func (q *stmt) getChannel() latchkey.Channel {
	return word(q, latchkey.Email, latchkey.Phone)
}

func (q *stmt) getState() latchkey.State {
	return word(q, latchkey.Waiting, latchkey.Spent, latchkey.Approved, latchkey.Denied)
}

// A challenge's state is stored as its place here, so that a change of state leaves the row as long as it was and is written in
// place: 0 and 1 would take no byte in SQLite's rows, the others one.
func states() [6]latchkey.State {
	return [...]latchkey.State{2: latchkey.Waiting, 3: latchkey.Approved, 4: latchkey.Denied, 5: latchkey.Spent}
}

func (q *stmt) putStateNumber(s latchkey.State) {
	for i, known := range states() {
		if known == s {
			q.putInt(int64(i))
			return
		}
	}
	q.err = errPacked
}

func (q *stmt) getStateNumber() latchkey.State {
	all := states()
	if n := q.getInt(); n >= 0 && n < int64(len(all)) {
		return all[n]
	}
	return ""
}

func word[T ~string](q *stmt, known ...T) T {
	var buf [16]byte
	i := q.col()
	n := q.s.ColumnBytes(i, buf[:])
	for _, k := range known {
		if string(buf[:n]) == string(k) {
			return k
		}
	}
	return T(q.s.ColumnText(i))
}
