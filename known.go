package latchkey

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// KnownBrowserLife is for how long a browser is known by a login: long enough for a game that is played in some months of the
// year, and half of what browsers keep a cookie.
const KnownBrowserLife = 180 * day

const day = 24 * time.Hour

// maxKnown is how many addresses one browser is known by: a family's. The newest stay.
const maxKnown = 5

// A mark says that one address has signed in from a browser: which master secret made it, when, under which epoch of the user,
// and a MAC of that and of who it was. Nobody but the holder of the secret can tell of which address it speaks, or make one.
//
//	secret 2 ‖ day 2 ‖ epoch 4 ‖ MAC 16
type mark [24]byte

// markText is the length of a mark in base64url.
const markText = len(mark{}) * 4 / 3

// KnownBrowser gives what the cookie of a browser holds once u has proved to in it. held is what it held before: what that says
// of other addresses stays.
func (s Secrets) KnownBrowser(held Secret, u User, to Address, now time.Time) Secret {
	d := s.list[0]
	text := printMark(d.mark(u, to, uint32(u.Epoch), uint16(now.Unix()/int64(day/time.Second))))
	for _, m := range parseMarks(held) {
		of, known := s.find(SecretID(m[:2]))
		if known && now.Before(m.ends()) && !of.made(m, u, to) && len(text) < maxKnown*markText {
			text += printMark(m)
		}
	}
	return Secret(text)
}

// KnowsBrowser reports whether held, of the cookie of a browser, says that u has proved to in it, and that nothing has ended that
// since: the time, a ban, the end of all of u's sessions, or the end of u. It takes the same time for a u who is nobody.
func (s Secrets) KnowsBrowser(held Secret, u User, to Address, now time.Time) bool {
	good := false
	for _, m := range parseMarks(held) {
		of, known := s.find(SecretID(m[:2]))
		if known && of.made(m, u, to) && now.Before(m.ends()) && m.epoch() == uint32(u.Epoch) {
			good = true
		}
	}
	return good && !u.ID.IsZero() && !u.Banned(now)
}

func (m mark) epoch() uint32 { return binary.BigEndian.Uint32(m[4:8]) }
func (m mark) day() uint16   { return binary.BigEndian.Uint16(m[2:4]) }

// ends is when m is worth nothing any more.
func (m mark) ends() time.Time {
	return time.Unix(int64(m.day())*int64(day/time.Second), 0).Add(KnownBrowserLife)
}

// mark makes one. What has a fixed length comes first, so that no two inputs run together.
func (d derived) mark(u User, to Address, epoch uint32, on uint16) (m mark) {
	copy(m[:2], d.id[:])
	binary.BigEndian.PutUint16(m[2:4], on)
	binary.BigEndian.PutUint32(m[4:8], epoch)
	sum := d.known.sum(func(b []byte) []byte {
		b = append(b, m[:8]...)
		b = append(b, u.Project.UUID[:]...)
		b = append(b, u.ID.UUID[:]...)
		b = append(b, to.channel...)
		b = append(b, 0)
		return append(b, to.value...)
	})
	copy(m[8:], sum[:])
	return m
}

// made reports whether m is one of d's that says of u and to what it says.
func (d derived) made(m mark, u User, to Address) bool {
	want := d.mark(u, to, m.epoch(), m.day())
	return subtle.ConstantTimeCompare(m[:], want[:]) == 1
}

func printMark(m mark) string { return base64.RawURLEncoding.EncodeToString(m[:]) }

// parseMarks reads what a cookie holds; none where it holds anything else.
func parseMarks(held Secret) []mark {
	if len(held)%markText != 0 || len(held) > maxKnown*markText {
		return nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(string(held))
	if err != nil || len(raw)%len(mark{}) != 0 { // fewer bytes: the decoder passes over line breaks
		return nil
	}
	marks := make([]mark, len(raw)/len(mark{}))
	for i := range marks {
		marks[i] = mark(raw[i*len(mark{}):])
	}
	return marks
}
