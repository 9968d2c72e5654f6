package latchkey

import (
	"crypto/sha256"
	"slices"
	"time"
)

// A UserID names a User: the `sub` of its tokens. The zero value names none.
type UserID struct{ UUID }

// ParseUserID reads a UUID; anything else is UserNotFound.
func ParseUserID(s string) (UserID, error) {
	u, err := ParseUUID(s)
	if err != nil {
		return UserID{}, UserNotFound
	}
	return UserID{u}, nil
}

// A User is a person of one project, known by the addresses they proved. It is created by the first completed login.
type User struct {
	ID           UserID
	Project      ProjectID
	Email        Address // a proven email; zero without one
	Phone        Address // a proven phone; zero without one
	ContactPhone Address // a phone that the user typed and nobody proved; it never signs anyone in
	Person       Person
	Registered   time.Time // UTC
	LastLogin    time.Time // UTC
	Ban          Ban
	// Epoch counts the times that every session was ended at once: a logout everywhere, a ban. A token carries the
	// epoch it was issued under and is dead under a later one. A counter, where a time would leave the tokens of the
	// same second in doubt.
	Epoch int
	// Networks are where the last logins came from.
	Networks Networks
}

// Networks are the client networks of a user's last logins, newest first, to tell the owner of an address from a stranger. Of
// each only 24 bits of a hash are kept, salted with the user's id: 256 IPv4 addresses fit each one, so that a stolen database
// does not say where people live, and a stranger's fits one of five once in three million times.
type Networks [5][3]byte

// mark is what is kept of n for the user id.
func (n Network) mark(id UserID) (m [3]byte) {
	sum := sha256.Sum256(append(id.UUID[:], n...))
	copy(m[:], sum[:])
	return m
}

// A Ban keeps a User out. The zero value is no ban.
type Ban struct {
	From   time.Time // UTC
	Until  time.Time // UTC; zero: for good
	Reason string
}

// NewUser is the user that the first login with to creates.
func NewUser(id UserID, p ProjectID, to Address, now time.Time) User {
	u := User{ID: id, Project: p, Registered: now}
	if to.Channel() == Phone {
		u.Phone = to
	} else {
		u.Email = to
	}
	return u
}

// Banned reports whether u is kept out at now.
func (u User) Banned(now time.Time) bool {
	return !u.Ban.From.IsZero() && !now.Before(u.Ban.From) && (u.Ban.Until.IsZero() || now.Before(u.Ban.Until))
}

// LogIn is u after a login at now. everywhereElse ends the earlier sessions (with_logout, contract.md §2).
func (u User) LogIn(everywhereElse bool, from Network, now time.Time) User {
	u.LastLogin = now
	m := from.mark(u.ID)
	last := slices.Index(u.Networks[:], m)
	if last < 0 {
		last = len(u.Networks) - 1 // the oldest is forgotten
	}
	copy(u.Networks[1:last+1], u.Networks[:last])
	u.Networks[0] = m
	if everywhereElse {
		u.Epoch++
	}
	return u
}

// Knows reports whether one of u's last logins came from n.
func (u User) Knows(n Network) bool {
	m := n.mark(u.ID)
	return m != [3]byte{} && slices.Contains(u.Networks[:], m)
}

// LogOut is u after every one of its sessions ended.
func (u User) LogOut() User {
	u.Epoch++
	return u
}

// Name is the username claim: the address that u is known by.
func (u User) Name() string {
	if !u.Email.IsZero() {
		return u.Email.Value()
	}
	return u.Phone.Value()
}
