package httpapi_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/httpapi"
)

// TestPaths: what is not there is 404 with the envelope, what is there is served however many slashes lead to it.
func TestPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/", "/api", "/api/", "/api/nothing", "/api/blank/", "/api/login/email", "/API/blank", "/api/users/me/phone/"} {
		w.get(path, nil).fails(404, "003-061")
	}
	keys := "/api/projects/" + w.project.String() + "/keys"
	want := w.get(keys, nil)
	for _, path := range []string{"/" + keys, "//api//projects/" + w.project.String() + "//keys", "/api/./projects/x/../" + w.project.String() + "/keys"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1"+path, nil)
		w.must(err)
		rec := httptest.NewRecorder()
		w.server.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", r.URL.RequestURI(), nil))
		if rec.Code != 200 || rec.Body.String() != string(want.body) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
	w.send("POST", "//api/login/email/request", jwtEmail.query(w), "application/json", `{"email":"a@example.test"}`).ok(&struct{}{})
}

// TestSingleSlashesInAnotherMux: mounted the way cmd/latchkey does, nothing redirects.
func TestSingleSlashesInAnotherMux(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	outer := http.NewServeMux()
	outer.Handle("/api/", w.server.Handler())
	rec := httptest.NewRecorder()
	httpapi.SingleSlashes(outer).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "//api//client/details?x=1", nil))
	if rec.Code != 200 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// TestMethods: 405 with Allow, HEAD where GET is, OPTIONS everywhere.
func TestMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, route := range w.server.Routes() {
		path := strings.NewReplacer("{projectId}", w.project.String(), "{phone}", "+12025550123").Replace(route.Path)
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} {
			if slices.ContainsFunc(w.server.Routes(), func(r httpapi.Route) bool { return r.Path == route.Path && r.Method == method }) {
				continue
			}
			r := w.send(method, path, nil, "", "")
			r.fails(405, "405")
			if !strings.Contains(r.header.Get("Allow"), route.Method) {
				t.Errorf("%s %s: Allow is %q", method, path, r.header.Get("Allow"))
			}
		}
		w.send("OPTIONS", path, nil, "", "").is(204)
	}
	for _, path := range []string{"/api/blank", "/api/client/details", "/healthz", "/openapi.yaml", "/api/projects/" + w.project.String() + "/keys"} {
		get, head := w.get(path, nil), w.send("HEAD", path, nil, "", "")
		if head.status != 200 || len(head.body) > 0 || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
			t.Errorf("HEAD %s: %d, Content-Length %q, want that of GET, %q", path, head.status,
				head.header.Get("Content-Length"), get.header.Get("Content-Length"))
		}
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for kind, status := range map[string]int{
		"": 200, "application/json": 200, "application/json; charset=utf-8": 200, "Application/JSON ;x=y": 200,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "application/jsonp": 415, "multipart/form-data; boundary=x": 415,
	} {
		r := w.send("POST", "/api/login/email/request", jwtEmail.query(w), kind, `{"email":"a@example.test"}`)
		if r.status != status {
			t.Errorf("content type %q: %d, want %d: %s", kind, r.status, status, r.body)
		}
		if status == 415 {
			r.fails(415, "415")
		}
	}
}

// TestRFC8259_8_1_UTF8: a body that is not UTF-8 is refused before anything in it is believed.
func TestRFC8259_8_1_UTF8(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const raw = "{\"email\":\"a@example.test\",\"operation_id\":\"\xff\"}"
	w.send("POST", "/api/login/email/request", jwtEmail.query(w), "", raw).fails(422, "002-027")
	w.send("POST", "/api/oauth2/login/email/request", oauthEmail.query(w), "", raw).fails(400, "0")
}

// TestBodySize: 64 KiB are read and not a byte more, whether or not the length was announced.
func TestBodySize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fill := func(n int) string {
		const frame = `{"email":"a@example.test","x":""}`
		return `{"email":"a@example.test","x":"` + strings.Repeat("x", n-len(frame)) + `"}`
	}
	w.send("POST", "/api/login/email/request", jwtEmail.query(w), "", fill(64<<10)).ok(&struct{}{})
	w.send("POST", "/api/login/email/request", jwtEmail.query(w), "", fill(64<<10+1)).fails(413, "413")

	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/login/email/request?"+jwtEmail.query(w).Encode(),
		struct{ io.Reader }{strings.NewReader(fill(64<<10 + 1))})
	rec := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(rec, r)
	if rec.Code != 413 || r.ContentLength != -1 {
		t.Errorf("an unannounced length: %d %s", rec.Code, rec.Body)
	}
}

