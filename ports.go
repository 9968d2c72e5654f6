package latchkey

import (
	"context"
	"net/netip"
	"time"
)

// A Store keeps everything durable. What a verb answered without an error is on disk: it survives the process, the
// machine and a power cut. Every verb is one atomic commit; two verbs that touch the same rows behave as if one came
// after the other. Where a verb takes something with a Judge method, that method is its rule: the verb loads what
// Judge asks for, applies it, stores what it gives, and returns it. A verdict inside the result is not a failure: it is
// committed, events and counts included.
//
// Every verb may fail with Unavailable: nothing was stored then, or, if the connection broke at the wrong moment, the
// caller cannot know; a repeated verb is safe by the rule it applies. now is an argument so that a store has no clock.
type Store interface {
	SettingsStore
	LoginStore
	SessionStore
	UserStore
	OutboxStore
	SMSStore

	// Ping reports whether the store can serve: it reads, and could write.
	Ping(ctx context.Context) error
	// Sweep removes, at most limit rows of each kind, what nobody can use any more: challenges and device logins dead for
	// ChallengeMemory, codes dead for CodeMemory, grants and sessions past Expires, what Once remembers past its time,
	// messages past Dies, events older than keepEvents, guesses that only the long count was kept of, once it is whole.
	// It gives how many rows went; call again while that is not 0.
	Sweep(ctx context.Context, keepEvents time.Duration, limit int, now time.Time) (int, error)
	// Close finishes what is queued and closes. Verbs afterwards are Unavailable.
	Close() error
}

// ChallengeMemory is how long a dead challenge is kept, so that its link can say what became of it, and a dead device
// login, so that its device can (RFC 8628 §3.5, expired_token).
const ChallengeMemory = 10 * time.Minute

// SettingsStore keeps projects, clients and keys: few, read all the time, written by administrators.
type SettingsStore interface {
	// Project gives one project. Errors: ProjectNotFound.
	Project(ctx context.Context, id ProjectID) (Project, error)
	// Projects gives all of them, by name.
	Projects(ctx context.Context) ([]Project, error)
	// CreateProject stores a project and its first keys. Errors: Conflict when the id is taken.
	CreateProject(ctx context.Context, p Project, ks Keys, e Event) error
	// UpdateProject replaces a project's settings. Errors: ProjectNotFound.
	UpdateProject(ctx context.Context, p Project, e Event) error
	// DeleteProject removes a project with everything that belongs to it, events excepted. Errors: ProjectNotFound.
	DeleteProject(ctx context.Context, id ProjectID, e Event) error

	// Client gives one client. Errors: UnknownClient.
	Client(ctx context.Context, id ClientID) (Client, error)
	// Clients gives all clients of a project, by id.
	Clients(ctx context.Context, p ProjectID) ([]Client, error)
	// CreateClient stores a client and gives it with its id: the one it has, or, if that is zero, the next free one.
	// Errors: Conflict when the id is taken; ProjectNotFound.
	CreateClient(ctx context.Context, c Client, e Event) (Client, error)
	// UpdateClient replaces a client's settings, its project excepted. Errors: UnknownClient.
	UpdateClient(ctx context.Context, c Client, e Event) error
	// DeleteClient removes a client with its codes, grants and device logins. Errors: UnknownClient.
	DeleteClient(ctx context.Context, id ClientID, e Event) error

	// Keys gives all keys of a project, oldest first; none for an unknown project.
	Keys(ctx context.Context, p ProjectID) (Keys, error)
	// AddKey stores a key. If it is Active and replace is true, every other key of its project and algorithm goes with
	// it, and so every token they signed: for a key that leaked. Errors: Conflict when the id is taken;
	// ProjectNotFound.
	AddKey(ctx context.Context, k Key, replace bool, e Event) error
	// AdvanceKeys applies Keys.Advance to every project and gives the keys that became active, each with its event
	// (Key.BecameActive). It writes nothing when nothing is due.
	AdvanceKeys(ctx context.Context, now time.Time) (Keys, error)
}

