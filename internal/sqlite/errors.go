package sqlite

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/latchkey-dev/latchkey"
)

// translate gives err in the program's words. An error that speaks them already passes unchanged.
func translate(err error) error {
	if err == nil || latchkey.CodeOf(err) != latchkey.Internal {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return unavailable(err)
	}
	switch code := sqlite.ErrCode(err); code.ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultIOErr, sqlite.ResultFull, sqlite.ResultCantOpen,
		sqlite.ResultNoMem, sqlite.ResultProtocol, sqlite.ResultInterrupt, sqlite.ResultReadOnly, sqlite.ResultPerm:
		return unavailable(err)
	case sqlite.ResultConstraint:
		if code == sqlite.ResultConstraintPrimaryKey || code == sqlite.ResultConstraintUnique || code == sqlite.ResultConstraintRowID {
			return &latchkey.Error{Code: latchkey.Conflict, Err: err}
		}
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		err = fmt.Errorf("the database is damaged, restore a backup: %w", err)
	}
	return &latchkey.Error{Code: latchkey.Internal, Err: err}
}

func unavailable(cause error) error {
	return &latchkey.Error{Code: latchkey.Unavailable, Err: cause}
}

// unexpected reports whether a verb failed, as opposed to having come to a result that is an error.
func unexpected(err error) bool {
	return err != nil && latchkey.CodeOf(err) == latchkey.Internal
}
