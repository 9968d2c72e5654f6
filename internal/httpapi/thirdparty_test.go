package httpapi_test

import (
	"net/url"
	"testing"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// TestThirdPartiesStayOutOfTheAPI: tokens of /api open everything that there is about a person. A client that another party
// runs gets none of them, whichever way its code came, and is as good as any at the standard endpoints.
func TestThirdPartiesStayOutOfTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	const id, redirect = 12, "https://wiki.example.test/oidc"
	_, secret, err := w.admin.CreateClient(ctx, latchkey.Client{
		ID: id, Project: w.project, Name: "wiki", Kind: latchkey.ConfidentialClient, RedirectURIs: []string{redirect}, ThirdParty: true,
	}, "")
	w.must(err)
	start := url.Values{"response_type": {"code"}, "client_id": {"12"}, "state": {"xsollatest"}, "redirect_uri": {redirect}}
	w.post("/api/oauth2/login/email/request", start, body{"email": "player@example.test"}).fails(400, "010-019")

	to := latchkey.CanonicalAddress(latchkey.Email, "player@example.test")
	op, err := w.server.Login.Start(ctx, login.StartRequest{
		Protocol: latchkey.OAuth2, Client: id, At: w.project, To: to, Redirect: redirect, ResponseType: "code", Scope: "openid offline_access",
	})
	w.must(err)
	a, err := w.server.Login.Authorize(ctx, login.CompleteRequest{
		Protocol: latchkey.OAuth2, Client: id, To: to, Code: latchkey.Secret(w.codeOf(w.message())), Operation: op.ID.String(),
	})
	w.must(err)
	credentials := url.Values{"client_id": {"12"}, "client_secret": {secret.Reveal()}}
	redeem := url.Values{"grant_type": {"authorization_code"}, "code": {a.Code.Reveal()}, "redirect_uri": {redirect}}
	w.form(both(credentials, redeem)).fails(400, "010-019")
	tokens, err := w.server.Tokens.Redeem(ctx, token.RedeemRequest{
		Client: token.Credentials{ID: id, Secret: secret, At: w.project}, Code: a.Code, Redirect: redirect,
	})
	if err != nil {
		t.Fatalf("at the standard endpoint: %v", err)
	}
	w.form(both(credentials, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Refresh.Reveal()}})).fails(400, "010-019")
}

func both(a, b url.Values) url.Values {
	out := url.Values{}
	for _, from := range []url.Values{a, b} {
		for k, v := range from {
			out[k] = v
		}
	}
	return out
}
