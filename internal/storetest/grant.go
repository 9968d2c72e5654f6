package storetest

import (
	"time"

	"github.com/latchkey-dev/latchkey"
)

func redeemGivesGrant(w *world) {
	login := w.login(w.Email())
	w.now = w.now.Add(time.Second)
	r := w.Redemption(login.Code, w.now)
	out, err := w.RedeemCode(w.ctx(), r, w.now)
	w.must(err)
	same(w, "what RedeemCode gives", out, r.Judge(login.Code, login.Session, login.User, w.now))
	w.wants("the verdict", out.Verdict, "")
	u, g := w.standing(login.User.ID, r.NewGrant)
	same(w, "the user", u, login.User)
	same(w, "the grant", g, out.Grant)
	same(w, "the event", w.last(), out.Event)
}

func redeemTwiceRevokes(w *world) {
	login := w.login(w.Email())
	first, err := w.RedeemCode(w.ctx(), w.Redemption(login.Code, w.now), w.now)
	w.must(err)
	w.now = w.now.Add(latchkey.CodeLife + time.Second)
	second := w.Redemption(login.Code, w.now)
	out, err := w.RedeemCode(w.ctx(), second, w.now)
	w.must(err)
	w.wants("the second use", out.Verdict, latchkey.BadGrant)
	same(w, "what it revokes", out.Revoke, first.Grant.ID)
	_, g := w.standing(login.User.ID, first.Grant.ID)
	same(w, "when the grant was revoked", g.Revoked, w.now)
	_, none := w.standing(login.User.ID, second.NewGrant)
	same(w, "the second use's grant", none, latchkey.Grant{})
	same(w, "the event", w.last(), out.Event)
	revoked := w.now
	w.now = w.now.Add(time.Second)
	_, err = w.RedeemCode(w.ctx(), w.Redemption(login.Code, w.now), w.now)
	w.must(err)
	_, g = w.standing(login.User.ID, first.Grant.ID)
	same(w, "when the grant was revoked, after a third use", g.Revoked, revoked)
}

func redeemRefusals(w *world) {
	login := w.login(w.Email())
	for what, change := range map[string]func(*latchkey.Redemption){
		"unknown code":      func(r *latchkey.Redemption) { r.ID.Handle = w.Handle(w.now) },
		"another client":    func(r *latchkey.Redemption) { r.Client++ },
		"another project":   func(r *latchkey.Redemption) { r.Project = w.newProject("Other").ID },
		"another redirect":  func(r *latchkey.Redemption) { r.Redirect += "/" },
		"verifier for none": func(r *latchkey.Redemption) { r.Verifier = "a-verifier-that-is-long-enough-to-be-one-by-RFC7636" },
	} {
		r := w.Redemption(login.Code, w.now)
		change(&r)
		out, err := w.RedeemCode(w.ctx(), r, w.now)
		w.must(err)
		w.wants(what, out.Verdict, latchkey.BadGrant)
		_, g := w.standing(login.User.ID, r.NewGrant)
		same(w, "the grant of "+what, g, latchkey.Grant{})
	}
	late, err := w.RedeemCode(w.ctx(), w.Redemption(login.Code, w.now), login.Code.Expires)
	w.must(err)
	w.wants("at the instant of expiry", late.Verdict, latchkey.BadGrant)
	good, err := w.RedeemCode(w.ctx(), w.Redemption(login.Code, w.now), login.Code.Expires.Add(-time.Microsecond))
	w.must(err)
	w.wants("the rightful use after all these", good.Verdict, "")
}

func redeemAfterLogout(w *world) {
	login := w.login(w.Email())
	w.must(w.EndSessions(w.ctx(), login.User.ID, w.Event(latchkey.UserLoggedOut, w.project.ID, w.now)))
	out, err := w.RedeemCode(w.ctx(), w.Redemption(login.Code, w.now), w.now)
	w.must(err)
	w.wants("a code from before the logout", out.Verdict, latchkey.BadGrant)
}

func rotateAdvances(w *world) {
	u, g := w.grantOf(w.Email())
	for n := uint32(1); n <= 3; n++ {
		w.now = w.now.Add(time.Minute)
		r := w.Rotation(g)
		out, err := w.RotateGrant(w.ctx(), r, w.now)
		w.must(err)
		same(w, "what RotateGrant gives", out, r.Judge(g, u, w.now))
		same(w, "the generation", out.Grant.Generation, n)
		_, g = w.standing(u.ID, g.ID)
		same(w, "the grant", g, out.Grant)
		same(w, "the event", w.last(), out.Event)
	}
}

