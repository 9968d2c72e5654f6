package oidc

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/device"
	"github.com/latchkey-dev/latchkey/internal/form"
	"github.com/latchkey-dev/latchkey/internal/qr"
	"github.com/latchkey-dev/latchkey/internal/session"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// deviceAnswer is RFC 8628 §3.2.
type deviceAnswer struct {
	Device   string `json:"device_code"`
	User     string `json:"user_code"`        // WDJB-MJHT
	At       string `json:"verification_uri"` // where the person types it
	Complete string `json:"verification_uri_complete"`
	Life     int64  `json:"expires_in"` // seconds
	Interval int64  `json:"interval"`   // seconds
}

// authorizeDevice is POST {issuer}/device_authorization: a device without a keyboard wants its person signed in.
func (s *Server) authorizeDevice(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
	f, client, err := s.client(w, r, p)
	if err != nil {
		return err
	}
	a, err := s.Tokens.StartDevice(r.Context(), token.DeviceRequest{Client: client, Scope: known(f["scope"]), From: s.origin(r)})
	if err != nil {
		return err
	}
	return encode(w, http.StatusOK, deviceAnswer{
		Device: a.Code.Reveal(), User: latchkey.ShowUserCode(a.UserCode).Reveal(), At: s.deviceURL(p, ""),
		Complete: s.deviceURL(p, a.UserCode), Life: int64(a.Life / time.Second), Interval: int64(a.Interval / time.Second),
	})
}

// deviceURL is where a person types a code, or, with one, finds it typed.
func (s *Server) deviceURL(p latchkey.Project, code latchkey.Secret) string {
	at := latchkey.Issuer(s.PublicURL, p.ID) + "/" + string(devicePath)
	if code != "" {
		at += "?" + url.Values{"user_code": {latchkey.ShowUserCode(code).Reveal()}}.Encode()
	}
	return at
}

// deviceQR is GET {issuer}/device/qr: the QR code of verification_uri_complete, for a device that cannot draw one. It is made
// of the code in the query alone and says nothing of whether any device waits with it. Whoever may show pages may show it.
func (s *Server) deviceQR(w http.ResponseWriter, r *http.Request, p latchkey.Project) error {
	code, ok := latchkey.CanonicalUserCode(r.URL.Query().Get("user_code"))
	if !ok {
		return &latchkey.Error{Code: latchkey.Malformed, Field: "user_code", Message: "This is no user code."}
	}
	picture, err := qr.SVG(s.deviceURL(p, code))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Content-Length", strconv.Itoa(len(picture)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(picture) // a reader who left is nobody's failure
	return nil
}

// deviceStart is GET {issuer}/device, where a person leads a device in (RFC 8628 §3.3). It needs no script, and changes
// nothing. The code of the query is filled in and never gone on with by itself, so that a link does not lead a person
// straight to the question (§5.4); only the way back from the login that this page asked for does.
func (s *Server) deviceStart(w http.ResponseWriter, r *http.Request, p latchkey.Project) (view, error) {
	q := r.URL.Query()
	switch q.Get("done") {
	case "yes":
		return s.deviceEnd(r, p, http.StatusOK, "page.device_done_title", "page.device_done"), nil
	case "no":
		return s.deviceEnd(r, p, http.StatusOK, "page.device_denied_title", "page.device_denied"), nil
	}
	code, ok := latchkey.CanonicalUserCode(q.Get("user_code"))
	if !ok || !s.sameOrigin(r) {
		return s.askUserCode(r, p, code, "")
	}
	if err := s.limit(w, r, s.Gate.Confirm, p); err != nil { // it says whether a device waits, as pressDevice does
		return view{}, err
	}
	in, err := s.Sessions.Who(r.Context(), p.ID, s.sessionCookie(p).Read(r))
	switch latchkey.CodeOf(err) {
	case "":
		return s.confirmDevice(r, p, in, code)
	case latchkey.LoginRequired:
		return s.askUserCode(r, p, code, "")
	}
	return view{}, err
}

