package postgres

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// What Attempt.Judge asks for, of an address of either channel; $6 is whether it must know the user. The narrow tables come first:
// every join is prepared anew for each column of those before it, which takes the server longer than to find the rows.
const (
	attemptColumns     = challengeColumns + `, ` + guessColumns + `, ` + userColumns
	attemptTables      = `(SELECT 1) AS one LEFT JOIN ` + guessTables + ` LEFT JOIN users u ON u.project = $2 AND $6`
	attemptLoadByEmail = `SELECT ` + attemptColumns + ` FROM ` + attemptTables + ` AND u.email = $4 LEFT JOIN challenges c ON c.id = $1`
	attemptLoadByPhone = `SELECT ` + attemptColumns + ` FROM ` + attemptTables + ` AND u.phone = $4 LEFT JOIN challenges c ON c.id = $1`
)

// attemptLoaded is what was loaded for an Attempt.
type attemptLoaded struct {
	challenge latchkey.Challenge
	guesses   latchkey.Guesses
	user      latchkey.User
	foreseen  bool             // some of it is not so yet: it was judged already that it will be
	session   latchkey.Session // the browser's earlier one
	grants    []latchkey.Grant // that came of it
}

// CompleteChallenge implements latchkey.LoginStore.
func (s *Store) CompleteChallenge(ctx context.Context, a latchkey.Attempt, now time.Time) (latchkey.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	wait := firstPause
	for round := 0; ; round++ {
		old, err := findAll(ctx, s, readAttempt, attemptStatements(a)...)
		if err != nil {
			return latchkey.Outcome{}, err
		}
		out := a.Judge(old.challenge, old.guesses, old.user, now)
		back, err := s.takenBack(ctx, a, &out, now)
		if err != nil {
			return latchkey.Outcome{}, err
		}
		c := completion(a, old, &out, back, now)
		held, err := s.store(ctx, c)
		switch {
		case err != nil:
			return latchkey.Outcome{}, err
		case held == c.guards:
			return out, nil
		case round == 0: // the second time most of those who lost to a right answer have nothing to guard any more
		case a.OldSession.IsZero():
			return s.completeInHerd(ctx, a, now)
		default: // what ends with a session is not foreseen in a herd
			if wait, err = pause(ctx, wait); err != nil {
				return latchkey.Outcome{}, err
			}
		}
	}
}

// attemptStatements give what Attempt.Judge asks for, and readAttempt reads it.
func attemptStatements(a latchkey.Attempt) []*stmt {
	q := query(attemptLoadByEmail)
	if a.To.Channel() == latchkey.Phone {
		q = query(attemptLoadByPhone)
	}
	q.putHandle(a.ID.Handle)
	q.putGuesser(a.Project, a.To, a.From.Network())
	q.putBool(a.NeedsUser())
	stmts := []*stmt{q}
	if !a.OldSession.IsZero() {
		stmts = append(stmts, sessionAndGrants(a.OldSession)...)
	}
	return stmts
}

func readAttempt(got *attemptLoaded, i int, r *row) {
	switch i {
	case 0:
		r.getChallengeRow(&got.challenge)
		got.guesses = r.getGuesses()
		r.getUserRow(&got.user)
	case 1:
		r.getSessionRow(&got.session)
	case 2:
		got.grants = append(got.grants, r.getGrantRow())
	}
}

// completion is the change that stores out. The guards lock in one order, challenge, guesses, session, user, and so does a batch:
// wrong answers at an address come before logins with it. Where old is foreseen, a refusal that changes nothing is guarded too: it
// is none if what it was judged after never comes.
func completion(
	a latchkey.Attempt, old *attemptLoaded, out *latchkey.Outcome, back []latchkey.SMSTally, now time.Time,
) *change {
	c := newChange(orderOfAddress(a.Project, a.To) &^ 1)
	if out.Verdict == nil {
		c.order++
	}
	judged := out.Challenge.State != old.challenge.State || out.Challenge.Tries != old.challenge.Tries
	if judged || old.foreseen && !old.challenge.ID.IsZero() {
		c.holdChallenge(&old.challenge)
	}
	switch forget := out.Guesses.Total == 0; {
	case old.foreseen && old.guesses.IsZero() && forget:
		c.guard(noGuesses)
		c.putProjectAddress(a.Project, a.To)
	case out.Guesses == old.guesses && !old.foreseen:
	case out.Guesses == old.guesses || forget:
		c.holdGuesses(a.Project, a.To, old.guesses)
	default:
		c.guessed(a.Project, a.To, a.From.Network(), old.guesses, out.Guesses)
	}
	ended := endingOf(old, out, now)
	if ended.Done {
		c.holdSession(out.End, old.grants)
	}
	if out.Verdict == nil {
		c.login(old.user, out.User)
	}
	if judged {
		c.judge(&out.Challenge)
	}
	if out.Guesses.Total == 0 {
		c.loggedIn(a.Project, a.To, old.guesses, out.Guesses)
	}
	if !out.Code.ID.IsZero() {
		c.step(insertCode)
		c.putCode(out.Code)
	}
	if !out.Session.ID.IsZero() {
		c.step(insertSession)
		c.putSession(out.Session)
	}
	if len(back) > 0 {
		c.forgetPendingSMS(a.Project, a.To)
		c.countSMS(a.Project, back)
	}
	if !ended.Done {
		return c.event(out.Event)
	}
	c.endSession(out.End, ended)
	return c.twoEvents(ended.Event, out.Event)
}

// endingOf is what becomes of the session that the browser had before this login.
func endingOf(old *attemptLoaded, out *latchkey.Outcome, now time.Time) latchkey.Ended {
	if out.Session.ID.IsZero() || out.End.IsZero() {
		return latchkey.Ended{}
	}
	end := latchkey.Ending{ID: out.End, Project: out.Session.Project, Next: out.Session, Why: "signed in anew", From: out.Session.From}
	return end.Judge(old.session, old.grants, now)
}
