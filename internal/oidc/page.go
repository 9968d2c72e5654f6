package oidc

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
)

//go:embed templates
var files embed.FS

// templates are the pages. They are part of the program, so one that cannot be read is a bug that no start survives.
var templates = template.Must(template.ParseFS(files, "templates/*.html"))

// submit is the script of the page that posts an answer to the client. Its hash stands in the page's policy.
const submit = "document.forms[0].submit()"

// A view is one page of ours, ready to be written: words only.
type view struct {
	Status   int
	Template string // of templates
	Lang     string // BCP 47
	Dir      string // ltr or rtl
	Look     look
	Title    string
	Texts    []string
	Own      bool   // Title and Texts are the project's own words, of whatever language
	Said     string // what was done
	Alert    string // what was wrong; the field is marked
	Box      string // the sealed request; empty: no form
	Address  *addressForm
	Code     *codeForm
	Puzzle   *puzzleForm
	Note     string        // small, below
	Wait     time.Duration // until it is worth trying again, of a 429 or 503

	Goto    string // where a 303 leads instead of a page
	Action  string // of post.html
	Fields  []field
	FormTo  string // what besides this server a form's answer may lead to, for the Content-Security-Policy
	More    any    // what a page with a template of its own needs besides
	Cookies []*http.Cookie
}

// A look is the project as its people know it, on every page.
type look struct {
	Name    string
	Logo    string // URL of a picture; empty: none
	Initial string // stands for the picture; may be empty too
	Theme   string // light or dark; empty: as the device has it
	Colors  string // the name of a style sheet below /static/color/; empty: our colours
	Links   []link // at the foot
}

type link struct{ URL, Text string }

type field struct{ Name, Value string }

// shown makes a handler of a page, behind the gate. Its errors are shown as a page too.
func (s *Server) shown(f func(http.ResponseWriter, *http.Request, latchkey.Project) (view, error)) handler {
	return func(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
		var v view
		err := s.limit(w, r, s.Gate.Page, p)
		if err == nil {
			v, err = f(w, r, p)
		}
		if err != nil {
			v = s.trouble(r, p, err)
		}
		return s.show(w, v)
	}
}

