package postgres

import (
	"strconv"
	"strings"
)

// A change is what a verb stores: one statement, and so one round trip and one commit, that takes hold as a whole or not at
// all. It begins with guards, each of which must find its row as it was loaded; the steps after them store what was judged.
//
//	WITH s1 AS (SELECT 1 FROM challenges WHERE id = $1 AND state = $2 AND true FOR UPDATE SKIP LOCKED),
//	     s2 AS (UPDATE users SET last_login = $3 WHERE id = $4 AND epoch = $5 AND EXISTS (SELECT FROM s1) RETURNING 1),
//	     s3 AS (UPDATE challenges SET state = $6 WHERE id = $7 AND EXISTS (SELECT FROM s2)), …
//	SELECT … how many guards held
//
// In the texts of guards and steps a question mark is the next parameter, and @ the condition that the guard before holds.
// A guard of a row that another statement follows with a guard only locks it, because what a later guard refuses must not be
// stored; the last guard may store at once. A guard of a row that must not be there inserts it, and comes last.
//
// It works under READ COMMITTED: a row that somebody else has just changed is waited for and looked at again as it is then.
type change struct {
	stmt
	guards int
	order  uint64 // of the rows that it locks (job.order)
	alone  bool   // it locks rows of several classes, and so must not go in a batch
	// before is what goes before it in its transaction, alone: a statement sees what was there when it began, so that a guard
	// for rows that others may add needs the lock that keeps them from adding taken by then.
	before []*stmt
	long   []part // its parts where they are too many for a shape
}

// A shape is what a statement is but for its parameters: one text, or the parts of a change. It is what a connection knows its
// prepared statements by, so that the text of a change is put together once for each connection and not each time.
type shape struct {
	parts [maxParts]part
	n     int
	whole bool // one text
}

type part struct {
	text  string
	guard bool
}

const maxParts = 10

func newChange(order uint64) *change {
	c := &change{order: order}
	c.oids, c.values, c.arena = make([]uint32, 0, 88), make([][]byte, 0, 88), make([]byte, 0, 1600)
	return c
}

// aloneChange is a change that must not go in a batch.
func aloneChange() *change {
	c := newChange(0)
	c.alone = true
	return c
}

// guard adds a part that must give a row. Its parameters are put after it.
func (c *change) guard(text string) *change {
	c.guards++
	return c.add(part{text, true})
}

// step adds a part that stores something. Its parameters are put after it.
func (c *change) step(text string) *change { return c.add(part{text, false}) }

func (c *change) add(p part) *change {
	switch {
	case c.n < maxParts:
		c.parts[c.n] = p
	case c.n == maxParts:
		c.long = append(c.long, c.parts[:]...)
		fallthrough
	default:
		c.long = append(c.long, p)
	}
	c.n++
	return c
}

// end gives the statement. Its answer is how many guards held.
func (c *change) end() *stmt {
	if c.long != nil {
		c.shape = shape{whole: true, n: 1}
		c.parts[0].text = compose(c.long)
	}
	return &c.stmt
}

// text is the statement as the server gets it.
func (s *shape) text() string {
	if s.whole {
		return s.parts[0].text
	}
	return compose(s.parts[:s.n])
}

// compose puts the parts of a change together.
func compose(parts []part) string {
	var sql strings.Builder
	sql.WriteString("WITH ")
	var guards []string // the names of the parts that are
	condition, parameter := "true", 0
	for i, p := range parts {
		name := "s" + strconv.Itoa(i+1)
		if i > 0 {
			sql.WriteString(", ")
		}
		sql.WriteString(name + " AS (")
		text := p.text
		for {
			at := strings.IndexAny(text, "?@")
			if at < 0 {
				break
			}
			sql.WriteString(text[:at])
			if text[at] == '?' {
				parameter++
				sql.WriteString("$" + strconv.Itoa(parameter))
			} else {
				sql.WriteString(condition)
			}
			text = text[at+1:]
		}
		sql.WriteString(text + ")")
		if p.guard {
			guards = append(guards, name)
			condition = "EXISTS (SELECT FROM " + name + ")"
		}
	}
	sql.WriteString(" SELECT CASE")
	for i := len(guards) - 1; i >= 0; i-- {
		sql.WriteString(" WHEN EXISTS (SELECT FROM " + guards[i] + ") THEN " + strconv.Itoa(i+1))
	}
	sql.WriteString(" WHEN true THEN 0 END::bigint")
	return sql.String()
}
