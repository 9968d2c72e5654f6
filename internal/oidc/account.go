package oidc

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/device"
	"github.com/latchkey-dev/latchkey/internal/form"
	"github.com/latchkey-dev/latchkey/internal/session"
)

// account is GET {issuer}/account: where a person is signed in, and buttons to end each (ASVS 7.5.2, 10.4.9). It needs no
// script, and nobody but that person, in a browser that is signed in.
func (s *Server) account(_ http.ResponseWriter, r *http.Request, p latchkey.Project) (view, error) {
	in, err := s.Sessions.Who(r.Context(), p.ID, s.sessionCookie(p).Read(r))
	if latchkey.CodeOf(err) == latchkey.LoginRequired {
		return s.signInFor(r, p, accountPath, ""), nil
	}
	if err != nil {
		return view{}, err
	}
	return s.accountPage(r, p, in, "")
}

// pressAccount is POST {issuer}/account: one of the buttons, named by what it ends. Only the page itself may press it: the
// form holds a box that opens for this session alone.
//
//	session ID    a browser; for this one as sign-out
//	grant ID      an app
//	all           everything
func (s *Server) pressAccount(w http.ResponseWriter, r *http.Request, p latchkey.Project) (view, error) {
	f, err := form.Read(w, r)
	if err != nil {
		return view{}, err
	}
	if !s.sameOrigin(r) {
		return s.lost(r, p), nil
	}
	held := s.sessionCookie(p).Read(r)
	in, err := s.Sessions.Who(r.Context(), p.ID, held)
	if latchkey.CodeOf(err) == latchkey.LoginRequired {
		return s.on(p, request{Then: accountPath}), nil // which asks for the login
	}
	if err != nil {
		return view{}, err
	}
	var made time.Time
	kind, text, _ := strings.Cut(f["end"], " ")
	id, _ := latchkey.ParseHandle(text) // zero for what is none, and nobody's
	switch {
	case !s.unwrap(sealContext("account", p.ID, held), f["request"], &made) || !s.fresh(made):
		return s.accountPage(r, p, in, "page.choose")
	case kind == "all":
		err = s.Sessions.EndAll(r.Context(), in, s.origin(r))
	case kind == "session":
		err = s.Sessions.EndSession(r.Context(), in, latchkey.SessionID{Handle: id}, s.origin(r))
	case kind == "grant":
		err = s.Sessions.EndGrant(r.Context(), in, latchkey.GrantID{Handle: id}, s.origin(r))
	default:
		return s.accountPage(r, p, in, "page.choose")
	}
	if err != nil {
		return view{}, err
	}
	if kind == "all" || kind == "session" && id == in.Session.ID.Handle {
		return view{
			Status: http.StatusSeeOther, Goto: latchkey.Issuer(s.PublicURL, p.ID) + "/logout", // where nobody is signed in any more
			Cookies: []*http.Cookie{s.sessionCookie(p).Gone()},
		}, nil
	}
	return s.on(p, request{Then: accountPath}), nil
}

// An overview is what account.html shows besides: words only.
type overview struct {
	Heads     map[string]string // of its parts
	Addresses []string
	Browsers  []entry
	Apps      []entry
}

// An entry is a browser or an app.
type entry struct {
	Key   string // of its place on the page
	Name  string
	This  string // says that it is the browser that shows the page; empty: it is another
	Facts []fact
	Note  string // may be empty
	End   string // what the button is called on the wire
}

type fact struct {
	Name, Value string
	At          time.Time // that Value is about; zero: about no time
}

func (s *Server) accountPage(r *http.Request, p latchkey.Project, in session.Signed, alert string) (view, error) {
	all, err := s.Sessions.Overview(r.Context(), in)
	if err != nil {
		return view{}, err
	}
	box, err := s.wrap(sealContext("account", p.ID, s.sessionCookie(p).Read(r)), s.Now().UTC())
	if err != nil {
		return view{}, err
	}
	say := s.speak(r, p, "", in.Session.To)
	v := say.page(p, http.StatusOK, "page.account_title", "page.account_text")
	v.Template, v.Box, v.Alert = "account.html", box, say.text(alert)
	o := overview{Heads: map[string]string{
		"addresses": say.text("page.account_addresses"), "browsers": say.text("page.account_browsers"),
		"apps": say.text("page.account_apps"), "none": say.text("page.account_no_apps"), "out": say.text("page.logout_out"),
		"end": say.text("page.account_end"), "all": say.text("page.account_all"), "note": say.text("page.account_all_note"),
	}}
	for _, a := range []latchkey.Address{in.User.Email, in.User.Phone} {
		if !a.IsZero() {
			o.Addresses = append(o.Addresses, a.Value())
		}
	}
	for _, one := range all.Sessions {
		e := s.browserEntry(say, one)
		if one.ID == in.Session.ID {
			e.This = say.text("page.account_this")
			o.Browsers = slices.Insert(o.Browsers, 0, e)
			continue
		}
		o.Browsers = append(o.Browsers, e)
	}
	for _, held := range all.Grants {
		o.Apps = append(o.Apps, s.appEntry(say, held))
	}
	v.More = o
	return v, nil
}

func (s *Server) browserEntry(say speaker, one latchkey.Session) entry {
	e := entry{
		Key: "s" + one.ID.String(), Name: device.Read(one.From.UserAgent).Say(say.isolated),
		End:   "session " + one.ID.String(),
		Facts: []fact{{say.text("page.account_used"), say.ago(s.Now(), one.Used), one.Used}},
	}
	if s.Place == nil || !one.From.IP.IsValid() {
		return e
	}
	if where := say.near(s.Place(one.From.IP, say.locale)); where != "" {
		e.Facts = append(e.Facts, fact{Name: say.text("page.place"), Value: where})
	}
	return e
}

func (s *Server) appEntry(say speaker, held session.Held) entry {
	e := entry{
		Key: "g" + held.Grant.ID.String(), Name: held.Client.Name, End: "grant " + held.Grant.ID.String(),
		Facts: []fact{{say.text("page.account_since"), say.ago(s.Now(), held.Grant.Created), held.Grant.Created}},
	}
	if held.Grant.Offline() {
		e.Note = say.text("page.account_offline")
	}
	return e
}

// isolated is text with values of its own.
func (s speaker) isolated(key string, args ...string) string {
	for i := 1; i < len(args); i += 2 {
		args[i] = "\u2068" + args[i] + "\u2069"
	}
	return s.catalog.Text(s.locale, key, args...)
}

// near names a place; empty where nothing is known.
func (s speaker) near(city, country string) string {
	if city == "" {
		return country
	}
	return s.isolated("page.place_near", "city", city, "country", country)
}

// ago rounds to what people ask for: minutes, hours, days, and beyond two months the day itself.
func (s speaker) ago(now, at time.Time) string {
	const day = 24 * time.Hour
	d := now.Sub(at)
	switch {
	case d < time.Minute:
		return s.text("page.asked_now")
	case d < time.Hour:
		return s.catalog.Count(s.locale, "page.asked_minutes", int(d/time.Minute))
	case d < 2*day:
		return s.catalog.Count(s.locale, "page.account_hours", int(d/time.Hour))
	case d < 60*day:
		return s.catalog.Count(s.locale, "page.account_days", int(d/day))
	}
	return at.UTC().Format(time.DateOnly)
}
