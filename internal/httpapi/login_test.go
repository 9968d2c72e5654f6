package httpapi_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestLogin is the main job, four ways: from an address to a token that verifies.
func TestLogin(t *testing.T) {
	t.Parallel()
	for _, a := range ways {
		t.Run(a.name(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			u := w.login(a)
			var token string
			if a.protocol == latchkey.OAuth2 {
				if u.Scheme != "app" || u.Query().Get("state") != "xsollatest" {
					t.Errorf("login_url %s is not the redirect URI with the state", u)
				}
				var got tokens
				w.form(redeem(u.Query().Get("code"))).ok(&got)
				token = got.Access
			} else {
				token = u.Query().Get("token")
			}
			c := w.claims(w.project, token)
			if c.Project != w.project.String() || c.Type != string(a.channel) || c.Username != a.address || c.Groups == nil {
				t.Errorf("claims of the token are wrong: %+v", c)
			}
			if !w.alive(token) {
				t.Error("the token of a completed login opens nothing")
			}
			w.post("/api/token/validate", nil, body{"token": token}).is(http.StatusNoContent)
		})
	}
}

// TestASVS_6_5_1_SingleUse: a code works once, and afterwards looks like a wrong one.
func TestASVS_6_5_1_SingleUse(t *testing.T) {
	t.Parallel()
	for _, a := range ways {
		t.Run(a.name(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			operation, code := w.start(a)
			w.loginURL(w.confirm(a, operation, code))
			w.confirm(a, operation, code).fails(401, "003-039")
		})
	}
}

// TestNIST_3_1_3_AcceptedOnceUnderRaces: many right answers at a time, one login.
func TestNIST_3_1_3_AcceptedOnceUnderRaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operation, code := w.start(jwtEmail)
	const callers = 50
	statuses := make([]int, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { statuses[i] = w.confirm(jwtEmail, operation, code).status })
	}
	wg.Wait()
	slices.Sort(statuses)
	if statuses[0] != 200 || statuses[1] != 401 || statuses[callers-1] != 401 {
		t.Errorf("of %d right answers at once these came of it, want one 200: %v", callers, statuses)
	}
}

// TestWrongCodes: five wrong ones, then the operation takes no more, not even the right one.
func TestWrongCodes(t *testing.T) {
	t.Parallel()
	for _, a := range ways {
		t.Run(a.name(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			operation, code := w.start(a)
			for range 5 {
				w.confirm(a, operation, wrong(code)).fails(401, "003-039")
			}
			w.confirm(a, operation, wrong(code)).fails(429, "003-049")
			w.confirm(a, operation, code).fails(429, "003-049")
		})
	}
}

// wrong gives another code of the same length.
func wrong(code string) string {
	first := (code[0]-'0'+1)%10 + '0'
	return string(first) + code[1:]
}

// TestNIST_3_2_2_NewCodeDoesNotResetTheCount: ten wrong answers over several operations make the network wait.
func TestNIST_3_2_2_NewCodeDoesNotResetTheCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		operation, code := w.start(jwtEmail)
		for range 5 {
			w.confirm(jwtEmail, operation, wrong(code)).fails(401, "003-039")
		}
	}
	operation, code := w.start(jwtEmail)
	r := w.confirm(jwtEmail, operation, code)
	r.fails(429, "002-057")
	if got := r.header.Get("Retry-After"); got != "30" {
		t.Errorf("Retry-After is %q after ten wrong codes, want 30", got)
	}
	w.clock.move(29*time.Second + 900*time.Millisecond)
	r = w.confirm(jwtEmail, operation, code)
	r.fails(429, "002-057")
	if got := r.header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q 100 ms before the end, want 1: rounded up", got)
	}
	w.clock.move(100 * time.Millisecond)
	w.loginURL(w.confirm(jwtEmail, operation, code))
}

