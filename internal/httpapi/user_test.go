package httpapi_test

import (
	"net/url"
	"testing"
	"time"
)

func TestMyEmailAndPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	as := []string{"Authorization", "Bearer " + w.userToken(jwtEmail)}
	var email struct {
		Current string `json:"current_email"`
	}
	w.get("/api/users/me/email", nil, as...).ok(&email)
	if email.Current != jwtEmail.address {
		t.Errorf("current_email is %q", email.Current)
	}
	phone := func() string {
		t.Helper()
		var out struct {
			Phone  string
			Number string `json:"phone_number"`
		}
		w.get("/api/users/me/phone", nil, as...).ok(&out)
		if out.Phone != out.Number {
			t.Errorf("phone is %q, phone_number %q", out.Phone, out.Number)
		}
		return out.Phone
	}
	if got := phone(); got != "" {
		t.Errorf("a user without a phone has %q", got)
	}
	w.post("/api/users/me/phone", nil, body{"phone_number": "+12025550123"}, as...).is(204)
	if got := phone(); got != "+12025550123" {
		t.Errorf("the stored phone is %q", got)
	}
	w.post("/api/users/me/phone", nil, body{"phone_number": "+12"}, as...).fails(422, "002-056")
	w.post("/api/users/me/phone", nil, body{}, as...).fails(422, "002-028")
	w.send("DELETE", "/api/users/me/phone/+447700900123", nil, "", "", as...).fails(404, "003-061")
	w.send("DELETE", "/api/users/me/phone/x", nil, "", "", as...).fails(422, "002-056")
	w.send("DELETE", "/api/users/me/phone/%2B12025550123", nil, "", "", as...).is(204)
	if got := phone(); got != "" {
		t.Errorf("after its removal the phone is %q", got)
	}
}

// TestUnprovenPhoneSignsNobodyIn: whoever types my number in does not get my account, nor I theirs.
func TestUnprovenPhoneSignsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	thief := w.userToken(jwtEmail)
	w.post("/api/users/me/phone", nil, body{"phone_number": jwtPhone.address}, "Authorization", "Bearer "+thief).is(204)
	owner := w.userToken(jwtPhone)
	if w.claims(w.project, thief).Subject == w.claims(w.project, owner).Subject {
		t.Error("the owner of the phone was signed in as who had typed it in")
	}
}

func TestLogOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.userToken(jwtEmail)
	_, got := w.oauthLogin("offline")
	as := []string{"Authorization", "Bearer " + token}
	w.get("/api/oauth2/logout", url.Values{"sessions": {"some"}}, as...).fails(422, "002-027")
	w.get("/api/oauth2/logout", url.Values{"sessions": {"sso"}}, as...).is(204)
	if !w.alive(token) || !w.alive(got.Access) {
		t.Fatal("a logout from the browser session ended tokens")
	}
	w.get("/api/oauth2/logout", url.Values{"sessions": {"all"}}, as...).is(204)
	if w.alive(token) || w.alive(got.Access) {
		t.Error("ASVS 7.4.1: a token outlived the logout everywhere")
	}
	w.form(refresh(got.Refresh)).fails(400, "010-023")
	w.get("/api/oauth2/logout", nil, as...).fails(401, "010-017")
	if !w.alive(w.userToken(jwtEmail)) {
		t.Error("after a logout nobody can sign in again")
	}
}

// TestRFC6750_3_Challenge: every call that needs a bearer token says so, with an error only if one was sent.
func TestRFC6750_3_Challenge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.userToken(jwtEmail)
	foreign := w.foreignToken()
	_, tokens := w.oauthLogin("openid")
	w.clock.move(time.Second)
	for _, call := range [][2]string{
		{"GET", "/api/users/me"}, {"GET", "/api/users/me/email"}, {"GET", "/api/users/me/phone"}, {"POST", "/api/users/me/phone"},
		{"DELETE", "/api/users/me/phone/+12025550123"}, {"GET", "/api/users/me/ask"}, {"GET", "/api/oauth2/logout"},
	} {
		for name, tt := range map[string]struct{ header, want string }{
			"none":          {"", "Bearer"},
			"Basic":         {basic(serverID, serverKey), "Bearer"},
			"empty":         {"Bearer ", "Bearer"},
			"garbage":       {"Bearer x.y.z", `Bearer error="invalid_token"`},
			"cut":           {"Bearer " + good[:len(good)-3], `Bearer error="invalid_token"`},
			"ID token":      {"bearer " + tokens.ID, `Bearer error="invalid_token"`},
			"refresh token": {"Bearer " + tokens.Refresh + "x", `Bearer error="invalid_token"`},
		} {
			r := w.send(call[0], call[1], nil, "", "", "Authorization", tt.header)
			r.fails(401, "010-017")
			if got := r.header.Get("WWW-Authenticate"); got != tt.want {
				t.Errorf("%s %s, %s: WWW-Authenticate %q, want %q", call[0], call[1], name, got, tt.want)
			}
		}
	}
	if !w.alive(foreign) {
		t.Error("a token of the other project is good for its own user")
	}
}

// foreignToken signs in to the other project.
func (w *world) foreignToken() string {
	w.t.Helper()
	q := url.Values{"projectId": {w.other.String()}, "login_url": {"https://other.example.test/a"}}
	w.post("/api/login/email/request", q, body{"email": jwtEmail.address}).ok(&struct{}{})
	m := w.message()
	r := w.post("/api/login/email/confirm", q, body{"email": jwtEmail.address, "code": w.codeOf(m), "operation_id": m.Challenge.String()})
	return w.loginURL(r).Query().Get("token")
}
