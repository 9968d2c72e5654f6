package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// patch says b of whoever the token belongs to.
func (w *world) patch(b string, header ...string) reply {
	w.t.Helper()
	return w.send(http.MethodPatch, "/api/users/me", nil, "application/json", b, header...)
}

// TestDescribeMe: what is absent or null stays, an empty text takes away, and the answer is the whole user (contract.md §7).
func TestDescribeMe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	as := []string{"Authorization", "Bearer " + w.userToken(jwtEmail)}
	for _, step := range []struct{ name, body, want string }{
		{"nobody has said anything", `{}`, `[null,null,null,null,null,null]`},
		{"a name", `{"first_name":"Jo","unknown":7}`, `["Jo",null,"Jo",null,null,null]`},
		{"the rest", `{"last_name":"Doe","nickname":"jö 🎮","gender":"prefer not to answer"}`, `["Jo","Doe","Jo Doe","jö 🎮",null,"prefer not to answer"]`},
		{"null is absent", `{"first_name":null,"gender":null,"birthday":null}`, `["Jo","Doe","Jo Doe","jö 🎮",null,"prefer not to answer"]`},
		{"an empty text takes away", `{"first_name":"","nickname":"","gender":""}`, `[null,"Doe","Doe",null,null,null]`},
		{"an empty birthday is none", `{"birthday":""}`, `[null,"Doe","Doe",null,null,null]`},
		{"a birthday", `{"birthday":"2000-02-29"}`, `[null,"Doe","Doe",null,"2000-02-29",null]`},
		{"the same birthday again", `{"birthday":"2000-02-29","gender":"f"}`, `[null,"Doe","Doe",null,"2000-02-29","f"]`},
		{"the longest name", `{"last_name":"` + strings.Repeat("ä", 255) + `"}`, `[null,"` + strings.Repeat("ä", 255) + `","` + strings.Repeat("ä", 255) + `",null,"2000-02-29","f"]`},
	} {
		for _, r := range []reply{w.patch(step.body, as...), w.get("/api/users/me", nil, as...)} {
			var u map[string]any
			r.ok(&u)
			got, err := json.Marshal([]any{u["first_name"], u["last_name"], u["name"], u["nickname"], u["birthday"], u["gender"]})
			w.must(err)
			if string(got) != step.want {
				t.Errorf("%s: %s, want %s", step.name, got, step.want)
			}
			if u["email"] != jwtEmail.address || u["id"] == nil {
				t.Errorf("%s: the answer is not the whole user: %v", step.name, u)
			}
		}
	}
}

// TestDescribeMeRefusals: the whole change or nothing of it.
func TestDescribeMeRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	as := []string{"Authorization", "Bearer " + w.userToken(jwtEmail)}
	w.patch(`{"birthday":"1995-01-05"}`, as...).ok(&struct{}{})
	for body, field := range map[string]string{
		`{"nickname":"x","birthday":"1995-01-06"}`:                        "birthday", // once
		`{"nickname":"x","birthday":""}`:                                  "birthday", // and for good
		`{"nickname":"x","birthday":"5.1.1995"}`:                          "birthday",
		`{"nickname":"x","birthday":"2026-01-03"}`:                        "birthday", // tomorrow
		`{"nickname":"x","gender":"female"}`:                              "gender",
		`{"nickname":"` + strings.Repeat("x", 256) + `"}`:                 "nickname",
		`{"nickname":"x","first_name":"a\nb"}`:                            "first_name",
		`{"nickname":"x","last_name":7}`:                                  "last_name",
		`{"nickname":"x","last_name":"` + strings.Repeat("x", 256) + `"}`: "last_name",
	} {
		if d := w.patch(body, as...).fails(422, "002-027"); d["field"] != field {
			t.Errorf("%.60s: the field at fault is %q, want %s", body, d["field"], field)
		}
	}
	w.patch(`{"nickname":"x"}`).fails(401, "010-017")
	var u struct{ Nickname *string }
	w.get("/api/users/me", nil, as...).ok(&u)
	if u.Nickname != nil {
		t.Errorf("a refused change left the nickname %q", *u.Nickname)
	}
}

// TestDescribeMeIsAudited: that it was said and what, and never the words themselves; a change of nothing is none.
func TestDescribeMeIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	as := []string{"Authorization", "Bearer " + w.userToken(jwtEmail)}
	w.patch(`{}`, as...).ok(&struct{}{})
	w.patch(`{"birthday":"1995-01-05","last_name":"Doe"}`, as...).ok(&struct{}{})
	events, err := w.store.Events(t.Context(), w.project, 10)
	w.must(err)
	var details []string
	for _, e := range events {
		if e.Kind == latchkey.UserDescribed {
			details = append(details, e.Detail)
			if e.User.IsZero() || !e.From.IP.IsValid() {
				t.Errorf("the event does not say who and from where: %+v", e)
			}
		}
	}
	if strings.Join(details, "; ") != "last_name birthday" {
		t.Errorf("the events say %q", details)
	}
}
