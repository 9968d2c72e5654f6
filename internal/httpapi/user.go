package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/address"
	"github.com/latchkey-dev/latchkey/internal/form"
)

// caller gives the person whose account the bearer token of r opens. Errors: BadBearer, NarrowScope, RateLimited.
func (s *Server) caller(w http.ResponseWriter, r *http.Request) (account.Caller, error) {
	if err := s.limit(w, r, s.Gate.Token, latchkey.ProjectID{}); err != nil {
		return account.Caller{}, err
	}
	return s.Accounts.Owner(r.Context(), form.Bearer(r), s.origin(r))
}

// user is the answer of GET /users/me (contract.md §7). What Latchkey does not keep is null: SDKs have the members, and
// one of them fails without id, groups, is_anonymous, is_user_active, last_login and registered.
type user struct {
	ID                    string           `json:"id"`
	Email                 *string          `json:"email"`
	Phone                 *string          `json:"phone"`
	PhoneAuth             *string          `json:"phone_auth"` // the proven one, without its plus
	Username              string           `json:"username"`
	Nickname              *string          `json:"nickname"`
	FirstName             *string          `json:"first_name"`
	LastName              *string          `json:"last_name"`
	Name                  *string          `json:"name"`
	Birthday              *string          `json:"birthday"`
	Gender                *string          `json:"gender"`
	Country               *string          `json:"country"`
	Picture               *string          `json:"picture"`
	Groups                []latchkey.Group `json:"groups"`
	Devices               []string         `json:"devices"`
	Ban                   *ban             `json:"ban"`
	IsAnonymous           bool             `json:"is_anonymous"`
	IsUserActive          bool             `json:"is_user_active"`
	IsLastEmailConfirmed  bool             `json:"is_last_email_confirmed"`
	LastLogin             string           `json:"last_login"`
	Registered            string           `json:"registered"`
	Tag                   *string          `json:"tag"`
	ExternalID            *string          `json:"external_id"`
	ConnectionInformation *string          `json:"connection_information"`
}

type ban struct {
	From   string  `json:"date_from"`
	To     *string `json:"date_to"` // null: for good
	Reason string  `json:"reason"`
}

// me is GET /users/me.
func (s *Server) me(w http.ResponseWriter, r *http.Request) error {
	in, err := s.caller(w, r)
	if err != nil {
		return err
	}
	return encode(w, http.StatusOK, userOf(in.User))
}

// personBody is the body of PATCH /users/me. A member that is absent or null stays as it is.
type personBody struct {
	FirstName *string          `json:"first_name"`
	LastName  *string          `json:"last_name"`
	Nickname  *string          `json:"nickname"`
	Birthday  *string          `json:"birthday"`
	Gender    *latchkey.Gender `json:"gender"`
}

// describeMe is PATCH /users/me. An empty text takes away what was said, as one SDK has it; the birthday stays for good.
func (s *Server) describeMe(w http.ResponseWriter, r *http.Request) error {
	in, err := s.caller(w, r)
	if err != nil {
		return err
	}
	body, err := decode[personBody](w, r, latchkey.JWT)
	if err != nil {
		return err
	}
	after, err := s.Accounts.Describe(r.Context(), in, latchkey.PersonChange(body))
	if err != nil {
		return err
	}
	return encode(w, http.StatusOK, userOf(after))
}

func userOf(u latchkey.User) user {
	out := user{
		ID: u.ID.String(), Email: orNull(u.Email.Value()), Phone: orNull(phoneOf(u)),
		PhoneAuth: orNull(strings.TrimPrefix(u.Phone.Value(), "+")), Username: u.Name(),
		Nickname: orNull(u.Person.Nickname), FirstName: orNull(u.Person.FirstName), LastName: orNull(u.Person.LastName),
		Name: orNull(u.Person.FullName()), Birthday: orNull(u.Person.Birthday), Gender: orNull(string(u.Person.Gender)),
		Groups: []latchkey.Group{}, Devices: []string{}, IsUserActive: true, IsLastEmailConfirmed: !u.Email.IsZero(),
		LastLogin: date(u.LastLogin), Registered: date(u.Registered),
	}
	if !u.Ban.From.IsZero() { // past or to come: a ban that holds lets nobody get this far
		out.Ban = &ban{From: date(u.Ban.From), Reason: u.Ban.Reason}
		if !u.Ban.Until.IsZero() {
			out.Ban.To = orNull(date(u.Ban.Until))
		}
	}
	return out
}

// phoneOf is the phone that the user gave, or else the one that the user signs in with.
func phoneOf(u latchkey.User) string {
	if !u.ContactPhone.IsZero() {
		return u.ContactPhone.Value()
	}
	return u.Phone.Value()
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// date is 2018-05-17T11:22:52+0000: no fractions (contract.md §7).
func date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05-0700") }

type currentEmail struct {
	Email string `json:"current_email"`
}

// myEmail is GET /users/me/email.
func (s *Server) myEmail(w http.ResponseWriter, r *http.Request) error {
	in, err := s.caller(w, r)
	if err != nil {
		return err
	}
	return encode(w, http.StatusOK, currentEmail{in.User.Email.Value()})
}

type currentPhone struct {
	Phone  string `json:"phone"`
	Number string `json:"phone_number"`
}

// myPhone is GET /users/me/phone. SDKs read either member.
func (s *Server) myPhone(w http.ResponseWriter, r *http.Request) error {
	in, err := s.caller(w, r)
	if err != nil {
		return err
	}
	phone := phoneOf(in.User)
	return encode(w, http.StatusOK, currentPhone{phone, phone})
}

type phoneBody struct {
	Phone string `json:"phone_number"`
}

// setMyPhone is POST /users/me/phone.
func (s *Server) setMyPhone(w http.ResponseWriter, r *http.Request) error {
	in, err := s.caller(w, r)
	if err != nil {
		return err
	}
	body, err := decode[phoneBody](w, r, latchkey.JWT)
	if err != nil {
		return err
	}
	phone, err := readAddress(latchkey.JWT, latchkey.Phone, body.Phone)
	if err != nil {
		return err
	}
	if err := s.Accounts.SetPhone(r.Context(), in, phone); err != nil {
		return err
	}
	return noContent(w)
}

// removeMyPhone is DELETE /users/me/phone/{phone}.
func (s *Server) removeMyPhone(w http.ResponseWriter, r *http.Request) error {
	in, err := s.caller(w, r)
	if err != nil {
		return err
	}
	phone, err := address.ParsePhone(r.PathValue("phone"))
	if err != nil {
		return err
	}
	if err := s.Accounts.RemovePhone(r.Context(), in, phone); err != nil {
		return err
	}
	return noContent(w)
}

// ask is GET /users/me/ask: which fields the user must still fill in. There are none.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.caller(w, r); err != nil {
		return err
	}
	return encode(w, http.StatusOK, []string{})
}

// logOut is GET /oauth2/logout (contract.md §5).
func (s *Server) logOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.limit(w, r, s.Gate.Token, latchkey.ProjectID{}); err != nil {
		return err
	}
	in, err := s.Accounts.Authenticate(r.Context(), form.Bearer(r), s.origin(r))
	if err != nil {
		return err
	}
	q := parseQuery(r)
	scope := q.text("sessions")
	if q.err != nil {
		return q.err
	}
	if err := s.Accounts.LogOut(r.Context(), in, scope); err != nil {
		return err
	}
	return noContent(w)
}
