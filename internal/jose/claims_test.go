package jose

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestClaimsAreWrittenAlike: each claim by itself, and all of them, are written as encoding/json writes them. A claim that is new
// to latchkey.Claims and unknown to the pen is found here.
func TestClaimsAreWrittenAlike(t *testing.T) {
	t.Parallel()
	fields := reflect.TypeFor[latchkey.Claims]().NumField()
	var all latchkey.Claims
	for i := range fields {
		var one latchkey.Claims
		fill(t, reflect.ValueOf(&one).Elem().Field(i))
		fill(t, reflect.ValueOf(&all).Elem().Field(i))
		written(t, one)
	}
	written(t, all)
	written(t, latchkey.Claims{})
}

func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch x := v.Addr().Interface().(type) {
	case *string:
		*x = "a/<b>&+~ "
	case *latchkey.Form:
		*x = latchkey.AccessOnly
	case *[]string:
		*x = []string{"a", "", "b"}
	case *int64:
		*x = -7
	case *int:
		*x = 1 << 40
	case *bool:
		*x = true
	case **[]latchkey.Group:
		*x = &[]latchkey.Group{}
	default:
		t.Fatalf("no value for a %s", v.Type())
	}
}

func written(t *testing.T, c latchkey.Claims) {
	t.Helper()
	got, ok := appendClaims(nil, c)
	if want := long(t, c); !ok || !bytes.Equal(got, want) {
		t.Errorf("%+v is written as\n%s, %v; want\n%s", c, got, ok, want)
	}
}

func long(t *testing.T, c latchkey.Claims) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// TestThePenGivesUp where something must be escaped, and the token is whole all the same.
func TestThePenGivesUp(t *testing.T) {
	t.Parallel()
	none := []latchkey.Group(nil)
	for _, c := range []latchkey.Claims{
		{Payload: `"`}, {Payload: `\`}, {Payload: "\n"}, {Payload: "ä"}, {Payload: "\xff"}, {Payload: "\u2028"}, {Payload: "\x7f"},
		{Issuer: `"`}, {Scopes: []string{"a", `b"`}}, {Groups: &none}, {Groups: &[]latchkey.Group{{ID: 1}}},
	} {
		if _, ok := appendClaims(nil, c); ok {
			t.Errorf("%+v: the pen wrote on", c)
		}
		got, err := newDraft().encode(c)
		if err != nil || !bytes.Equal(got, long(t, c)) {
			t.Errorf("%+v is written as %s, %v; want %s", c, got, err, long(t, c))
		}
	}
}

// TestThePenGivesUpForGood: whatever comes after the text that must be escaped. Written as it is, such a text would bring claims of
// its own.
func TestThePenGivesUpForGood(t *testing.T) {
	t.Parallel()
	fields, tried := reflect.TypeFor[latchkey.Claims](), 0
	for i := range fields.NumField() {
		var all latchkey.Claims
		for j := range fields.NumField() {
			fill(t, reflect.ValueOf(&all).Elem().Field(j))
		}
		const inject = `","sub":"somebody else`
		switch x := reflect.ValueOf(&all).Elem().Field(i).Addr().Interface().(type) {
		case *string:
			*x = inject
		case *[]string:
			*x = []string{"a", inject, "b"}
		default:
			continue
		}
		tried++
		if got, ok := appendClaims(nil, all); ok {
			t.Errorf("%s is %s, and the pen wrote on: %s", fields.Field(i).Name, inject, got)
		}
		if got, err := newDraft().encode(all); err != nil || !bytes.Equal(got, long(t, all)) {
			t.Errorf("%s is %s, and is written as %s, %v; want %s", fields.Field(i).Name, inject, got, err, long(t, all))
		}
	}
	if tried < 10 {
		t.Errorf("%d claims are texts: the test has missed the others", tried)
	}
}
