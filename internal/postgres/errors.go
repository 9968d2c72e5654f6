package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/latchkey-dev/latchkey"
)

// retryAfter is what a caller is told who meets a store that is down: a standby takes longer, but a connection that broke, a
// restart of PgBouncer or a lock that somebody held are over by then.
const retryAfter = 2 * time.Second

var (
	errClosed    = errors.New("the store is closed")
	errFull      = errors.New("too many verbs wait for the database")
	errContended = errors.New("others changed the same rows again and again")
	errShape     = errors.New("a column is not what the program expects")
)

// translate gives err in the program's words. An error that speaks them already passes unchanged. What the server refused is
// told by its SQLSTATE (PostgreSQL, appendix A), never by its text; what is not the server's word is a connection that broke
// or could not be made.
func translate(err error) error {
	if err == nil || latchkey.CodeOf(err) != latchkey.Internal {
		return err
	}
	state := sqlState(err)
	switch {
	case state == uniqueViolation:
		return &latchkey.Error{Code: latchkey.Conflict, Err: err}
	case state == "" && !errors.Is(err, errShape), passing(state):
		return unavailable(err)
	}
	return &latchkey.Error{Code: latchkey.Internal, Err: err}
}

// The SQLSTATEs that are looked for one by one.
const (
	uniqueViolation     = "23505"
	readOnlyTransaction = "25006" // a primary that became a standby
	queryCanceled       = "57014" // statement_timeout
	serializationFailed = "40001"
	deadlockDetected    = "40P01"
	lockNotAvailable    = "55P03" // lock_timeout
	undefinedTable      = "42P01"
	featureNotSupported = "0A000"
)

// passing reports a state that says nothing about the statement: the server is down, full, busy or somebody else's.
func passing(state string) bool {
	switch state {
	case readOnlyTransaction, lockNotAvailable, "25P03": // the last one: idle in a transaction for too long
		return true
	}
	switch state[:min(2, len(state))] {
	case "08", "28", "3D", "40", "53", "57", "58": // connection, authorization, no such database, conflict, resources, operator, system
		return true
	}
	return false
}

// sqlState gives the SQLSTATE of what the server said, or "".
func sqlState(err error) string {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said.Code
	}
	return ""
}

// undone reports that the server refused the transaction and kept the connection, so that nothing of it was stored. After any
// other failure nobody can know.
func undone(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.SeverityUnlocalized == "ERROR"
}

// conflicting reports a transaction that was undone only because of another one: it can be done again at once.
func conflicting(err error) bool {
	switch sqlState(err) {
	case deadlockDetected, serializationFailed, lockNotAvailable:
		return true
	}
	return false
}

func unavailable(cause error) error {
	return &latchkey.Error{Code: latchkey.Unavailable, RetryAfter: retryAfter, Err: cause}
}

// outOfTime is the caller's context that ended, with why.
func outOfTime(ctx context.Context) error { return unavailable(context.Cause(ctx)) }
