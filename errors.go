package latchkey

import (
	"errors"
	"time"
)

// A Code is one of the words in which the whole program speaks about what went wrong. It is an error itself, so
// that a rule can return it bare and a caller can ask errors.Is(err, latchkey.WrongCode).
type Code string

// Error implements error.
func (c Code) Error() string { return string(c) }

// The codes. httpapi/errors.go maps each to a status and a wire code (contract.md §6); a test proves the map total.
const (
	Internal          Code = "internal error"                          // a bug or a broken invariant
	Unavailable       Code = "temporarily unavailable"                 // store or provider down: try again later
	Malformed         Code = "malformed request"                       // not what the call takes at all (OAuth 2.0 calls)
	Invalid           Code = "invalid parameter"                       // Field has a value that is not allowed
	Missing           Code = "missing parameter"                       // Field is required and absent
	InvalidPhone      Code = "invalid phone number"                    //
	PhoneCannotSMS    Code = "phone number cannot receive SMS"         // a landline, a premium number
	CallOff           Code = "call switched off for this project"      // the channel is not among the project's
	CallbackRequired  Code = "callback URL required"                   // several are registered and none was given
	CallbackUnknown   Code = "callback URL not registered"             //
	ShortState        Code = "state missing or too short"              // OAuth 2.0 state under 8 characters
	UnknownClient     Code = "unknown client or failed authentication" // RFC 6749 invalid_client
	NotAllowed        Code = "not allowed for this client"             // RFC 6749 unauthorized_client
	BadGrant          Code = "invalid grant"                           // RFC 6749 invalid_grant
	UnsupportedGrant  Code = "unsupported grant type"                  // RFC 6749 unsupported_grant_type
	InvalidScope      Code = "invalid scope"                           // RFC 6749 invalid_scope
	NarrowScope       Code = "insufficient scope"                      // RFC 6750 insufficient_scope
	UnsupportedToken  Code = "unsupported token type"                  // RFC 7009 unsupported_token_type
	InvalidTarget     Code = "invalid target"                          // RFC 8693 invalid_target
	WrongCode         Code = "wrong code"                              // wrong, expired, used, unknown: alike
	TriesExhausted    Code = "tries exhausted"                         // the challenge takes no more answers
	RateLimited       Code = "too many attempts"                       // RetryAfter says how long
	SMSPaused         Code = "SMS paused"                              // none goes to this number at present; RetryAfter says how long
	ChallengeRequired Code = "challenge required"                      // a proof of work or a captcha first
	Banned            Code = "user banned"                             //
	BadBearer         Code = "missing or invalid bearer token"         // the Authorization header's token
	BadUserToken      Code = "invalid user token"                      // a token in a body
	UserNotFound      Code = "user not found"                          //
	ProjectNotFound   Code = "project not found"                       //
	NotFound          Code = "not found"                               // any other object, or an unknown path
	DeadlineExceeded  Code = "deadline exceeded"                       // a held poll ran out
	MethodNotAllowed  Code = "method not allowed"                      //
	TooLarge          Code = "request too large"                       //
	UnsupportedMedia  Code = "unsupported content type"                //
	Conflict          Code = "already exists"                          // an administrator's id or name is taken
	Undeliverable     Code = "undeliverable"                           // a provider refused for good: do not retry
	LoginRequired     Code = "login required"                          // OIDC Core login_required: no session, or an old one

	AuthorizationPending Code = "authorization pending" // RFC 8628 authorization_pending: the person has not answered
	SlowDown             Code = "slow down"             // RFC 8628 slow_down: a poll came too early
	AccessDenied         Code = "access denied"         // RFC 6749 access_denied: the person said no
	ExpiredToken         Code = "expired token"         // RFC 8628 expired_token: the person did not answer in time
)

// Codes lists every Code, for the tests that hold the wire tables total.
func Codes() []Code {
	return []Code{
		Internal, Unavailable, Malformed, Invalid, Missing, InvalidPhone, PhoneCannotSMS, CallOff, CallbackRequired,
		CallbackUnknown, ShortState, UnknownClient, NotAllowed, BadGrant, UnsupportedGrant, InvalidScope, NarrowScope,
		UnsupportedToken, InvalidTarget, WrongCode, TriesExhausted, RateLimited, SMSPaused, ChallengeRequired, Banned, BadBearer,
		BadUserToken, UserNotFound,
		ProjectNotFound, NotFound, DeadlineExceeded, MethodNotAllowed, TooLarge, UnsupportedMedia, Conflict,
		Undeliverable, LoginRequired, AuthorizationPending, SlowDown, AccessDenied, ExpiredToken,
	}
}

// An Error is a Code with the particulars of one case. Message, Field and RetryAfter are safe to show to a caller;
// Err is the private cause, for the log only.
type Error struct {
	Code       Code
	Message    string        // English, a sentence without secrets; empty means the code's own words
	Field      string        // the parameter or member at fault, as the wire spells it
	RetryAfter time.Duration // with RateLimited, TriesExhausted and Unavailable; zero when unknown
	Err        error         // never shown
}

// Error gives the words for a log: the cause included, which a caller must never see.
func (e *Error) Error() string {
	s := e.Message
	if s == "" {
		s = string(e.Code)
	}
	if e.Field != "" {
		s += " (" + e.Field + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is makes errors.Is(err, SomeCode) true for every Error of that code.
func (e *Error) Is(target error) bool {
	c, ok := target.(Code)
	return ok && c == e.Code
}

// Unwrap gives the private cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf names err: the code it carries, or Internal for an error that carries none. It is "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	var c Code
	if errors.As(err, &c) {
		return c
	}
	return Internal
}

// BadField is an Invalid that names its field and says what would be right.
func BadField(field, message string) error {
	return &Error{Code: Invalid, Field: field, Message: message}
}

// NoField is a Missing that names its field.
func NoField(field string) error { return &Error{Code: Missing, Field: field} }
