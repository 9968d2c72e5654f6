package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestASVS_7_4_5_AnAdministratorEndsSessions: what one user holds is dead at once, of whatever kind, and of another user nothing is.
func TestASVS_7_4_5_AnAdministratorEndsSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.userToken(jwtEmail)
	pending := w.login(oauthEmail).Query().Get("code")
	_, mine := w.oauthLogin("offline")
	stranger := jwtEmail
	stranger.address = "stranger@example.test"
	theirs := w.userToken(stranger)
	user, err := latchkey.ParseUserID(w.claims(w.project, token).Subject)
	w.must(err)
	if !w.alive(token) || !w.alive(mine.Access) {
		t.Fatal("the tokens are dead before: this test looks at nothing")
	}
	w.must(w.admin.LogOut(t.Context(), user))
	if w.alive(token) || w.alive(mine.Access) {
		t.Error("a token outlived the end of its user's sessions")
	}
	w.form(refresh(mine.Refresh)).fails(400, "010-023")
	w.form(redeem(pending)).fails(400, "010-023")
	if !w.alive(theirs) {
		t.Error("another user was signed out as well")
	}
	w.clock.move(time.Second)
	if !w.alive(w.userToken(jwtEmail)) {
		t.Error("the user cannot sign in again")
	}
}

// TestASVS_10_4_8_RefreshTokensEnd: at the end of its family's life, counted from the login, a refresh token is refused however
// often it was used, and what it gave last is over too.
func TestASVS_10_4_8_RefreshTokensEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, err := w.store.Project(t.Context(), w.project)
	w.must(err)
	began := w.clock.Now()
	_, got := w.oauthLogin("offline")
	const step = 10 * 24 * time.Hour
	for w.clock.Now().Sub(began)+step < p.RefreshLife {
		w.clock.move(step)
		w.form(refresh(got.Refresh)).ok(&got)
	}
	w.clock.move(p.RefreshLife - w.clock.Now().Sub(began) - time.Second)
	w.form(refresh(got.Refresh)).ok(&got)
	if !w.alive(got.Access) {
		t.Error("dead a second before its end")
	}
	w.clock.move(time.Second)
	w.form(refresh(got.Refresh)).fails(400, "010-023")
	if w.alive(got.Access) {
		t.Errorf("an access token outlived its family, which ended after %v", p.RefreshLife)
	}
}

// TestASVS_14_3_2_NoStore: no answer with anything of a person in it may be kept, nor any refusal. What may is listed here: it is
// the same for everybody.
func TestASVS_14_3_2_NoStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	everybodys := []string{"keys", "widget", "details"}
	calls := targets(w)
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		g := calls[name]
		raw, kind := g.form.Encode(), "application/x-www-form-urlencoded"
		if g.body != nil {
			b, err := json.Marshal(g.body)
			w.must(err)
			raw, kind = string(b), "application/json"
			w.send(g.method, g.path, g.query, kind, raw[1:], g.header...).keep(name+" with a broken body", false)
		}
		r := w.send(g.method, g.path, g.query, kind, raw, g.header...)
		r.keep(name, slices.Contains(everybodys, name) && r.status == http.StatusOK)
		w.send("BREW", g.path, nil, "", "").keep("another method at "+g.path, false)
		for len(w.outbox) > 0 {
			<-w.outbox
		}
	}
	_, got := w.oauthLogin("offline")
	w.form(refresh(got.Refresh)).keep("tokens", false)
	w.ask("introspect", about(got.Access)).keep("a token that is looked into", false)
	w.get("/api/users/me", nil, "Authorization", "Bearer "+got.Access).keep("who is signed in", false)
	w.get("/api/nothing", nil).keep("nothing", false)
}

// keep wants an answer that nobody keeps or, if it may be kept, one that says so.
func (r reply) keep(what string, may bool) {
	r.t.Helper()
	cc := r.header.Get("Cache-Control")
	if !may && cc != "no-store" || may && cc != "no-store" && !strings.HasPrefix(cc, "public, ") {
		r.t.Errorf("%s, answered with %d: Cache-Control is %q", what, r.status, cc)
	}
}
