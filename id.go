package latchkey

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// A UUID is 16 bytes that print in the canonical lower-case form 8-4-4-4-12 (RFC 9562).
type UUID [16]byte

// NewUUID makes a version 7 UUID (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits. Ordered by time, so
// that a table keyed by it grows at its end.
func NewUUID(now time.Time, random [16]byte) UUID {
	u := UUID(random)
	putMillis(u[:], now)
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return u
}

// ParseUUID reads the canonical form, upper case too. Anything else is Invalid.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return UUID{}, Invalid
	}
	packed := s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36]
	if _, err := hex.Decode(u[:], []byte(packed)); err != nil {
		return UUID{}, Invalid
	}
	return u, nil
}

// String gives the canonical lower-case form.
func (u UUID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// MarshalText and UnmarshalText make a UUID a string in JSON and YAML.
func (u UUID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText is ParseUUID.
func (u *UUID) UnmarshalText(b []byte) error {
	v, err := ParseUUID(string(b))
	if err == nil {
		*u = v
	}
	return err
}

// IsZero reports the zero value, which names nothing.
func (u UUID) IsZero() bool { return u == UUID{} }

// A Handle names something short-lived that a caller presents: 48 bits of Unix milliseconds, the SecretID that its
// secrets are derived from, and 128 random bits. Ordered by time, so that its table grows at its end and the sweep
// takes it from its start. It prints as 32 characters of base64url.
type Handle [24]byte

// NewHandle makes a Handle.
func NewHandle(now time.Time, secret SecretID, random [16]byte) Handle {
	var h Handle
	putMillis(h[:], now)
	copy(h[6:8], secret[:])
	copy(h[8:], random[:])
	return h
}

// ParseHandle reads String's form; ok is false for anything else.
func ParseHandle(s string) (h Handle, ok bool) {
	if len(s) != 32 {
		return Handle{}, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(h[:], []byte(s))
	if err != nil || n != len(h) {
		return Handle{}, false
	}
	return h, true
}

// String gives 32 characters of base64url.
func (h Handle) String() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// Secret names the master secret that everything about h is derived from.
func (h Handle) Secret() SecretID { return SecretID(h[6:8]) }

// Time is when h was made, to the millisecond, in UTC.
func (h Handle) Time() time.Time {
	var b [8]byte
	copy(b[2:], h[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b[:]))).UTC()
}

// IsZero reports the zero value, which names nothing.
func (h Handle) IsZero() bool { return h == Handle{} }

func putMillis(dst []byte, t time.Time) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(t.UnixMilli()))
	copy(dst[:6], b[2:])
}
