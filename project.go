package latchkey

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A ProjectID names a Project. The zero value names none.
type ProjectID struct{ UUID }

// ParseProjectID reads a UUID; anything else is ProjectNotFound, as contract.md §6 has it.
func ParseProjectID(s string) (ProjectID, error) {
	u, err := ParseUUID(s)
	if err != nil {
		return ProjectID{}, ProjectNotFound
	}
	return ProjectID{u}, nil
}

// An Algorithm signs tokens (RFC 7518 §3.1, RFC 8037). It is the `alg` of the token.
type Algorithm string

// The algorithms.
const (
	HS256 Algorithm = "HS256"
	RS256 Algorithm = "RS256"
	ES256 Algorithm = "ES256"
	EdDSA Algorithm = "EdDSA"
)

// Algorithms lists them.
func Algorithms() []Algorithm { return []Algorithm{HS256, RS256, ES256, EdDSA} }

// A Project is one product whose people sign in: a game, a web site. Everything else belongs to one.
type Project struct {
	ID             ProjectID     `json:"id"`
	Name           string        `json:"name"`            // shown to people: in messages and on pages
	CallbackURLs   []string      `json:"callback_urls"`   // where the JWT protocol may send a token; matched byte for byte
	LinkURLs       []string      `json:"link_urls"`       // where an approved link may lead, besides the callback URLs
	AllowedOrigins []string      `json:"allowed_origins"` // for CORS: scheme://host[:port]; port * is any
	Channels       []Channel     `json:"channels"`        // the ways to sign in that are on
	DefaultLocale  string        `json:"default_locale"`  // such as "de" or "zh_CN"; empty: what the browser asks for
	Algorithm      Algorithm     `json:"algorithm"`       // what new tokens are signed with
	TokenLife      time.Duration `json:"token_life"`      // of a user token on the JWT protocol
	AccessLife     time.Duration `json:"access_life"`     // of an access token on OAuth 2.0, and of a server token
	RefreshLife    time.Duration `json:"refresh_life"`    // of a refresh-token family, from the login, however often rotated
	Codes          CodePolicy    `json:"codes"`
	Sessions       SessionPolicy `json:"sessions"`      // how long a browser stays signed in
	Approval       Approval      `json:"link_approval"` // how the link in a message is approved
	Logo           string        `json:"logo"`          // an https picture for pages and messages; empty: none
	Color          string        `json:"color"`         // of buttons, as #rrggbb; empty: ours
	Look           Look          `json:"look"`
	Defence        Defence       `json:"defence"`
	Created        time.Time     `json:"created"` // UTC
}

// A CodePolicy says what one-time codes look like and how long they live.
type CodePolicy struct {
	Digits int           `json:"digits"` // 6–10
	Life   time.Duration `json:"life"`   // at most 600 s
	Tries  int           `json:"tries"`  // wrong answers that one challenge takes, 1–10
}

// A Look is how the hosted pages of a project differ from ours, besides its logo and colour. The zero value is ours.
type Look struct {
	Theme     Theme                `json:"theme"`      // light, dark, or, empty, as the person's device has it
	DarkColor string               `json:"dark_color"` // of buttons on the dark pages, as #rrggbb; empty: as on the light ones
	Terms     string               `json:"terms"`      // https page of the terms of use; empty: none
	Privacy   string               `json:"privacy"`    // https page of the privacy notice; empty: none
	Texts     map[string]LookTexts `json:"texts"`      // by locale, such as de or zh_CN; "" is for every other
}

// LookTexts are a project's own words on the first page of the login; an empty one is ours.
type LookTexts struct {
	Title string `json:"title"`
	Intro string `json:"intro"`
}

// A Theme is whether pages are light or dark.
type Theme string

// The themes.
const (
	AnyTheme   Theme = ""
	LightTheme Theme = "light"
	DarkTheme  Theme = "dark"
)

// An Approval says what the person who opens a link must do to let the waiting device in.
type Approval string

// The approvals.
const (
	ByButton Approval = "button" // press a button
	ByNumber Approval = "number" // pick the number that the waiting device shows (NIST SP 800-63B-4 §3.1.3.3)
)

// The bounds of a CodePolicy (NIST SP 800-63B-4 §3.1.3) and of what a caller may hand over.
const (
	MinDigits   = 6
	MaxDigits   = 10
	MaxCodeLife = 600 * time.Second
	MaxTries    = 10
	MaxURL      = 2000 // bytes of any URL that is stored
)

