package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
)

// An answer is how one Code looks on the wire (contract.md §6).
type answer struct {
	status      int
	code        string // digits and dashes: one SDK reads the digits as a number
	description string
}

// answerTo is the table of contract.md §6. ok is false for a Code that it does not know, which a test rules out.
func answerTo(c latchkey.Code) (a answer, ok bool) {
	switch c {
	case latchkey.Malformed:
		a = answer{400, "0", "Malformed request."}
	case latchkey.UnsupportedGrant:
		a = answer{400, "0", "Unsupported grant type."}
	case latchkey.InvalidScope:
		a = answer{400, "0", "Invalid scope."}
	case latchkey.UnsupportedToken:
		a = answer{400, "0", "A token of this type cannot be revoked."}
	case latchkey.InvalidTarget:
		a = answer{400, "0", "Tokens are given for the project's own calls only."}
	case latchkey.UnknownClient:
		a = answer{400, "010-019", "Unknown OAuth 2.0 client, or client authentication failed."}
	case latchkey.NotAllowed:
		a = answer{400, "010-019", "The OAuth 2.0 client may not do this."}
	case latchkey.ShortState:
		a = answer{400, "010-022", "The state parameter is missing or shorter than 8 characters."}
	case latchkey.BadGrant:
		a = answer{400, "010-023", "The authorization code or refresh token is invalid, expired or revoked, or was issued for another client or redirect URI."}
	case latchkey.BadUserToken:
		a = answer{401, "002-016", "Invalid user token."}
	case latchkey.Banned:
		a = answer{401, "002-040", "The user is banned."}
	case latchkey.WrongCode:
		a = answer{401, "003-039", "Wrong authorization code."}
	case latchkey.AccessDenied, latchkey.ExpiredToken: // which one, a device reads in details.error (RFC 8628 §3.5)
		a = answer{401, "003-039", "The person said no, or did not answer in time."}
	case latchkey.BadBearer:
		a = answer{401, "010-017", "Missing or invalid bearer token."}
	case latchkey.LoginRequired: // not 010-017: a refreshed token would not help
		a = answer{401, "002-016", "Nobody is signed in in this browser."}
	case latchkey.NarrowScope: // not 401: a refreshed token would have the same scope
		a = answer{403, "403", "The scope of the token does not open this call."}
	case latchkey.UserNotFound:
		a = answer{404, "003-002", "User not found."}
	case latchkey.ProjectNotFound:
		a = answer{404, "003-019", "Project not found."}
	case latchkey.NotFound:
		a = answer{404, "003-061", "Object not found."}
	case latchkey.MethodNotAllowed:
		a = answer{405, "405", "Method not allowed."}
	case latchkey.DeadlineExceeded:
		a = answer{408, "003-061", "Deadline exceeded"}
	case latchkey.TooLarge:
		a = answer{413, "413", "The request body is larger than 64 KiB."}
	case latchkey.UnsupportedMedia:
		a = answer{415, "415", "Unsupported content type."}
	case latchkey.Invalid:
		a = answer{422, "002-027", "Invalid parameter."}
	case latchkey.Missing:
		a = answer{422, "002-028", "Missing parameter."}
	case latchkey.PhoneCannotSMS:
		a = answer{422, "002-043", "This phone number cannot receive SMS."}
	case latchkey.InvalidPhone:
		a = answer{422, "002-056", "Invalid phone number."}
	case latchkey.CallOff:
		a = answer{422, "003-020", "This call is switched off for the project."}
	case latchkey.CallbackRequired:
		a = answer{422, "010-011", "Several callback URLs are registered: name one of them."}
	case latchkey.CallbackUnknown:
		a = answer{422, "010-012", "The URL is not registered."}
	case latchkey.RateLimited, latchkey.SMSPaused, latchkey.SlowDown, latchkey.AuthorizationPending:
		a = answer{429, "002-057", "Too many attempts. Try again later."}
	case latchkey.ChallengeRequired:
		a = answer{429, "003-038", "A challenge must be solved first."}
	case latchkey.TriesExhausted:
		a = answer{429, "003-049", "Too many wrong codes: this operation takes no more. Start a new one."}
	case latchkey.Unavailable:
		a = answer{503, "503", "Temporarily unavailable. Try again later."}
	case latchkey.Internal,
		latchkey.Conflict,      // an administrator's: no call of the API makes it
		latchkey.Undeliverable: // a sender's: the outbox keeps it
		a = answer{500, "500", "Internal error."}
	default:
		return answer{500, "500", "Internal error."}, false
	}
	return a, true
}