// LoginStore keeps challenges, the guesses at addresses, codes and grants.
type LoginStore interface {
	// StartChallenge applies Start.Judge and, where there are Start.Scopes, Start.Meter, and stores the challenge, its message, if
	// there is one, what is counted, and its events in one commit.
	StartChallenge(ctx context.Context, s Start, now time.Time) (Started, error)
	// Challenge gives one challenge. Errors: NotFound.
	Challenge(ctx context.Context, id ChallengeID) (Challenge, error)
	// ChallengeByLink gives the challenge whose link token hashes to h. Errors: NotFound.
	ChallengeByLink(ctx context.Context, h Hash) (Challenge, error)
	// ApproveChallenge applies Challenge.Approve to the challenge behind a link. Approving twice is no error and makes
	// no second event. Errors: those of Approve.
	ApproveChallenge(ctx context.Context, h Hash, from Origin, now time.Time) (Challenge, error)
	// DenyChallenge applies Challenge.Deny to the challenge behind a link, in the same way; why is the event's Detail.
	// Errors: those of Deny.
	DenyChallenge(ctx context.Context, h Hash, why string, from Origin, now time.Time) (Challenge, error)
	// CompleteChallenge applies Attempt.Judge. A wrong answer is counted on the challenge and on its address; a right
	// one spends the challenge, ensures the user, forgets the guesses but for the long count and stores the authorization code, all in the
	// same commit, what Attempt.TakeBack gives, and the session of the browser, whose earlier one ends as Ending.Judge has it. Of
	// concurrent right answers exactly one succeeds. Every attempt stores its event, so that the time it takes tells nothing.
	CompleteChallenge(ctx context.Context, a Attempt, now time.Time) (Outcome, error)
	// RedeemCode applies Redemption.Judge. Of concurrent redemptions of one code the first gives a grant and the
	// second revokes it.
	RedeemCode(ctx context.Context, r Redemption, now time.Time) (Redeemed, error)
	// RotateGrant applies Rotation.Judge. Of concurrent rotations one advances the family; the others find it advanced.
	RotateGrant(ctx context.Context, r Rotation, now time.Time) (Rotated, error)
	// RevokeGrant applies Revocation.Judge. What it leaves as it is makes no event.
	RevokeGrant(ctx context.Context, r Revocation, now time.Time) (Revoked, error)
}

// SessionStore keeps who is signed in where: browsers, and devices that wait for their person.
type SessionStore interface {
	// Session gives a session and its user, in one read; both are zero if there is no such session. A session whose user is
	// gone comes with a zero user.
	Session(ctx context.Context, id SessionID) (Session, User, error)
	// Sessions gives the sessions of a user that end after now, newest first.
	Sessions(ctx context.Context, id UserID, now time.Time) ([]Session, error)
	// UseSession applies SessionUse.Judge and stores the code. It writes nothing when the verdict is a refusal.
	UseSession(ctx context.Context, x SessionUse, now time.Time) (SessionUsed, error)
	// EndSession applies Ending.Judge: the session is gone after the commit, and the grants that end with it are dead. What
	// is not there makes no event.
	EndSession(ctx context.Context, x Ending, now time.Time) (Ended, error)

	// StartDeviceLogin stores a device that waits. Errors: Conflict when another one has the same user code.
	StartDeviceLogin(ctx context.Context, d DeviceLogin, e Event) error
	// DeviceLogin gives the device that a user code finds. Errors: NotFound.
	DeviceLogin(ctx context.Context, userCode Hash) (DeviceLogin, error)
	// PressDeviceLogin applies DevicePress.Judge. Of concurrent presses one counts. A refusal writes nothing.
	PressDeviceLogin(ctx context.Context, x DevicePress, now time.Time) (DevicePressed, error)
	// PollDeviceLogin applies DevicePoll.Judge: of concurrent polls of an approved device one gives a grant.
	PollDeviceLogin(ctx context.Context, x DevicePoll, now time.Time) (DevicePolled, error)

	// Once reports whether h is seen for the first time, and remembers it until then: of concurrent calls with one hash
	// exactly one is the first. For what may be used once and was not made here, such as the jti of a client's assertion.
	Once(ctx context.Context, h Hash, until, now time.Time) (first bool, err error)
}