// NewProject gives a project with every default set; it has no callback URL yet.
func NewProject(id ProjectID, name string, now time.Time) Project {
	return Project{
		ID: id, Name: name, Channels: []Channel{Email, Phone}, Algorithm: RS256,
		TokenLife: 24 * time.Hour, AccessLife: time.Hour, RefreshLife: 90 * 24 * time.Hour,
		Codes:    CodePolicy{Digits: 6, Life: 180 * time.Second, Tries: 5},
		Sessions: SessionPolicy{Idle: 7 * 24 * time.Hour, Life: 30 * 24 * time.Hour},
		Approval: ByButton, Defence: defaultDefence(), Created: now.UTC(),
	}
}

// Validate checks every setting and gives the first mistake as an Invalid that names it.
func (p Project) Validate() error {
	switch {
	case p.ID.IsZero():
		return BadField("id", "a project needs an id")
	case strings.TrimSpace(p.Name) == "" || len(p.Name) > 100 || !printable(p.Name):
		return BadField("name", "the name has 1 to 100 bytes, on one line")
	case len(p.DefaultLocale) > 35 || !printable(p.DefaultLocale):
		return BadField("default_locale", "a locale is a tag such as de or zh_CN")
	case p.Codes.Digits < MinDigits || p.Codes.Digits > MaxDigits:
		return BadField("codes.digits", "a code has 6 to 10 digits")
	case p.Codes.Life < 30*time.Second || p.Codes.Life > MaxCodeLife:
		return BadField("codes.life", "a code lives 30 s to 600 s")
	case p.Codes.Tries < 1 || p.Codes.Tries > MaxTries:
		return BadField("codes.tries", "a challenge takes 1 to 10 wrong answers")
	case !slices.Contains(Algorithms(), p.Algorithm):
		return BadField("algorithm", "the algorithm is HS256, RS256, ES256 or EdDSA")
	case p.TokenLife < time.Minute || p.TokenLife > 30*24*time.Hour:
		return BadField("token_life", "a token lives a minute to 30 days")
	case p.AccessLife < time.Minute || p.AccessLife > 24*time.Hour:
		return BadField("access_life", "an access token lives a minute to 24 hours")
	case p.RefreshLife < p.AccessLife || p.RefreshLife > 400*24*time.Hour:
		return BadField("refresh_life", "a refresh-token family lives longer than an access token, and 400 days at most")
	case p.Sessions.Idle < time.Minute || p.Sessions.Life < p.Sessions.Idle || p.Sessions.Life > 400*24*time.Hour:
		return BadField("sessions", "a browser session lives a minute without use or longer, and 400 days in all at most")
	}
	if err := p.validateLook(); err != nil {
		return err
	}
	if err := p.Defence.validate(); err != nil {
		return err
	}
	for _, c := range p.Channels {
		if !c.Valid() {
			return BadField("channels", "a channel is email or phone")
		}
	}
	for _, u := range p.CallbackURLs {
		if err := ValidateRedirect("callback_urls", u); err != nil {
			return err
		}
	}
	for _, u := range p.LinkURLs {
		if err := ValidateRedirect("link_urls", u); err != nil {
			return err
		}
	}
	for _, o := range p.AllowedOrigins {
		if !validOrigin(o) {
			return BadField("allowed_origins", "an origin is scheme://host or scheme://host:port, where the port may be *: not "+o)
		}
	}
	return nil
}

func (p Project) validateLook() error {
	switch {
	case p.Approval != ByButton && p.Approval != ByNumber:
		return BadField("link_approval", "a link is approved by button or number")
	case p.Logo != "" && (ValidateRedirect("logo", p.Logo) != nil || !strings.HasPrefix(p.Logo, "https://")):
		return BadField("logo", "the logo is the https URL of a picture")
	case p.Color != "" && !validColor(p.Color):
		return BadField("color", "a colour is #rrggbb")
	}
	return p.Look.validate()
}

func (l Look) validate() error {
	switch {
	case l.Theme != AnyTheme && l.Theme != LightTheme && l.Theme != DarkTheme:
		return BadField("look.theme", "a theme is light or dark, or empty for the device's own")
	case l.DarkColor != "" && !validColor(l.DarkColor):
		return BadField("look.dark_color", "a colour is #rrggbb")
	case len(l.Texts) > 40:
		return BadField("look.texts", "texts in 40 languages at the most")
	}
	for field, page := range map[string]string{"look.terms": l.Terms, "look.privacy": l.Privacy} {
		if page != "" && (ValidateRedirect(field, page) != nil || !strings.HasPrefix(page, "https://")) {
			return BadField(field, "the page is at an https URL")
		}
	}
	for locale, t := range l.Texts {
		if len(locale) > 35 || !printable(locale) {
			return BadField("look.texts", "a locale is a tag such as de or zh_CN")
		}
		if len(t.Title) > 200 || len(t.Intro) > 500 || !printable(t.Title) || !printable(t.Intro) {
			return BadField("look.texts", "a title has 200 bytes and an intro 500 at the most, on one line")
		}
	}
	return nil
}

