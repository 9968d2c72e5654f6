package postgres

import (
	"encoding/binary"
	"math"
	"net/netip"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// The types of parameters, by their object ids, which are the same on every server. They are declared with each statement, so
// that the server never has to guess.
const (
	oidBool  = 16
	oidBytea = 17
	oidInt8  = 20
	oidText  = 25
	oidUUID  = 2950
)

// A stmt is one statement with its parameters, which travel in the server's binary form: put… adds the next one. The types
// are so few that this costs less, in code too, than a library's mapping of types.
type stmt struct {
	shape
	oids     []uint32 // the types of the parameters
	values   [][]byte // nil: NULL
	arena    []byte   // where values lie
	prepares bool     // exchange prepares it on the way
}

// query is a statement that is no change; its parameters are $1, $2, …
func query(text string) *stmt {
	q := &stmt{}
	q.parts[0].text, q.n, q.whole = text, 1, true
	return q
}

// put adds a value. Where the arena moves, earlier values stay where they were.
func put[T string | []byte](q *stmt, oid uint32, v T) {
	if len(v) == 0 {
		q.oids, q.values = append(q.oids, oid), append(q.values, []byte{}) // not nil, which is NULL
		return
	}
	from := len(q.arena)
	q.arena = append(q.arena, v...)
	q.oids, q.values = append(q.oids, oid), append(q.values, q.arena[from:len(q.arena):len(q.arena)])
}

func (q *stmt) putNull(oid uint32) { q.oids, q.values = append(q.oids, oid), append(q.values, nil) }

func (q *stmt) putInt(n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)) // two's complement, as on the wire
	put(q, oidInt8, b[:])
}

func (q *stmt) putBool(v bool) {
	b := []byte{0}
	if v {
		b[0] = 1
	}
	put(q, oidBool, b)
}

// putText is for words of ours and for addresses, which are ASCII. What may hold a zero byte goes by putForeign.
func (q *stmt) putText(s string) { put(q, oidText, s) }

// putOptional puts NULL for the empty text.
func (q *stmt) putOptional(s string) {
	if s == "" {
		q.putNull(oidText)
		return
	}
	q.putText(s)
}

// putForeign is for text that came from outside.
func (q *stmt) putForeign(s string) { put(q, oidBytea, s) }

// putBlob puts NULL for no bytes.
func (q *stmt) putBlob(b []byte) {
	if len(b) == 0 {
		q.putNull(oidBytea)
		return
	}
	put(q, oidBytea, b)
}

// putUUID puts NULL for the zero id.
func (q *stmt) putUUID(u latchkey.UUID) {
	if u.IsZero() {
		q.putNull(oidUUID)
		return
	}
	put(q, oidUUID, u[:])
}

func (q *stmt) putHandle(h latchkey.Handle) {
	if h.IsZero() {
		q.putNull(oidBytea)
		return
	}
	put(q, oidBytea, h[:])
}

func (q *stmt) putHash(h latchkey.Hash) {
	if h.IsZero() {
		q.putNull(oidBytea)
		return
	}
	put(q, oidBytea, h[:])
}

// putTime keeps microseconds, as SQLite's room does, so that both stores answer alike.
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
		ip = nil // AppendBinary has no errors; the zero address is no bytes
	}
	q.putBlob(ip)
	q.putForeign(o.UserAgent)
}

// newTable is where rows of values are gathered that go as arrays, one for each column.
func newTable(width, rows int) *stmt {
	return &stmt{oids: make([]uint32, 0, width*rows), values: make([][]byte, 0, width*rows), arena: make([]byte, 0, 256*rows)}
}

// putTable adds a parameter for each column of t: an array of what its rows have there.
func (q *stmt) putTable(t *stmt, width int) {
	arrays := map[uint32]uint32{oidBytea: 1001, oidInt8: 1016, oidText: 1009, oidUUID: 2951} // the same on every server, too
	for column := range width {
		of := t.oids[column]
		b := make([]byte, 0, len(t.arena)/width+20+4*len(t.values)/width)
		for _, n := range [...]uint32{1, 1, of, uint32(len(t.values) / width), 1} { // one dimension, perhaps with NULL; from 1 on
			b = binary.BigEndian.AppendUint32(b, n)
		}
		for i := column; i < len(t.values); i += width {
			if v := t.values[i]; v == nil {
				b = binary.BigEndian.AppendUint32(b, math.MaxUint32) // -1: NULL
			} else {
				b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
			}
		}
		q.oids, q.values = append(q.oids, arrays[of]), append(q.values, b)
	}
}

// A row is one row of an answer: get… reads the next column. The first column that is not what it should be leaves an error.
type row struct {
	values [][]byte // good until the next row is read
	column int
	err    error
}

func (r *row) next() []byte {
	if r.column >= len(r.values) {
		r.err = errShape
		return nil
	}
	r.column++
	return r.values[r.column-1]
}

func (r *row) getInt() int64 {
	b := r.next()
	switch len(b) {
	case 8:
		return int64(binary.BigEndian.Uint64(b)) // two's complement, as on the wire
	case 0: // NULL, of an outer join
	default:
		r.err = errShape
	}
	return 0
}

func (r *row) getBool() bool {
	b := r.next()
	if len(b) > 1 {
		r.err = errShape
	}
	return len(b) == 1 && b[0] != 0
}

// into reads a column of a fixed size, or NULL.
func (r *row) into(dst []byte) {
	if b := r.next(); len(b) == len(dst) {
		copy(dst, b)
	} else if b != nil {
		r.err = errShape
	}
}

// getBlob gives a copy; nil for NULL and for no bytes.
func (r *row) getBlob() []byte { return append([]byte(nil), r.next()...) }

func (r *row) getText() string                { return string(r.next()) }
func (r *row) getDuration() time.Duration     { return time.Duration(r.getInt()) }
func (r *row) getUUID() (u latchkey.UUID)     { r.into(u[:]); return u }
func (r *row) getHash() (h latchkey.Hash)     { r.into(h[:]); return h }
func (r *row) getHandle() (h latchkey.Handle) { r.into(h[:]); return h }
func (r *row) getUser() latchkey.UserID       { return latchkey.UserID{UUID: r.getUUID()} }
func (r *row) getProject() latchkey.ProjectID { return latchkey.ProjectID{UUID: r.getUUID()} }
func (r *row) getClient() latchkey.ClientID   { return latchkey.ClientID(r.getInt()) }

func (r *row) getTime() time.Time {
	n := r.getInt()
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

func (r *row) getAddress() latchkey.Address {
	c := r.getChannel()
	return latchkey.CanonicalAddress(c, r.getText())
}

func (r *row) getOrigin() (o latchkey.Origin) {
	var ip netip.Addr
	if ip.UnmarshalBinary(r.next()) == nil {
		o.IP = ip
	}
	o.UserAgent = r.getText()
	return o
}

// The words below are read on every login: comparing the column's bytes makes no garbage, where getText would.

func (r *row) getChannel() latchkey.Channel { return word(r, latchkey.Email, latchkey.Phone) }

func (r *row) getProtocol() latchkey.Protocol {
	return word(r, latchkey.JWT, latchkey.OAuth2, latchkey.Hosted)
}

func (r *row) getState() latchkey.State {
	return word(r, latchkey.Waiting, latchkey.Spent, latchkey.Approved, latchkey.Denied)
}

func word[T ~string](r *row, known ...T) T {
	b := r.next()
	for _, k := range known {
		if string(b) == string(k) {
			return k
		}
	}
	return T(b)
}
