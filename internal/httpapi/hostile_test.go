package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// A target is one call with everything that it needs to succeed, to be spoiled one thing at a time.
type target struct {
	method, path string
	query        url.Values
	body         body       // JSON; nil without
	form         url.Values // instead
	header       []string
	optional     bool // every member of the body may be absent or empty
}

// targets lists every call of the API.
func targets(w *world) map[string]target {
	as := []string{"Authorization", "Bearer " + w.userToken(jwtEmail)}
	out := map[string]target{
		"otc": {method: "GET", path: "/api/otc/code", query: pollQuery(w, jwtEmail, strings.Repeat("A", 32))},
		"push": {method: "GET", path: "/api/otc/push", query: url.Values{
			"projectId": {w.project.String()}, "state": {strings.Repeat("A", 22)}, "action": {"approve"}, "link_url": {linkURL},
		}, header: []string{"Origin", origin, "Sec-Fetch-Dest", "empty"}},
		"code":        {method: "POST", path: "/api/oauth2/token", form: redeem(strings.Repeat("A", 64))},
		"refresh":     {method: "POST", path: "/api/oauth2/token", form: refresh(strings.Repeat("A", 64))},
		"revoke":      {method: "POST", path: "/api/oauth2/token/revoke", form: about(strings.Repeat("A", 64))},
		"introspect":  {method: "POST", path: "/api/oauth2/introspect", form: about(strings.Repeat("A", 64))},
		"keys":        {method: "GET", path: "/api/projects/" + w.project.String() + "/keys"},
		"validate":    {method: "POST", path: "/api/token/validate", body: body{"token": "x.y.z"}},
		"logout":      {method: "GET", path: "/api/oauth2/logout", query: url.Values{"sessions": {"sso"}}, header: as},
		"me":          {method: "GET", path: "/api/users/me", header: as},
		"email":       {method: "GET", path: "/api/users/me/email", header: as},
		"phone":       {method: "GET", path: "/api/users/me/phone", header: as},
		"set phone":   {method: "POST", path: "/api/users/me/phone", body: body{"phone_number": "+12025550123"}, header: as},
		"unset phone": {method: "DELETE", path: "/api/users/me/phone/+12025550123", header: as},
		"ask":         {method: "GET", path: "/api/users/me/ask", header: as},
		"describe": {method: "PATCH", path: "/api/users/me", body: body{
			"first_name": "Jo", "last_name": "Doe", "nickname": "jo", "birthday": "1995-01-05", "gender": "other",
		}, header: as, optional: true},
		"authorize": {method: "GET", path: "/api/oauth2/auth", query: url.Values{
			"client_id": {publicID}, "redirect_uri": {redirect}, "state": {"xsollatest"}, "locale": {"de_DE"}, "audience": {"x"},
		}},
		"sso": {method: "GET", path: "/api/oauth2/sso", query: url.Values{
			"client_id": {publicID}, "redirect_uri": {redirect}, "response_type": {"code"}, "state": {"xsollatest"}, "scope": {"offline"},
		}, header: []string{"Origin", origin, "Sec-Fetch-Dest", "empty", "Cookie", "__Host-latchkey-session-" + w.project.String() + "=" + strings.Repeat("A", 64)}},
		"clear_sso": {method: "GET", path: "/api/oauth2/clear_sso", query: url.Values{"projectId": {w.project.String()}},
			header: []string{"Origin", origin, "Sec-Fetch-Dest", "empty"}},
		"captcha": {method: "GET", path: "/api/captcha", query: url.Values{"projectId": {w.project.String()}}},
		"widget":  {method: "GET", path: "/api/widget/ng/settings", query: url.Values{"projectId": {w.project.String()}, "client_id": {publicID}}},
		"details": {method: "GET", path: "/api/client/details"},
		"blank":   {method: "GET", path: "/api/blank"},
	}
	for _, a := range ways {
		out["start "+a.name()] = target{method: "POST", path: a.path + "/request", query: a.query(w), body: body{
			a.member: a.address, "send_link": true, "link_url": linkURL, "operation_id": strings.Repeat("A", 32),
		}}
		q := url.Values{"projectId": {w.project.String()}}
		if a.protocol == latchkey.OAuth2 {
			q = url.Values{"client_id": {publicID}}
		}
		out["confirm "+a.name()] = target{method: "POST", path: a.path + "/confirm", query: q, body: body{
			a.member: a.address, "code": "123456", "operation_id": strings.Repeat("A", 32),
		}}
	}
	return out
}

// A spoiled call is one that must be refused, or at least answered without harm.
type spoiled struct {
	name        string
	query       url.Values
	contentType string
	raw         string
	path        string
	harmless    bool // may succeed
}

