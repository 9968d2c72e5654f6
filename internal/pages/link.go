package pages

import (
	"net/http"
	"net/url"
	"regexp"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/catalog"
)

// show is GET /l/{token}: who asks, for which address, and one button.
//
//	waiting     200  the button
//	approved    200  the button is pressed already
//	spent, denied or expired    410
//	unknown     404
func (s *Server) show(r *http.Request) (view, error) {
	token := latchkey.Secret(r.PathValue("token"))
	link, err := s.Login.Page(r.Context(), token)
	if latchkey.CodeOf(err) == latchkey.NotFound || latchkey.CodeOf(err) == latchkey.ProjectNotFound {
		return s.unknown(r), nil
	}
	if err != nil {
		return view{}, err
	}
	c := link.Challenge
	say := s.speak(r, c, link.Project)
	switch {
	case !c.Live(s.Now()):
		return say.gone(), nil
	case c.State == latchkey.Approved:
		return say.done(), nil
	}
	v := say.page("ask", http.StatusOK, "page.ask_title", "page.ask", "page.ask_where")
	v.Button, v.Note = say.text("page.approve"), say.text("page.not_you")
	v.FormTo = formTarget(c.LinkURL)
	return v, nil
}

// approve is POST /l/{token}: the press of the button. Only the page itself may press it; a page of somebody else's
// that knows the link may not.
func (s *Server) approve(r *http.Request) (view, error) {
	if !s.sameOrigin(r) {
		v := s.plain(r).page("stop", http.StatusForbidden, "page.foreign_title", "page.foreign")
		return v, nil
	}
	token := latchkey.Secret(r.PathValue("token"))
	c, err := s.Login.Approve(r.Context(), token, 0, s.origin(r))
	if latchkey.CodeOf(err) == latchkey.NotFound {
		return s.show(r) // says what became of the link
	}
	if err != nil {
		return view{}, err
	}
	if c.LinkURL != "" {
		return view{Status: http.StatusSeeOther, Goto: c.LinkURL}, nil // 303: the next request is a GET (RFC 9700 §4.12)
	}
	link, err := s.Login.Page(r.Context(), token)
	if err != nil {
		return view{}, err
	}
	return s.speak(r, c, link.Project).done(), nil
}

// sameOrigin reports whether the request comes from a page of this server: by Sec-Fetch-Site, which no page can forge,
// or, in browsers from before 2023 that do not send it, by Origin.
func (s *Server) sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return r.Header.Get("Origin") == s.PublicURL
}

// plainSource is what may stand in a Content-Security-Policy without saying more than a place.
var plainSource = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:(//[A-Za-z0-9.:\[\]-]+)?$`)

// formTarget is the origin of a link URL, or the scheme of an app's, as a source expression.
func formTarget(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme == "" {
		return ""
	}
	source := u.Scheme + ":"
	if u.Scheme == "https" || u.Scheme == "http" {
		source += "//" + u.Host
	}
	if !plainSource.MatchString(source) {
		return ""
	}
	return source
}

// A speaker has the words for one visitor: the language of the challenge, the game's name, the masked address.
type speaker struct {
	catalog *catalog.Catalog
	locale  string
	game    string
	address string
}

func (s *Server) speak(r *http.Request, c latchkey.Challenge, p latchkey.Project) speaker {
	return speaker{
		catalog: s.Catalog, game: p.Name, address: c.To.String(),
		locale: s.Catalog.Match(c.Ask.Locale, p.DefaultLocale, r.Header.Get("Accept-Language")),
	}
}

// plain speaks before it is known of what.
func (s *Server) plain(r *http.Request) speaker {
	return speaker{catalog: s.Catalog, locale: s.Catalog.Match("", "", r.Header.Get("Accept-Language"))}
}

func (s speaker) text(key string) string {
	return s.catalog.Text(s.locale, key, "game", s.game, "address", s.address)
}

func (s speaker) page(kind string, status int, title string, texts ...string) view {
	spoken := s.catalog.Spoken(s.locale)
	v := view{
		Status: status, Kind: kind, Title: s.text(title),
		Lang: catalog.BCP47(spoken), Dir: s.catalog.Dir(spoken),
	}
	for _, key := range texts {
		v.Texts = append(v.Texts, s.text(key))
	}
	return v
}

func (s speaker) done() view {
	return s.page("done", http.StatusOK, "page.done_title", "page.done", "page.close")
}

func (s speaker) gone() view {
	return s.page("stop", http.StatusGone, "page.gone_title", "page.gone", "page.new_code")
}

func (s *Server) unknown(r *http.Request) view {
	return s.plain(r).page("stop", http.StatusNotFound, "page.unknown_title", "page.unknown", "page.new_code")
}

// trouble is the page of a failure, which says nothing of its cause.
func (s *Server) trouble(r *http.Request, err error) view {
	status := http.StatusInternalServerError
	if latchkey.CodeOf(err) == latchkey.Unavailable {
		status = http.StatusServiceUnavailable
	}
	return s.plain(r).page("stop", status, "page.trouble_title", "page.trouble")
}
