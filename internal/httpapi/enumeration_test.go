package httpapi_test

import (
	"maps"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/limits"
	"github.com/latchkey-dev/latchkey/internal/memory"
)

// operationID is what an answer may differ in.
var operationID = regexp.MustCompile(`"operation_id":"[^"]+"`)

// shown is all that a caller sees of an answer, ids and the date aside.
func shown(r reply) (status int, header http.Header, body string) {
	header = r.header.Clone()
	for _, name := range []string{"Date", "X-Request-Id"} {
		header.Del(name)
	}
	return r.status, header, operationID.ReplaceAllString(string(r.body), `"operation_id":"…"`)
}

func sameShown(t *testing.T, what string, got, want reply) {
	t.Helper()
	status, header, body := shown(got)
	wantStatus, wantHeader, wantBody := shown(want)
	equal := func(a, b []string) bool { return len(a) == len(b) && (len(a) == 0 || a[0] == b[0]) }
	if status != wantStatus || body != wantBody || !maps.EqualFunc(header, wantHeader, equal) {
		t.Errorf("%s answers\n%d %v %s, a user of an open project\n%d %v %s", what, status, header, body, wantStatus, wantHeader, wantBody)
	}
}

// TestASVS_6_3_8_NobodyIsListed: known and unknown, banned and free, of a closed project and of an open one: start and
// confirm answer everybody with the same bytes. What a banned person's right code gets is the one difference: it takes the code.
func TestASVS_6_3_8_NobodyIsListed(t *testing.T) {
	t.Parallel()
	for _, a := range ways {
		var started, refused reply // of the first one, which the others are held to
		for _, signUp := range []latchkey.SignUp{{}, {Closed: true}, {Closed: true, Contact: "ask@example.test"}} {
			w := newWorld(t)
			w.login(a)
			banned := a
			banned.address = map[latchkey.Channel]string{latchkey.Email: "banned@example.test", latchkey.Phone: "+12025550124"}[a.channel]
			w.login(banned)
			us, err := w.store.Users(t.Context(), w.project, latchkey.CanonicalAddress(a.channel, banned.address), latchkey.UserID{}, 1)
			w.must(err)
			w.must(w.admin.Ban(t.Context(), us[0].ID, time.Time{}, "cheating"))
			stranger := a
			stranger.address = map[latchkey.Channel]string{latchkey.Email: "nobody@example.test", latchkey.Phone: "+12025550125"}[a.channel]
			p, err := w.store.Project(t.Context(), w.project)
			w.must(err)
			p.Defence.SignUp = signUp
			w.must(w.admin.UpdateProject(t.Context(), p))
			for who, one := range map[string]way{"a user": a, "a banned user": banned, "a stranger": stranger} {
				what := a.name() + ": " + who
				if signUp.Closed {
					what += " of a closed project"
				}
				start := w.post(one.path+"/request", one.query(w), body{one.member: one.address})
				m, kind := w.message(), latchkey.CodeMessage
				switch {
				case who != "a stranger" || !signUp.Closed:
				case signUp.Contact == "":
					kind = latchkey.EmptyMessage
				default:
					kind = latchkey.AccessMessage
				}
				if m.Kind != kind {
					t.Errorf("%s: the message is for %q, want %q", what, m.Kind, kind)
				}
				right := w.codeOf(m)
				operation, code := w.start(one)
				again := w.post(one.path+"/request", one.query(w), body{one.member: one.address, "operation_id": operation})
				w.message()
				wrongCode := w.confirm(one, operation, wrong(code))
				if started.status == 0 {
					started, refused = start, wrongCode
				}
				sameShown(t, what+", starting", start, started)
				sameShown(t, what+", starting again", again, started)
				sameShown(t, what+", with a wrong code", wrongCode, refused)
				sameShown(t, what+", with another one's code", w.confirm(one, operation, right+"0"), refused)
				switch r := w.confirm(one, operation, code); {
				case who == "a stranger" && signUp.Closed:
					sameShown(t, what+", with the right code", r, refused)
				case who == "a banned user":
					r.fails(http.StatusUnauthorized, "002-040")
				default:
					w.loginURL(r)
				}
			}
		}
	}
}

// TestTestIdentities: a fixed code, no message, no limit; an end; a switch; and nobody else has any of it.
func TestTestIdentities(t *testing.T) {
	t.Parallel()
	for _, a := range ways {
		w := newWorld(t, func(w *world) {
			table, err := limits.Default().Override("start-client=1/1h", "all=off")
			w.must(err)
			w.server.Gate = &limits.Gate{Limiter: memory.NewLimiter(1 << 10), Table: table, Key: w.secrets.LimiterKey()}
		})
		p, err := w.store.Project(t.Context(), w.project)
		w.must(err)
		end := w.clock.Now().Add(time.Hour)
		p.Defence.SignUp.Closed, p.Defence.SMS.Countries = true, nil
		p.Defence.TestIdentities = []latchkey.TestIdentity{{Channel: a.channel, Address: a.address, Code: "13579024", Until: end}}
		w.must(w.admin.UpdateProject(t.Context(), p))
		begin := func() string {
			var out struct {
				ID string `json:"operation_id"`
			}
			w.post(a.path+"/request", a.query(w), body{a.member: a.address}).ok(&out)
			return out.ID
		}
		for range 3 { // more than the limit
			operation := begin()
			w.confirm(a, operation, "13579025").fails(http.StatusUnauthorized, "003-039")
			w.loginURL(w.confirm(a, operation, "13579024"))
		}
		if len(w.outbox) != 0 {
			t.Errorf("%s: a test identity is sent %v", a.name(), w.message())
		}
		es, err := w.store.Events(t.Context(), w.project, 3)
		w.must(err)
		for i, want := range []string{"login.completed test identity", "login.refused wrong code, test identity", "challenge.started test identity"} {
			if got := string(es[i].Kind) + " " + es[i].Detail; got != want {
				t.Errorf("%s: the trail says %q, want %q", a.name(), got, want)
			}
		}
		operation := begin()
		w.server.Login.NoTestIdentities = true
		w.confirm(a, operation, "13579024").fails(http.StatusUnauthorized, "003-039")
		w.server.Login.NoTestIdentities = false
		operation = begin()
		w.clock.move(time.Hour)
		w.confirm(a, operation, "13579024").fails(http.StatusUnauthorized, "003-039")
	}
}
