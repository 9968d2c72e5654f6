package storetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// parallel runs f n times at once and waits.
func (w *world) parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			f(i)
		})
	}
	close(gate)
	wg.Wait()
}

// oneWinner is ASVS 6.5.1 and NIST SP 800-63B-4 §3.1.3: a code is accepted once.
func oneWinner(w *world) {
	c := w.start(w.Email())
	var won, lost atomic.Int64
	w.parallel(1000, func(int) {
		out, err := w.CompleteChallenge(w.ctx(), w.Attempt(c, w.now), w.now)
		switch {
		case err != nil:
			w.Errorf("CompleteChallenge: %v", err)
		case out.Verdict == nil:
			won.Add(1)
		case latchkey.CodeOf(out.Verdict) == latchkey.WrongCode:
			lost.Add(1)
		default:
			w.Errorf("verdict %v", out.Verdict)
		}
	})
	if won.Load() != 1 || lost.Load() != 999 {
		w.Errorf("of 1,000 right answers at once %d won and %d lost: want 1 and 999", won.Load(), lost.Load())
	}
	us, err := w.Users(w.ctx(), w.project.ID, latchkey.Address{}, latchkey.UserID{}, 10)
	w.must(err)
	same(w, "users", len(us), 1)
	same(w, "logins", w.count(latchkey.LoginCompleted), 1)
	same(w, "refusals", w.count(latchkey.LoginRefused), 999)
}

func oneUserPerAddress(w *world) {
	to := w.Email()
	ids := make([]latchkey.UserID, 32)
	var cs []latchkey.Challenge
	for range ids {
		cs = append(cs, w.start(to))
	}
	w.parallel(len(ids), func(i int) {
		out, err := w.CompleteChallenge(w.ctx(), w.Attempt(cs[i], w.now), w.now)
		if err != nil || out.Verdict != nil {
			w.Errorf("login %d: %v, %v", i, err, out.Verdict)
		}
		ids[i] = out.User.ID
	})
	for _, id := range ids {
		if id != ids[0] {
			w.Fatalf("first logins at once made users %v and %v of one address", ids[0], id)
		}
	}
}

// countsNeverLost: parallel guessing counts like guessing in turn, on the challenge and on the address.
func countsNeverLost(w *world) {
	to := w.Email()
	const rounds, each = 10, 8
	var cs []latchkey.Challenge
	for range rounds {
		cs = append(cs, w.start(to))
	}
	var wrong atomic.Int64
	w.parallel(rounds*each, func(i int) {
		a := w.Attempt(cs[i%rounds], w.now)
		a.Given, a.From = WrongCode, w.Origin()
		out, err := w.CompleteChallenge(w.ctx(), a, w.now)
		if err != nil {
			w.Errorf("CompleteChallenge: %v", err)
		}
		if latchkey.CodeOf(out.Verdict) == latchkey.WrongCode {
			wrong.Add(1)
		}
	})
	same(w, "answers that were judged", wrong.Load(), int64(rounds*cs[0].MaxTries))
	for _, c := range cs {
		same(w, "tries", w.stored(c.ID).Tries, c.MaxTries)
	}
	same(w, "guesses", w.answer(w.start(to), WrongCode).Guesses.Total, rounds*cs[0].MaxTries+1)
}

func oneRedemption(w *world) {
	login := w.login(w.Email())
	var won atomic.Pointer[latchkey.Grant]
	var wins atomic.Int64
	w.parallel(32, func(int) {
		out, err := w.RedeemCode(w.ctx(), w.Redemption(login.Code, w.now), w.now)
		if err != nil {
			w.Errorf("RedeemCode: %v", err)
		}
		if out.Verdict == nil {
			wins.Add(1)
			won.Store(&out.Grant)
		}
	})
	if wins.Load() != 1 {
		w.Fatalf("%d redemptions of one code gave a grant: want 1", wins.Load())
	}
	_, g := w.standing(login.User.ID, won.Load().ID)
	same(w, "when the grant of a code used twice was revoked", g.Revoked, w.now)
}