// TestOverTheNetwork: what only a real connection shows. A caller that sends far too much still reads its 413.
func TestOverTheNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	srv := httptest.NewServer(w.server.Handler())
	defer srv.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"//api/login/email/request?"+jwtEmail.query(w).Encode(),
		strings.NewReader(strings.Repeat(" ", 1<<20)))
	w.must(err)
	answer, err := srv.Client().Do(r)
	w.must(err)
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != 413 || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("1 MiB over the network: %d %v", answer.StatusCode, answer.Header)
	}
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	w.must(err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST /api/login/email/request?projectId="+w.project.String()+
		" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"email\":")
	w.must(err)
	w.must(conn.(*net.TCPConn).CloseWrite())
	half, err := http.ReadResponse(bufio.NewReader(conn), nil)
	w.must(err)
	defer func() { _ = half.Body.Close() }()
	if half.StatusCode != 422 || len(w.outbox) > 0 {
		t.Errorf("half a body: %d", half.StatusCode)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for given, kept := range map[string]bool{
		"null": true, "a b~!": true, strings.Repeat("x", 128): true,
		"": false, strings.Repeat("x", 129): false, "é": false, "a\tb": false, "\x7f": false,
	} {
		got := w.get("/api/client/details", nil, "X-Request-Id", given).header.Get("X-Request-Id")
		if kept && got != given || !kept && (got == given || len(got) != 16 || strings.Trim(got, "0123456789abcdef") != "") {
			t.Errorf("request id %q came back as %q", given, got)
		}
	}
}

// TestCORS is contract.md §1.5.
func TestCORS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine, theirs := url.Values{"projectId": {w.project.String()}}, url.Values{"client_id": {foreignID}}
	for name, tt := range map[string]struct {
		path   string
		query  url.Values
		origin string
		want   bool
	}{
		"own":                      {"/api/otc/code", mine, origin, true},
		"on an error":              {"/api/nothing", nil, origin, true},
		"of another project":       {"/api/otc/code", mine, "https://other.example.test", false},
		"by client":                {"/api/otc/code", theirs, "https://other.example.test", true},
		"by client, of another":    {"/api/otc/code", theirs, origin, false},
		"any port":                 {"/api/otc/code", theirs, "http://localhost:5173", true},
		"any port is a number":     {"/api/otc/code", theirs, "http://localhost:5173.evil.example", false},
		"no project named":         {"/api/users/me", nil, "https://other.example.test", true},
		"unknown project named":    {"/api/otc/code", url.Values{"projectId": {"x"}}, origin, true},
		"unknown client named":     {"/api/otc/code", url.Values{"client_id": {"99"}}, origin, true},
		"nobody's":                 {"/api/users/me", nil, "https://evil.example", false},
		"null":                     {"/api/users/me", nil, "null", false},
		"suffix":                   {"/api/users/me", nil, origin + ".evil.example", false},
		"the scheme is part of it": {"/api/users/me", nil, "http://game.example.test", false},
	} {
		for _, method := range []string{"GET", "OPTIONS"} {
			if method == "OPTIONS" && tt.path == "/api/nothing" {
				continue
			}
			h := w.send(method, tt.path, tt.query, "", "", "Origin", tt.origin, "Access-Control-Request-Method", "GET",
				"Access-Control-Request-Headers", "content-type,x-sdk-v, X-GAME-ENGINE,cookie2,x-bad header").header
			got := h.Get("Access-Control-Allow-Origin")
			if tt.want && (got != tt.origin || h.Get("Access-Control-Allow-Credentials") != "true") || !tt.want && got != "" {
				t.Errorf("%s, %s from %s: Access-Control-Allow-Origin is %q", name, method, tt.origin, got)
			}
			if !tt.want {
				continue
			}
			for _, name := range []string{"x-captcha-enabled", "retry-after", "x-request-id", "ratelimit", "ratelimit-policy"} {
				if !strings.Contains(h.Get("Access-Control-Expose-Headers"), name) {
					t.Errorf("%s is not exposed", name)
				}
			}
			if method != "OPTIONS" {
				continue
			}
			allowed := strings.Split(h.Get("Access-Control-Allow-Headers"), ", ")
			for _, name := range []string{
				"content-type", "authorization", "x-request-id", "x-lot-number", "x-captcha-output", "x-pass-token", "x-gen-time",
				"x-sdk-v", "x-game-engine",
			} {
				if !slices.Contains(allowed, name) {
					t.Errorf("header %s is not allowed: %q", name, allowed)
				}
			}
			if slices.Contains(allowed, "cookie2") || strings.Contains(h.Get("Access-Control-Allow-Headers"), "bad") {
				t.Errorf("allowed what nobody needs: %q", allowed)
			}
			if h.Get("Access-Control-Max-Age") != "7200" || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "GET") {
				t.Errorf("preflight: %v", h)
			}
		}
	}
	if h := w.get("/api/client/details", nil).header; h.Get("Access-Control-Allow-Origin") != "" || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("CORS headers without an Origin: %v", h)
	}
}