// pressDevice is POST {issuer}/device: the forms of the page. Only the page itself may press them: one holds a box that opens
// in the browser it was made for, the other one for the session alone, and for the code that stood there.
//
//	find       the code       → the login, or the question
//	approve    no more        → the device is in
//	deny       no more        → it is not
//	other      no more        → the login, for somebody else
//
// Whether a device waits with a code is told to people who are signed in only: whoever tries codes does so under an account.
func (s *Server) pressDevice(w http.ResponseWriter, r *http.Request, p latchkey.Project) (view, error) {
	f, err := form.Read(w, r)
	if err != nil {
		return view{}, err
	}
	if !s.sameOrigin(r) {
		return s.lost(r, p), nil
	}
	if err := s.limit(w, r, s.Gate.Confirm, p); err != nil { // nobody tries codes faster than those of a message
		return view{}, err
	}
	if f["step"] == "find" {
		return s.findDevice(r, p, f)
	}
	var at waitingBox
	held := s.sessionCookie(p).Read(r)
	if !s.unwrap(sealContext("device", p.ID, held), f["request"], &at) || !s.fresh(at.Made) {
		return s.lost(r, p), nil
	}
	switch f["step"] {
	case "approve", "deny":
		return s.answerDevice(r, p, held, at.Code, f["step"] == "approve")
	case "other":
		return s.signInFor(r, p, devicePath, latchkey.ShowUserCode(latchkey.Secret(at.Code)).Reveal()), nil
	}
	return s.lost(r, p), nil
}

// A waitingBox is what the question holds, sealed.
type waitingBox struct {
	Code string    `json:"code"` // canonical user code
	Made time.Time `json:"made"` // of the page
}

func (s *Server) findDevice(r *http.Request, p latchkey.Project, f form.Form) (view, error) {
	held, fresh := s.browser(r)
	var made time.Time
	if fresh || !s.unwrap(sealContext("user code", p.ID, held), f["request"], &made) || !s.fresh(made) {
		return s.lost(r, p), nil
	}
	code, ok := latchkey.CanonicalUserCode(f["user_code"])
	if !ok {
		return s.askUserCode(r, p, "", "page.device_bad_code")
	}
	in, err := s.Sessions.Who(r.Context(), p.ID, s.sessionCookie(p).Read(r))
	switch latchkey.CodeOf(err) {
	case "":
		return s.confirmDevice(r, p, in, code)
	case latchkey.LoginRequired:
		return s.signInFor(r, p, devicePath, latchkey.ShowUserCode(code).Reveal()), nil
	}
	return view{}, err
}

// answerDevice presses one of the two buttons.
func (s *Server) answerDevice(r *http.Request, p latchkey.Project, held latchkey.Secret, code string, yes bool) (view, error) {
	err := s.Sessions.PressDevice(r.Context(), session.PressRequest{Project: p.ID, Cookie: held, Code: code, Approve: yes, From: s.origin(r)})
	switch latchkey.CodeOf(err) {
	case "":
		done := "?done=no"
		if yes {
			done = "?done=yes"
		}
		return view{Status: http.StatusSeeOther, Goto: s.deviceURL(p, "") + done}, nil
	case latchkey.NotFound, latchkey.UnknownClient:
		return s.deviceEnd(r, p, http.StatusGone, "page.device_over_title", "page.device_over"), nil
	case latchkey.LoginRequired:
		return s.signInFor(r, p, devicePath, latchkey.ShowUserCode(latchkey.Secret(code)).Reveal()), nil
	}
	return view{}, err
}

// A deviceForm is what device.html shows besides: words only. It asks for a code, asks whether it is right, or says how it
// ended.
type deviceForm struct {
	Label, Typed, Next string // of the field; Label is empty where there is none
	Same, Code         string // the question, and the code to compare; Code is empty where there is none
	Warning            string
	Facts              []deviceFact
	Yes, No, Other     string // buttons
	Again              string // of the link to another code; empty: none
}

type deviceFact struct{ Kind, Name, Value string }

func (s *Server) deviceView(r *http.Request, p latchkey.Project, status int, to latchkey.Address, title string, texts ...string) (view, speaker) {
	say := s.speak(r, p, "", to)
	v := say.page(p, status, title, texts...)
	v.Template = "device.html"
	return v, say
}

