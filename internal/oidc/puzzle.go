package oidc

import (
	"net/http"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/form"
)

// A puzzleForm is the page between the two of a login, for an address that gets very many messages: a CAPTCHA. A proof of work
// is solved by our script, which then goes on by itself; another provider's by its own script and a press.
type puzzleForm struct {
	latchkey.Puzzle

	Project latchkey.ProjectID // that the solution is for

	Script string // URL of the other provider's; empty: ours
	Class  string // of what that script looks for
	Origin string // that it talks to, and that its frame is of
	Styles string // whose style sheets it brings; empty: none
	Needs  string // for who has no script
	Button string
}

// puzzlePage asks for a solution. err is what the gate said.
func (s *Server) puzzlePage(r *http.Request, p latchkey.Project, at pending, cookie latchkey.Secret, err error) (view, error) {
	puzzle, failed := s.Captcha.Puzzle(p.ID)
	if failed != nil {
		return view{}, failed
	}
	say := s.speak(r, p, at.Locale, at.to())
	v := say.page(p, http.StatusOK, "page.login_puzzle_title", "page.login_puzzle")
	f := puzzleForm{Puzzle: puzzle, Project: p.ID, Needs: say.text("page.login_puzzle_script"), Button: say.text("page.login_next")}
	switch puzzle.Provider {
	case latchkey.Turnstile:
		f.Origin, f.Class = "https://challenges.cloudflare.com", "cf-turnstile"
		f.Script = f.Origin + "/turnstile/v0/api.js"
	case latchkey.HCaptcha:
		f.Origin, f.Class = "https://hcaptcha.com https://*.hcaptcha.com", "h-captcha"
		f.Script, f.Styles = "https://js.hcaptcha.com/1/api.js", f.Origin
	}
	v.Puzzle = &f
	return s.sealed(r, p, v, at, cookie).tooOften(err), nil
}

// solutionIn reads what a page gave: the field of ALTCHA, or the one that the other provider's script adds.
func solutionIn(f form.Form) string {
	for _, name := range [...]string{"altcha", "cf-turnstile-response", "h-captcha-response"} {
		if f[name] != "" {
			return f[name]
		}
	}
	return ""
}
