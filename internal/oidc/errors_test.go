package oidc

import (
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestEveryCodeHasAnAnswer holds the table total: a new Code that nobody gave an answer turns this red.
func TestEveryCodeHasAnAnswer(t *testing.T) {
	t.Parallel()
	if len(latchkey.Codes()) == 0 {
		t.Fatal("there are no codes: this test looks at nothing")
	}
	for _, c := range latchkey.Codes() {
		a, ok := answerTo(c)
		if !ok || a.status < 400 || a.status > 599 || a.word == "" || strings.Trim(a.word, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%q: the answer %+v is not one", c, a)
		}
	}
	if _, ok := answerTo("made up"); ok {
		t.Error("a code that does not exist has an answer")
	}
}

// TestRFC6749_5_2_DescriptionCharacters: %x20-21, %x23-5B and %x5D-7E only; and nothing of what broke in the server.
func TestRFC6749_5_2_DescriptionCharacters(t *testing.T) {
	t.Parallel()
	got := describe(&latchkey.Error{Code: latchkey.Malformed, Field: "a\"b\\c\r\n", Message: "déjà vu"})
	if got != "a'b'c'': d'j' vu" {
		t.Errorf("got %q", got)
	}
	if got := describe(&latchkey.Error{Code: latchkey.Internal, Message: "the disk is full"}); got != "" {
		t.Errorf("a fault of the server is described: %q", got)
	}
}
