package httpapi

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestNamesAreExact: what is nearly a member of ours is unknown, whoever else reads the body, and nothing else is touched.
func TestNamesAreExact(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"email":"Ann@Example.test"}`:            "Ann@Example.test",
		`{ "email" : "a\"b:\\" , "code":"E" }`:    `a"b:\`,
		`{"Email":"a"}`:                           "",
		`{"EMAIL":"a","email":"b"}`:               "b",
		`{"email":"b","EMAIL":"a"}`:               "b",
		"{\"email\":\"b\",\"eMail\"\n\t : \"a\"}": "b",
		`{"email":"b","\u0045mail":"a"}`:          "b",
		`{"x\"y\\":{"Email":"a"},"email":"b"}`:    "b",
		`{"email":"b","x":["Email",":","a"]}`:     "b",
	} {
		b := []byte(body)
		if exactNames(b) != (string(b) != body) {
			t.Errorf("%s: it does not say whether it changed something", body)
		}
		var got struct {
			Email string `json:"email"`
		}
		if err := json.Unmarshal(b, &got); err != nil || got.Email != want {
			t.Errorf("%s: read as %q, %v; want %q", body, got.Email, err, want)
		}
	}
	var got struct {
		Phone string `json:"phone_link"`
	}
	kelvin := []byte("{\"phone_lin\u212a\":\"a\"}") // the sign of kelvin, which folds to a k
	exactNames(kelvin)
	if err := json.Unmarshal(kelvin, &got); err != nil || got.Phone != "" {
		t.Errorf("a name with a letter that folds to one of ours is read: %q, %v", got.Phone, err)
	}
}

// FuzzNames: whatever stands there, what is JSON stays JSON and says the same to whoever knows names by their letters.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{`{"Email":"a\"","b":{"C":[]}}`, `{"a\`, `"`, `{"A`, `{"A" :`, `{"é":1}`, `[":",":"]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var before, after map[string]json.RawMessage
		b := []byte(text)
		valid := json.Unmarshal(b, &before) == nil
		changed := exactNames(b)
		if len(b) != len(text) || changed != (string(b) != text) {
			t.Fatalf("%q became %q, %v", text, b, changed)
		}
		if !valid || strings.Contains(text, `\`) {
			return
		}
		if err := json.Unmarshal(b, &after); err != nil {
			t.Fatalf("%q became %q: %v", text, b, err)
		}
		kept := func(s string) bool { return !strings.ContainsFunc(s, foreign) && !strings.Contains(s, "?") }
		for name, value := range before {
			if kept(name) && kept(string(value)) && !bytes.Equal(value, after[name]) {
				t.Errorf("%q: %s was %s and is %s", text, name, value, after[name])
			}
		}
	})
}
