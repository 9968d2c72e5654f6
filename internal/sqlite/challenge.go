package sqlite

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

const (
	// said is what no statement looks into, packed.
	challengeColumns = `id, project, state, tries, expires, link_hash, said`

	challengeByID   = `SELECT ` + challengeColumns + ` FROM challenges WHERE id = ?`
	challengeByLink = `SELECT ` + challengeColumns + ` FROM challenges WHERE link_hash = ?`

	insertChallenge = `INSERT INTO challenges (` + challengeColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?)`
	resendChallenge = `UPDATE challenges SET expires = ?, link_hash = ?, said = ? WHERE id = ?`
	judgeChallenge  = `UPDATE challenges SET state = ?, tries = ? WHERE id = ?`
)

// StartChallenge implements latchkey.LoginStore.
func (s *Store) StartChallenge(ctx context.Context, start latchkey.Start, now time.Time) (latchkey.Started, error) {
	return writeInto(ctx, s, &s.started, func(c *conn) (latchkey.Started, error) {
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
	return writeInto(ctx, s, &s.outcomes, func(c *conn) (latchkey.Outcome, error) {
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
	ch.State = q.getStateNumber()
	ch.Tries = int(q.getInt())
	ch.Expires = q.getTime()
	ch.LinkHash = q.getHash()
	return ch, unpackChallenge(&ch, q.getText())
}

// packChallenge packs what Start.Judge gave and no verb but a resend changes.
func packChallenge(p *packer, ch latchkey.Challenge) {
	p.text(string(ch.To.Channel()))
	p.text(ch.To.Value())
	p.text(string(ch.Protocol))
	p.int(int64(ch.Ask.Client))
	p.text(ch.Ask.Redirect)
	p.text(ch.Ask.State)
	p.text(ch.Ask.Scope)
	p.text(ch.Ask.Payload)
	p.text(ch.Ask.Nonce)
	p.text(ch.Ask.CodeChallenge)
	p.bool(ch.Ask.WithLogout)
	p.text(ch.Ask.Locale)
	p.origin(ch.From)
	p.int(int64(ch.Digits))
	p.bool(ch.Link)
	p.bool(ch.Number)
	p.text(ch.LinkURL)
	p.int(int64(ch.MaxTries))
	p.int(int64(ch.Resends))
	p.time(ch.Started)
}

func unpackChallenge(ch *latchkey.Challenge, said string) error {
	u := unpacker{s: said}
	channel := latchkey.Channel(u.text())
	ch.To = latchkey.CanonicalAddress(channel, u.text())
	ch.Protocol = latchkey.Protocol(u.text())
	ch.Ask = latchkey.Ask{
		Client: latchkey.ClientID(u.int()), Redirect: u.text(), State: u.text(), Scope: u.text(), Payload: u.text(),
		Nonce: u.text(), CodeChallenge: u.text(), WithLogout: u.bool(), Locale: u.text(),
	}
	ch.From = u.origin()
	ch.Digits = int(u.int())
	ch.Link, ch.Number = u.bool(), u.bool()
	ch.LinkURL = u.text()
	ch.MaxTries, ch.Resends = int(u.int()), int(u.int())
	ch.Started = u.time()
	return u.end()
}

func (c *conn) insertChallenge(ch latchkey.Challenge) error {
	q := c.stmt(insertChallenge)
	q.putHandle(ch.ID.Handle)
	q.putUUID(ch.Project.UUID)
	q.putStateNumber(ch.State)
	q.putInt(int64(ch.Tries))
	q.putTime(ch.Expires)
	q.putHash(ch.LinkHash)
	p := c.packer()
	packChallenge(p, ch)
	q.putBlob(p.b)
	return q.exec()
}

// resendChallenge stores what Start.Judge changes of a challenge that exists.
func (c *conn) resendChallenge(ch latchkey.Challenge) error {
	q := c.stmt(resendChallenge)
	q.putTime(ch.Expires)
	q.putHash(ch.LinkHash)
	p := c.packer()
	packChallenge(p, ch)
	q.putBlob(p.b)
	q.putHandle(ch.ID.Handle)
	return q.exec()
}

// judgeChallenge stores what Answer, Approve and Deny change.
func (c *conn) judgeChallenge(ch latchkey.Challenge) error {
	q := c.stmt(judgeChallenge)
	q.putStateNumber(ch.State)
	q.putInt(int64(ch.Tries))
	q.putHandle(ch.ID.Handle)
	return q.exec()
}