func oneHead(w *world) {
	u, g := w.grantOf(w.Email())
	var rotated atomic.Int64
	w.parallel(32, func(int) {
		out, err := w.RotateGrant(w.ctx(), w.Rotation(g), w.now)
		if err != nil || out.Verdict != nil {
			w.Errorf("RotateGrant: %v, %v", err, out.Verdict)
		}
		if out.Grant.Generation != g.Generation+1 {
			w.Errorf("a rotation gave generation %d, want %d", out.Grant.Generation, g.Generation+1)
		}
		rotated.Add(1)
	})
	_, stored := w.standing(u.ID, g.ID)
	same(w, "the generation", stored.Generation, g.Generation+1)
	same(w, "events", int64(w.count(latchkey.GrantRotated)), rotated.Load())
}

// oneEnding: a session that many end at once ends once.
func oneEnding(w *world) {
	login := w.stays(w.Email())
	var done atomic.Int64
	w.parallel(16, func(int) {
		out, err := w.EndSession(w.ctx(), w.Ending(login.Session), w.now)
		if err != nil {
			w.Errorf("EndSession: %v", err)
		}
		if out.Done {
			done.Add(1)
		}
	})
	same(w, "how often the session ended", done.Load(), 1)
	same(w, "events", w.count(latchkey.SessionEnded), 1)
}

// nothingOutlivesASession: browsers go into clients, and clients redeem, while the person signs out. Whoever comes first,
// what is left in the end has refresh tokens.
func nothingOutlivesASession(w *world) {
	login := w.stays(w.Email())
	grants := make([]latchkey.Grant, 64)
	w.parallel(len(grants), func(i int) {
		if i == len(grants)/2 {
			if _, err := w.EndSession(w.ctx(), w.Ending(login.Session), w.now); err != nil {
				w.Errorf("EndSession: %v", err)
			}
			return
		}
		x := w.SessionUse(login.Session, w.now)
		if i%2 == 0 {
			toStayAway(&x.Ask)
		}
		used, err := w.UseSession(w.ctx(), x, w.now)
		if err != nil {
			w.Errorf("UseSession: %v", err)
		}
		if used.Verdict != nil {
			return
		}
		red, err := w.RedeemCode(w.ctx(), w.Redemption(used.Code, w.now), w.now)
		if err != nil {
			w.Errorf("RedeemCode: %v", err)
		}
		grants[i] = red.Grant
		if away := red.Grant.Offline(); away != (i%2 == 0) && red.Verdict == nil {
			w.Errorf("grant %d: with refresh tokens %v", i, away)
		}
	})
	s, _ := w.session(login.Session.ID)
	same(w, "the session", s, latchkey.Session{})
	for _, g := range grants {
		u, stored := w.standing(login.User.ID, g.ID)
		if good := stored.Good(u, w.now); good != stored.Offline() {
			w.Errorf("a grant with refresh tokens %v is good %v after its session: %+v", stored.Offline(), good, stored)
		}
	}
	out, err := w.UseSession(w.ctx(), w.SessionUse(login.Session, w.now), w.now)
	w.must(err)
	w.wants("a use after the end", out.Verdict, latchkey.LoginRequired)
}

func onePress(w *world) {
	s, d := w.stays(w.Email()).Session, w.waits()
	var counted, refused atomic.Int64
	w.parallel(32, func(i int) {
		x := w.Press(d, s)
		x.Approve = i%2 == 0
		out, err := w.PressDeviceLogin(w.ctx(), x, w.now)
		switch {
		case err != nil:
			w.Errorf("PressDeviceLogin: %v", err)
		case out.Verdict == nil:
			counted.Add(1)
		case latchkey.CodeOf(out.Verdict) == latchkey.NotFound:
			refused.Add(1)
		}
	})
	if counted.Load() != 1 || refused.Load() != 31 {
		w.Errorf("of 32 presses at once %d counted and %d were refused: want 1 and 31", counted.Load(), refused.Load())
	}
	same(w, "events", w.count(latchkey.DeviceApproved)+w.count(latchkey.DeviceDenied), 1)
}

func oneGrantPerDevice(w *world) {
	login := w.stays(w.Email())
	d := w.approved(login.Session)
	var won, lost atomic.Int64
	w.parallel(32, func(int) {
		out, err := w.PollDeviceLogin(w.ctx(), w.Poll(d, w.now), w.now)
		switch {
		case err != nil:
			w.Errorf("PollDeviceLogin: %v", err)
		case out.Verdict == nil:
			won.Add(1)
		case latchkey.CodeOf(out.Verdict) == latchkey.BadGrant:
			lost.Add(1)
		}
	})
	if won.Load() != 1 || lost.Load() != 31 {
		w.Errorf("of 32 polls at once %d gave a grant and %d were refused: want 1 and 31", won.Load(), lost.Load())
	}
	same(w, "grants", len(w.grantsOf(login.User.ID)), 1)
}