func rotateGrace(w *world) {
	u, g := w.grantOf(w.Email())
	old := w.Rotation(g)
	first, err := w.RotateGrant(w.ctx(), old, w.now)
	w.must(err)
	w.now = w.now.Add(latchkey.RotationGrace - time.Microsecond)
	again, err := w.RotateGrant(w.ctx(), old, w.now)
	w.must(err)
	w.wants("the old token within its grace", again.Verdict, "")
	same(w, "its grant", again.Grant, first.Grant)
	w.now = w.now.Add(time.Microsecond)
	late, err := w.RotateGrant(w.ctx(), old, w.now)
	w.must(err)
	w.wants("the old token after its grace", late.Verdict, latchkey.BadGrant)
	_, stored := w.standing(u.ID, g.ID)
	same(w, "when the family was revoked", stored.Revoked, w.now)
	same(w, "the event", w.last(), late.Event)
	newest, err := w.RotateGrant(w.ctx(), w.Rotation(first.Grant), w.now)
	w.must(err)
	w.wants("the newest token of a revoked family", newest.Verdict, latchkey.BadGrant)
}

func rotateRefusals(w *world) {
	u, g := w.grantOf(w.Email())
	for what, change := range map[string]func(*latchkey.Rotation){
		"unknown grant":  func(r *latchkey.Rotation) { r.ID.Handle = w.Handle(w.now) },
		"another client": func(r *latchkey.Rotation) { r.Client++ },
		"another project": func(r *latchkey.Rotation) {
			r.Project = w.newProject("Other").ID
		},
		"a generation to come": func(r *latchkey.Rotation) { r.Generation++ },
	} {
		r := w.Rotation(g)
		change(&r)
		out, err := w.RotateGrant(w.ctx(), r, w.now)
		w.must(err)
		w.wants(what, out.Verdict, latchkey.BadGrant)
		_, stored := w.standing(u.ID, g.ID)
		same(w, "the grant after "+what, stored, g)
	}
	w.must(w.SetBan(w.ctx(), u.ID, latchkey.Ban{From: w.now}, w.Event(latchkey.UserBanned, w.project.ID, w.now)))
	out, err := w.RotateGrant(w.ctx(), w.Rotation(g), w.now)
	w.must(err)
	w.wants("a banned user's token", out.Verdict, latchkey.BadGrant)
}

func revokeEnds(w *world) {
	u, g := w.grantOf(w.Email())
	r := latchkey.Revocation{ID: g.ID, Project: g.Project, Client: g.Client, From: w.Origin()}
	w.now = w.now.Add(time.Second)
	out, err := w.RevokeGrant(w.ctx(), r, w.now)
	w.must(err)
	same(w, "what RevokeGrant gives", out, r.Judge(g, w.now))
	_, stored := w.standing(u.ID, g.ID)
	same(w, "the grant", stored, out.Grant)
	same(w, "the event", w.last(), out.Event)
	rotated, err := w.RotateGrant(w.ctx(), w.Rotation(g), w.now)
	w.must(err)
	w.wants("a refresh token of a revoked grant", rotated.Verdict, latchkey.BadGrant)
	again, err := w.RevokeGrant(w.ctx(), r, w.now.Add(time.Second))
	w.must(err)
	same(w, "whether a second revocation does anything", again.Done, false)
	_, stored = w.standing(u.ID, g.ID)
	same(w, "when the grant was revoked, after a second revocation", stored.Revoked, w.now)
}

func revokeByUser(w *world) {
	u, g := w.grantOf(w.Email())
	r := latchkey.Revocation{ID: g.ID, Project: g.Project, User: u.ID, From: w.Origin()}
	out, err := w.RevokeGrant(w.ctx(), r, w.now)
	w.must(err)
	same(w, "what RevokeGrant gives", out, r.Judge(g, w.now))
	same(w, "whether the person ends it", out.Done, true)
	_, stored := w.standing(u.ID, g.ID)
	same(w, "the grant", stored, out.Grant)
	same(w, "the event", w.last(), out.Event)
}

func revokeLeaves(w *world) {
	u, g := w.grantOf(w.Email())
	events := w.count(latchkey.GrantRevoked)
	stranger := w.login(w.Email()).User
	for what, r := range map[string]latchkey.Revocation{
		"another user":     {ID: g.ID, Project: g.Project, User: stranger.ID},
		"an unknown grant": {ID: latchkey.GrantID{Handle: w.Handle(w.now)}, Project: g.Project, Client: g.Client},
		"another client":   {ID: g.ID, Project: g.Project, Client: g.Client + 1},
		"another project":  {ID: g.ID, Project: w.newProject("Other").ID, Client: g.Client},
	} {
		out, err := w.RevokeGrant(w.ctx(), r, w.now)
		w.must(err)
		same(w, "whether a revocation by "+what+" does anything", out.Done, false)
		_, stored := w.standing(u.ID, g.ID)
		same(w, "the grant after "+what, stored, g)
	}
	same(w, "the number of revocations in the audit trail", w.count(latchkey.GrantRevoked), events)
}
