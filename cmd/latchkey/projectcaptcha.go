package main

import (
	"strings"

	"github.com/latchkey-dev/latchkey"
)

// captchaFlags are when a project asks for a CAPTCHA.
type captchaFlags struct {
	Captcha string `placeholder:"WHEN" help:"When whoever asks for a code solves a CAPTCHA first: never, suspicious (once an address gets very many messages) or always. Default: suspicious."`
}

// apply puts what was given into p.
func (f captchaFlags) apply(p latchkey.Project) latchkey.Project {
	setIf(&p.Defence.Captcha, latchkey.CaptchaPolicy(strings.ToLower(f.Captcha)))
	return p
}
