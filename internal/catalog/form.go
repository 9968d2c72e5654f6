package catalog

import "strings"

// A form is what all mails of one kind have in common, cut where code and link stand: nothing else differs from one mail to
// the next, and writing all of it anew takes ten times as long. page wants its values escaped.
type form struct {
	game                string // the project's name, on one line
	subject, text, page text
}

// A formKey is everything that a form depends on. A project that is renamed has another form with its next mail.
type formKey struct {
	locale, name, host string
	unit               string // how long the code works, as rounded says it
	left               int
	link, linkFirst    bool
}

// The marks where code and link belong. A NUL is in no text of ours, and oneLine leaves none in a name.
const (
	codeMark = "\x00code\x00"
	linkMark = "\x00link\x00"
)

// cutAtMarks cuts a text at its marks.
func cutAtMarks(s string) text { return strings.Split(s, "\x00") }

// maxForms bounds what is remembered of forms to a megabyte, however many projects, languages and rest times there are.
const maxForms = 200