// TestASVS_6_6_2_CodeBoundToItsRequest: what does not belong together is a wrong code, whichever part is foreign.
func TestASVS_6_6_2_CodeBoundToItsRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operation, code := w.start(jwtEmail)
	other := jwtEmail
	other.address = "someone.else@example.test"
	w.confirm(other, operation, code).fails(401, "003-039")
	w.confirm(oauthEmail, operation, code).fails(401, "003-039")
	w.confirm(jwtEmail, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", code).fails(401, "003-039")
	w.confirm(jwtEmail, "not an operation", code).fails(401, "003-039")
	w.post("/api/login/email/confirm", url.Values{"projectId": {w.other.String()}},
		body{"email": jwtEmail.address, "code": code, "operation_id": operation}).fails(401, "003-039")
	w.loginURL(w.confirm(jwtEmail, operation, code)) // none of these spoiled it

	operation, code = w.start(oauthEmail)
	w.post(oauthEmail.path+"/confirm", url.Values{"client_id": {confidentialID}},
		body{"email": oauthEmail.address, "code": code, "operation_id": operation}).fails(401, "003-039")
	w.loginURL(w.confirm(oauthEmail, operation, code))
}

func TestExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operation, code := w.start(jwtEmail)
	w.clock.move(180 * time.Second)
	w.confirm(jwtEmail, operation, code).fails(401, "003-039")
	operation, code = w.start(jwtEmail)
	w.clock.move(180*time.Second - time.Millisecond)
	w.loginURL(w.confirm(jwtEmail, operation, code))
}

// TestResend: a start that names a live operation sends the same code once more.
func TestResend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operation, code := w.start(jwtEmail)
	send := func(a way, named any) string {
		t.Helper()
		var out struct {
			ID string `json:"operation_id"`
		}
		w.post(a.path+"/request", a.query(w), body{a.member: a.address, "operation_id": named}).ok(&out)
		return out.ID
	}
	if got := send(jwtEmail, operation); got != operation {
		t.Errorf("a resend of %s answered %s", operation, got)
	}
	if m := w.message(); w.codeOf(m) != code || m.Resend != 1 {
		t.Error("the second message has another code, or does not count")
	}
	stranger := jwtEmail
	stranger.address = "stranger@example.test"
	for name, got := range map[string]string{
		"another address": send(stranger, operation), "another protocol": send(oauthEmail, operation),
		"nobody's": send(jwtEmail, "AAAA"), "null": send(jwtEmail, nil), "empty": send(jwtEmail, ""),
	} {
		if got == operation {
			t.Errorf("%s: the operation was handed out again", name)
		}
	}
	w.loginURL(w.confirm(jwtEmail, operation, code))
}

func TestBan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.userToken(jwtEmail)
	user, err := latchkey.ParseUserID(w.claims(w.project, token).Subject)
	w.must(err)
	w.must(w.admin.Ban(t.Context(), user, time.Time{}, "cheating"))
	if w.alive(token) {
		t.Error("ASVS 7.4.2: the token of a banned user still opens /users/me")
	}
	w.post("/api/token/validate", nil, body{"token": token}).fails(401, "002-016")
	operation, code := w.start(jwtEmail)
	w.confirm(jwtEmail, operation, code).fails(401, "002-040")
	w.must(w.admin.Unban(t.Context(), user))
	if w.alive(token) {
		t.Error("ASVS 7.4.2: what a ban ended is good again after it")
	}
}

func TestWithLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.userToken(jwtEmail)
	second := w.userToken(jwtEmail, "with_logout", "0")
	if !w.alive(first) || !w.alive(second) {
		t.Fatal("a second login ended the first one unasked")
	}
	third := w.userToken(jwtEmail, "with_logout", "1")
	if w.alive(first) || w.alive(second) || !w.alive(third) {
		t.Error("with_logout=1 must end the earlier tokens and not its own")
	}
	w.post("/api/login/email/request", url.Values{"projectId": {w.project.String()}, "with_logout": {"yes"}},
		body{"email": jwtEmail.address}).fails(422, "002-027")
}

