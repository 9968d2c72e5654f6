package sqlite

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// What no statement looks into is one column instead of twenty: SQLite takes a tenth of a microsecond to bind or to read
// each, and a login would meet a hundred of them. A packed column is a line of numbers, each with a ';' behind it, and
// texts, each with its length in bytes and a ':' before it, so that a migration can make one in SQL and a person can
// read it.

var errPacked = errors.New("a packed column cannot be read")

// A packer writes a packed column.
type packer struct{ b []byte }

func (p *packer) int(n int64) { p.b = append(strconv.AppendInt(p.b, n, 10), ';') }

func (p *packer) text(s string) {
	p.b = append(strconv.AppendInt(p.b, int64(len(s)), 10), ':')
	p.b = append(p.b, s...)
}

func (p *packer) bytes(b []byte) {
	p.b = append(strconv.AppendInt(p.b, int64(len(b)), 10), ':')
	p.b = append(p.b, b...)
}

// id writes an id, or nothing for none.
func (p *packer) id(b []byte, none bool) {
	if none {
		b = nil
	}
	p.bytes(b)
}

func (p *packer) bool(b bool) {
	if b {
		p.int(1)
		return
	}
	p.int(0)
}

func (p *packer) time(t time.Time) {
	if t.IsZero() {
		p.int(0)
		return
	}
	p.int(t.UnixMicro())
}

func (p *packer) origin(o latchkey.Origin) {
	var buf [48]byte
	ip, _ := o.IP.AppendBinary(buf[:0]) // never fails: netip has its error for an interface's sake
	p.bytes(ip)
	p.text(o.UserAgent)
}

// An unpacker reads a packed column; its texts are parts of s. The first fault sticks, and everything after it is zero.
type unpacker struct {
	s   string
	bad bool
}

func (u *unpacker) int() int64 {
	digits, rest, found := strings.Cut(u.s, ";")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !found || err != nil {
		u.s, u.bad = "", true
		return 0
	}
	u.s = rest
	return n
}

func (u *unpacker) text() string {
	digits, rest, found := strings.Cut(u.s, ":")
	n, err := strconv.ParseUint(digits, 10, 31)
	if !found || err != nil || int(n) > len(rest) {
		u.s, u.bad = "", true
		return ""
	}
	u.s = rest[n:]
	return rest[:n]
}

func (u *unpacker) bool() bool { return u.int() != 0 }

func (u *unpacker) time() time.Time {
	n := u.int()
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

func (u *unpacker) into(b []byte) { copy(b, u.text()) }

func (u *unpacker) origin() (o latchkey.Origin) {
	if ip := u.text(); ip != "" {
		_ = o.IP.UnmarshalBinary([]byte(ip)) // an address that cannot be read is none
	}
	o.UserAgent = u.text()
	return o
}

// more reports whether there is something left to read.
func (u *unpacker) more() bool { return u.s != "" }

// end says whether all of it was read, and well.
func (u *unpacker) end() error {
	if u.bad || u.s != "" {
		return errPacked
	}
	return nil
}
