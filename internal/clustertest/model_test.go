package clustertest_test

import (
	"fmt"
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
}

type codeState string

const (
	noCode codeState = ""
	unused codeState = "unused"
	used   codeState = "used"
)

const maxTries = 5

func (s sight) live() bool { return s.state == latchkey.Waiting || s.state == latchkey.Approved }

// step gives the sight after an operation, and whether it can have been answered like that. One that nobody knows the answer
// of is free to have any; as it may also come after everything else, it need not have happened.
func (s sight) step(q question, a reply) (bool, sight) {
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
	s.code, s.issued, s.issuedLatest = unused, q.called, q.ended
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
	s.code, s.grants, s.rotated, s.rotatedLast = used, 1, q.called, q.ended
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
		s.rotated, s.rotatedLast = q.called, q.ended
		return gives(s.generation), s
	}
	late, surely := q.ended >= s.rotated+latchkey.RotationGrace, q.called >= s.rotatedLast+latchkey.RotationGrace
	if q.generation+1 == s.generation && !surely && (a.verdict != no || !late) {
		return gives(s.generation), s // the answer got lost, and is given again
	}
	s.revoked = true // used twice
	return a.verdict == no || a.verdict == lost, s
}

// model is for porcupine, which looks for an order of the operations that explains every answer.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return sight{} },
		Step: func(state, input, output any) (bool, any) {
			ok, next := state.(sight).step(input.(question), output.(reply))
			return ok, next
		},
	}
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
