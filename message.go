package latchkey

import "time"

// A MessageKind says what a message is for. The zero value brings a code.
type MessageKind string

// The kinds of messages.
const (
	CodeMessage   MessageKind = ""
	AccessMessage MessageKind = "access" // sign-up is closed: how to ask for access (SignUp.Contact)
	EmptyMessage  MessageKind = "empty"  // none at all: a row that is dropped where others are sent, so that a start writes one in any case
)

// A Message is a row of the outbox: one code to one address. It holds no code: whoever sends it derives the code from
// Challenge, Project and To. Challenge and Resend together name it, so that one send is one message.
type Message struct {
	Challenge ChallengeID
	Resend    int // 0 for the first message of a challenge
	Kind      MessageKind
	Project   ProjectID
	To        Address
	Locale    string
	Digits    int
	Link      bool      // carries the link
	LinkFirst bool      // the code works only once the link is pressed, and the text says so
	Attempts  int       // failed sends so far
	NextTry   time.Time // UTC; until then it is in somebody's hands
	Dies      time.Time // UTC: when its challenge does; nothing is sent afterwards
}

// MessageLease is how long a worker that took a message keeps it to itself. It is longer than the longest send, so
// that no message is sent twice while its sender lives; a message of a sender that died waits so long.
const MessageLease = 15 * time.Second

// Retry gives m as it stands after a failed send: tried again after 1, 2, 4, … 30 s, until it dies. ok is false when no
// try fits into its life.
func (m Message) Retry(now time.Time) (next Message, ok bool) {
	wait := 30 * time.Second
	if m.Attempts < 5 {
		wait = time.Second << m.Attempts
	}
	m.Attempts++
	m.NextTry = now.Add(wait)
	return m, m.NextTry.Before(m.Dies)
}

// A Delivery is what became of a Message in a worker's hands.
type Delivery struct {
	Message Message // with Retry applied if it is to be tried again
	Again   bool    // keep it for Message.NextTry; else it is done with
	Event   Event
}

// An Envelope is a message ready to send, in the recipient's language.
type Envelope struct {
	ID      string // the same for every try of one message: the provider's idempotency key
	To      Address
	From    string // the project's name, for the sender's display name
	Subject string // email only
	Text    string // its last line is the origin-bound one: @host #code
	HTML    string // email only
	Locale  string // BCP 47, such as "pt-BR"
	Code    Secret
	Link    Secret // empty without one
	Dies    time.Time
}
