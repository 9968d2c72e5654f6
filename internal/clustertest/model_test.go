package clustertest_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/latchkey-dev/latchkey"
)

// A deed is a kind of operation on one challenge, and on what comes of it.
type deed string

const (
	doStart   deed = "start"
	doRight   deed = "confirm, right"
	doWrong   deed = "confirm, wrong"
	doApprove deed = "approve"
	doDeny    deed = "deny"
	doRedeem  deed = "redeem"
	doRefresh deed = "refresh"
	doRevoke  deed = "revoke"
	doLook    deed = "look" // into the database, once all is over
)

// A question is one operation as it was asked for. A node looked at its clock between called and given up or answered.
type question struct {
	deed       deed
	generation uint32        // of the refresh token presented
	called     time.Duration // since the beginning
	ended      time.Duration
	// Of one that nobody knows the end of: which kind of those of its challenge it is, and the how-manieth of that kind (tell).
	kind, place int
}

// between gives bounds of when it happened, in whole seconds: finer ones would make a sight of its own of each order of operations
// at about the same time, and the search long.
func (q question) between() (earliest, latest time.Duration) {
	return q.called.Truncate(time.Second), q.ended.Truncate(time.Second) + time.Second
}

// A reply is what it was answered.
type reply struct {
	verdict    verdict
	generation uint32 // of the refresh token given
	rows       rows   // of a look
}

type verdict string

const (
	yes       verdict = "yes"
	no        verdict = "no"
	exhausted verdict = "no more tries"
	lost      verdict = "nobody knows" // the connection broke, or 503
)

// rows are what the database has of a challenge.
type rows struct {
	state      latchkey.State
	tries      int
	guesses    int // at its address
	users      int // who have its address
	grants     int // of theirs
	generation uint32
	revoked    bool
}

// A sight is a challenge and what came of it, as one thing that changes in one order: the rules of latchkey.Challenge,
// latchkey.Redemption and latchkey.Rotation in the words of this test.
type sight struct {
	rows
	code         codeState
	issued       time.Duration // the code, at the earliest
	issuedLatest time.Duration // and at the latest
	rotated      time.Duration // the family, at the earliest
	rotatedLast  time.Duration // and at the latest

	happened string // how many of each kind that nobody knows the end of have happened, a byte each
	over     bool   // the look has come: what is left never happened
}

type codeState string

const (
	noCode codeState = ""
	unused codeState = "unused"
	used   codeState = "used"
)

const maxTries = 5

func (s sight) live() bool { return s.state == latchkey.Waiting || s.state == latchkey.Approved }

// step gives the sight after an operation, and whether it can have been answered like that. One that nobody knows the end of
// may have any answer, and may have happened at any time after its call or never, which is the same as after the look. The
// search would try every order of them; two things keep it short and lose none. One that changes nothing need not happen. And
// of two of a kind the one that was called first happens first: the other one could take its place.
func (s sight) step(q question, a reply) (bool, sight) {
	unknown := a.verdict == lost
	if s.over {
		return unknown, s
	}
	if unknown && int(s.happened[q.kind]) != q.place {
		return false, s
	}
	ok, next := s.do(q, a)
	if unknown {
		if next == s {
			return false, s
		}
		count := []byte(s.happened)
		count[q.kind]++
		next.happened = string(count)
	}
	return ok, next
}

// tell numbers the operations that nobody knows the end of by kind and place, and gives those of a kind the same bounds of time.
// It gives what nothing has happened of yet.
func tell(ops []porcupine.Operation) (none sight) {
	type kind struct {
		deed       deed
		generation uint32
	}
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	kinds := map[kind][]int{}
	for i, o := range ops {
		if q := o.Input.(question); o.Output.(reply).verdict == lost {
			k := kind{q.deed, q.generation}
			kinds[k] = append(kinds[k], i)
		}
	}
	number := 0
	for _, members := range kinds {
		first, last := ops[members[0]].Input.(question).called, time.Duration(0)
		for _, i := range members {
			last = max(last, ops[i].Input.(question).ended)
		}
		for place, i := range members {
			q := ops[i].Input.(question)
			q.kind, q.place, q.called, q.ended = number, place, first, last
			ops[i].Input = q
		}
		number++
	}
	return sight{happened: strings.Repeat("\x00", number)}
}