// show writes a page or its redirect.
func (s *Server) show(w http.ResponseWriter, v view) error {
	h := w.Header()
	strict(h, v)
	for _, c := range v.Cookies {
		http.SetCookie(w, c)
	}
	if v.Goto != "" {
		h.Set("Location", v.Goto)
		w.WriteHeader(v.Status) // 303: the next request is a GET, and no form goes along (RFC 9700 §4.12)
		return nil
	}
	var body bytes.Buffer
	if err := templates.ExecuteTemplate(&body, v.Template, v); err != nil {
		return err
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	if v.Status == http.StatusServiceUnavailable || v.Status == http.StatusTooManyRequests {
		h.Set("Retry-After", retryAfter(v.Wait))
	}
	w.WriteHeader(v.Status)
	_, _ = w.Write(body.Bytes()) // a reader who left is nobody's failure
	return nil
}

// Script is the file of ours that helps on the page; empty: none. All but a puzzle works without.
func (v view) Script() string {
	switch {
	case v.Address != nil, v.Code != nil:
		return "login.js"
	case v.Puzzle != nil && v.Puzzle.Script == "":
		return "puzzle.js"
	}
	return ""
}

// WindowTitle names the page and the project among a browser's tabs.
func (v view) WindowTitle() string {
	if v.Look.Name == "" || strings.Contains(v.Title, v.Look.Name) {
		return v.Title
	}
	return v.Title + " · " + v.Look.Name
}

// Wordy reports a title that takes many lines of a phone, as a long name of a project makes it.
func (v view) Wordy() bool { return utf8.RuneCountInString(v.Title) > 40 }

// strict sets the headers of every page: in nobody's frame, no script but ours, and an address that nobody else learns.
func strict(h http.Header, v view) {
	script, picture, styles := "", source(v.Look.Logo), ""
	switch {
	case v.Action != "":
		sum := sha256.Sum256([]byte(submit))
		script = "script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; "
	case v.Puzzle != nil && v.Puzzle.Script != "":
		from := strings.TrimSuffix(v.Puzzle.Script, "/api.js")
		script = "script-src " + from + "/ " + v.Puzzle.Origin + "; frame-src " + v.Puzzle.Origin + "; connect-src " + v.Puzzle.Origin + "; "
		styles = v.Puzzle.Styles
	case v.Script() != "":
		script = "script-src 'self'; connect-src 'self'; "
	}
	h.Set("Content-Security-Policy", "default-src 'none'; "+strings.TrimSuffix("style-src 'self' "+styles, " ")+"; base-uri 'none'; frame-ancestors 'none'; "+script+
		strings.TrimSuffix("img-src 'self' "+picture, " ")+"; "+strings.TrimSuffix("form-action 'self' "+v.FormTo, " "))
	h.Set("Referrer-Policy", "same-origin") // no-referrer would keep Origin out of our own forms too
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("X-Robots-Tag", "noindex")
}

// plainSource is what may stand in a Content-Security-Policy without saying more than a place.
var plainSource = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:(//[A-Za-z0-9.:\[\]-]+)?$`)

// source is the origin of a URL, or the scheme of an app's, as a source expression; empty for what is neither.
func source(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		return ""
	}
	out := u.Scheme + ":"
	if u.Scheme == "https" || u.Scheme == "http" {
		out += "//" + u.Host
	}
	if !plainSource.MatchString(out) {
		return ""
	}
	return out
}

// A speaker has the words for one visitor.
type speaker struct {
	catalog *catalog.Catalog
	locale  string
	args    []string
}

func (s *Server) speak(r *http.Request, p latchkey.Project, asked string, to latchkey.Address) speaker {
	isolate := func(v string) string { return "\u2068" + v + "\u2069" } // a value keeps its direction to itself
	return speaker{
		catalog: s.Catalog, locale: s.Catalog.Match(asked, p.DefaultLocale, r.Header.Get("Accept-Language")),
		args: []string{"game", isolate(p.Name), "address", isolate(to.Value())},
	}
}

func (s speaker) text(key string) string {
	if key == "" {
		return ""
	}
	return s.catalog.Text(s.locale, key, s.args...)
}

func (s speaker) page(p latchkey.Project, status int, title string, texts ...string) view {
	spoken := s.catalog.Spoken(s.locale)
	v := view{
		Status: status, Template: "login.html", Lang: catalog.BCP47(spoken), Dir: s.catalog.Dir(spoken), Look: s.look(p),
		Title: s.text(title),
	}
	for _, key := range texts {
		v.Texts = append(v.Texts, s.text(key))
	}
	return v
}

func (s speaker) look(p latchkey.Project) look {
	out := look{Name: p.Name, Logo: p.Logo, Theme: string(p.Look.Theme), Colors: p.ColorSheet()}
	if r, _ := utf8.DecodeRuneInString(p.Name); unicode.IsLetter(r) || unicode.IsDigit(r) {
		out.Initial = string(unicode.ToUpper(r))
	}
	if p.Look.Terms != "" {
		out.Links = append(out.Links, link{p.Look.Terms, s.text("page.login_terms")})
	}
	if p.Look.Privacy != "" {
		out.Links = append(out.Links, link{p.Look.Privacy, s.text("page.login_privacy")})
	}
	return out
}

// stranger is the page for a client or a redirect URI that is not known. The note is for its developer.
func (s *Server) stranger(r *http.Request, p latchkey.Project, err error) view {
	v := s.speak(r, p, "", latchkey.Address{}).page(p, http.StatusBadRequest, "page.login_stranger_title", "page.login_stranger")
	v.Note = describe(err)
	return v
}

// lost is the page for a form that cannot be gone on with: too old, of another browser, or not from a page of ours.
func (s *Server) lost(r *http.Request, p latchkey.Project) view {
	return s.speak(r, p, "", latchkey.Address{}).page(p, http.StatusBadRequest, "page.login_lost_title", "page.login_lost")
}

// wait is how long somebody is told to wait who meets err.
func wait(err error) time.Duration {
	var e *latchkey.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		return e.RetryAfter
	}
	return 5 * time.Second
}

// tooOften makes of a page with a form one that answers a call which came too often: what was typed is kept.
func (v view) tooOften(err error) view {
	v.Status, v.Wait = http.StatusTooManyRequests, wait(err)
	return v
}

// trouble is the page of a failure, and the one place that logs it if it is ours.
func (s *Server) trouble(r *http.Request, p latchkey.Project, err error) view {
	a, _ := answerTo(latchkey.CodeOf(err))
	if a.status >= 500 && r.Context().Err() == nil {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "login page failed", slog.Int("status", a.status), slog.String("error", err.Error()))
	}
	text := "page.login_trouble"
	switch {
	case a.status == http.StatusTooManyRequests:
		text = "page.login_wait"
	case a.status < 500:
		return s.stranger(r, p, err)
	}
	v := s.speak(r, p, "", latchkey.Address{}).page(p, a.status, "page.trouble_title", text)
	v.Wait = wait(err)
	return v
}
