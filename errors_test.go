package latchkey_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

func TestErrorIsItsCode(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk full")
	e := &latchkey.Error{Code: latchkey.Unavailable, RetryAfter: time.Second, Err: cause}
	for name, err := range map[string]error{"bare": e, "wrapped": fmt.Errorf("complete: %w", e), "joined": errors.Join(errors.New("x"), e)} {
		if !errors.Is(err, latchkey.Unavailable) || errors.Is(err, latchkey.Internal) || !errors.Is(err, cause) {
			t.Errorf("%s: not what it is", name)
		}
		if got := latchkey.CodeOf(err); got != latchkey.Unavailable {
			t.Errorf("%s: CodeOf = %q", name, got)
		}
	}
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want latchkey.Code
	}{
		{nil, ""},
		{latchkey.WrongCode, latchkey.WrongCode},
		{fmt.Errorf("x: %w", latchkey.Banned), latchkey.Banned},
		{errors.New("anything else"), latchkey.Internal},
		{context.Canceled, latchkey.Internal},
		{latchkey.BadField("f", "m"), latchkey.Invalid},
		{latchkey.NoField("f"), latchkey.Missing},
		{&latchkey.Error{Code: latchkey.Internal, Err: latchkey.WrongCode}, latchkey.Internal}, // the outermost word counts
	} {
		if got := latchkey.CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

func TestErrorWords(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*latchkey.Error{
		"wrong code":                      {Code: latchkey.WrongCode},
		"too long (name)":                 {Code: latchkey.Invalid, Message: "too long", Field: "name"},
		"temporarily unavailable: down":   {Code: latchkey.Unavailable, Err: errors.New("down")},
		"invalid parameter (email): why?": {Code: latchkey.Invalid, Field: "email", Err: errors.New("why?")},
	} {
		if got := e.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}

// Codes is what the wire tables are held against, so it must not lack one.
func TestCodesListsEveryCode(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) > 0 {
			if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Code" {
				declared += len(v.Names)
			}
		}
		return true
	})
	codes := latchkey.Codes()
	if declared == 0 || len(codes) != declared {
		t.Errorf("errors.go declares %d codes, Codes lists %d", declared, len(codes))
	}
	slices.Sort(codes)
	if len(slices.Compact(codes)) != declared {
		t.Error("two codes share their words, so errors.Is cannot tell them apart")
	}
}