// do is step for what happens.
func (s sight) do(q question, a reply) (bool, sight) {
	is := func(v verdict) bool { return a.verdict == v || a.verdict == lost }
	switch q.deed {
	case doStart:
		ok := s.state == ""
		s.state = latchkey.Waiting
		return ok && is(yes), s
	case doRight, doWrong:
		return s.answer(q, is)
	case doApprove:
		if !s.live() {
			return is(no), s
		}
		s.state = latchkey.Approved
		return is(yes), s
	case doDeny:
		if s.state == latchkey.Spent {
			return is(no), s
		}
		s.state = latchkey.Denied
		return is(yes), s
	case doRedeem:
		return s.redeem(q, a)
	case doRefresh:
		return s.refresh(q, a)
	case doRevoke:
		s.revoked = s.revoked || s.grants > 0
		return is(yes), s
	case doLook:
		s.over = true
		return a.rows == s.rows, s
	}
	return false, s
}

func (s sight) answer(q question, is func(verdict) bool) (bool, sight) {
	switch {
	case !s.live():
		return is(no), s
	case s.tries >= maxTries:
		return is(exhausted), s
	case q.deed == doWrong:
		s.tries++
		s.guesses++
		return is(no), s
	}
	s.state, s.guesses, s.users = latchkey.Spent, 0, 1
	s.code = unused
	s.issued, s.issuedLatest = q.between()
	return is(yes), s
}

func (s sight) redeem(q question, a reply) (bool, sight) {
	switch s.code {
	case noCode:
		return false, s // nobody can have it
	case used:
		s.revoked = true // one of the two is a thief
		return a.verdict == no || a.verdict == lost, s
	}
	late, surely := q.ended >= s.issued+latchkey.CodeLife, q.called >= s.issuedLatest+latchkey.CodeLife
	if late && a.verdict == no || surely {
		return a.verdict != yes, s
	}
	s.code, s.grants = used, 1
	s.rotated, s.rotatedLast = q.between()
	return a.verdict == lost || a.verdict == yes && a.generation == 0, s
}

func (s sight) refresh(q question, a reply) (bool, sight) {
	gives := func(generation uint32) bool {
		return a.verdict == lost || a.verdict == yes && a.generation == generation
	}
	if s.grants == 0 || s.revoked || q.generation > s.generation {
		return a.verdict == no || a.verdict == lost, s
	}
	if q.generation == s.generation {
		s.generation++
		s.rotated, s.rotatedLast = q.between()
		return gives(s.generation), s
	}
	late, surely := q.ended >= s.rotated+latchkey.RotationGrace, q.called >= s.rotatedLast+latchkey.RotationGrace
	if q.generation+1 == s.generation && !surely && (a.verdict != no || !late) {
		return gives(s.generation), s // the answer got lost, and is given again
	}
	s.revoked = true // used twice
	return a.verdict == no || a.verdict == lost, s
}

// explain looks for an order of the operations on one challenge that explains every answer.
func explain(ops []porcupine.Operation, within time.Duration) porcupine.CheckResult {
	none := tell(ops)
	return porcupine.CheckOperationsTimeout(porcupine.Model{
		Init: func() any { return none },
		Step: func(state, input, output any) (bool, any) {
			ok, next := state.(sight).step(input.(question), output.(reply))
			return ok, next
		},
	}, ops, within)
}

// describe is a history for people.
func describe(ops []porcupine.Operation) string {
	var b strings.Builder
	for _, o := range ops {
		q, a := o.Input.(question), o.Output.(reply)
		fmt.Fprintf(&b, "  %10v – %10v  client %2d  %s", q.called.Round(time.Microsecond*100), q.ended.Round(time.Microsecond*100), o.ClientId, q.deed)
		if q.deed == doRefresh {
			fmt.Fprintf(&b, " %d", q.generation)
		}
		fmt.Fprintf(&b, " → %s", a.verdict)
		switch {
		case q.deed == doRefresh && a.verdict == yes:
			fmt.Fprintf(&b, " %d", a.generation)
		case q.deed == doLook:
			fmt.Fprintf(&b, " %+v", a.rows)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
