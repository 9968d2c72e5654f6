package sqlite

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	challengeColumns = `id, project, channel, address, protocol, client, redirect, state_echo, scope, payload, nonce,
		code_challenge, with_logout, locale, ip, user_agent, state, digits, link, number, link_url, link_hash, tries, max_tries,
		resends, started, expires`

	challengeByID   = `SELECT ` + challengeColumns + ` FROM challenges WHERE id = ?`
	challengeByLink = `SELECT ` + challengeColumns + ` FROM challenges WHERE link_hash = ?`

	insertChallenge = `INSERT INTO challenges (` + challengeColumns + `)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	resendChallenge = `UPDATE challenges SET link = ?, link_url = ?, link_hash = ?, resends = ?, expires = ? WHERE id = ?`
	judgeChallenge  = `UPDATE challenges SET state = ?, tries = ? WHERE id = ?`
)

// StartChallenge implements latchkey.LoginStore.
func (s *Store) StartChallenge(ctx context.Context, start latchkey.Start, now time.Time) (latchkey.Started, error) {
	return write(ctx, s, func(c *conn) (latchkey.Started, error) {
		var old latchkey.Challenge
		if !start.Again.IsZero() {
			var err error
			if old, err = c.challenge(challengeByID, start.Again.Handle[:]); err != nil {
				return latchkey.Started{}, err
			}
		}
		g, err := c.guesses(start.Fresh.Project, start.Fresh.To, start.Fresh.From.Network())
		if err != nil {
			return latchkey.Started{}, err
		}
		var u latchkey.User
		if start.NeedsUser() {
			if u, err = c.owner(start.Fresh.Project, start.Fresh.To); err != nil {
				return latchkey.Started{}, err
			}
		}
		out, err := c.meter(start, start.Judge(old, g, u, now), u, now)
		if err != nil || out.Verdict != nil {
			return out, err
		}
		if out.Resent {
			err = c.resendChallenge(out.Challenge)
		} else {
			err = c.insertChallenge(out.Challenge)
		}
		if err != nil {
			return out, err
		}
		if !out.Message.Challenge.IsZero() {
			if err := c.insertMessage(out.Message); err != nil {
				return out, err
			}
		}
		if err := c.insertEvent(out.Event); err != nil {
			return out, err
		}
		return out, c.storeSMS(start.Fresh.Project, start.Fresh.To, out.SMS)
	})
}

// Challenge implements latchkey.LoginStore.
func (s *Store) Challenge(ctx context.Context, id latchkey.ChallengeID) (latchkey.Challenge, error) {
	ch, err := s.findChallenge(ctx, challengeByID, id.Handle[:])
	return *ch, err
}

// ChallengeByLink implements latchkey.LoginStore.
func (s *Store) ChallengeByLink(ctx context.Context, h latchkey.Hash) (latchkey.Challenge, error) {
	ch, err := s.findChallenge(ctx, challengeByLink, h[:])
	return *ch, err
}

// findChallenge gives a pointer, zero with an error: a held poll reads its challenge, and each copy on the way would make
// its stack larger (see serveLooks).
func (s *Store) findChallenge(ctx context.Context, query string, key []byte) (*latchkey.Challenge, error) {
	held := new(latchkey.Challenge)
	err := s.read(ctx, func(c *conn) error {
		ch, err := c.challenge(query, key)
		if err == nil && ch.ID.IsZero() {
			err = latchkey.NotFound
		}
		*held = ch
		return err
	})
	if err != nil {
		held = new(latchkey.Challenge)
	}
	return held, err
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
	return write(ctx, s, func(c *conn) (latchkey.Challenge, error) {
		old, err := c.challenge(challengeByLink, h[:])
		if err != nil {
			return old, err
		}
		if old.ID.IsZero() {
			return old, latchkey.NotFound
		}
		next, err := rule(old, e.At)
		if err != nil || next == old {
			return next, err
		}
		if err := c.judgeChallenge(next); err != nil {
			return next, err
		}
		e := e // the verb may run twice
		e.Project, e.Client, e.Challenge, e.Address = next.Project, next.Ask.Client, next.ID, next.To.String()
		return next, c.insertEvent(e)
	})
}

// CompleteChallenge implements latchkey.LoginStore.
func (s *Store) CompleteChallenge(ctx context.Context, a latchkey.Attempt, now time.Time) (latchkey.Outcome, error) {
	return write(ctx, s, func(c *conn) (latchkey.Outcome, error) {
		var none latchkey.Outcome
		ch, err := c.challenge(challengeByID, a.ID.Handle[:])
		if err != nil {
			return none, err
		}
		network := a.From.Network()
		g, err := c.guesses(a.Project, a.To, network)
		if err != nil {
			return none, err
		}
		var u latchkey.User
		if a.NeedsUser() {
			if u, err = c.owner(a.Project, a.To); err != nil {
				return none, err
			}
		}
		out := a.Judge(ch, g, u, now)
		if out.Challenge.State != ch.State || out.Challenge.Tries != ch.Tries {
			if err := c.judgeChallenge(out.Challenge); err != nil {
				return out, err
			}
		}
		if err := c.storeGuesses(a.Project, a.To, network, g, out.Guesses); err != nil {
			return out, err
		}
		if err := c.storeLogin(u, out.User); err != nil {
			return out, err
		}
		if !out.Code.ID.IsZero() {
			if err := c.insertCode(out.Code); err != nil {
				return out, err
			}
		}
		if err := c.storeSession(out, now); err != nil {
			return out, err
		}
		if out.Verdict == nil {
			if err := c.takeBack(a, now); err != nil {
				return out, err
			}
		}
		return out, c.insertEvent(out.Event)
	})
}

// storeSession stores the session that a login made, and ends the one that the browser had.
func (c *conn) storeSession(out latchkey.Outcome, now time.Time) error {
	if out.Session.ID.IsZero() {
		return nil
	}
	if !out.End.IsZero() {
		end := latchkey.Ending{ID: out.End, Project: out.Session.Project, Next: out.Session, Why: "signed in anew", From: out.Session.From}
		if _, err := c.endSession(end, now); err != nil {
			return err
		}
	}
	return c.insertSession(out.Session)
}

// challenge gives what query finds by key, or zero.
func (c *conn) challenge(query string, key []byte) (ch latchkey.Challenge, err error) {
	q := c.stmt(query)
	defer q.reset()
	q.putBlob(key)
	if found, err := q.row(); !found {
		return ch, err
	}
	ch.ID.Handle = q.getHandle()
	ch.Project = q.getProject()
	ch.To = q.getAddress()
	ch.Protocol = q.getProtocol()
	ch.Ask = latchkey.Ask{
		Client: q.getClient(), Redirect: q.getText(), State: q.getText(), Scope: q.getText(), Payload: q.getText(),
		Nonce: q.getText(), CodeChallenge: q.getText(), WithLogout: q.getBool(), Locale: q.getText(),
	}
	ch.From = q.getOrigin()
	ch.State = q.getState()
	ch.Digits = int(q.getInt())
	ch.Link, ch.Number = q.getBool(), q.getBool()
	ch.LinkURL = q.getText()
	ch.LinkHash = q.getHash()
	ch.Tries, ch.MaxTries, ch.Resends = int(q.getInt()), int(q.getInt()), int(q.getInt())
	ch.Started, ch.Expires = q.getTime(), q.getTime()
	return ch, nil
}

func (c *conn) insertChallenge(ch latchkey.Challenge) error {
	q := c.stmt(insertChallenge)
	q.putHandle(ch.ID.Handle)
	q.putUUID(ch.Project.UUID)
	q.putAddress(ch.To)
	q.putText(string(ch.Protocol))
	q.putInt(int64(ch.Ask.Client))
	q.putText(ch.Ask.Redirect)
	q.putText(ch.Ask.State)
	q.putText(ch.Ask.Scope)
	q.putText(ch.Ask.Payload)
	q.putText(ch.Ask.Nonce)
	q.putText(ch.Ask.CodeChallenge)
	q.putBool(ch.Ask.WithLogout)
	q.putText(ch.Ask.Locale)
	q.putOrigin(ch.From)
	q.putText(string(ch.State))
	q.putInt(int64(ch.Digits))
	q.putBool(ch.Link)
	q.putBool(ch.Number)
	q.putText(ch.LinkURL)
	q.putHash(ch.LinkHash)
	q.putInt(int64(ch.Tries))
	q.putInt(int64(ch.MaxTries))
	q.putInt(int64(ch.Resends))
	q.putTime(ch.Started)
	q.putTime(ch.Expires)
	return q.exec()
}

// resendChallenge stores what Start.Judge changes of a challenge that exists.
func (c *conn) resendChallenge(ch latchkey.Challenge) error {
	q := c.stmt(resendChallenge)
	q.putBool(ch.Link)
	q.putText(ch.LinkURL)
	q.putHash(ch.LinkHash)
	q.putInt(int64(ch.Resends))
	q.putTime(ch.Expires)
	q.putHandle(ch.ID.Handle)
	return q.exec()
}

// judgeChallenge stores what Answer, Approve and Deny change.
func (c *conn) judgeChallenge(ch latchkey.Challenge) error {
	q := c.stmt(judgeChallenge)
	q.putText(string(ch.State))
	q.putInt(int64(ch.Tries))
	q.putHandle(ch.ID.Handle)
	return q.exec()
}