// validColor accepts what cannot be anything else inside a style sheet.
func validColor(s string) bool {
	return len(s) == 7 && s[0] == '#' && strings.Trim(s[1:], "0123456789abcdefABCDEF") == ""
}

// ColorSheet names the style sheet of p's colours, of what is light and, after a hyphen, of what is dark where that
// differs: 3b4fd8, 3b4fd8-8e9dff, -8e9dff. Empty: ours.
func (p Project) ColorSheet() string {
	light, dark := strings.ToLower(strings.TrimPrefix(p.Color, "#")), strings.ToLower(strings.TrimPrefix(p.Look.DarkColor, "#"))
	if dark == "" || dark == light {
		return light
	}
	return light + "-" + dark
}

// Has reports whether signing in by c is on.
func (p Project) Has(c Channel) bool { return slices.Contains(p.Channels, c) }

// Offers reports whether a page of ours asks for an address of c: the channel is on and, for phones, SMS are sent somewhere.
func (p Project) Offers(c Channel) bool {
	return p.Has(c) && (c != Phone || len(p.Defence.SMS.Countries) > 0)
}

// Callback gives the callback URL of a JWT login: given if it is registered, byte for byte; the only one if none is
// given.
// Errors: CallbackRequired, CallbackUnknown.
func (p Project) Callback(given string) (string, error) {
	return pickURL(p.CallbackURLs, given, "login_url")
}

// CheckLinkURL accepts a page to which an approved link may lead: one of the link URLs or callback URLs.
// Anything else would be an open redirect (RFC 9700 §4.11).
// Errors: Missing, CallbackUnknown.
func (p Project) CheckLinkURL(given string) error {
	switch {
	case given == "":
		return NoField("link_url")
	case slices.Contains(p.LinkURLs, given), slices.Contains(p.CallbackURLs, given):
		return nil
	}
	return &Error{Code: CallbackUnknown, Field: "link_url"}
}

// AllowsOrigin reports whether a browser page from origin may read answers (contract.md §1.5).
func (p Project) AllowsOrigin(origin string) bool {
	for _, o := range p.AllowedOrigins {
		if o == origin {
			return true
		}
		if prefix, any := strings.CutSuffix(o, ":*"); any {
			port, ok := strings.CutPrefix(origin, prefix+":")
			if origin == prefix || ok && port != "" && strings.Trim(port, "0123456789") == "" {
				return true
			}
		}
	}
	return false
}

// TokenLifeMax is the longest life of any token that the project's keys sign: how long a retired key stays published
// (RFC 7517; rules.md).
func (p Project) TokenLifeMax() time.Duration { return max(p.TokenLife, p.AccessLife) }

// pickURL is the rule of every registered URL: exact, or the only one.
func pickURL(registered []string, given, field string) (string, error) {
	switch {
	case given != "" && slices.Contains(registered, given):
		return given, nil
	case given != "" || len(registered) == 0:
		return "", &Error{Code: CallbackUnknown, Field: field}
	case len(registered) > 1:
		return "", &Error{Code: CallbackRequired, Field: field}
	}
	return registered[0], nil
}

// ValidateRedirect accepts a URL that may be registered: absolute, without fragment or user, https or a scheme of an
// app, http on loopback only. Never javascript:, data: and their kin, which would run where they land.
func ValidateRedirect(field, raw string) error {
	u, err := url.Parse(raw)
	bad := func(why string) error { return BadField(field, why+": "+raw) }
	switch {
	case err != nil || len(raw) > MaxURL || !printable(raw): // JSON and stores would not keep other bytes as they are
		return bad("not a URL")
	case u.Scheme == "":
		return bad("needs a scheme")
	case strings.Contains(raw, "#"):
		return bad("must have no fragment")
	case u.User != nil:
		return bad("must have no user")
	case strings.Contains(raw, "\\"): // browsers take it for a slash
		return bad("must have no backslash")
	}
	switch u.Scheme {
	case "https":
		if u.Hostname() == "" {
			return bad("needs a host")
		}
	case "http":
		if h := u.Hostname(); h != "localhost" && h != "127.0.0.1" && h != "::1" {
			return bad("plain http is for loopback only")
		}
	case "javascript", "data", "vbscript", "file", "blob", "about":
		return bad("this scheme is never a place to go")
	}
	return nil
}

// printable reports UTF-8 without control characters: text that stays on its line, in a header and in a token.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// validOrigin accepts what a browser may send as an Origin (RFC 6454 §6.2), and * instead of a port.
func validOrigin(o string) bool {
	bare, any := strings.CutSuffix(o, ":*")
	u, err := url.Parse(bare)
	return err == nil && u.Scheme != "" && u.Hostname() != "" && bare == u.Scheme+"://"+u.Host && (!any || u.Port() == "" && !strings.HasSuffix(u.Host, ":"))
}
