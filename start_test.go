package latchkey_test

import (
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

func start() latchkey.Start {
	fresh := waiting()
	fresh.ID, fresh.Started, fresh.Expires = challengeID(2), noon.Add(time.Minute), noon.Add(4*time.Minute)
	fresh.LinkHash, fresh.Ask.Locale = latchkey.HashSecret("fresh"), "de"
	return latchkey.Start{
		Fresh: fresh, Again: challengeID(1), AgainHash: latchkey.HashSecret("again"), MessageTry: noon.Add(75 * time.Second),
	}
}

func TestStartJudge(t *testing.T) {
	t.Parallel()
	linked := waiting()
	linked.Link, linked.LinkHash = true, latchkey.HashSecret("again")
	many := latchkey.Guesses{Total: 100}
	withLink := start()
	withLink.Fresh.Link, withLink.Fresh.LinkURL = true, "app://back"
	for name, c := range map[string]struct {
		start  latchkey.Start
		old    latchkey.Challenge
		g      latchkey.Guesses
		resent bool
		link   bool
		hash   latchkey.Secret // whose hash finds the challenge; empty: none does
	}{
		"fresh":                                  {start: start()},
		"fresh with a link":                      {start: withLink, link: true, hash: "fresh"},
		"fresh at a guessed address":             {start: start(), g: many, link: true, hash: "fresh"},
		"again":                                  {start: start(), old: waiting(), resent: true},
		"again, with a link from the start":      {start: start(), old: linked, resent: true, link: true, hash: "again"},
		"again, now with a link":                 {start: withLink, old: waiting(), resent: true, link: true, hash: "again"},
		"again, at an address guessed meanwhile": {start: start(), old: waiting(), g: many, resent: true, link: true, hash: "again"},
		"again, but it is spent":                 {start: start(), old: in(latchkey.Spent)},
		"again, but it was denied":               {start: withLink, old: in(latchkey.Denied), link: true, hash: "fresh"},
	} {
		now := noon.Add(time.Minute)
		out := c.start.Judge(c.old, c.g, latchkey.User{}, now)
		id, kind := challengeID(2), latchkey.ChallengeStarted
		if c.resent {
			id, kind = challengeID(1), latchkey.ChallengeResent
		}
		if out.Resent != c.resent || out.Challenge.ID != id || out.Event.Kind != kind {
			t.Errorf("%s: resent %v, challenge %v, event %s", name, out.Resent, out.Challenge.ID, out.Event.Kind)
		}
		var hash latchkey.Hash
		if c.hash != "" {
			hash = latchkey.HashSecret(c.hash)
		}
		if out.Challenge.Link != c.link || out.Challenge.LinkHash != hash {
			t.Errorf("%s: link %v, found by the hash of %q: %v", name, out.Challenge.Link, c.hash, out.Challenge.LinkHash == hash)
		}
		if c.start.Fresh.Link && out.Challenge.LinkURL != "app://back" {
			t.Errorf("%s: the link leads to %q, asked for app://back", name, out.Challenge.LinkURL)
		}
		m := out.Message
		if m.Challenge != id || m.Resend != out.Challenge.Resends || m.To != ann || m.Project != project || m.Digits != 6 || m.Link != c.link ||
			m.LinkFirst != c.g.LinkFirst(noon) || !m.Dies.Equal(out.Challenge.Expires) || !m.NextTry.Equal(c.start.MessageTry) || m.Attempts != 0 {
			t.Errorf("%s: message %+v", name, m)
		}
		e := out.Event
		if e.Challenge != id || e.Project != project || e.Client != 7 || e.Address != ann.String() || e.From != home || !e.At.Equal(now) {
			t.Errorf("%s: event %+v", name, e)
		}
	}
}

// Each message of a challenge has its own number: one challenge, one number, one message (rules.md).
func TestStartNumbersItsMessages(t *testing.T) {
	t.Parallel()
	old, seen := waiting(), map[int]bool{}
	for {
		out := start().Judge(old, latchkey.Guesses{}, latchkey.User{}, noon.Add(time.Minute))
		if !out.Resent {
			break
		}
		if seen[out.Message.Resend] || out.Message.Resend == 0 {
			t.Fatalf("message number %d is taken", out.Message.Resend)
		}
		seen[out.Message.Resend] = true
		old = out.Challenge
	}
	if len(seen) != 5 {
		t.Errorf("a message is sent again %d times, want 5 (ASVS 6.6.4)", len(seen))
	}
}

func TestMessageRetry(t *testing.T) {
	t.Parallel()
	m := latchkey.Message{NextTry: noon, Dies: noon.Add(180 * time.Second)}
	now, tries := noon, 0
	for i, wait := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30, 30, 30} {
		next, ok := m.Retry(now)
		if !next.NextTry.Equal(now.Add(wait * time.Second)) {
			t.Errorf("try %d comes after %v, want %v s", i+2, next.NextTry.Sub(now), int(wait))
		}
		if ok != next.NextTry.Before(m.Dies) {
			t.Errorf("try %d at %v of a message that dies at %v: %v", i+2, next.NextTry, m.Dies, ok)
		}
		if next.Attempts != i+1 {
			t.Errorf("%d attempts counted after %d", next.Attempts, i+1)
		}
		if !ok {
			break
		}
		m, now, tries = next, next.NextTry, tries+1
	}
	if tries != 9 { // 1+2+4+8+16+30·4 = 151 s; 181 s is too late
		t.Errorf("%d tries again fit into 180 s, want 9", tries)
	}
}

// TestTestIdentityGetsNoMessage, and no link, however often somebody guessed at it.
func TestTestIdentityGetsNoMessage(t *testing.T) {
	t.Parallel()
	s := start()
	s.Test, s.SignUp = true, latchkey.SignUp{Closed: true}
	out := s.Judge(latchkey.Challenge{}, latchkey.Guesses{Total: 1000}, latchkey.User{}, noon)
	if out.Message != (latchkey.Message{}) || out.Challenge.Link || out.Event.Detail != "test identity" || s.NeedsUser() {
		t.Errorf("a test identity starts with %+v", out)
	}
}

// TestASVS_6_3_8_ClosedSignUpLooksOpen: whoever has an account and whoever has none make the same challenge, event and row of
// the outbox. Only what is sent differs.
func TestASVS_6_3_8_ClosedSignUpLooksOpen(t *testing.T) {
	t.Parallel()
	for contact, kind := range map[string]latchkey.MessageKind{"": latchkey.EmptyMessage, "ask@example.com": latchkey.AccessMessage} {
		s := start()
		s.SignUp = latchkey.SignUp{Closed: true, Contact: contact}
		known := s.Judge(waiting(), latchkey.Guesses{}, annUser(), noon)
		unknown := s.Judge(waiting(), latchkey.Guesses{}, latchkey.User{}, noon)
		if known.Message.Kind != latchkey.CodeMessage || unknown.Message.Kind != kind {
			t.Errorf("contact %q: the known address gets %q, the unknown one %q", contact, known.Message.Kind, unknown.Message.Kind)
		}
		known.Message.Kind = kind
		if known != unknown {
			t.Errorf("contact %q: the known address makes\n%+v, the unknown one\n%+v", contact, known, unknown)
		}
		if !s.NeedsUser() {
			t.Error("closed sign-up does not ask who has the address")
		}
	}
}
