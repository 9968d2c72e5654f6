package jose

import (
	"strconv"

	"github.com/latchkey-dev/latchkey"
)

// A pen writes one JSON object of the kind that claims are. It gives up where encoding/json would have to escape something: that one
// then writes all of it. So most tokens are written in a third of the time, and every token in one form.
type pen struct {
	b    []byte
	lost bool
}

// appendClaims writes claims as encoding/json does, byte for byte; ok is false where the pen gave up.
func appendClaims(b []byte, c latchkey.Claims) (_ []byte, ok bool) {
	p := pen{b: append(b, '{')}
	p.name("iss")
	p.value(c.Issuer)
	p.text("sub", c.Subject)
	p.list("aud", c.Audience)
	p.name("iat")
	p.b = strconv.AppendInt(p.b, c.IssuedAt, 10)
	p.name("exp")
	p.b = strconv.AppendInt(p.b, c.Expires, 10)
	p.text("jti", c.ID)
	p.text("xsolla_login_project_id", c.Project)
	p.text("type", c.Type)
	if c.Groups != nil {
		p.name("groups")
		p.b = append(p.b, "[]"...)
		p.lost = p.lost || *c.Groups == nil || len(*c.Groups) > 0
	}
	p.text("email", c.Email)
	p.flag("email_verified", c.EmailVerified)
	p.text("phone_number", c.Phone)
	p.flag("phone_number_verified", c.PhoneVerified)
	p.text("username", c.Username)
	p.text("payload", c.Payload)
	p.list("scp", c.Scopes)
	p.text("scope", c.Scope)
	p.text("client_id", c.Client)
	p.text("sid", c.Grant)
	p.number("gen", int64(c.Epoch))
	p.text("nonce", c.Nonce)
	p.number("auth_time", c.AuthTime)
	p.list("amr", c.Methods)
	p.text("at_hash", c.AccessHash)
	return append(p.b, '}'), !p.lost
}

func (p *pen) name(name string) {
	if p.b[len(p.b)-1] != '{' {
		p.b = append(p.b, ',')
	}
	p.b = append(append(append(p.b, '"'), name...), `":`...)
}

func (p *pen) value(text string) {
	for i := range len(text) {
		c := text[i]
		p.lost = p.lost || c < ' ' || c > '~' || c == '"' || c == '\\'
	}
	p.b = append(append(append(p.b, '"'), text...), '"')
}

func (p *pen) text(name, text string) {
	if text != "" {
		p.name(name)
		p.value(text)
	}
}

func (p *pen) list(name string, texts []string) {
	if len(texts) == 0 {
		return
	}
	p.name(name)
	open := byte('[')
	for _, text := range texts {
		p.b = append(p.b, open)
		p.value(text)
		open = ','
	}
	p.b = append(p.b, ']')
}

func (p *pen) number(name string, n int64) {
	if n != 0 {
		p.name(name)
		p.b = strconv.AppendInt(p.b, n, 10)
	}
}

func (p *pen) flag(name string, set bool) {
	if set {
		p.name(name)
		p.b = append(p.b, "true"...)
	}
}
