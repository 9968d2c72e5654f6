package limits

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A Limit is a latchkey.Rate as people write it: 60/10m is sixty in ten minutes, with all sixty at once if they have not
// been used; 2/1h burst 3 is two in an hour, with three at once. What was used comes back evenly, one by one, so the most
// that anybody gets in any Per is Burst + Count. The zero value is off: it forbids nothing.
type Limit struct {
	Count int
	Per   time.Duration // whole seconds
	Burst int           // at least 1
}

// evenly is n in per, all at once if none was used.
func evenly(n int, per time.Duration) Limit { return Limit{n, per, n} }

// The largest numbers that a Limit may have: their products stay far from where a time.Duration ends.
const (
	maxCount = 1_000_000_000
	maxPer   = 366 * 24 * time.Hour
)

// IsZero reports the limit that is off.
func (l Limit) IsZero() bool { return l == Limit{} }

// Rate gives what a limiter is asked for, in whole microseconds, rounded to the slower side: every room counts those alike.
func (l Limit) Rate() latchkey.Rate {
	if l.IsZero() {
		return latchkey.Rate{}
	}
	every := (l.Per + time.Duration(l.Count) - 1) / time.Duration(l.Count)
	return latchkey.Rate{Every: (every + time.Microsecond - 1).Truncate(time.Microsecond), Burst: l.Burst}
}

// Most is how often it may happen within any stretch of time of that length; meaningless for a limit that is off.
func (l Limit) Most(within time.Duration) int { return l.Burst + int(within/l.Rate().Every) }

// String gives the form that ParseLimit reads.
func (l Limit) String() string {
	if l.IsZero() {
		return "off"
	}
	s := strconv.Itoa(l.Count) + "/" + formatPer(l.Per)
	if l.Burst != l.Count {
		s += " burst " + strconv.Itoa(l.Burst)
	}
	return s
}

// ParseLimit reads COUNT/TIME, COUNT/TIME burst COUNT, or off. A time is a number and s, m, h or d.
func ParseLimit(text string) (Limit, error) {
	words := strings.Fields(text)
	if len(words) == 1 && words[0] == "off" {
		return Limit{}, nil
	}
	if len(words) != 1 && (len(words) != 3 || words[1] != "burst") {
		return Limit{}, errors.New("a limit is COUNT/TIME, such as 60/10m, COUNT/TIME burst COUNT, or off")
	}
	count, per, both := strings.Cut(words[0], "/")
	if !both {
		return Limit{}, errors.New("a limit is COUNT/TIME, such as 60/10m")
	}
	var l Limit
	var err error
	if l.Count, err = parseCount(count); err != nil {
		return Limit{}, err
	}
	if l.Per, err = parsePer(per); err != nil {
		return Limit{}, err
	}
	l.Burst = l.Count
	if len(words) == 3 {
		if l.Burst, err = parseCount(words[2]); err != nil {
			return Limit{}, err
		}
	}
	switch r := l.Rate(); {
	case l.Per/time.Duration(l.Count) < time.Microsecond:
		return Limit{}, errors.New("a limit is no finer than a million in a second: off is the word for none")
	case r.Every > maxPer/time.Duration(r.Burst): // so much time the whole burst would take to come back
		return Limit{}, errors.New("the whole burst is back within a year")
	}
	return l, nil
}

func parseCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxCount || text[0] == '+' {
		return 0, fmt.Errorf("%q is no count: it is a number from 1 to %d", text, maxCount)
	}
	return n, nil
}

// units are what a time may end with, the longest first.
func units() []unit {
	return []unit{{'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}
}

type unit struct {
	letter byte
	length time.Duration
}

func parsePer(text string) (time.Duration, error) {
	for _, u := range units() {
		number, ok := strings.CutSuffix(text, string(u.letter))
		if !ok {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || time.Duration(n) > maxPer/u.length || number[0] == '+' {
			break
		}
		return time.Duration(n) * u.length, nil
	}
	return 0, fmt.Errorf("%q is no time: it is a number and s, m, h or d, a year at the most", text)
}

func formatPer(d time.Duration) string {
	for _, u := range units() {
		if d%u.length == 0 {
			return strconv.FormatInt(int64(d/u.length), 10) + string(u.letter)
		}
	}
	return d.String()
}