// TestAddressSpellings: the code goes back with the address spelled as the person likes.
func TestAddressSpellings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shouting := jwtEmail
	shouting.address = "  PLAYER@Example.TEST "
	operation, code := w.start(shouting)
	w.loginURL(w.confirm(jwtEmail, operation, code))

	operation, code = w.start(jwtEmail)
	w.loginURL(w.confirm(jwtEmail, operation, " "+code[:3]+" "+code[3:]+" "))
}

func TestPayloadNonceAndScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	payload := `{"level":7,"name":"Zoë"}`
	if c := w.claims(w.project, w.userToken(jwtEmail, "payload", payload)); c.Payload != payload {
		t.Errorf("payload claim %q, want %q", c.Payload, payload)
	}
	if c := w.claims(w.project, w.userToken(jwtEmail, "payload", "")); c.Payload != "" {
		t.Errorf("payload claim %q without a payload", c.Payload)
	}
	q := jwtEmail.query(w)
	for name, bad := range map[string]string{"too long": strings.Repeat("x", 2001), "control characters": "a\x01b", "DEL": "\x7f"} {
		q.Set("payload", bad)
		if answer := w.post("/api/login/email/request", q, body{"email": jwtEmail.address}); answer.status != 422 {
			t.Errorf("a payload that is %s: %d, want 422", name, answer.status)
		}
	}

	code := w.login(oauthEmail, "scope", "openid  email offline", "nonce", "n-0S6_WzA2Mj").Query().Get("code")
	var got tokens
	w.form(redeem(code)).ok(&got)
	id := w.claims(w.project, got.ID)
	if id.Nonce != "n-0S6_WzA2Mj" || id.Email != oauthEmail.address || id.Phone != "" {
		t.Errorf("ID token: %+v", id)
	}
	if w.alive(got.ID) {
		t.Error("ASVS 9.2.2: an ID token opens /users/me")
	}
	if c := w.claims(w.project, got.Access); !slices.Equal(c.Scopes, []string{"openid", "email", "offline"}) || c.Client != publicID {
		t.Errorf("access token: %+v", c)
	}
}

// TestConfirmRules is what the complete calls ask of their query and body.
func TestConfirmRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	jwt, oauth := url.Values{"projectId": {w.project.String()}}, url.Values{"client_id": {publicID}}
	full := func(a way, change ...any) body {
		b := body{a.member: a.address, "code": "123456", "operation_id": strings.Repeat("A", 32)}
		for i := 0; i < len(change); i += 2 {
			b[change[i].(string)] = change[i+1]
		}
		return b
	}
	for name, tt := range map[string]struct {
		way    way
		query  url.Values
		body   body
		status int
		code   string
		field  string
	}{
		"no project":                    {jwtEmail, nil, full(jwtEmail), 422, "002-028", "projectId"},
		"unknown project":               {jwtEmail, url.Values{"projectId": {"00000000-0000-4000-8000-00000000ffff"}}, full(jwtEmail), 404, "003-019", ""},
		"no client":                     {oauthEmail, nil, full(oauthEmail), 422, "002-028", "client_id"},
		"unknown client":                {oauthEmail, url.Values{"client_id": {"99"}}, full(oauthEmail), 400, "010-019", ""},
		"no code":                       {jwtEmail, jwt, full(jwtEmail, "code", ""), 422, "002-028", "code"},
		"no code, OAuth":                {oauthEmail, oauth, full(oauthEmail, "code", nil), 400, "0", "code"},
		"code of a wrong type":          {jwtEmail, jwt, full(jwtEmail, "code", 123456), 422, "002-027", "code"},
		"wrong type, OAuth":             {oauthEmail, oauth, full(oauthEmail, "code", 123456), 400, "0", "code"},
		"code with a NUL":               {jwtEmail, jwt, full(jwtEmail, "code", "123\x00456"), 422, "002-027", "code"},
		"operation with a NUL":          {oauthEmail, oauth, full(oauthEmail, "operation_id", "\x00"), 422, "002-027", "operation_id"},
		"code of blanks":                {jwtEmail, jwt, full(jwtEmail, "code", "      "), 401, "003-039", ""},
		"code of another length":        {jwtEmail, jwt, full(jwtEmail, "code", "12345678"), 401, "003-039", ""},
		"no operation":                  {jwtEmail, jwt, full(jwtEmail, "operation_id", nil), 422, "002-028", "operation_id"},
		"no operation, OAuth":           {oauthPhone, oauth, full(oauthPhone, "operation_id", ""), 400, "0", "operation_id"},
		"no email":                      {jwtEmail, jwt, full(jwtEmail, "email", ""), 422, "002-028", "email"},
		"not an email":                  {oauthEmail, oauth, full(oauthEmail, "email", "x"), 422, "002-027", "email"},
		"not a phone":                   {oauthPhone, oauth, full(oauthPhone, "phone_number", "x"), 422, "002-056", "phone_number"},
		"a client that signs no-one in": {oauthEmail, url.Values{"client_id": {serverID}}, full(oauthEmail), 401, "003-039", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := w.post(tt.way.path+"/confirm", tt.query, tt.body).fails(tt.status, tt.code)["field"]; got != tt.field {
				t.Errorf("details name the field %q, want %q", got, tt.field)
			}
		})
	}
}