// UserStore keeps the people.
type UserStore interface {
	// User gives one user. Errors: UserNotFound.
	User(ctx context.Context, id UserID) (User, error)
	// Standing gives what an access token stands on: its user and its grant, in one read. Either is zero if it does
	// not exist; a zero id is not looked for.
	Standing(ctx context.Context, id UserID, grant GrantID) (User, Grant, error)
	// Users gives at most limit users of a project after the id after, in the order of ids (which is that of their
	// registration). A non-zero address finds its owner only.
	Users(ctx context.Context, p ProjectID, address Address, after UserID, limit int) ([]User, error)
	// CreateUser stores a user whom nobody's login made. Errors: Conflict when one of their addresses is somebody's;
	// ProjectNotFound.
	CreateUser(ctx context.Context, u User, e Event) error
	// SetContactPhone stores or, for the zero Address, removes the phone that a user typed. Errors: UserNotFound.
	SetContactPhone(ctx context.Context, id UserID, phone Address, e Event) error
	// Grants gives the grants of a user that are not revoked and end after now, newest first.
	Grants(ctx context.Context, id UserID, now time.Time) ([]Grant, error)
	// DescribeUser applies User.Describe and gives the user after it. Errors: those of Describe; UserNotFound.
	DescribeUser(ctx context.Context, id UserID, c PersonChange, e Event) (User, error)
	// EndSessions applies User.LogOut: every token, grant and session of the user is dead after the commit. Errors:
	// UserNotFound.
	EndSessions(ctx context.Context, id UserID, e Event) error
	// SetBan stores a ban and applies User.LogOut, or, for the zero Ban, lifts the ban. Errors: UserNotFound.
	SetBan(ctx context.Context, id UserID, b Ban, e Event) error
	// DeleteUser removes a user, their addresses, codes, grants, sessions and the guesses at their addresses. Their next
	// login makes a new user. Errors: UserNotFound.
	DeleteUser(ctx context.Context, id UserID, e Event) error
	// AddEvent stores an event that no other verb makes true.
	AddEvent(ctx context.Context, e Event) error
	// Events gives at most limit events of a project, newest first; of every project, in the order of storing, for the
	// zero id.
	Events(ctx context.Context, p ProjectID, limit int) ([]Event, error)
}

// OutboxStore keeps the messages that StartChallenge made until they are sent.
type OutboxStore interface {
	// ClaimMessages takes at most limit messages whose NextTry has come and that live, by NextTry and then by id, and
	// moves their NextTry to until, so that nobody else takes them before. It writes nothing when none is due.
	ClaimMessages(ctx context.Context, limit int, until, now time.Time) ([]Message, error)
	// SettleMessages stores what became of messages: done ones go, others wait for their NextTry. A message that is
	// not there any more is passed over.
	SettleMessages(ctx context.Context, ds []Delivery) error
}

// SMSStore keeps how the codes by SMS came back; StartChallenge and CompleteChallenge count them. Where several nodes share a
// store, codes that are counted at the same moment may each be judged without the others: a budget is overshot by as many as
// are under way at once, and none of them is lost from the count.
type SMSStore interface {
	// Conversions gives at most limit scopes of a project in which a code was counted within the last 24 h, or whose breaker is
	// tripped: those that lost most first, and then by their text.
	Conversions(ctx context.Context, p ProjectID, limit int, now time.Time) ([]Conversion, error)
	// ResetSMS forgets the codes that were lost in a scope, or, for the empty one, in all of a project, and its trips. What came
	// back stays counted.
	ResetSMS(ctx context.Context, p ProjectID, s Scope, e Event) error
}

