package latchkey_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

func ptr[T any](v T) *T { return &v }

func TestPersonChangeCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change latchkey.PersonChange
		field  string // empty: valid
	}{
		"nothing":               {latchkey.PersonChange{}, ""},
		"everything":            {everything(), ""},
		"cleared":               {latchkey.PersonChange{FirstName: ptr(""), LastName: ptr(""), Nickname: ptr(""), Birthday: ptr(""), Gender: ptr(latchkey.Gender(""))}, ""},
		"255 letters":           {latchkey.PersonChange{Nickname: ptr(strings.Repeat("ü", 255))}, ""},
		"256 letters":           {latchkey.PersonChange{Nickname: ptr(strings.Repeat("x", 256))}, "nickname"},
		"two lines":             {latchkey.PersonChange{FirstName: ptr("Ann\nBcc: x")}, "first_name"},
		"not UTF-8":             {latchkey.PersonChange{LastName: ptr("\xff")}, "last_name"},
		"NUL":                   {latchkey.PersonChange{LastName: ptr("\x00")}, "last_name"},
		"born today":            {latchkey.PersonChange{Birthday: ptr("2026-03-01")}, ""},
		"born tomorrow":         {latchkey.PersonChange{Birthday: ptr("2026-03-02")}, "birthday"},
		"born in 1900":          {latchkey.PersonChange{Birthday: ptr("1900-01-01")}, ""},
		"born before":           {latchkey.PersonChange{Birthday: ptr("1899-12-31")}, "birthday"},
		"on no day":             {latchkey.PersonChange{Birthday: ptr("2001-02-29")}, "birthday"},
		"in another order":      {latchkey.PersonChange{Birthday: ptr("31.12.1999")}, "birthday"},
		"with a time":           {latchkey.PersonChange{Birthday: ptr("1999-12-31T00:00:00Z")}, "birthday"},
		"female":                {latchkey.PersonChange{Gender: ptr(latchkey.Female)}, ""},
		"not to be said":        {latchkey.PersonChange{Gender: ptr(latchkey.NoGender)}, ""},
		"a word nobody knows":   {latchkey.PersonChange{Gender: ptr(latchkey.Gender("female"))}, "gender"},
		"a word in other cases": {latchkey.PersonChange{Gender: ptr(latchkey.Gender("F"))}, "gender"},
	} {
		checkField(t, name, c.change.Check(noon), c.field)
	}
}

func everything() latchkey.PersonChange {
	return latchkey.PersonChange{
		FirstName: ptr("Ann"), LastName: ptr("Example"), Nickname: ptr("annie"), Birthday: ptr("1999-12-31"), Gender: ptr(latchkey.OtherGender),
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	all := latchkey.Person{FirstName: "Ann", LastName: "Example", Nickname: "annie", Birthday: "1999-12-31", Gender: latchkey.OtherGender}
	for name, c := range map[string]struct {
		was    latchkey.Person
		change latchkey.PersonChange
		want   latchkey.Person
		field  string // of the refusal
	}{
		"everything":                  {change: everything(), want: all},
		"nothing":                     {was: all, want: all},
		"one member":                  {was: all, change: latchkey.PersonChange{Nickname: ptr("a")}, want: with(all, func(p *latchkey.Person) { p.Nickname = "a" })},
		"an empty text clears":        {was: all, change: latchkey.PersonChange{LastName: ptr("")}, want: with(all, func(p *latchkey.Person) { p.LastName = "" })},
		"the gender is cleared":       {was: all, change: latchkey.PersonChange{Gender: ptr(latchkey.Gender(""))}, want: with(all, func(p *latchkey.Person) { p.Gender = "" })},
		"the birthday, said again":    {was: all, change: latchkey.PersonChange{Birthday: ptr("1999-12-31")}, want: all},
		"the birthday, once":          {change: latchkey.PersonChange{Birthday: ptr("1999-12-31")}, want: latchkey.Person{Birthday: "1999-12-31"}},
		"the birthday, changed":       {was: all, change: latchkey.PersonChange{Birthday: ptr("1999-12-30"), Nickname: ptr("a")}, want: all, field: "birthday"},
		"the birthday, taken back":    {was: all, change: latchkey.PersonChange{Birthday: ptr("")}, want: all, field: "birthday"},
		"no birthday, where was none": {change: latchkey.PersonChange{Birthday: ptr("")}},
	} {
		u := annUser()
		u.Person = c.was
		want := annUser()
		want.Person = c.want
		got, err := u.Describe(c.change)
		checkField(t, name, err, c.field)
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got.Person, c.want)
		}
	}
}