// TestPanic: the envelope for the caller, the stack for the log, and the server lives on.
func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.userToken(jwtEmail)
	w.server.Accounts = nil
	d := w.get("/api/users/me", nil, "Authorization", "Bearer "+token, "X-Request-Id", "the-one").fails(500, "500")
	if len(d) != 1 || d["request_id"] != "the-one" {
		t.Errorf("details of a 500 are %v, want the request id alone", d)
	}
	log := w.log.String()
	if !strings.Contains(log, "panic: ") || !strings.Contains(log, "user.go") || !strings.Contains(log, "the-one") {
		t.Errorf("the log of a panic lacks what it was, where, or the request id: %s", log)
	}
}

// TestASVS_16_2_5_LogHoldsNoSecrets: no code, token, address or link in the log of every kind of call, at debug level.
func TestASVS_16_2_5_LogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.startLink(jwtEmail)
	code := w.codeOf(m)
	w.approve(jwtEmail, m)
	w.get("/api/otc/code", pollQuery(w, jwtEmail, m.Challenge.String()))
	w.confirm(jwtEmail, m.Challenge.String(), wrong(code))
	token := w.loginURL(w.confirm(jwtEmail, m.Challenge.String(), code)).Query().Get("token")
	authz, got := w.oauthLogin("offline openid")
	w.form(redeem(authz))
	w.form(refresh(got.Refresh))
	as := []string{"Authorization", "Bearer " + token}
	w.post("/api/users/me/phone", nil, body{"phone_number": jwtPhone.address}, as...)
	w.send("DELETE", "/api/users/me/phone/"+jwtPhone.address, nil, "", "", as...)
	w.get("/api/users/me", url.Values{"login": {jwtEmail.address}}, as...)
	w.get("/l/"+got.Refresh, nil)
	w.form(url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic(serverID, serverKey))
	w.server.Accounts = nil
	w.get("/api/users/me", nil, as...).fails(500, "500")
	log := w.log.String()
	if n := strings.Count(log, `"msg":"request"`); n < 15 {
		t.Fatalf("the log has %d access lines: this test looks at nothing", n)
	}
	for name, s := range map[string]string{
		"the code": `"` + code, "a token": token, "an authorization code": authz, "a refresh token": got.Refresh, "an access token": got.Access,
		"an email": "player@", "a phone": "2025550123", "a client secret": serverKey, "an operation": m.Challenge.String(),
	} {
		if strings.Contains(log, s) {
			t.Errorf("the log holds %s", name)
		}
	}
}

// TestObserveHook: the route and never the path, and no label that a caller can invent.
func TestObserveHook(t *testing.T) {
	t.Parallel()
	var seen []string
	w := newWorld(t, func(w *world) {
		w.server.Observe = func(route, method string, status int, _ time.Duration) {
			seen = append(seen, method+" "+route+" "+http.StatusText(status))
		}
	})
	w.get("/api/projects/"+w.project.String()+"/keys", nil)
	w.send("DELETE", "/api/users/me/phone/+12025550123", nil, "", "")
	w.send("BREW", "/tea", nil, "", "")
	want := []string{"GET /api/projects/{projectId}/keys OK", "DELETE /api/users/me/phone/{phone} Unauthorized", "other other Not Found"}
	if !slices.Equal(seen, want) {
		t.Errorf("observed %q, want %q", seen, want)
	}
}

// TestOrigin: who asks is kept with the challenge, cut to what can be stored and shown.
func TestOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	agent := "x" + strings.Repeat("é", 300) + "\xff" // byte 512 is in the middle of a letter
	w.post("/api/login/email/request", jwtEmail.query(w), body{"email": jwtEmail.address}, "User-Agent", agent).ok(&struct{}{})
	c, err := w.store.Challenge(t.Context(), w.message().Challenge)
	w.must(err)
	if c.From.IP.String() != "192.0.2.7" || c.From.UserAgent != "x"+strings.Repeat("é", 255) {
		t.Errorf("the challenge comes from %v %q", c.From.IP, c.From.UserAgent)
	}
}