// TestLoginURLOnTheWire: contract.md §3, byte for byte.
func TestLoginURLOnTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := w.login(jwtEmail).String()
	if !strings.HasPrefix(raw, "https://game.example.test/in?token=") || !strings.HasSuffix(raw, "&remember_me=false&theme=dark") ||
		strings.Count(raw, "token=") != 1 || strings.Contains(raw, "#") {
		t.Errorf("login_url: token first and once, then remember_me, then the URL's own query: %s", raw)
	}
	w.clock.move(time.Second)
	code := w.login(oauthEmail, "state", "a state&code=x/é+~")
	if raw := code.String(); !strings.HasPrefix(raw, redirect+"?code=") ||
		!strings.HasSuffix(raw, "&state=a%20state%26code%3Dx%2F%C3%A9%2B~") {
		t.Errorf("login_url: code first, then the percent-encoded state: %s", raw)
	}
	if v := code.Query().Get("code"); strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		t.Errorf("authorization code %q has other characters than [A-Za-z0-9._-]", v)
	}
}

// TestStartRules is what the start calls ask of their query and body.
func TestStartRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, many := w.other.String(), manyID
	pkce := "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	for name, tt := range map[string]struct {
		way    way
		query  []string // pairs over what the way needs; "-" takes a parameter away
		body   body     // instead of the address
		status int
		code   string
		field  string
	}{
		"no project":                  {jwtEmail, []string{"projectId", "-"}, nil, 422, "002-028", "projectId"},
		"project not a uuid":          {jwtEmail, []string{"projectId", "demo"}, nil, 404, "003-019", ""},
		"unknown project":             {jwtEmail, []string{"projectId", "00000000-0000-4000-8000-00000000ffff"}, nil, 404, "003-019", ""},
		"several callbacks, none":     {jwtEmail, []string{"projectId", other}, nil, 422, "010-011", "login_url"},
		"callback not registered":     {jwtEmail, []string{"projectId", other, "login_url", "https://other.example.test/a/"}, nil, 422, "010-012", "login_url"},
		"callback of several":         {jwtEmail, []string{"projectId", other, "login_url", "https://other.example.test/b"}, nil, 200, "", ""},
		"callback empty":              {jwtEmail, []string{"login_url", ""}, nil, 200, "", ""},
		"channel off":                 {jwtPhone, []string{"projectId", other, "login_url", "https://other.example.test/a"}, nil, 422, "003-020", "phone"},
		"no email":                    {jwtEmail, nil, body{}, 422, "002-028", "email"},
		"null email":                  {jwtEmail, nil, body{"email": nil}, 422, "002-028", "email"},
		"empty email":                 {jwtEmail, nil, body{"email": ""}, 422, "002-028", "email"},
		"email of a wrong type":       {jwtEmail, nil, body{"email": 7}, 422, "002-027", "email"},
		"not an email":                {jwtEmail, nil, body{"email": "player"}, 422, "002-027", "email"},
		"email with a NUL":            {jwtEmail, nil, body{"email": "pl\x00ayer@example.test"}, 422, "002-027", "email"},
		"the other channel's member":  {jwtEmail, nil, body{"email": "player@example.test", "phone_number": 5}, 200, "", ""},
		"not a phone":                 {jwtPhone, nil, body{"phone_number": "+12"}, 422, "002-056", "phone_number"},
		"phone without a plus":        {jwtPhone, nil, body{"phone_number": "12025550123"}, 422, "002-056", "phone_number"},
		"phone with a leading space":  {jwtPhone, nil, body{"phone_number": " 12025550123"}, 200, "", ""},
		"no email, OAuth":             {oauthEmail, nil, body{}, 400, "0", "email"},
		"wrong type, OAuth":           {oauthEmail, nil, body{"email": []string{}}, 400, "0", "email"},
		"not an email, OAuth":         {oauthEmail, nil, body{"email": "player"}, 422, "002-027", "email"},
		"not a phone, OAuth":          {oauthPhone, nil, body{"phone_number": "+12"}, 422, "002-056", "phone_number"},
		"link without its URL":        {jwtEmail, nil, body{"email": "player@example.test", "send_link": true}, 422, "002-028", "link_url"},
		"link elsewhere":              {jwtEmail, nil, body{"email": "player@example.test", "send_link": true, "link_url": "https://evil.example/"}, 422, "010-012", "link_url"},
		"link":                        {jwtEmail, nil, body{"email": "player@example.test", "send_link": true, "link_url": linkURL}, 200, "", ""},
		"no link, any URL":            {jwtEmail, nil, body{"email": "player@example.test", "send_link": false, "link_url": "undefined/?a"}, 200, "", ""},
		"null link":                   {jwtEmail, nil, body{"email": "player@example.test", "send_link": nil, "link_url": nil}, 200, "", ""},
		"link of a wrong type":        {jwtEmail, nil, body{"email": "player@example.test", "send_link": "yes"}, 422, "002-027", "send_link"},
		"no client":                   {oauthEmail, []string{"client_id", "-"}, nil, 422, "002-028", "client_id"},
		"client not a number":         {oauthEmail, []string{"client_id", "one"}, nil, 400, "010-019", ""},
		"client negative":             {oauthEmail, []string{"client_id", "-1"}, nil, 400, "010-019", ""},
		"client past 64 bits":         {oauthEmail, []string{"client_id", "99999999999999999999"}, nil, 400, "010-019", ""},
		"unknown client":              {oauthEmail, []string{"client_id", "99"}, nil, 400, "010-019", ""},
		"server client":               {oauthEmail, []string{"client_id", serverID}, nil, 400, "010-019", ""},
		"no state":                    {oauthEmail, []string{"state", "-"}, nil, 400, "010-022", ""},
		"state of 7":                  {oauthEmail, []string{"state", "1234567"}, nil, 400, "010-022", ""},
		"state of 8":                  {oauthEmail, []string{"state", "12345678"}, nil, 200, "", ""},
		"state of 2001":               {oauthEmail, []string{"state", strings.Repeat("s", 2001)}, nil, 422, "002-027", "state"},
		"state not UTF-8":             {oauthEmail, []string{"state", "\xff\xff\xff\xff\xff\xff\xff\xff"}, nil, 422, "002-027", "state"},
		"no response type":            {oauthEmail, []string{"response_type", "-"}, nil, 422, "002-028", "response_type"},
		"response type token":         {oauthEmail, []string{"response_type", "token"}, nil, 422, "002-027", "response_type"},
		"redirect not registered":     {oauthEmail, []string{"redirect_uri", redirect + "/"}, nil, 422, "010-012", "redirect_uri"},
		"redirect left out":           {oauthEmail, []string{"redirect_uri", "-"}, nil, 200, "", ""},
		"several redirects, none":     {oauthEmail, []string{"client_id", many, "redirect_uri", "-"}, nil, 422, "010-011", "redirect_uri"},
		"PKCE required":               {oauthEmail, []string{"client_id", many, "redirect_uri", "http://127.0.0.1/cb"}, nil, 422, "002-028", "code_challenge"},
		"RFC 7636: plain refused":     {oauthEmail, []string{"code_challenge", pkce, "code_challenge_method", "plain"}, nil, 422, "002-027", "code_challenge_method"},
		"RFC 7636: no method = plain": {oauthEmail, []string{"code_challenge", pkce}, nil, 422, "002-027", "code_challenge_method"},
		"PKCE, short":                 {oauthEmail, []string{"code_challenge", "abc", "code_challenge_method", "S256"}, nil, 422, "002-027", "code_challenge"},
		"PKCE":                        {oauthEmail, []string{"code_challenge", pkce, "code_challenge_method", "S256"}, nil, 200, "", ""},
		"JWT parameters on OAuth":     {oauthEmail, []string{"projectId", "x", "with_logout", "y", "engine", "unity"}, nil, 200, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			q := tt.way.query(w)
			for i := 0; i < len(tt.query); i += 2 {
				q.Set(tt.query[i], tt.query[i+1])
				if tt.query[i+1] == "-" {
					q.Del(tt.query[i])
				}
			}
			b := tt.body
			if b == nil {
				b = body{tt.way.member: tt.way.address}
			}
			stored := w.store.stored.Load()
			r := w.post(tt.way.path+"/request", q, b)
			if tt.status == 200 {
				r.ok(&struct{}{})
				w.message()
				return
			}
			if got := r.fails(tt.status, tt.code)["field"]; got != tt.field {
				t.Errorf("details name the field %q, want %q: %s", got, tt.field, r.body)
			}
			if w.store.stored.Load() != stored || len(w.outbox) > 0 {
				t.Error("a refused start stored or sent something")
			}
		})
	}
}