func with(p latchkey.Person, change func(*latchkey.Person)) latchkey.Person {
	change(&p)
	return p
}

func TestPersonChangeFields(t *testing.T) {
	t.Parallel()
	if got := (latchkey.PersonChange{}).Fields(); len(got) != 0 {
		t.Errorf("nothing: %v", got)
	}
	if got, want := everything().Fields(), []string{"first_name", "last_name", "nickname", "birthday", "gender"}; !slices.Equal(got, want) {
		t.Errorf("everything: %v, want %v", got, want)
	}
	if got := (latchkey.PersonChange{Birthday: ptr("")}).Fields(); !slices.Equal(got, []string{"birthday"}) {
		t.Errorf("an empty birthday: %v", got)
	}
}

func TestFullName(t *testing.T) {
	t.Parallel()
	for p, want := range map[latchkey.Person]string{
		{}: "", {FirstName: "Ann"}: "Ann", {LastName: "Example"}: "Example", {FirstName: "Ann", LastName: "Example", Nickname: "a"}: "Ann Example",
	} {
		if got := p.FullName(); got != want {
			t.Errorf("%+v: %q, want %q", p, got, want)
		}
	}
}

// OIDC Core §5.4: a client knows of a person what its scope asks for, and nothing else.
func TestProfileByScope(t *testing.T) {
	t.Parallel()
	u := annUser()
	u.Phone = phone
	u.Person = latchkey.Person{FirstName: "Ann", LastName: "Example", Nickname: "annie", Birthday: "1999-12-31", Gender: latchkey.Female}
	only := latchkey.Profile{Subject: annID.String()}
	mail, number, described := only, only, only
	mail.Email, mail.EmailVerified = "ann@example.com", true
	number.Phone, number.PhoneVerified = phone.Value(), true
	described.Name, described.GivenName, described.FamilyName, described.Nickname = "Ann Example", "Ann", "Example", "annie"
	described.Birthdate, described.Gender = "1999-12-31", "female"
	for scope, want := range map[string]latchkey.Profile{
		"": only, "openid": only, "openid email": mail, "phone": number, "openid profile": described, "profiles": only,
	} {
		if got := latchkey.UserProfile(u, scope); got != want {
			t.Errorf("scope %q: %+v, want %+v", scope, got, want)
		}
	}
	for g, want := range map[latchkey.Gender]string{
		latchkey.Male: "male", latchkey.Female: "female", latchkey.OtherGender: "other", latchkey.NoGender: "", "": "",
	} {
		u.Person.Gender = g
		if got := latchkey.UserProfile(u, "profile").Gender; got != want {
			t.Errorf("gender %q is %q in the words of OIDC, want %q", g, got, want)
		}
	}
	if got := latchkey.UserProfile(annUser(), "profile email phone openid"); got.Name != "" || got.Phone != "" || got.Birthdate != "" {
		t.Errorf("of somebody who said nothing: %+v", got)
	}
	later := noon.AddDate(1, 0, 0)
	if err := (latchkey.PersonChange{Birthday: ptr("2026-12-31")}).Check(later); err != nil {
		t.Errorf("a birthday is judged by the clock it is given: %v", err)
	}
}
