package httpapi_test

import (
	"net/url"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/login"
)

// inBrowser signs in on the hosted page, as its forms do, and gives the browser's session and the tokens that came of it.
func (w *world) inBrowser(scope string) (latchkey.SessionID, tokens) {
	w.t.Helper()
	ctx, to := w.t.Context(), latchkey.CanonicalAddress(latchkey.Email, oauthEmail.address)
	op, err := w.server.Login.Start(ctx, login.StartRequest{
		Protocol: latchkey.OAuth2, Client: 2, At: w.project, To: to, Redirect: redirect, ResponseType: "code", Scope: scope,
	})
	w.must(err)
	a, err := w.server.Login.Authorize(ctx, login.CompleteRequest{
		Protocol: latchkey.OAuth2, Client: 2, To: to, Code: latchkey.Secret(w.codeOf(w.message())), Operation: op.ID.String(),
		Browser: login.Browser{Stay: true},
	})
	w.must(err)
	id, ok := w.secrets.ParseSessionToken(a.Session)
	if !ok {
		w.t.Fatal("the login left no session in the browser")
	}
	var got tokens
	w.form(url.Values{
		"grant_type": {"authorization_code"}, "client_id": {confidentialID}, "client_secret": {secret}, "code": {a.Code.Reveal()}, "redirect_uri": {redirect},
	}).ok(&got)
	return id, got
}

// TestLogOutOfTheBrowser: sessions=sso ends what the token stands on and the session of the browser that it came of, and no
// other. What another client may use in the person's absence stays (OIDC Core §11).
func TestLogOutOfTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own, used := w.inBrowser("openid offline")
	other, _ := w.inBrowser("openid")
	_, absent := w.inBrowser("openid offline")
	w.get("/api/oauth2/logout", url.Values{"sessions": {"sso"}}, bearer(used.Access)...).is(204)
	lives := func(id latchkey.SessionID) bool {
		held, _, err := w.store.Session(t.Context(), id)
		w.must(err)
		return !held.ID.IsZero()
	}
	if lives(own) || !lives(other) {
		t.Errorf("the browser's session lives: %v, want false; that of another browser lives: %v, want true", lives(own), lives(other))
	}
	if w.alive(used.Access) || !w.alive(absent.Access) {
		t.Errorf("the token lives: %v, want false; that of another login: %v, want true", w.alive(used.Access), w.alive(absent.Access))
	}
	again := refresh(used.Refresh)
	again.Set("client_id", confidentialID)
	again.Set("client_secret", secret)
	w.form(again).fails(400, "010-023")
}
