package latchkey

import "time"

// A Kind says what happened.
type Kind string

// The kinds of events.
const (
	ChallengeStarted  Kind = "challenge.started"
	ChallengeResent   Kind = "challenge.resent"
	ChallengeApproved Kind = "challenge.approved"
	ChallengeDenied   Kind = "challenge.denied"
	LoginCompleted    Kind = "login.completed"
	LoginRefused      Kind = "login.refused" // Detail: the Code
	GrantCreated      Kind = "grant.created"
	GrantRotated      Kind = "grant.rotated"
	GrantRefused      Kind = "grant.refused"
	GrantRevoked      Kind = "grant.revoked"   // Detail: why
	SessionEntered    Kind = "session.entered" // a client without a code, by the session of the browser
	SessionEnded      Kind = "session.ended"   // Detail: why
	DeviceStarted     Kind = "device.started"
	DeviceApproved    Kind = "device.approved"
	DeviceDenied      Kind = "device.denied"
	MessageSent       Kind = "message.sent" // Detail: the provider
	MessageLost       Kind = "message.lost" // Detail: why nobody will get it
	UserCreated       Kind = "user.created" // by an administrator; a first login makes no event of its own
	UserLoggedOut     Kind = "user.logged_out"
	UserDescribed     Kind = "user.described"
	UserPhoneChanged  Kind = "user.phone_changed"
	UserBanned        Kind = "user.banned"
	UserUnbanned      Kind = "user.unbanned"
	UserDeleted       Kind = "user.deleted"
	ProjectCreated    Kind = "project.created"
	ProjectUpdated    Kind = "project.updated"
	ProjectDeleted    Kind = "project.deleted"
	ClientCreated     Kind = "client.created"
	ClientUpdated     Kind = "client.updated"
	ClientDeleted     Kind = "client.deleted"
	LimitReached      Kind = "limit.reached" // Detail: the policy
	StartBlocked      Kind = "start.blocked" // Detail: what is blocked, and by which line of which list
	SMSTripped        Kind = "sms.tripped"   // Detail: the breaker's mode, the scopes and until when
	SMSReset          Kind = "sms.reset"     // Detail: the scope; empty: every one
	KeyAdded          Kind = "key.added"
	KeyRotated        Kind = "key.rotated"
)

// testIdentity is the Detail of what a test identity did, after the Code of a refusal.
const testIdentity = "test identity"

// An Event is one line of the audit trail: who, what, when, from where. It holds no secret, and an address only
// masked. It is stored by the verb that makes it true, in the same commit.
type Event struct {
	At        time.Time // UTC
	Kind      Kind
	Project   ProjectID
	Client    ClientID
	User      UserID
	Challenge ChallengeID
	Grant     GrantID
	Address   string // masked
	From      Origin
	Detail    string // a Code or a few words of ours
}
