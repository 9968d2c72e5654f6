package latchkey

import (
	"strings"
	"time"
	"unicode/utf8"
)

// A Person is what a user says of themselves (contract.md §7). Nobody checked it. The zero value says nothing.
type Person struct {
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Nickname  string `json:"nickname,omitempty"`
	Birthday  string `json:"birthday,omitempty"` // yyyy-MM-dd
	Gender    Gender `json:"gender,omitempty"`
}

// A Gender is one of the words that the SDKs know.
type Gender string

// The genders.
const (
	Female      Gender = "f"
	Male        Gender = "m"
	OtherGender Gender = "other"
	NoGender    Gender = "prefer not to answer"
)

// A PersonChange is what a user changes of their Person: nil leaves a member as it is, an empty text clears it.
type PersonChange struct {
	FirstName, LastName, Nickname, Birthday *string
	Gender                                  *Gender
}

// Fields names what c changes, as the wire spells it.
func (c PersonChange) Fields() []string {
	var out []string
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"first_name", c.FirstName != nil},
		{"last_name", c.LastName != nil},
		{"nickname", c.Nickname != nil},
		{"birthday", c.Birthday != nil},
		{"gender", c.Gender != nil},
	} {
		if m.given {
			out = append(out, m.name)
		}
	}
	return out
}

// maxName is the longest name, in letters.
const maxName = 255

// Check gives the first mistake. Errors: Invalid.
func (c PersonChange) Check(now time.Time) error {
	for field, name := range map[string]*string{"first_name": c.FirstName, "last_name": c.LastName, "nickname": c.Nickname} {
		if name != nil && (utf8.RuneCountInString(*name) > maxName || !printable(*name)) {
			return BadField(field, "a name has 255 letters at the most, on one line")
		}
	}
	if c.Birthday != nil && *c.Birthday != "" {
		day, err := time.Parse(time.DateOnly, *c.Birthday)
		if err != nil || day.After(now) || day.Year() < 1900 {
			return BadField("birthday", "a birthday is yyyy-MM-dd, in the past")
		}
	}
	if c.Gender != nil {
		switch *c.Gender {
		case "", Female, Male, OtherGender, NoGender:
		default:
			return BadField("gender", "the gender is f, m, other or prefer not to answer")
		}
	}
	return nil
}

// Describe is u after a change. The birthday can be said once (contract.md §7), and not be taken back: saying the same again
// is no error.
// Errors: Invalid.
func (u User) Describe(c PersonChange) (User, error) {
	if c.Birthday != nil && u.Person.Birthday != "" && u.Person.Birthday != *c.Birthday {
		return u, BadField("birthday", "the birthday is set already and cannot be changed")
	}
	set := func(to, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&u.Person.FirstName, c.FirstName)
	set(&u.Person.LastName, c.LastName)
	set(&u.Person.Nickname, c.Nickname)
	set(&u.Person.Birthday, c.Birthday)
	if c.Gender != nil {
		u.Person.Gender = *c.Gender
	}
	return u, nil
}

// FullName is the first and last name; empty without either.
func (p Person) FullName() string { return strings.TrimSpace(p.FirstName + " " + p.LastName) }
