package sqlite

import (
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/storetest"
)

// TestSessionOfNobody: DeleteUser takes the sessions along, so only a hand in the database makes one without a user. It
// lets nobody in.
func TestSessionOfNobody(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var ns storetest.Nouns
	p, now := newProject(t, s), storetest.Noon()
	started, err := s.StartChallenge(t.Context(), ns.Start(ns.Challenge(p.ID, ns.Email(), now)), now)
	must(t, err)
	out, err := s.CompleteChallenge(t.Context(), ns.Staying(started.Challenge, latchkey.SessionID{}, now), now)
	must(t, err)
	must(t, out.Verdict)
	must(t, s.writer.do(t.Context(), func(c *conn) error { return c.exec("DELETE FROM users") }))
	got, u, err := s.Session(t.Context(), out.Session.ID)
	if err != nil || got != out.Session || u != (latchkey.User{}) {
		t.Errorf("Session gave %+v, user %+v, %v; want %+v and no user", got, u, err, out.Session)
	}
	used, err := s.UseSession(t.Context(), ns.SessionUse(got, now), now)
	if err != nil || latchkey.CodeOf(used.Verdict) != latchkey.LoginRequired {
		t.Errorf("UseSession: %v, verdict %v; want LoginRequired", err, used.Verdict)
	}
}