// An Archive gives out and takes in everything durable of a Store, for a move from one kind of store to another. It is used
// while no server runs on either.
type Archive interface {
	// Records gives at most limit records of a kind after a cursor, in one fixed order; "" is before the first.
	Records(ctx context.Context, kind RecordKind, after string, limit int) ([]Record, error)
	// AddRecords stores records of one kind that came from the archive of that name, and remembers the last one's cursor, all
	// in one commit. What is there already, by its id, stays as it is. Errors: Conflict, with nothing stored, when a user's
	// address belongs to another user.
	AddRecords(ctx context.Context, archive string, rs []Record) error
	// FinishRecords does what AddRecords put off, such as an index, so that reading is as fast as ever. Opening the store does
	// so too.
	FinishRecords(ctx context.Context) error
	// Added gives the cursor of the last record of a kind that AddRecords stored from an archive; "" for none: a move that
	// was cut off goes on after it, and no event is there twice.
	Added(ctx context.Context, archive string, kind RecordKind) (cursor string, err error)
}

// A Sender hands messages of one channel to one outside service.
type Sender interface {
	// Name is short and stable, for metrics and events: "smtp", "twilio".
	Name() string
	// Send hands over one message and returns once the service has accepted it. It is safe for concurrent use, ends
	// with ctx, and never shows code, link or address in an error.
	// Errors: Undeliverable when trying again is useless; Unavailable for everything that may pass.
	Send(ctx context.Context, e Envelope) error
	// Close gives up kept connections.
	Close() error
}

// A Signer makes keys, signs and verifies.
type Signer interface {
	// Generate makes a key in the given state, its private part sealed. An RSA key takes 50 ms and more.
	Generate(ctx context.Context, p ProjectID, a Algorithm, state KeyState, now time.Time) (Key, error)
	// Sign gives claims as a compact JWS (RFC 7515 §7.1) with the header's alg, the typ that Claims.Form names, and kid;
	// HS256 tokens have no kid (contract.md §5). Errors: Internal when the key cannot be opened.
	Sign(ctx context.Context, k Key, claims Claims) (Secret, error)
	// Verify gives the claims of a token that one of ks signed, with the algorithm that key is pinned to. jku, jwk,
	// x5u and crit are refused or ignored, never followed. Claims.Form is what the header said; the claims themselves it
	// does not look at. Errors: BadUserToken.
	Verify(ctx context.Context, ks Keys, token Secret) (Claims, error)
}

// A Limiter counts how often things happen, for everybody who shares it. It is no Store: what it knows may be lost, and
// then counts from nothing.
type Limiter interface {
	// Take applies Rate.Take to each of ts in order and stops at the first refusal: what came before it stays taken, what
	// comes after it is not touched. So a flood that one key stops does not use up the keys behind it, which may be its
	// victim's. It gives a Tally for each that was asked. Concurrent calls never take more than there is. Times are kept to the
	// microsecond at the least. Errors: Unavailable; then nothing is known, and the caller decides whether to let it pass.
	Take(ctx context.Context, ts []Take, now time.Time) ([]Tally, error)
	// Close gives up connections.
	Close() error
}

// A Captcha makes puzzles that cost a person nothing and a program something, and judges their solutions. What it makes is for
// one project. It remembers nothing: whether a solution is used for the first time is Once's to say.
type Captcha interface {
	// Provider names who makes the puzzles, and the key that its own script on a page needs; empty when there is none.
	Provider() (p CaptchaProvider, siteKey string)
	// Puzzle gives a new puzzle.
	Puzzle(p ProjectID, now time.Time) (Puzzle, error)
	// Check judges a solution, as it came over the wire, from whoever is at an address. It ends with ctx.
	// Errors: ChallengeRequired for a solution that is wrong, too old, another project's, or none at all; Unavailable when an
	// outside service does not answer.
	Check(ctx context.Context, p ProjectID, solution string, from netip.Addr, now time.Time) (Solution, error)
}

// A Bell wakes the polls that wait for a challenge, to look at it again. It may wake them for nothing: after its connection
// to the other nodes broke, it wakes everybody, because it cannot know what it missed.
type Bell interface {
	// Listen has wake called at every Ring for id after the call, and at times for nothing, until stop is called and perhaps a
	// moment longer. wake comes from whoever rings: it must neither block nor call the Bell. stop must be called.
	Listen(id ChallengeID, wake func()) (stop func())
	// Ring wakes every poll that listens for id, on every node.
	Ring(ctx context.Context, id ChallengeID)
}
