package latchkey

import "time"

// A RecordKind is one kind of durable thing.
type RecordKind string

// The kinds.
const (
	ProjectRecord RecordKind = "project"
	KeyRecord     RecordKind = "key"
	ClientRecord  RecordKind = "client"
	UserRecord    RecordKind = "user"
	GuessRecord   RecordKind = "guesses"
	GrantRecord   RecordKind = "grant"
	SessionRecord RecordKind = "session"
	EventRecord   RecordKind = "event"
)

// RecordKinds lists them in the order of moving: what others belong to comes first.
func RecordKinds() []RecordKind {
	return []RecordKind{ProjectRecord, KeyRecord, ClientRecord, UserRecord, GuessRecord, GrantRecord, SessionRecord, EventRecord}
}

// A Record is one durable thing on its way from one store to another. What lives for minutes is not durable: challenges,
// codes, messages and device logins stay behind, and their people start again.
type Record struct {
	Kind   RecordKind
	Cursor string // opaque, of the store that gave it: Records goes on after it
	Noun   any    // what Kind says: a Project, Key, Client, User, AddressGuesses, Grant, Session or Event
}

// AddressGuesses are all wrong answers in a row at an address: the Guesses of every network.
type AddressGuesses struct {
	Project  ProjectID
	To       Address
	Total    int
	Whole    time.Time        // UTC; of the long count
	Networks []NetworkGuesses // by Network
}

// NetworkGuesses are the wrong answers from one network.
type NetworkGuesses struct {
	Network Network
	Tries   int
	NextTry time.Time // UTC; zero: at once
}