// spoil gives every hostile variant of a target.
func spoil(g target) []spoiled {
	var out []spoiled
	raw, kind := "", ""
	if g.body != nil {
		b, _ := json.Marshal(g.body)
		raw, kind = string(b), "application/json"
	} else if g.form != nil {
		raw, kind = g.form.Encode(), "application/x-www-form-urlencoded"
	}
	add := func(name string, harmless bool, change func(*spoiled)) {
		s := spoiled{name: name, query: maps.Clone(g.query), contentType: kind, raw: raw, path: g.path, harmless: harmless}
		if s.query == nil {
			s.query = url.Values{}
		}
		change(&s)
		out = append(out, s)
	}
	reads := g.body != nil || g.form != nil // whether the call looks at a body
	add("1 MiB body", !reads, func(s *spoiled) { s.raw = strings.Repeat("x", 1<<20) })
	add("1 MiB of blanks", !reads, func(s *spoiled) { s.raw = strings.Repeat(" ", 1<<20) })
	add("no body", !reads || g.optional, func(s *spoiled) { s.raw = "" })
	add("wrong content type", !reads, func(s *spoiled) { s.contentType, s.raw = "text/xml", "<a/>" })
	for _, junk := range []string{
		"{", "[]", "7", `"x"`, "null", "\x00", "\xff\xfe", "{}{}", strings.Repeat("[", 60_000), strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000), "{\"a\":\"\xff\"}",
	} {
		add(fmt.Sprintf("body %.12q", junk), !reads || g.optional && (junk == "null" || strings.HasPrefix(junk, `{"a":{`)), func(s *spoiled) { s.raw = junk })
	}
	for name := range g.query {
		for what, v := range values() {
			add(name+" "+what, true, func(s *spoiled) { s.query.Set(name, v) })
		}
	}
	for member := range g.body {
		for what, v := range members() {
			harmless := slices.Contains([]string{"operation_id", "link_url", "send_link"}, member) ||
				g.optional && slices.Contains([]string{"empty", "null", "half a surrogate"}, what)
			add(member+" "+what, harmless, func(s *spoiled) {
				b := maps.Clone(g.body)
				delete(b, member)
				rest, _ := json.Marshal(b)
				s.raw = `{"` + member + `":` + v + "," + string(rest[1:])
			})
		}
		add(member+" twice", true, func(s *spoiled) { s.raw = `{"` + member + `":"x",` + raw[1:] })
	}
	for name := range g.form {
		for what, v := range values() {
			add(name+" "+what, name == "token", func(s *spoiled) { // any text may be asked about
				f := maps.Clone(g.form)
				f.Set(name, v)
				s.raw = f.Encode()
			})
		}
		add(name+" twice", false, func(s *spoiled) { s.raw = raw + "&" + name + "=x" })
	}
	for what, v := range values() {
		if i := strings.LastIndexAny(g.path, "+"); i > 0 && v != "" {
			add("path "+what, false, func(s *spoiled) { s.path = g.path[:i] + url.PathEscape(v) })
		}
		if before, after, ok := strings.Cut(g.path, "00000000-0000-4000-8000-000000000001"); ok && v != "" {
			add("path "+what, what == "another project", func(s *spoiled) { s.path = before + url.PathEscape(v) + after })
		}
	}
	return out
}

// values are hostile parameters.
func values() map[string]string {
	return map[string]string{
		"empty": "", "huge": strings.Repeat("A", 60_000), "not UTF-8": "\xff\xfe\xff\xfe\xff\xfe\xff\xfe", "NUL": "a\x00bcdefgh", "a quote": `'";--`,
		"another project": "00000000-0000-4000-8000-000000000002", "an unknown project": "00000000-0000-4000-8000-0000000000ff",
		"a foreign client": foreignID, "minus one": "-1", "a line break": "a\r\nSet-Cookie: x=y", "a right-to-left mark": "\u202eabcdefgh",
	}
}

// members are hostile JSON values.
func members() map[string]string {
	return map[string]string{
		"number": "7", "float": "1e999", "true": "true", "list": `["a"]`, "object": `{"a":1}`, "empty": `""`, "null": "null",
		"huge": `"` + strings.Repeat("A", 60_000) + `"`, "not UTF-8": "\"\xff\xfe\"", "NUL": `"a\u0000b"`, "half a surrogate": `"\ud800"`,
		"deep": strings.Repeat("[", 9000) + strings.Repeat("]", 9000), "a line break": `"a\r\nb@example.test"`,
	}
}

// TestHostile: every call, every way to spoil it: the envelope, no 5xx, nothing stored, nothing sent (design.md §8). The
// client checks envelope, reference and redirects of every answer.
func TestHostile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	calls := targets(w)
	for _, route := range w.server.Routes() {
		pattern, covered := strings.NewReplacer("{projectId}", w.project.String(), "{phone}", "+12025550123").Replace(route.Path), false
		for _, g := range calls {
			covered = covered || g.method == route.Method && g.path == pattern
		}
		if !covered && strings.HasPrefix(route.Path, "/api/") {
			t.Errorf("%s %s is not among the targets", route.Method, route.Path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		g := calls[name]
		t.Run(name, func(t *testing.T) {
			for _, s := range spoil(g) {
				stored := w.store.stored.Load()
				r := w.send(g.method, s.path, s.query, s.contentType, s.raw, g.header...)
				switch {
				case r.status >= 500:
					t.Errorf("%s: %d %s", s.name, r.status, r.body)
				case r.status < 300 && !s.harmless:
					t.Errorf("%s: accepted with %d %.200s", s.name, r.status, r.body)
				case r.status >= 400 && (w.store.stored.Load() != stored || len(w.outbox) > 0):
					t.Errorf("%s: refused with %d, yet something was stored or sent", s.name, r.status)
				}
				for len(w.outbox) > 0 {
					<-w.outbox
				}
			}
		})
	}
	users, err := w.store.Users(t.Context(), w.project, latchkey.Address{}, latchkey.UserID{}, 100)
	w.must(err)
	if len(users) != 1 {
		t.Errorf("there are %d users, want the one that signed in for the test", len(users))
	}
}

// TestHostileQuery: a query that is no query is read as far as it goes.
func TestHostileQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, raw := range []string{"%", "%zz=1&projectId=%", "a;b;c", "&&&==&", "projectId=" + w.project.String() + "&%gg", strings.Repeat("a=b&", 20_000)} {
		for _, path := range []string{"/api/otc/code", "/api/users/me", "/api/client/details"} {
			rec := httptest.NewRecorder()
			w.server.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", path+"?"+raw, nil))
			if rec.Code >= 500 {
				t.Errorf("GET %s?%.40s: %d %s", path, raw, rec.Code, rec.Body)
			}
		}
	}
}
