package oidc

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
)

// An answer is how one Code looks here.
type answer struct {
	status int
	word   string // of RFC 6749 §5.2, or of §4.1.2.1 where the fault is the server's; RFC 6750 §3.1; RFC 7009 §2.2.1; RFC 8628 §3.5; RFC 8693 §2.2.2
}

// answerTo is the table. ok is false for a Code that it does not know, which a test rules out.
func answerTo(c latchkey.Code) (a answer, ok bool) {
	switch c {
	case latchkey.Malformed, latchkey.Invalid, latchkey.Missing, latchkey.InvalidPhone, latchkey.PhoneCannotSMS,
		latchkey.CallbackRequired, latchkey.CallbackUnknown, latchkey.ShortState, latchkey.DeadlineExceeded:
		return answer{400, "invalid_request"}, true
	case latchkey.NotFound, latchkey.ProjectNotFound:
		return answer{404, "invalid_request"}, true
	case latchkey.MethodNotAllowed:
		return answer{405, "invalid_request"}, true
	case latchkey.TooLarge:
		return answer{413, "invalid_request"}, true
	case latchkey.UnsupportedMedia:
		return answer{415, "invalid_request"}, true
	case latchkey.UnknownClient:
		return answer{401, "invalid_client"}, true
	case latchkey.BadGrant, latchkey.WrongCode, latchkey.TriesExhausted, latchkey.UserNotFound:
		return answer{400, "invalid_grant"}, true
	case latchkey.UnsupportedGrant:
		return answer{400, "unsupported_grant_type"}, true
	case latchkey.InvalidScope:
		return answer{400, "invalid_scope"}, true
	case latchkey.NotAllowed:
		return answer{400, "unauthorized_client"}, true
	case latchkey.InvalidTarget:
		return answer{400, "invalid_target"}, true
	case latchkey.UnsupportedToken:
		return answer{400, "unsupported_token_type"}, true
	case latchkey.BadBearer, latchkey.BadUserToken:
		return answer{401, "invalid_token"}, true
	case latchkey.NarrowScope:
		return answer{403, "insufficient_scope"}, true
	case latchkey.Banned, latchkey.CallOff, latchkey.AccessDenied:
		return answer{400, "access_denied"}, true
	case latchkey.LoginRequired:
		return answer{400, "login_required"}, true
	case latchkey.AuthorizationPending:
		return answer{400, "authorization_pending"}, true
	case latchkey.SlowDown:
		return answer{400, "slow_down"}, true
	case latchkey.ExpiredToken:
		return answer{400, "expired_token"}, true
	case latchkey.RateLimited, latchkey.SMSPaused, latchkey.ChallengeRequired:
		return answer{429, "temporarily_unavailable"}, true
	case latchkey.Unavailable:
		return answer{503, "temporarily_unavailable"}, true
	case latchkey.Internal, latchkey.Conflict, latchkey.Undeliverable:
		return answer{500, "server_error"}, true
	}
	return answer{500, "server_error"}, false
}

// failure is the body of every answer outside 2xx (RFC 6749 §5.2).
type failure struct {
	Error       string `json:"error,omitempty"`
	Description string `json:"error_description,omitempty"`
}

// tokenFailure marks an error of a call that takes a bearer token, and says whether one came.
type tokenFailure struct {
	error
	presented bool
}

// Unwrap gives the error itself.
func (f tokenFailure) Unwrap() error { return f.error }

// fail is the one place that answers with an error, and that logs one if the fault is ours.
func (s *Server) fail(w *response, r *http.Request, err error) {
	code := latchkey.CodeOf(err)
	a, _ := answerTo(code)
	var own refusal
	if errors.As(err, &own) {
		a = answer{http.StatusBadRequest, own.word}
	}
	if errors.As(err, new(slowDown)) {
		a.word = "slow_down"
	}
	if a.status >= 500 && r.Context().Err() == nil {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("path", "oidc"), slog.Int("status", a.status), slog.String("error", err.Error()))
	}
	if w.status != 0 {
		return // an answer is on its way already: a panic after it
	}
	body := failure{a.word, describe(err)}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	var bearer tokenFailure
	particulars := &latchkey.Error{}
	errors.As(err, &particulars)
	switch {
	case a.word == "invalid_client": // whichever way it tried, this one is open to it (RFC 6749 §5.2, RFC 9110 §15.5.2)
		h.Set("WWW-Authenticate", `Basic realm="`+s.PublicURL+`"`)
	case a.word == "invalid_token" && errors.As(err, &bearer) && !bearer.presented:
		h.Set("WWW-Authenticate", "Bearer") // no error where no token was sent (RFC 6750 §3.1)
		body = failure{}
	case a.word == "insufficient_scope":
		h.Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="openid"`)
	case a.word == "invalid_token":
		h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable:
		h.Set("Retry-After", retryAfter(particulars.RetryAfter))
	}
	if err := encode(w, a.status, body); err != nil {
		w.WriteHeader(a.status) // out of reach: two strings can be encoded
	}
}

// describe words an error for a developer, in the characters that RFC 6749 §5.2 allows. What broke in the server is not
// the caller's business.
func describe(err error) string {
	code := latchkey.CodeOf(err)
	a, _ := answerTo(code)
	text := string(code)
	var e *latchkey.Error
	var own refusal
	switch {
	case errors.As(err, &own):
		text = own.description
	case a.status >= 500:
		return ""
	case errors.As(err, &e):
		if e.Message != "" {
			text = e.Message
		}
		if e.Field != "" {
			text = e.Field + ": " + text
		}
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, text)
}

// panicked makes an error of a recovered panic. http.ErrAbortHandler goes on: it is how a handler hangs up.
func panicked(p any) error {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	return &latchkey.Error{Code: latchkey.Internal, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
}

// retryAfter gives whole seconds, rounded up, at least 1 (RFC 9110 §10.2.3).
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}