// askUserCode shows the field. code stands in it; empty for none.
func (s *Server) askUserCode(r *http.Request, p latchkey.Project, code latchkey.Secret, alert string) (view, error) {
	held, fresh := s.browser(r)
	box, err := s.wrap(sealContext("user code", p.ID, held), s.Now().UTC())
	if err != nil {
		return view{}, err
	}
	v, say := s.deviceView(r, p, http.StatusOK, latchkey.Address{}, "page.device_title", "page.device_intro")
	v.Box, v.Alert = box, say.text(alert)
	v.More = deviceForm{Label: say.text("page.device_code"), Typed: latchkey.ShowUserCode(code).Reveal(), Next: say.text("page.choose_go")}
	if fresh {
		v.Cookies = append(v.Cookies, s.cookie(held))
	}
	return v, nil
}

// confirmDevice asks whether the device is the person's: what it is, what it asks for and from where, and the code again, for
// whoever was led here by somebody else's (RFC 8628 §5.4).
func (s *Server) confirmDevice(r *http.Request, p latchkey.Project, in session.Signed, code latchkey.Secret) (view, error) {
	found, err := s.Sessions.Device(r.Context(), p.ID, code.Reveal())
	switch latchkey.CodeOf(err) {
	case "":
	case latchkey.NotFound, latchkey.UnknownClient:
		return s.askUserCode(r, p, code, "page.device_bad_code")
	default:
		return view{}, err
	}
	box, err := s.wrap(sealContext("device", p.ID, s.sessionCookie(p).Read(r)), waitingBox{code.Reveal(), s.Now().UTC()})
	if err != nil {
		return view{}, err
	}
	v, say := s.deviceView(r, p, http.StatusOK, in.Session.To, "page.device_ask_title", "page.device_ask")
	v.Box = box
	v.More = deviceForm{
		Same: say.text("page.device_same"), Code: latchkey.ShowUserCode(code).Reveal(), Facts: s.deviceFacts(say, found),
		Warning: say.text("page.device_warn"),
		Yes:     say.text("page.device_yes"), No: say.text("page.device_no"), Other: say.text("page.login_change"),
	}
	return v, nil
}

// deviceFacts is what is known of the device: for which app it asks, what that will learn, what it is, where, and since when.
func (s *Server) deviceFacts(say speaker, found session.Waiting) []deviceFact {
	d := found.Device
	out := []deviceFact{
		{"app", say.text("page.device_for"), found.Client.Name},
		{"sees", say.text("page.device_sees"), say.learns(d.Scope)},
		{"device", say.text("page.device"), device.Read(d.From.UserAgent).Say(say.isolated)},
	}
	if d.From.IP.IsValid() {
		if s.Place != nil {
			if where := say.near(s.Place(d.From.IP, say.locale)); where != "" {
				out = append(out, deviceFact{"place", say.text("page.place"), where})
			}
		}
		out = append(out, deviceFact{"ip", say.text("page.ip"), d.From.IP.String()})
	}
	return append(out, deviceFact{"asked", say.text("page.asked"), say.ago(s.Now(), d.Started)})
}

// learns says what a scope lets a client know of the person.
func (s speaker) learns(scope string) string {
	var out []string
	for _, one := range [][2]string{{"email", "page.login_email"}, {"phone", "page.login_phone"}, {"profile", "page.device_profile"}} {
		if latchkey.HasScope(scope, one[0]) {
			out = append(out, s.text(one[1]))
		}
	}
	if len(out) == 0 {
		out = append(out, s.text("page.device_nothing"))
	}
	return strings.Join(out, " · ")
}

// deviceEnd says how it ended.
func (s *Server) deviceEnd(r *http.Request, p latchkey.Project, status int, title, text string) view {
	v, say := s.deviceView(r, p, status, latchkey.Address{}, title, text)
	if status == http.StatusGone {
		v.More = deviceForm{Again: say.text("page.device_again")}
		return v
	}
	v.More, v.Note = deviceForm{}, say.text("page.close")
	return v
}
