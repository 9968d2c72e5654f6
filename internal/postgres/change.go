package postgres

import (
	"strconv"
	"strings"
)

// A change is what a verb stores: one statement, and so one round trip and one commit, that takes hold as a whole or not at
// all. It begins with guards, each of which must find its row as it was loaded; the steps after them store what was judged.
//
//	WITH s1 AS (SELECT 1 FROM challenges WHERE id = $1 AND state = $2 AND true FOR UPDATE),
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
	sql    strings.Builder
	parts  int
	guards []int  // which parts are guards
	order  uint64 // of the rows that it locks (job.order)
	alone  bool   // it locks rows of several classes, and so must not go in a batch
	// before is what goes before it in its transaction, alone: a statement sees what was there when it began, so that a guard
	// for rows that others may add needs the lock that keeps them from adding taken by then.
	before []*stmt
}

func newChange(order uint64) *change {
	c := &change{order: order}
	c.room(96, 2048)
	c.sql.Grow(4096)
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
	c.add(text)
	c.guards = append(c.guards, c.parts)
	return c
}

// step adds a part that stores something. Its parameters are put after it.
func (c *change) step(text string) *change {
	c.add(text)
	return c
}

func (c *change) add(text string) {
	c.parts++
	if c.parts == 1 {
		c.sql.WriteString("WITH s")
	} else {
		c.sql.WriteString(", s")
	}
	c.sql.WriteString(strconv.Itoa(c.parts))
	c.sql.WriteString(" AS (")
	parameter := len(c.values)
	for {
		i := strings.IndexAny(text, "?@")
		if i < 0 {
			break
		}
		c.sql.WriteString(text[:i])
		if text[i] == '?' {
			parameter++
			c.sql.WriteByte('$')
			c.sql.WriteString(strconv.Itoa(parameter))
		} else {
			c.sql.WriteString(c.condition())
		}
		text = text[i+1:]
	}
	c.sql.WriteString(text)
	c.sql.WriteByte(')')
}

// condition is true where the last guard holds, and so every one before it.
func (c *change) condition() string {
	if len(c.guards) == 0 {
		return "true"
	}
	return "EXISTS (SELECT FROM s" + strconv.Itoa(c.guards[len(c.guards)-1]) + ")"
}

// end gives the statement. Its answer is how many guards held.
func (c *change) end() *stmt {
	c.sql.WriteString(" SELECT CASE")
	for i := len(c.guards) - 1; i >= 0; i-- {
		c.sql.WriteString(" WHEN EXISTS (SELECT FROM s" + strconv.Itoa(c.guards[i]) + ") THEN " + strconv.Itoa(i+1))
	}
	c.sql.WriteString(" WHEN true THEN 0 END::bigint")
	c.text = c.sql.String()
	return &c.stmt
}
