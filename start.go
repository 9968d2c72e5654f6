package latchkey

import "time"

// A Start is one request to sign in: the challenge it would make, and the live one that it may be a resend of.
type Start struct {
	Fresh      Challenge   // as it would be stored; LinkHash is always set, Link says whether it is asked for
	Again      ChallengeID // the challenge whose message is to be sent again; zero: none named
	AgainHash  Hash        // the LinkHash of Again
	SignUp     SignUp      // of the project
	Test       bool        // the address is a test identity: nothing is sent to it
	SMS        SMSPolicy   // of the project
	Country    string      // of a phone whose codes are counted (Meter), or NoCountry; empty: they are not
	MessageTry time.Time   // when the outbox may take up the message, if whoever stored it has not sent it
}

// Started is everything that a Start leads to. The store writes it in one commit.
type Started struct {
	Challenge Challenge
	Message   Message // zero: there is none to send
	Event     Event
	Resent    bool // Challenge existed before
	// Verdict is nil unless nothing is sent at present (Meter); then nothing is stored either, and all else is zero.
	// Errors: SMSPaused.
	Verdict error
	SMS     SMSEntry
}

// NeedsUser reports whether Judge must know who has the address; else it is the same for everybody, and the store need not
// look. It depends on nothing that the caller does not know.
func (s Start) NeedsUser() bool { return !s.Test && (s.SignUp.Closed || s.Fresh.To.Channel() == Phone) }

// Judge is the rule of starting: old is the challenge that s.Again names, or zero, g the guesses at the address, and u the
// user who has it, or zero, if NeedsUser.
// A named challenge that cannot be resent is passed over in silence, or the answer would tell which ids live.
func (s Start) Judge(old Challenge, g Guesses, u User, now time.Time) Started {
	out := Started{Challenge: s.Fresh}
	kind, hash := ChallengeStarted, s.Fresh.LinkHash
	if again, ok := old.Resend(s.Fresh, now); ok {
		out.Challenge, out.Resent = again, true
		kind, hash = ChallengeResent, s.AgainHash
	}
	c, first := &out.Challenge, g.LinkFirst(now) && !s.Test
	if s.Fresh.Link {
		c.LinkURL = s.Fresh.LinkURL // a resend may ask for the link that the first call did not
	}
	c.Link = c.Link || s.Fresh.Link || first
	c.LinkHash = Hash{}
	if c.Link {
		c.LinkHash = hash
	}
	out.Event = Event{
		At: now, Kind: kind, Project: c.Project, Challenge: c.ID, Client: c.Ask.Client, Address: c.To.String(), From: s.Fresh.From,
	}
	if s.Test {
		out.Event.Detail = testIdentity
		return out
	}
	out.Message = Message{
		Challenge: c.ID, Resend: c.Resends, Project: c.Project, To: c.To, Locale: c.Ask.Locale, Digits: c.Digits,
		Link: c.Link, LinkFirst: first, NextTry: s.MessageTry, Dies: c.Expires,
	}
	switch {
	case !s.SignUp.Refuses(u):
	case s.SignUp.Contact == "":
		out.Message.Kind = EmptyMessage
	default:
		out.Message.Kind = AccessMessage
	}
	return out
}