// TestASVS_6_3_8_UnknownAddressLooksTheSame: the shape of the answer tells nothing.
func TestASVS_6_3_8_UnknownAddressLooksTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.userToken(jwtEmail)
	known := w.post("/api/login/email/request", jwtEmail.query(w), body{"email": jwtEmail.address})
	unknown := w.post("/api/login/email/request", jwtEmail.query(w), body{"email": "nobody@example.test"})
	if known.status != unknown.status || len(known.body) != len(unknown.body) {
		t.Errorf("a known address gets %d %s, an unknown one %d %s", known.status, known.body, unknown.status, unknown.body)
	}
}

func TestLocale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, q := range map[string]string{"underscore": "de_DE", "dash": "de-DE", "unknown": "xx_XX", "hostile": strings.Repeat("de-", 9000)} {
		t.Run(name, func(t *testing.T) {
			v := jwtEmail.query(w)
			v.Set("locale", q)
			w.post("/api/login/email/request", v, body{"email": jwtEmail.address}, "Accept-Language", "fr;q=0.9, *;q=0.1").ok(&struct{}{})
			if m := w.message(); m.Locale == "" || len(m.Locale) > 10 {
				t.Errorf("the message's locale is %q", m.Locale)
			}
		})
	}
}

func TestVerdictHook(t *testing.T) {
	t.Parallel()
	var got []string
	w := newWorld(t, func(w *world) {
		w.server.Verdict = func(c latchkey.Channel, p latchkey.Protocol, verdict string) {
			got = append(got, string(c)+" "+string(p)+" "+verdict)
		}
	})
	operation, code := w.start(oauthPhone)
	w.confirm(oauthPhone, operation, wrong(code))
	w.confirm(oauthPhone, operation, code)
	w.post("/api/login/email/confirm", nil, body{})
	want := []string{"phone oauth2 wrong_code", "phone oauth2 ok", "email jwt missing_parameter"}
	if !slices.Equal(got, want) {
		t.Errorf("verdicts %q, want %q", got, want)
	}
}
