package postgres

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	challengeColumns = `c.id, c.project, c.channel, c.address, c.protocol, c.client, c.redirect, c.state_echo, c.scope, c.payload,
		c.nonce, c.code_challenge, c.with_logout, c.locale, c.ip, c.user_agent, c.state, c.digits, c.link, c.number, c.link_url,
		c.link_hash, c.tries, c.max_tries, c.resends, c.started, c.expires`

	challengeByID   = `SELECT ` + challengeColumns + ` FROM challenges c WHERE c.id = $1`
	challengeByLink = `SELECT ` + challengeColumns + ` FROM challenges c WHERE c.link_hash = $1`
	// startLoad gives what Start.Judge asks for, where it need not know the user.
	startLoad = `SELECT ` + challengeColumns + `, ` + guessColumns + ` FROM (SELECT 1) AS one
		LEFT JOIN challenges c ON c.id = $1 LEFT JOIN ` + guessTables

	insertChallenge = `INSERT INTO challenges (id, project, channel, address, protocol, client, redirect, state_echo, scope,
		payload, nonce, code_challenge, with_logout, locale, ip, user_agent, state, digits, link, number, link_url, link_hash,
		tries, max_tries, resends, started, expires)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE @`

	// A challenge never changes but in one of the three, so that it is as it was loaded where they are. It is never waited for:
	// whoever holds it is about to change it, and a batch that waits for one challenge while it holds others could wait for ever.
	lockChallenge = `SELECT 1 FROM challenges WHERE id = ? AND state = ? AND tries = ? AND resends = ? AND @
		FOR UPDATE SKIP LOCKED`
	resendChallenge = `UPDATE challenges SET link = ?, link_url = ?, link_hash = ?, resends = ?, expires = ? WHERE id = ? AND @`
	judgeChallenge  = `UPDATE challenges SET state = ?, tries = ? WHERE id = ? AND @`
)

// StartChallenge implements latchkey.LoginStore. Nearly every start is a new challenge for an address that nobody guessed at:
// it is judged without looking, and its change is guarded by just that, which is one round trip.
func (s *Store) StartChallenge(ctx context.Context, start latchkey.Start, now time.Time) (latchkey.Started, error) {
	out := new(latchkey.Started)
	look := !start.Again.IsZero() || start.NeedsUser()
	err := s.settle(ctx, func(ctx context.Context) (*change, error) {
		old := new(startLoaded)
		c := newChange(orderOfAddress(start.Fresh.Project, start.Fresh.To))
		if look {
			var err error
			if old, err = s.loadStart(ctx, start); err != nil {
				return nil, err
			}
		} else {
			look = true // the next time
			c.guard(noGuesses)
			c.putProjectAddress(start.Fresh.Project, start.Fresh.To)
		}
		var err error
		*out, err = s.meter(ctx, start, start.Judge(old.challenge, old.guesses, old.user, now), old.user, now)
		if err != nil || out.Verdict != nil {
			return nil, err
		}
		if out.Resent {
			c.holdChallenge(&old.challenge)
		}
		c.guardTrip(start.Fresh.Project, &out.SMS, now)
		if out.Resent {
			c.step(resendChallenge)
			c.putResend(&out.Challenge)
		} else {
			// What was loaded may have changed since. It is as if this start came before that: nobody can have seen its challenge.
			c.step(insertChallenge)
			c.putChallenge(&out.Challenge)
		}
		if !out.Message.Challenge.IsZero() {
			c.step(insertMessage)
			c.putMessage(out.Message)
		}
		if out.SMS != (latchkey.SMSEntry{}) {
			c.storeSMS(start.Fresh.Project, start.Fresh.To, &out.SMS)
		}
		if out.SMS.Event != (latchkey.Event{}) {
			return c.twoEvents(out.Event, out.SMS.Event), nil
		}
		return c.event(out.Event), nil
	})
	if err != nil {
		return latchkey.Started{}, err
	}
	return *out, nil
}

// startLoaded is what was loaded for a Start.
type startLoaded struct {
	challenge latchkey.Challenge // whose message is to be sent again
	guesses   latchkey.Guesses
	user      latchkey.User // if it is needed
}

func (s *Store) loadStart(ctx context.Context, start latchkey.Start) (*startLoaded, error) {
	q, needsUser := query(startLoad), start.NeedsUser()
	switch {
	case !needsUser:
	case start.Fresh.To.Channel() == latchkey.Phone:
		q = query(attemptLoadByPhone)
	default:
		q = query(attemptLoadByEmail)
	}
	q.putHandle(start.Again.Handle)
	q.putGuesser(start.Fresh.Project, start.Fresh.To, start.Fresh.From.Network())
	if needsUser {
		q.putBool(true)
	}
	return find(ctx, s, q, func(got *startLoaded, r *row) {
		r.getChallengeRow(&got.challenge)
		got.guesses = r.getGuesses()
		if needsUser {
			r.getUserRow(&got.user)
		}
	})
}

// Challenge implements latchkey.LoginStore.
func (s *Store) Challenge(ctx context.Context, id latchkey.ChallengeID) (latchkey.Challenge, error) {
	q := query(challengeByID)
	q.putHandle(id.Handle)
	c, err := s.findChallenge(ctx, q)
	return *c, err
}

// ChallengeByLink implements latchkey.LoginStore.
func (s *Store) ChallengeByLink(ctx context.Context, h latchkey.Hash) (latchkey.Challenge, error) {
	q := query(challengeByLink)
	q.putHash(h)
	c, err := s.findChallenge(ctx, q)
	return *c, err
}