func oneFirst(w *world) {
	h := latchkey.HashSecret("jti")
	var firsts atomic.Int64
	w.parallel(100, func(int) {
		first, err := w.Once(w.ctx(), h, w.now.Add(time.Minute), w.now)
		if err != nil {
			w.Errorf("Once: %v", err)
		}
		if first {
			firsts.Add(1)
		}
	})
	same(w, "how many of 100 at once were the first", firsts.Load(), 1)
}

func oneApproval(w *world) {
	c := w.start(w.Email(), withLink)
	w.parallel(16, func(int) {
		if _, err := w.ApproveChallenge(w.ctx(), c.LinkHash, w.Origin(), w.now); err != nil {
			w.Errorf("ApproveChallenge: %v", err)
		}
	})
	same(w, "events", w.count(latchkey.ChallengeApproved), 1)
}

func workersShare(w *world) {
	const n = 200
	for range n {
		w.start(w.Email())
	}
	w.now = w.now.Add(latchkey.MessageLease)
	var mu sync.Mutex
	taken := map[latchkey.ChallengeID]int{}
	w.parallel(2, func(int) {
		for {
			ms, err := w.ClaimMessages(w.ctx(), 7, w.now.Add(latchkey.MessageLease), w.now)
			if err != nil {
				w.Errorf("ClaimMessages: %v", err)
			}
			if len(ms) == 0 {
				return
			}
			mu.Lock()
			for _, m := range ms {
				taken[m.Challenge]++
			}
			mu.Unlock()
		}
	})
	same(w, "messages taken", len(taken), n)
	for id, times := range taken {
		if times != 1 {
			w.Errorf("message of %v was taken %d times", id, times)
		}
	}
}

// nothingLost: 32 writers for a while, then everything that was answered must be there.
func nothingLost(w *world) {
	long := 5 * time.Second
	if testing.Short() {
		long = 300 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(w.ctx(), long)
	defer cancel()
	type login struct {
		user      latchkey.User
		grant     latchkey.Grant
		challenge latchkey.Challenge
	}
	done := make([][]login, 32)
	w.parallel(len(done), func(i int) {
		for ctx.Err() == nil {
			c := w.Nouns.Challenge(w.project.ID, w.Email(), w.now)
			started, err := w.StartChallenge(w.ctx(), w.Start(c), w.now)
			if err != nil {
				w.Errorf("StartChallenge: %v", err)
				return
			}
			wrong := w.Attempt(started.Challenge, w.now)
			wrong.Given = WrongCode
			if _, err := w.CompleteChallenge(w.ctx(), wrong, w.now); err != nil {
				w.Errorf("CompleteChallenge: %v", err)
				return
			}
			out, err := w.CompleteChallenge(w.ctx(), w.Attempt(started.Challenge, w.now), w.now)
			if err != nil || out.Verdict != nil {
				w.Errorf("CompleteChallenge: %v, %v", err, out.Verdict)
				return
			}
			red, err := w.RedeemCode(w.ctx(), w.Redemption(out.Code, w.now), w.now)
			if err != nil || red.Verdict != nil {
				w.Errorf("RedeemCode: %v, %v", err, red.Verdict)
				return
			}
			done[i] = append(done[i], login{red.User, red.Grant, out.Challenge})
		}
	})
	logins := 0
	for _, ls := range done {
		for _, l := range ls {
			logins++
			u, g := w.standing(l.user.ID, l.grant.ID)
			if u != l.user || g != l.grant || w.stored(l.challenge.ID) != l.challenge {
				w.Errorf("lost: %+v, %+v; stored are %+v, %+v", l.user, l.grant, u, g)
			}
		}
	}
	if logins == 0 {
		w.Fatal("nobody signed in")
	}
	same(w, "logins in the audit trail", w.count(latchkey.LoginCompleted), logins)
	same(w, "refusals in the audit trail", w.count(latchkey.LoginRefused), logins)
}