// oauthWord is the RFC 6749 §5.2 word for a Code, put into error.details.error of the calls about tokens. What goes wrong
// in the server itself borrows the words of §4.1.2.1. ok is false for a Code that it does not know, which a test rules
// out.
func oauthWord(c latchkey.Code) (word string, ok bool) {
	switch c {
	case latchkey.Malformed, latchkey.Invalid, latchkey.Missing, latchkey.InvalidPhone, latchkey.PhoneCannotSMS,
		latchkey.CallbackRequired, latchkey.CallbackUnknown, latchkey.ShortState, latchkey.NotFound,
		latchkey.DeadlineExceeded, latchkey.MethodNotAllowed, latchkey.TooLarge, latchkey.UnsupportedMedia:
		return "invalid_request", true
	case latchkey.UnknownClient:
		return "invalid_client", true
	case latchkey.BadGrant, latchkey.WrongCode, latchkey.TriesExhausted, latchkey.UserNotFound, latchkey.ProjectNotFound,
		latchkey.BadUserToken, latchkey.BadBearer:
		return "invalid_grant", true
	case latchkey.UnsupportedGrant:
		return "unsupported_grant_type", true
	case latchkey.InvalidScope:
		return "invalid_scope", true
	case latchkey.NotAllowed:
		return "unauthorized_client", true
	case latchkey.InvalidTarget:
		return "invalid_target", true
	case latchkey.UnsupportedToken:
		return "unsupported_token_type", true
	case latchkey.Banned, latchkey.CallOff, latchkey.NarrowScope, latchkey.AccessDenied:
		return "access_denied", true
	case latchkey.LoginRequired:
		return "login_required", true
	case latchkey.AuthorizationPending:
		return "authorization_pending", true
	case latchkey.SlowDown:
		return "slow_down", true
	case latchkey.ExpiredToken:
		return "expired_token", true
	case latchkey.RateLimited, latchkey.SMSPaused, latchkey.ChallengeRequired, latchkey.Unavailable:
		return "temporarily_unavailable", true
	case latchkey.Internal, latchkey.Conflict, latchkey.Undeliverable:
		return "server_error", true
	}
	return "server_error", false
}

// tokenFailure marks an error of a call about tokens, whose answers carry the RFC 6749 word.
type tokenFailure struct{ error }

// Unwrap gives the error itself.
func (f tokenFailure) Unwrap() error { return f.error }

// envelope is the body of every answer outside 2xx (contract.md §1.3).
type envelope struct {
	Error struct {
		Code        string   `json:"code"`
		Description string   `json:"description"`
		Details     *details `json:"details,omitempty"`
	} `json:"error"`
}

type details struct {
	Error     string `json:"error,omitempty"`      // RFC 6749
	Field     string `json:"field,omitempty"`      // the parameter or member at fault
	Message   string `json:"message,omitempty"`    // what would be right
	RequestID string `json:"request_id,omitempty"` // of a 500, to be found in the log

	puzzleDetails // of a 003-038
}

// fail is the one place that answers with an error and that logs one: with its private cause, if the fault is ours.
func (s *Server) fail(w *response, r *http.Request, err error) {
	code := latchkey.CodeOf(err)
	a, _ := answerTo(code)
	particulars, ok := errors.AsType[*latchkey.Error](err)
	if !ok {
		particulars = &latchkey.Error{}
	}
	gone := r.Context().Err() != nil // what fails because its caller left is nobody's fault
	if a.status >= 500 && !gone {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("request_id", w.id), slog.Int("status", a.status), slog.String("error", err.Error()))
	}
	if w.status != 0 {
		return // an answer is on its way already: a panic after it
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	switch {
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable:
		h.Set("Retry-After", retryAfter(particulars.RetryAfter))
	case code == latchkey.BadBearer && form.Bearer(r) != "":
		h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	case code == latchkey.BadBearer:
		h.Set("WWW-Authenticate", "Bearer") // no error where no token was sent (RFC 6750 §3.1)
	case code == latchkey.NarrowScope:
		h.Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="profile"`)
	}
	if code == latchkey.ChallengeRequired {
		h.Set("X-Captcha-Enabled", "1")
	}
	var body envelope
	body.Error.Code, body.Error.Description = a.code, a.description
	d := details{Field: particulars.Field, Message: particulars.Message}
	if a.status >= 500 {
		d = details{} // what broke is not the caller's business
	}
	if a.status == http.StatusInternalServerError {
		d.RequestID = w.id
	}
	if errors.As(err, new(tokenFailure)) {
		d.Error, _ = oauthWord(code)
	}
	d.puzzleDetails = s.wherePuzzles(err)
	if d != (details{}) {
		kept := d // d itself is not worth an allocation for every error
		body.Error.Details = &kept
	}
	if err := encode(w, a.status, body); err != nil {
		w.WriteHeader(a.status) // out of reach: an envelope has nothing that cannot be encoded
	}
}

// retryAfter gives whole seconds, rounded up, at least 1 (RFC 9110 §10.2.3).
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

// panicked makes an error of a recovered panic. http.ErrAbortHandler goes on: it is how a handler hangs up.
func panicked(p any) error {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	return &latchkey.Error{Code: latchkey.Internal, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
}

// verdict is the metric label for how a complete call ended.
func verdict(err error) string {
	if err == nil {
		return "ok"
	}
	return strings.ReplaceAll(string(latchkey.CodeOf(err)), " ", "_")
}