// findChallenge gives a pointer, zero with an error: a held poll reads its challenge, and each copy on the way would make its
// stack larger.
func (s *Store) findChallenge(ctx context.Context, q *stmt) (*latchkey.Challenge, error) {
	c, err := find(ctx, s, q, func(c *latchkey.Challenge, r *row) { r.getChallengeRow(c) })
	if err == nil && c.ID.IsZero() {
		err = latchkey.NotFound
	}
	return c, err
}

// ApproveChallenge implements latchkey.LoginStore.
func (s *Store) ApproveChallenge(ctx context.Context, h latchkey.Hash, from latchkey.Origin, now time.Time) (latchkey.Challenge, error) {
	return s.press(ctx, h, latchkey.Challenge.Approve, latchkey.Event{At: now, Kind: latchkey.ChallengeApproved, From: from})
}

// DenyChallenge implements latchkey.LoginStore.
func (s *Store) DenyChallenge(
	ctx context.Context, h latchkey.Hash, why string, from latchkey.Origin, now time.Time,
) (latchkey.Challenge, error) {
	return s.press(ctx, h, latchkey.Challenge.Deny,
		latchkey.Event{At: now, Kind: latchkey.ChallengeDenied, From: from, Detail: why})
}

// press applies the rule of a button to the challenge behind a link, and completes and stores its event.
func (s *Store) press(
	ctx context.Context, h latchkey.Hash, rule func(latchkey.Challenge, time.Time) (latchkey.Challenge, error), e latchkey.Event,
) (latchkey.Challenge, error) {
	next := new(latchkey.Challenge)
	err := s.settle(ctx, func(ctx context.Context) (*change, error) {
		q := query(challengeByLink)
		q.putHash(h)
		old, err := s.findChallenge(ctx, q)
		if err != nil {
			return nil, err
		}
		if *next, err = rule(*old, e.At); err != nil || *next == *old {
			return nil, err
		}
		c := newChange(orderOfAddress(old.Project, old.To))
		c.holdChallenge(old)
		c.judge(next)
		e.Project, e.Client, e.Challenge, e.Address = next.Project, next.Ask.Client, next.ID, next.To.String()
		return c.event(e), nil
	})
	return *next, err
}

// holdChallenge adds the guard that a challenge is as it was loaded.
func (c *change) holdChallenge(old *latchkey.Challenge) {
	c.guard(lockChallenge)
	c.putHandle(old.ID.Handle)
	c.putText(string(old.State))
	c.putInt(int64(old.Tries))
	c.putInt(int64(old.Resends))
}

// judge adds the step that stores what Answer, Approve and Deny change.
func (c *change) judge(next *latchkey.Challenge) {
	c.step(judgeChallenge)
	c.putText(string(next.State))
	c.putInt(int64(next.Tries))
	c.putHandle(next.ID.Handle)
}

// putResend puts what Start.Judge changes of a challenge that exists.
func (q *stmt) putResend(next *latchkey.Challenge) {
	q.putBool(next.Link)
	q.putForeign(next.LinkURL)
	q.putHash(next.LinkHash)
	q.putInt(int64(next.Resends))
	q.putTime(next.Expires)
	q.putHandle(next.ID.Handle)
}

func (q *stmt) putChallenge(c *latchkey.Challenge) {
	q.putHandle(c.ID.Handle)
	q.putUUID(c.Project.UUID)
	q.putAddress(c.To)
	q.putText(string(c.Protocol))
	q.putInt(int64(c.Ask.Client))
	q.putForeign(c.Ask.Redirect)
	q.putForeign(c.Ask.State)
	q.putForeign(c.Ask.Scope)
	q.putForeign(c.Ask.Payload)
	q.putForeign(c.Ask.Nonce)
	q.putForeign(c.Ask.CodeChallenge)
	q.putBool(c.Ask.WithLogout)
	q.putForeign(c.Ask.Locale)
	q.putOrigin(c.From)
	q.putText(string(c.State))
	q.putInt(int64(c.Digits))
	q.putBool(c.Link)
	q.putBool(c.Number)
	q.putForeign(c.LinkURL)
	q.putHash(c.LinkHash)
	q.putInt(int64(c.Tries))
	q.putInt(int64(c.MaxTries))
	q.putInt(int64(c.Resends))
	q.putTime(c.Started)
	q.putTime(c.Expires)
}

// getChallengeRow reads challengeColumns; all NULL is zero.
func (r *row) getChallengeRow(c *latchkey.Challenge) {
	c.ID.Handle = r.getHandle()
	c.Project = r.getProject()
	c.To = r.getAddress()
	c.Protocol = r.getProtocol()
	c.Ask = latchkey.Ask{
		Client: r.getClient(), Redirect: r.getText(), State: r.getText(), Scope: r.getText(), Payload: r.getText(),
		Nonce: r.getText(), CodeChallenge: r.getText(), WithLogout: r.getBool(), Locale: r.getText(),
	}
	c.From = r.getOrigin()
	c.State = r.getState()
	c.Digits = int(r.getInt())
	c.Link, c.Number = r.getBool(), r.getBool()
	c.LinkURL = r.getText()
	c.LinkHash = r.getHash()
	c.Tries, c.MaxTries, c.Resends = int(r.getInt()), int(r.getInt()), int(r.getInt())
	c.Started, c.Expires = r.getTime(), r.getTime()
}
